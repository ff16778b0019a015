"""One day as small tables: conditions, landing, control totals, breaks by code. Cells are texts for a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from billing_recon.control import VerdictRecord
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.figures import NO_DATA, amount, delta, with_currency
from billing_recon.core.gate import Condition
from billing_recon.core.landing import LandingReport
from billing_recon.core.reason import Disposition, Pair
from billing_recon.core.schema import CANONICAL
from billing_recon.core.verdict import Verdict
from billing_recon.report.stored_rows import Row, Sum
from billing_recon.report.terminal import Col, Table, table_of

_LAYER_ORDER = {spec.name: n for n, spec in enumerate(CANONICAL)}


def sides(pair: str) -> tuple[str, str]:
    """The two layers of a pair, first and second; a delta is the second minus the first.

    >>> sides("expected_billed"), sides("metered_used")
    (('expected', 'billed'), ('used', 'metered'))
    """
    first, second = pair.split("_")
    return (second, first) if pair == Pair.METERED_USED else (first, second)


def side_amounts(row: Row) -> tuple[Decimal | None, Decimal | None]:
    """A break's two amounts, as `sides` names them. Used and metered units are in the columns expected and billed."""
    names = ("expected", "billed") if row["pair"] == Pair.METERED_USED else sides(row["pair"])
    return row[names[0]], row[names[1]]


def in_layer_order(reports: Iterable[LandingReport]) -> list[LandingReport]:
    """Landing reports in the order of the layers, without optional tables that have no file."""
    optional = {spec.name for spec in CANONICAL if spec.optional}
    shown = [r for r in reports if r.table not in optional or r.rows_in or r.message or r.files]
    return sorted(shown, key=lambda r: (_LAYER_ORDER.get(r.table, len(_LAYER_ORDER)), r.table))


def in_order(record: VerdictRecord) -> list[Condition]:
    """The gate's conditions, those that hold the day back first."""
    return [*record.held_back_by, *(c for c in record.conditions if c not in record.held_back_by)]


def conditions(record: VerdictRecord) -> Table:
    """The gate's conditions and their answers, those that hold the day back first."""
    columns = (
        Col("condition", lambda condition: condition.name),
        Col("verdict", answer),
        Col("why", lambda condition: condition.sentence, wrap=True),
    )
    return table_of(in_order(record), columns, "Conditions of the gate")


def answer(condition: Condition) -> str:
    """A condition's verdict; WARN for one that does not hold and does not block."""
    warns = not condition.blocking and condition.verdict is not Verdict.PASS
    return "WARN" if warns else condition.verdict.value


def landing(reports: Iterable[LandingReport]) -> Table:
    """The row equation of each table: rows in = accepted + quarantined + duplicates collapsed."""

    def note(report: LandingReport) -> str:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(report.reasons.items()))
        text = report.message or reasons
        return text if report.equation_holds else f"the row equation does not hold; {text}"

    columns = (
        Col("table", lambda report: report.table),
        Col("file", lambda report: report.status.value),
        Col("rows in", lambda report: f"{report.rows_in:,}", right=True),
        Col("= accepted", lambda report: f"{report.accepted:,}", right=True),
        Col("+ quarantined", lambda report: f"{report.quarantined:,}", right=True),
        Col("+ duplicates", lambda report: f"{report.duplicates:,}", right=True),
        Col("note", note, wrap=True),
    )
    return table_of(in_layer_order(reports), columns, "Landing")


def money(name: str) -> Callable[[Row], str]:
    """A cell: the row's amount of that name, at its currency's decimals."""
    return lambda row: amount(row[name], row["currency"])


def signed(name: str) -> Callable[[Row], str]:
    """A cell: the row's difference of that name, with its sign."""
    return lambda row: delta(row[name], row["currency"])


