"""One day as small tables: conditions, landing, control totals, breaks by code. Cells are text for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from billing_recon.control import VerdictRecord
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport
from billing_recon.core.reason import Disposition, Pair
from billing_recon.core.schema import CANONICAL
from billing_recon.core.verdict import Verdict
from billing_recon.report.figures import NO_DATA, amount, delta, with_currency
from billing_recon.report.stored_rows import Row, Sum
from billing_recon.report.terminal import Col, Table

_LAYER_ORDER = {spec.name: n for n, spec in enumerate(CANONICAL)}


def sides(pair: str) -> tuple[str, str]:
    """What a pair compares, first and second; a delta is the second minus the first.

    >>> sides("expected_billed"), sides("metered_used")
    (('expected', 'billed'), ('used', 'metered'))
    """
    first, second = pair.split("_")
    return (second, first) if pair == Pair.METERED_USED else (first, second)


def side_amounts(row: Row) -> tuple[Decimal | None, Decimal | None]:
    """A break's two amounts, as `sides` names them. Units used and metered stand in expected and billed."""
    names = ("expected", "billed") if row["pair"] == Pair.METERED_USED else sides(row["pair"])
    return row[names[0]], row[names[1]]


def in_layer_order(reports: Iterable[LandingReport]) -> list[LandingReport]:
    """Landing reports in the order of the layers; tables that are optional and did not come are left out."""
    optional = {spec.name for spec in CANONICAL if spec.optional}
    shown = [r for r in reports if r.table not in optional or r.rows_in or r.message or r.files]
    return sorted(shown, key=lambda r: (_LAYER_ORDER.get(r.table, len(_LAYER_ORDER)), r.table))


def conditions(record: VerdictRecord) -> Table:
    """What the gate asked and what the answer was, those that hold the day back first."""
    table = Table([Col("condition"), Col("verdict"), Col("why", wrap=True)], title="Conditions of the gate")
    held_back = [*record.held_back_by, *(c for c in record.conditions if c not in record.held_back_by)]
    for condition in held_back:
        table.add(condition.name, answer(condition), condition.sentence)
    return table


def answer(condition: Condition) -> str:
    """A condition's verdict; one that does not decide is a warning where it does not hold."""
    warns = not condition.blocking and condition.verdict is not Verdict.PASS
    return "WARN" if warns else condition.verdict.value


def landing(reports: Iterable[LandingReport]) -> Table:
    """The row equation of each table: rows in = accepted + quarantined + duplicates collapsed."""
    table = Table(
        [
            Col("table"),
            Col("file"),
            Col("rows in", right=True),
            Col("= accepted", right=True),
            Col("+ quarantined", right=True),
            Col("+ duplicates", right=True),
            Col("note", wrap=True),
        ],
        title="Landing",
    )
    for report in in_layer_order(reports):
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(report.reasons.items()))
        note = report.message or reasons
        if not report.equation_holds:
            note = f"the row equation does not hold; {note}"
        table.add(
            report.table,
            report.status.value,
            f"{report.rows_in:,}",
            f"{report.accepted:,}",
            f"{report.quarantined:,}",
            f"{report.duplicates:,}",
            note,
        )
    return table


def totals(rows: Sequence[Row]) -> Table:
    """Control totals per pair and currency. Cohort and variant are shown where there is more than one."""
    split = len({(row["cohort"], row["variant"]) for row in rows}) > 1
    columns = [
        Col("pair"),
        Col("currency"),
        *([Col("cohort"), Col("variant")] if split else []),
        Col("first layer", right=True),
        Col("second layer", right=True),
        Col("delta", right=True),
        Col("breaks", right=True),
        Col("net", right=True, spare=True),
        Col("gross", right=True, spare=True),
        Col("pending", right=True),
    ]
    table = Table(columns, title="Control totals (delta is the second layer minus the first)")
    for row in rows:
        currency = row["currency"]
        table.add(
            row["pair"],
            currency or row["meter"] or "units",
            *([row["cohort"], row["variant"]] if split else []),
            amount(row["left_amount"], currency),
            amount(row["right_amount"], currency),
            delta(row["delta"], currency),
            f"{row['breaks']:,}",
            delta(row["break_net"], currency),
            amount(row["break_gross"], currency),
            f"{row['pending']:,}",
        )
    return table


def break_sums(sums: Sequence[Sum], title: str = "Breaks by code") -> Table:
    """Breaks per code and currency, the most frequent first."""
    table = Table(
        [Col("code"), Col("breaks", right=True), Col("currency"), Col("net", right=True), Col("gross", right=True)],
        title=title,
    )
    for code, currency, number, net, gross in merged(sums):
        table.add(code, f"{number:,}", currency or "units", delta(net, currency), amount(gross, currency))
    return table


def merged(sums: Sequence[Sum]) -> list[tuple[str, str | None, int, Decimal, Decimal]]:
    """Sums over days: (code, currency, count, net, gross), the most frequent first."""
    found: dict[tuple[str, str | None], tuple[int, Decimal, Decimal]] = {}
    for s in sums:
        number, net, gross = found.get((s.code, s.currency), (0, Decimal(0), Decimal(0)))
        found[s.code, s.currency] = (number + s.count, net + s.net, gross + s.gross)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0][0], item[0][1] or ""))
    return [(code, currency, *figures) for (code, currency), figures in ordered]


