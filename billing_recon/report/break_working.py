"""The whole working of one break: both computations side by side, the first difference, the source rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.core.reason import STAGE_OF, Code, Pair, Stage
from billing_recon.core.schema import EXPECTED_LINES, INVOICE_LINES
from billing_recon.explain.rated_lines import line_sentence
from billing_recon.report import stored_rows
from billing_recon.report.batch_shares import batch_shares
from billing_recon.report.break_sql import RELATION_OF_PAIR, SCRIPT
from billing_recon.report.day_tables import sides
from billing_recon.report.layer_rows import layer_rows
from billing_recon.report.stored_rows import Row
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

LAYERS = ("expected", "billed", "rendered", "booked", "paid")
STEPS = ("quantity", "unit_price", "gross", "discount", "credit", "taxable", "tax_rate", "tax", "total")
"""The stages of a line, in the order in which a bill is computed."""
MONEY_STEPS = frozenset({"gross", "discount", "credit", "taxable", "tax", "total"})
SHOWN_ABOVE = frozenset({"tiers", "sources", "expected", "expected_line_id"})
"""Parts of the evidence that have their own table or sentence."""
_STAGE_ORDER = {stage: n for n, stage in enumerate(Stage)}


def show_working(screen: Screen, home: Home, row: Row, hint: str) -> None:
    """Show everything known about one break, from the explanation to the source rows."""
    currency = row["currency"]
    screen.say(f"{row['code']}  {with_currency(row['delta'], currency, signed=True)}", style="bold red")
    screen.say(row["explanation"])
    screen.say()
    screen.table(facts(row))
    screen.table(layers(row))
    screen.table(waterfall(row))
    expected, billed = lines_of(home, row)
    for table in comparisons(expected, billed):
        screen.table(table)
    evidence = json.loads(row["evidence"] or "{}", parse_float=str)
    for line in expected:
        name = " ".join(filter(None, ["expected", line["kind"], line["meter"]]))
        screen.say(f"{name}: {line_sentence(line, home.catalog)}")
    if expected:
        screen.say()
    tiers = tiers_of(evidence, expected)
    if tiers.rows:
        screen.table(tiers)
    sources = source_rows(evidence, billed)
    if sources.rows:
        screen.table(sources)
    posting = batch_shares(home, row, evidence)
    if posting.rows:
        screen.table(posting)
    everything = layer_rows(home, row)
    if everything.rows:
        screen.table(everything)
    rest = further_evidence(evidence)
    if rest.rows:
        screen.table(rest)
    screen.table(rests_on(home, row, evidence, hint))
    screen.say(
        f"next: {row['owner']} owns this; correct it in {row['source_system']}, resend the day's file, then "
        f"billing-recon run{hint} --day {row['day']}"
    )


def facts(row: Row) -> Table:
    """The break's keys: day, pair, stage, customer, invoice, owner and so on."""
    stage = STAGE_OF[Code(row["code"])].value
    table = Table([Col("break"), Col(row["break_id"], wrap=True)])
    for name, value in (
        ("day", str(row["day"])),
        ("compared", f"{row['pair'].replace('_', ' and ')}, by {row['level']}"),
        ("stage", stage),
        ("disposition", row["disposition"]),
        ("customer", row["customer_id"]),
        ("subscription", row["subscription_id"]),
        ("invoice", row["invoice_id"]),
        ("line", row["line_id"]),
        ("meter", row["meter"]),
        ("owner", row["owner"]),
        ("source system", row["source_system"]),
    ):
        if value:
            table.add(name, value)
    return table


def rests_on(home: Home, row: Row, evidence: dict[str, Any], hint: str) -> Table:
    """The terms, policy and relation behind the break, and how to run it again."""
    from billing_recon.day.gate import DAY_GATE

    verdict = home.control.latest_verdict(DAY_GATE, str(row["day"]))
    table = Table([Col("based on"), Col("", wrap=True)])
    terms = " ".join(str(evidence[name]) for name in ("plan", "plan_version") if evidence.get(name))
    table.add("terms", ", ".join(filter(None, [terms, f"catalog {home.catalog.digest[:12]}"])))
    judged = f"; the day was judged under version {verdict.policy_version}" if verdict else ""
    in_force = home.policy_on(row["day"])
    table.add("policy", f"version {in_force.number} ({in_force.digest[:12]}){judged}")
    if verdict:
        table.add("evidence", verdict.evidence_hash)
    table.add("relation", f"{RELATION_OF_PAIR[row['pair']]}, then findings, reported, breaks")
    table.add("run it again", f"billing-recon explain{hint} {row['break_id']} --sql FOLDER, there: duckdb < {SCRIPT}")
    return table


def layers(row: Row) -> Table:
    """The known amounts of all layers, and the difference of the pair."""
    currency = row["currency"]
    table = Table([Col("layer"), Col(currency or "units", right=True)], title="Amounts", last_is_total=True)
    units = {"expected": "used", "billed": "metered"} if row["pair"] == Pair.METERED_USED else {}
    for name in LAYERS:
        if row[name] is not None:
            table.add(units.get(name, name), amount(row[name], currency))
    first, second = sides(row["pair"])
    table.add(f"{second} - {first}", delta(row["delta"], currency))
    return table