def totals(rows: Sequence[Row]) -> Table:
    """Control totals per pair and currency; cohort and variant if there is more than one.

    Money that is compared with invoices but not with the ledger's cash has a row that says so.
    """
    split = len({(row["cohort"], row["variant"]) for row in rows}) > 1
    columns = (
        Col("pair", "pair"),
        Col(
            "currency or meter" if any(row["meter"] for row in rows) else "currency",
            lambda row: row["currency"] or row["meter"] or "units",
        ),
        *((Col("cohort", "cohort"), Col("variant", "variant")) if split else ()),
        Col("first layer", money("left_amount"), right=True),
        Col("second layer", money("right_amount"), right=True),
        Col("delta", signed("delta"), right=True),
        Col("breaks", "breaks", right=True),
        Col("net", signed("break_net"), right=True, spare=True),
        Col("gross", money("break_gross"), right=True, spare=True),
        Col("pending", "pending", right=True),
    )
    table = table_of(rows, columns, "Control totals (delta is the second layer minus the first)")
    pairs = {row["pair"] for row in rows}
    if Pair.BILLED_PAID in pairs and Pair.PAID_BOOKED not in pairs:
        table.add(Pair.PAID_BOOKED.value, "not compared", *("" for _ in columns[2:]))
    return table


def tie_out(rows: Sequence[Row]) -> Table:
    """Every pair of layers per currency, each amount under its layer: the layers differ by what the breaks explain, or not."""
    layers = ("expected", "billed", "rendered", "booked", "paid")
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in rows:
        if row["currency"] and (row["left_count"] or row["right_count"]):
            names = ("left_amount", "right_amount", "delta", "break_net")
            found = sums.setdefault((row["currency"], row["pair"]), dict.fromkeys(names, Decimal(0)))
            for name in names:
                found[name] += row[name]
    table = Table(
        [
            Col("currency"),
            Col("compared"),
            *(Col(layer, right=True) for layer in layers),
            Col("difference", right=True),
            Col("explained", right=True),
            Col("foots"),
        ],
        title="Tie-out",
    )
    for (currency, pair), found in sorted(sums.items(), key=lambda item: item[0][0]):
        first, second = sides(pair)
        amounts = {first: found["left_amount"], second: found["right_amount"]}
        rest = found["delta"] - found["break_net"]
        table.add(
            currency,
            f"{first} and {second}",
            *(amount(amounts[layer], currency) if layer in amounts else "" for layer in layers),
            delta(found["delta"], currency),
            delta(found["break_net"], currency),
            "yes" if not rest else f"no: {with_currency(rest, currency, signed=True)} is not explained",
        )
    return table


def work(today: Sequence[Row], before: Sequence[Row], day: date) -> Table:
    """What people have to work on: per owner the open breaks and money of the day, and what is still open from earlier days."""
    owners = sorted({row["owner"] or "" for row in (*today, *before)})
    table = Table(
        [
            Col("owner"),
            Col("open breaks", right=True),
            Col("money at risk", wrap=True),
            *(
                (Col("open from earlier days", right=True), Col("their money", wrap=True), Col("oldest"))
                if before
                else ()
            ),
        ],
        title="Who has what to do",
    )

    def of(rows: Sequence[Row], owner: str) -> tuple[str, str]:
        mine = [row for row in rows if (row["owner"] or "") == owner]
        money = ", ".join(with_currency(row["gross"], row["currency"]) for row in mine)
        number = sum(row["count"] for row in mine)
        return f"{number:,}" if number else "", money

    for owner in owners:
        ages = [(day - row["oldest"]).days for row in before if (row["owner"] or "") == owner]
        oldest = f"{max(ages)} days" if ages else ""
        earlier = (*of(before, owner), "1 day" if oldest == "1 days" else oldest) if before else ()
        table.add(owner, *of(today, owner), *earlier)
    return table


CHANGES_SHOWN = 6
"""Codes that `since` lists; of more it says how many."""