def breaks(rows: Sequence[Row]) -> Table:
    """Breaks, one a line, for looking at; exports carry every column."""
    table = Table(
        [
            Col("break_id"),
            Col("code"),
            Col("customer", spare=True),
            Col("invoice", spare=True),
            Col("delta", right=True),
            Col("why", wrap=True),
        ]
    )
    for row in rows:
        table.add(
            row["break_id"],
            row["code"],
            row["customer_id"] or "",
            row["invoice_id"] or "",
            f"{delta(row['delta'], row['currency'])} {row['currency'] or 'units'}",
            row["explanation"],
        )
    return table


def dispositions(rows: Sequence[Row]) -> Table:
    """Breaks by pair and disposition: what counts against the gate and what does not, each gross and net."""
    table = Table(
        [
            Col("pair"),
            Col("disposition"),
            Col("counts"),
            Col("breaks", right=True),
            Col("currency"),
            Col("net", right=True),
            Col("gross", right=True),
        ],
        title="Breaks by disposition (gross adds differences without letting them cancel)",
    )
    for row in rows:
        counts = "yes" if Disposition(row["disposition"]).counts_against_gate else "no"
        currency = row["currency"]
        figures = (delta(row["net"], currency), amount(row["gross"], currency))
        table.add(row["pair"], row["disposition"], counts, f"{row['count']:,}", currency or "units", *figures)
    return table


def expected_changes(changes: Iterable[ExpectedChange], covered: Mapping[str, Row], day: date) -> Table:
    """The registry as it stands on the day: what each entry covers, and how long it still does or since when not."""
    table = Table(
        [
            Col("expected change"),
            Col("codes", wrap=True),
            Col("owner"),
            Col("bound", right=True),
            Col("covers", right=True),
            Col("net", right=True, spare=True),
            Col("gross", right=True, spare=True),
            Col("stands", wrap=True),
        ],
        title="Expected changes",
    )
    for one in changes:
        row = covered.get(one.id)
        since = one.days_expired(day)
        if since > 0:
            stands = f"expired {since} d ago, on {one.expires}"
        elif day < one.starts:
            stands = f"from {one.starts} on"
        else:
            stands = f"until {one.expires}, {-since} d more"
        table.add(
            one.id,
            ", ".join(code.value for code in one.codes),
            one.owner,
            with_currency(one.max_per_break, one.currency),
            f"{row['count']:,}" if row else "0",
            delta(row["net"], one.currency) if row else "",
            amount(row["gross"], one.currency) if row else "",
            stands,
        )
    return table


def detections(rows: Sequence[Row]) -> Table:
    """What the detectors found, with what to do next."""
    table = Table(
        [
            Col("detector"),
            Col("what was found", wrap=True),
            Col("next", wrap=True, spare=True),
            Col("owner", spare=True),
        ],
        title="Findings in the data (no differences between layers)",
    )
    for row in rows:
        table.add(row["detector"], row["finding"], row["next_step"], row["owner"])
    return table


def outside(row: Row) -> bool:
    """Whether a figure lies outside the band of the days like it."""
    known = None not in (row["value"], row["band_low"], row["band_high"])
    return known and not row["band_low"] <= row["value"] <= row["band_high"]


def highest_reached(signals: Sequence[Row]) -> list[Row]:
    """Of each charge's thresholds, which come in rising order, the highest."""
    return list({(s["subscription_id"], s["charge_id"], s["period_start"]): s for s in signals}.values())


def drift(rows: Sequence[Row], *, only_outside: bool = False) -> Table:
    """Figures beside the day before, the cycle before and their expected band. NO DATA is no zero.

    Rows that have neither are left out; `only_outside`: those within their band too.
    """
    shown = [r for r in rows if r["value"] is not None and (outside(r) if only_outside else _compared(r))]
    table = Table(
        [
            Col("metric"),
            Col("", right=False),
            Col("today", right=True),
            Col("day before", right=True, spare=True),
            Col("cycle before", right=True, spare=True),
            Col("expected", right=True),
            Col("days", right=True),
            Col("stands"),
        ],
        title=f"Drift ({rows[0]['band_method']})" if rows else "Drift",
    )
    for row in shown:
        currency = row["currency"] if row["metric"].startswith("total_") else None
        band = f"{amount(row['band_low'], currency)} to {amount(row['band_high'], currency)}"
        known = row["band_low"] is not None
        table.add(
            row["metric"],
            row["currency"] or "",
            amount(row["value"], currency),
            amount(row["prior_value"], currency) or NO_DATA,
            amount(row["cycle_value"], currency) or NO_DATA,
            band if known else NO_DATA,
            f"{row['band_days']:,}",
            "outside" if outside(row) else "within" if known else "",
        )
    return table


def _compared(row: Row) -> bool:
    return any(row[name] is not None for name in ("prior_value", "cycle_value", "band_low"))