def waterfall(row: Row) -> Table:
    """Each stage's part of the difference, in the order of a bill; the parts sum exactly to the difference."""
    currency = row["currency"]
    stages = {
        Code(code): Decimal(str(part))
        for code, part in json.loads(row["stage_deltas"] or "{}", parse_float=str).items()
    }
    table = Table(
        [Col("stage"), Col("code"), Col("part", right=True), Col("running", right=True)],
        title="Where the difference comes from",
        last_is_total=True,
    )
    running = Decimal(0)
    for code, part in sorted(stages.items(), key=lambda item: (_STAGE_ORDER[STAGE_OF[item[0]]], item[0])):
        running += part
        table.add(STAGE_OF[code].value, code.value, delta(part, currency), delta(running, currency))
    table.add("total", "", delta(running, currency), delta(row["delta"], currency))
    return table


def lines_of(home: Home, row: Row) -> tuple[list[Row], list[Row]]:
    """The expected and the billed lines of the break; empty for a side without lines."""
    line_level = row["level"] == "line"
    billed: list[Row] = []
    if row["invoice_id"]:
        where, params = "invoice_id = ?", [row["invoice_id"]]
        if line_level and row["line_id"]:
            where, params = f"{where} AND line_id = ?", [*params, row["line_id"]]
        billed = stored_rows.landed(home, INVOICE_LINES, row["day"], where, params, "invoice_id, line_id, source_row")
    if row["pair"] != Pair.EXPECTED_BILLED or row["expected"] is None:
        return [], billed
    return _expected(home, row, billed, line_level), billed


def _expected(home: Home, row: Row, billed: list[Row], line_level: bool) -> list[Row]:
    """The expected counterparts: the line named in the evidence, or those of the same subscription and period.

    For a line missing from its invoice, every line due with it, since the whole invoice is compared.
    """
    lines = stored_rows.rows_of(
        f"SELECT {', '.join(EXPECTED_LINES.names)} FROM ({stored_rows.scan(home, EXPECTED_LINES, row['day'], row['day'])}) "
        "WHERE subscription_id = ? ORDER BY period_start, kind, meter NULLS FIRST, expected_line_id",
        [row["subscription_id"]],
    )
    named = json.loads(row["evidence"] or "{}").get("expected_line_id")
    exact = [line for line in lines if line["expected_line_id"] == named]
    if exact and line_level and not row["line_id"] and billed:
        return [line for line in lines if line["due_on"] == exact[0]["due_on"]]
    if exact:
        return exact
    if line_level and billed:
        lines = [line for line in lines if _key(line) == _key(billed[0])]
    elif line_level:
        lines = [line for line in lines if line["meter"] == row["meter"] and line["total"] == row["expected"]][:1]
    elif billed:
        periods = {(line["period_start"], line["period_end"]) for line in billed}
        first, last = min(p[0] for p in periods), max(p[1] for p in periods)
        lines = [line for line in lines if first <= line["period_start"] and line["period_end"] <= last]
    return lines


def _key(line: Row) -> tuple[Any, ...]:
    return (line["subscription_id"], line["kind"], line["meter"], line["period_start"], line["period_end"])


def comparisons(expected: Sequence[Row], billed: Sequence[Row]) -> list[Table]:
    """A stage-by-stage table for a single line; a row per line for an invoice with several."""
    if not expected and not billed:
        return []
    if not expected and len(billed) > 1:
        return [billed_lines(billed)]
    if len(expected) <= 1 and len(billed) <= 1:
        return [side_by_side(expected[0] if expected else None, billed[0] if billed else None)]
    return [line_by_line(expected, billed)]


def side_by_side(expected: Row | None, billed: Row | None) -> Table:
    """Both computations of one line, stage by stage; the first stage that differs caused the difference."""
    known = expected or billed or {}
    currency = known["currency"]
    period = f"{known['period_start']} to {known['period_end']}"
    both = expected is not None and billed is not None
    names = [name for name, line in (("expected", expected), ("billed", billed)) if line is not None]
    table = Table(
        [Col("step"), *(Col(name, right=True) for name in names), *([Col("difference", right=True)] if both else [])],
        title=" ".join(filter(None, ["Line by stages:", known["kind"], known["meter"], period, currency])),
    )
    for step in STEPS:
        unit = currency if step in MONEY_STEPS else None
        values = [line[step] for line in (expected, billed) if line]
        if any(value is not None for value in values):
            parted = [delta(values[1] - values[0], unit) if None not in values else ""] if both else []
            table.add(step.replace("_", " "), *(amount(value, unit) for value in values), *parted)
    for name in ("plan_version", "tax_region"):
        texts = [str(line.get(name) or "") for line in (expected, billed) if line]
        if any(texts):
            parted = ["differs" if all(texts) and texts[0] != texts[1] else ""] if both else []
            table.add(name.replace("_", " "), *texts, *parted)
    return table