def since(
    words: Sequence[tuple[str, str, str]],
    counts: Sequence[tuple[str, int, int]],
    before: Sequence[Sum],
    now: Sequence[Sum],
    day: date,
) -> Table:
    """What differs between two days: words, counts, money in breaks per currency, breaks per code. `day` is the earlier one."""
    table = Table(
        [Col("what"), Col("the day before", right=True), Col("this day", right=True), Col("change", right=True)],
        title=f"Compared with {day}",
    )
    for name, then, today in words:
        if then != today:
            table.add(name, then, today, "")
    for name, earlier, later in counts:
        if earlier != later:
            table.add(name, f"{earlier:,}", f"{later:,}", f"{later - earlier:+,}")
    money = [_gross(before), _gross(now)]
    for currency in sorted({*money[0], *money[1]}):
        earlier_sum, later_sum = (one.get(currency, Decimal(0)) for one in money)
        if earlier_sum != later_sum:
            change = delta(later_sum - earlier_sum, currency)
            table.add(
                f"money in breaks, {currency}", amount(earlier_sum, currency), amount(later_sum, currency), change
            )
    codes = [_per_code(before), _per_code(now)]
    changed = [code for code in sorted({*codes[0], *codes[1]}) if codes[0].get(code, 0) != codes[1].get(code, 0)]
    changed.sort(key=lambda code: -abs(codes[1].get(code, 0) - codes[0].get(code, 0)))
    for code in changed[:CHANGES_SHOWN]:
        then_count, now_count = (one.get(code, 0) for one in codes)
        said = "new" if not then_count else "gone" if not now_count else f"{now_count - then_count:+,}"
        table.add(code, f"{then_count:,}", f"{now_count:,}", said)
    if len(changed) > CHANGES_SHOWN:
        table.add(f"{len(changed) - CHANGES_SHOWN} other codes", "", "", "changed")
    return table


def _gross(sums: Sequence[Sum]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for one in sums:
        if one.currency:
            found[one.currency] = found.get(one.currency, Decimal(0)) + one.gross
    return found


def _per_code(sums: Sequence[Sum]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in sums:
        found[one.code] = found.get(one.code, 0) + one.count
    return found


def break_sums(sums: Sequence[Sum], title: str = "Breaks by code") -> Table:
    """Breaks per code and currency, the most frequent first."""
    table = Table(
        [
            Col("code"),
            Col("breaks", right=True),
            Col("open", right=True),
            Col("currency"),
            Col("net", right=True),
            Col("gross", right=True),
        ],
        title=title,
    )
    for code, currency, number, counted, net, gross in merged(sums):
        table.add(
            code, f"{number:,}", f"{counted:,}", currency or "units", delta(net, currency), amount(gross, currency)
        )
    return table


def merged(sums: Sequence[Sum]) -> list[tuple[str, str | None, int, int, Decimal, Decimal]]:
    """Sums over days: (code, currency, count, open, net, gross), the most frequent first."""
    found: dict[tuple[str, str | None], tuple[int, int, Decimal, Decimal]] = {}
    for s in sums:
        number, counted, net, gross = found.get((s.code, s.currency), (0, 0, Decimal(0), Decimal(0)))
        found[s.code, s.currency] = (number + s.count, counted + s.open, net + s.net, gross + s.gross)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0][0], item[0][1] or ""))
    return [(code, currency, *figures) for (code, currency), figures in ordered]


def breaks(rows: Sequence[Row]) -> Table:
    """Breaks, one per line; exports have every column."""
    columns = (
        Col("break_id", "break_id"),
        Col("code", "code"),
        Col("customer", "customer_id", spare=True),
        Col("invoice", "invoice_id", spare=True),
        Col("delta", lambda row: with_currency(row["delta"], row["currency"], signed=True), right=True),
        Col("why", "explanation", wrap=True),
    )
    return table_of(rows, columns)