def billed_lines(billed: Sequence[Row]) -> Table:
    """An invoice's billed lines, if there are no expected lines to compare them with."""
    table = Table(
        [Col("line"), Col("period"), Col("gross", right=True), Col("tax", right=True), Col("total", right=True)],
        title="Billed lines",
        last_is_total=True,
    )
    currency = billed[0]["currency"]
    for line in billed:
        name = f"{line['kind']} {line['meter']}" if line["meter"] else line["kind"]
        figures = (amount(line[step], currency) for step in ("gross", "tax", "total"))
        table.add(name, f"{line['period_start']} to {line['period_end']}", *figures)
    sums = (amount(sum((line[step] for line in billed), Decimal(0)), currency) for step in ("gross", "tax", "total"))
    table.add("total", "", *sums)
    return table


def line_by_line(expected: Sequence[Row], billed: Sequence[Row]) -> Table:
    """An invoice's lines, paired by kind, meter and period; empty on a side without such a line."""
    table = Table(
        [
            Col("line"),
            Col("period"),
            Col("expected", right=True),
            Col("billed", right=True),
            Col("difference", right=True),
        ],
        title="Line by line (totals)",
        last_is_total=True,
    )
    zero = Decimal(0)
    pairs: dict[tuple[Any, ...], list[Decimal | None]] = {}
    for side, lines in enumerate((expected, billed)):
        for line in lines:
            cell = pairs.setdefault(_key(line)[1:], [None, None])
            cell[side] = (cell[side] or zero) + line["total"]
    currency = [*expected, *billed][0]["currency"]
    sums = [zero, zero]
    for (kind, meter, start, end), (left, right) in sorted(pairs.items(), key=lambda item: str(item[0])):
        sums = [sums[0] + (left or zero), sums[1] + (right or zero)]
        difference = delta((right or zero) - (left or zero), currency)
        name = f"{kind} {meter}" if meter else kind
        table.add(name, f"{start} to {end}", amount(left, currency), amount(right, currency), difference)
    table.add("total", "", *(amount(s, currency) for s in sums), delta(sums[1] - sums[0], currency))
    return table


def tiers_of(evidence: dict[str, Any], expected: Sequence[Row]) -> Table:
    """How the expected quantity is spread over the plan's tiers, from the rater's working."""
    found = evidence.get("tiers") or []
    if not found and len(expected) == 1:
        working = json.loads(expected[0]["working"] or "{}", parse_float=str)
        rating = (working.get("steps") or {}).get("rating") or {}
        found = (rating.get("steps") or {}).get("tiers") or []
    tiers = [tier for tier in found if isinstance(tier, dict)]
    names = list(dict.fromkeys(name for tier in tiers for name in tier))
    table = Table([Col(name.replace("_", " "), right=True) for name in names], title="Tiers")
    for tier in tiers:
        table.add(*("" if tier.get(name) is None else str(tier[name]) for name in names))
    return table


def source_rows(evidence: dict[str, Any], billed: Sequence[Row]) -> Table:
    """The source files and rows of the difference; row 1 is a file's first data row."""
    table = Table([Col("layer"), Col("file"), Col("row", right=True)], title="Source rows")
    seen: set[tuple[str, str, str]] = set()
    for layer, found in _sources(evidence):
        seen.add((layer, str(found.get("file", "")), str(found.get("row", ""))))
    seen |= {("invoice_lines", line["source_file"], str(line["source_row"])) for line in billed}
    for layer, file, number in sorted(seen, key=lambda s: (s[0], s[1], int(s[2]) if s[2].isdecimal() else 0)):
        table.add(layer, file, number)
    return table


def _sources(evidence: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = evidence.get("sources") or []
    return [(str(source.get("table", "")), source) for source in found if isinstance(source, dict)]


def further_evidence(evidence: dict[str, Any]) -> Table:
    """The evidence without tiers and source rows: terms version, dates, counts."""
    table = Table([Col("evidence"), Col("", wrap=True)])
    for name, value in evidence.items():
        if name in SHOWN_ABOVE or value in (None, "", [], {}):
            continue
        for label, text in flattened(name.replace("_", " "), value):
            table.add(label, text)
    return table


def flattened(name: str, value: Any) -> list[tuple[str, str]]:
    """Nested evidence as (path, text) pairs, without empty values.

    >>> flattened("working", {"usage": {"late": "156", "proration": None}, "period": ["2026-01-01", "2026-02-01"]})
    [('working, usage, late', '156'), ('working, period', '2026-01-01, 2026-02-01')]
    """
    if isinstance(value, dict):
        inner = ((f"{name}, {key}".replace("_", " "), part) for key, part in value.items() if key not in SHOWN_ABOVE)
        return [pair for label, part in inner for pair in flattened(label, part)]
    if value in (None, "", [], {}):
        return []
    if isinstance(value, list):
        return [(name, ", ".join(part if isinstance(part, str) else json.dumps(part) for part in value))]
    return [(name, str(value))]