def dispositions(rows: Sequence[Row]) -> Table:
    """Breaks by pair and disposition: what counts against the gate and what does not, net and gross."""
    columns = (
        Col("pair", "pair"),
        Col("disposition", "disposition"),
        Col("counts", lambda row: "yes" if Disposition(row["disposition"]).counts_against_gate else "no"),
        Col("breaks", "count", right=True),
        Col("currency", lambda row: row["currency"] or "units"),
        Col("net", signed("net"), right=True),
        Col("gross", money("gross"), right=True),
    )
    return table_of(rows, columns, "Breaks by disposition (gross adds differences without letting them cancel)")


def expected_changes(changes: Iterable[ExpectedChange], covered: Mapping[str, Row], day: date) -> Table:
    """The registry of expected changes on the day: what each entry covers, and until when."""

    def covers(name: str) -> Callable[[ExpectedChange], str]:
        show = delta if name == "net" else amount
        return lambda one: show(covered[one.id][name], one.currency) if one.id in covered else ""

    def status(one: ExpectedChange) -> str:
        since = one.days_expired(day)
        if since > 0:
            return f"expired {since} d ago, on {one.expires}"
        return f"starts on {one.starts}" if day < one.starts else f"until {one.expires}, {-since} d more"

    columns = (
        Col("expected change", lambda one: one.id),
        Col("codes", lambda one: ", ".join(code.value for code in one.codes), wrap=True),
        Col("owner", lambda one: one.owner),
        Col("bound", lambda one: with_currency(one.max_per_break, one.currency), right=True),
        Col("covers", lambda one: f"{covered[one.id]['count']:,}" if one.id in covered else "0", right=True),
        Col("net", covers("net"), right=True, spare=True),
        Col("gross", covers("gross"), right=True, spare=True),
        Col("status", status, wrap=True),
    )
    return table_of(changes, columns, "Expected changes")


def detections(rows: Sequence[Row]) -> Table:
    """The detectors' findings, with what to do next."""
    columns = (
        Col("detector", "detector"),
        Col("finding", "finding", wrap=True),
        Col("next", "next_step", wrap=True, spare=True),
        Col("owner", "owner", spare=True),
    )
    return table_of(rows, columns, "Findings in the data (no differences between layers)")


def outside(row: Row) -> bool:
    """Whether a metric is outside the band of comparable days."""
    known = None not in (row["value"], row["band_low"], row["band_high"])
    return known and not row["band_low"] <= row["value"] <= row["band_high"]


def highest_reached(signals: Sequence[Row]) -> list[Row]:
    """The highest threshold of each charge; `signals` are in rising order."""
    return list({(s["subscription_id"], s["charge_id"], s["period_start"]): s for s in signals}.values())


def drift(rows: Sequence[Row], *, only_outside: bool = False) -> Table:
    """Metrics with the day before, the cycle before and their expected band. NO DATA is never zero.

    Leaves out metrics that have none of these; with `only_outside`, metrics within their band too.
    """
    shown = [row for row in rows if row["value"] is not None and (outside(row) if only_outside else _compared(row))]

    def figure(name: str) -> Callable[[Row], str]:
        return lambda row: amount(row[name], row["currency"] if row["metric"].startswith("total_") else None) or NO_DATA

    def band(row: Row) -> str:
        return NO_DATA if row["band_low"] is None else f"{figure('band_low')(row)} to {figure('band_high')(row)}"

    def status(row: Row) -> str:
        return "" if row["band_low"] is None else "outside" if outside(row) else "within"

    columns = (
        Col("metric", "metric"),
        Col("currency", "currency"),
        Col("today", figure("value"), right=True),
        Col("day before", figure("prior_value"), right=True, spare=True),
        Col("cycle before", figure("cycle_value"), right=True, spare=True),
        Col("expected", band, right=True),
        Col("days", "band_days", right=True),
        Col("status", status),
    )
    return table_of(shown, columns, f"Drift ({rows[0]['band_method']})" if rows else "Drift")


def _compared(row: Row) -> bool:
    return any(row[name] is not None for name in ("prior_value", "cycle_value", "band_low"))
