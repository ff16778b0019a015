"""A review as rows and tables for a reader: lines, invoices, accounts, causes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.core.money import plain
from billing_recon.core.shown_text import visible_json
from billing_recon.day.shadow.corners import quoted
from billing_recon.day.shadow.marks import Marks
from billing_recon.day.shadow.review import Review
from billing_recon.report.exports import rows_csv
from billing_recon.report.stored_rows import query, rows_of
from billing_recon.report.terminal import Col, Table

Row = dict[str, Any]

PERCENT = (
    "round_even(CASE WHEN greatest(abs(old_total), abs(delta)) < 1000000 THEN ratio(delta * 100000000, abs(old_total) * 1000000) "
    "ELSE ratio(delta * 100, abs(old_total)) END, 2) AS delta_percent"
)
"""Exact for prices of a millionth of a cent as well, since a ratio reads four decimals."""
_AMOUNTS = "old_total, new_total, expected_old, expected_new, delta, meant, new_fault, old_fault"
_KEY = "concat_ws('|', line.currency, coalesce(expected_old_line, ''), coalesce(expected_new_line, ''), coalesce(old_key, ''), coalesce(new_key, ''))"
_STATES = ("unknown", "unmeant", "accepted", "kept", "fixed", "meant", "split", "equal")
LEVELS = ("line", "invoice", "account")
_AT_ONCE = 20_000


def rows(
    review: Review,
    by: str,
    state: str | None = None,
    *,
    differing: bool = False,
    of: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The rows of a level, those of one state if given. `differing` leaves out what is equal.

    `of`: only those of this customer, subscription or invoice. `limit`: only the first ones.
    """
    return rows_of(rows_sql(review, by, state, differing=differing, of=of) + (f" LIMIT {limit}" if limit else ""))


def rows_sql(
    review: Review, by: str, state: str | None = None, *, differing: bool = False, of: str | None = None
) -> str:
    """SQL for the rows of a level, as `rows` has them."""
    if by not in LEVELS:
        raise ConfigurationError(f"--by {by} is unknown; give one of {', '.join(LEVELS)}")
    if state is not None and state not in _STATES:
        raise ConfigurationError(f"--state {state} is unknown; give one of {', '.join(_STATES)}")
    if by == "account":
        if state is not None:
            raise ConfigurationError("--state is of lines and invoices; an account may have several")
        where = "WHERE delta <> 0 OR unmeant <> 0" if differing else ""
        return (
            f"SELECT customer_id, currency, {_AMOUNTS}, {PERCENT}, unmeant, invoices, segment, tax_region "
            f"FROM {review.table('shadow_accounts')} {where} ORDER BY abs(delta) DESC, customer_id, currency"
        )
    conditions = [f"state = '{state}'"] if state else ["state <> 'equal'"] if differing else []
    if of is not None:
        asked, table = of.replace("'", "''"), by
        conditions.append(f"'{asked}' IN ({table}.customer_id, {table}.subscription_id, {table}.invoice_id)")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    if by == "invoice":
        return (
            f"SELECT customer_id, subscription_id, invoice_id, currency, {_AMOUNTS}, {PERCENT}, state, coalesce(code, '') AS code, "
            "coalesce(says, 'No difference.') AS explanation, array_to_string(scenarios, ', ') AS scenario, due_on, lines, unmeant, "
            f"old_plan, new_plan, segment, tax_region, {_answers(review)} FROM {review.table('shadow_invoices')} AS invoice "
            f"LEFT JOIN {review.table('invoice_texts')} AS text ON text.invoice_key = concat_ws('|', invoice.invoice_id, "
            "invoice.subscription_id, coalesce(CAST(invoice.due_on AS VARCHAR), 'None'), invoice.currency) "
            f"{where} ORDER BY abs(delta) DESC, invoice_id, subscription_id, currency"
        )
    return (
        f"SELECT line.customer_id, line.subscription_id, line.invoice_id, line.line_id, line.currency, {_AMOUNTS}, "
        f"coalesce(code, '') AS code, coalesce(says, 'No difference.') AS explanation, {PERCENT}, state, accepted_as, {_answers(review)}, "
        "coalesce(scenario, '') AS scenario, line.* EXCLUDE (customer_id, subscription_id, invoice_id, line_id, currency, "
        f"{_AMOUNTS}, code, state, accepted_as, expected_old_line, expected_new_line, old_key, new_key, meant_stages, "
        f"new_working, old_stages, new_stages, known), {_raw_inputs()}, to_json(meant_stages) AS meant_stages, to_json(old_stages) AS old_stages, "
        f"to_json(new_stages) AS new_stages FROM {review.table('shadow_lines')} AS line "
        f"LEFT JOIN (SELECT expected_line_id, working FROM {review.table('expected_old')}) AS rated_old ON rated_old.expected_line_id = line.expected_old_line "
        f"LEFT JOIN (SELECT expected_line_id, working FROM {review.table('expected_new')}) AS rated_new ON rated_new.expected_line_id = line.expected_new_line "
        f"LEFT JOIN {review.table('line_texts')} AS text ON text.row_key = {_KEY} "
        "LEFT JOIN (SELECT invoice_id, subscription_id, due_on, string_agg(scenario, ', ' ORDER BY scenario) AS scenario "
        f"FROM {review.table('shadow_scenarios')} GROUP BY ALL) AS example ON example.invoice_id = line.invoice_id "
        "AND example.subscription_id = line.subscription_id AND example.due_on IS NOT DISTINCT FROM line.due_on "
        f"{where} ORDER BY line.invoice_id, line.line_id, line.currency, line.subscription_id, line.period_start, line.kind"
    )


def _answers(review: Review) -> str:
    """SQL for who answers for a difference, and the system whose figures differ; empty where there is no difference."""
    owners, systems = review.facts["owners"], review.facts["systems"]
    teams = ", ".join(f"'{code}': '{quoted(team)}'" for code, team in owners.items())
    old, new = (f"'{quoted(systems[side])}'" for side in ("old", "new"))
    return (
        f"CASE WHEN state IN ('equal', 'split') THEN NULL ELSE MAP {{{teams}}}[CASE WHEN state = 'meant' THEN 'meant' ELSE code END] END "
        f"AS owner, CASE WHEN state IN ('equal', 'split') THEN NULL WHEN state IN ('kept', 'fixed') THEN {old} ELSE {new} END "
        "AS source_system"
    )


def _raw_inputs() -> str:
    """SQL for what each rating rested on, from its working: units included, those beyond, days of the period, discount, tax region."""
    found = []
    for side in ("old", "new"):
        at = f"json_extract_string(rated_{side}.working, '$.{{}}')"
        included, quantity = (
            f"CAST({at.format('steps.usage.included')} AS DECIMAL(28,10))",
            f"line.expected_{side}_quantity",
        )
        found += [
            f"rated_{side}.working AS {side}_working",
            f"{included} AS expected_{side}_included",
            f"CASE WHEN {included} IS NOT NULL THEN greatest({quantity} - {included}, 0) END AS expected_{side}_overage",
            f"CAST({at.format('steps.rating.proration.days')} AS INTEGER) AS expected_{side}_days",
            f"CAST({at.format('steps.rating.proration.of')} AS INTEGER) AS expected_{side}_of_days",
            f"CAST({at.format('discount_rate')} AS DECIMAL(12,8)) AS expected_{side}_discount_rate",
            f"{at.format('tax_region')} AS expected_{side}_tax_region",
        ]
    return ", ".join(found)


def causes(review: Review, marks: Marks | None = None) -> list[Row]:
    """The causes, those that block first, then the biggest of each currency, with what people said of each."""
    found, marked = rows_of(_causes_sql(review)), marks or Marks()
    for row in found:
        said = marked.of(row)
        row |= {"mark": said.mark, "assigned_to": said.owner, "marked_by": said.by, "notes": "; ".join(said.notes)}
    return found


def _causes_sql(review: Review) -> str:
    return (
        "SELECT cause_id, part, code, about, currency, lines, invoices, accounts, gross, net, largest, "
        "to_json(list_transform(samples, LAMBDA one: one.invoice_id || ' ' || one.line_id || ' ' || CAST(one.amount AS VARCHAR))) "
        f"AS samples FROM {review.table('shadow_causes')} "
        "ORDER BY list_position(['unknown', 'new', 'accepted', 'kept', 'meant', 'old', 'split'], part), "
        "row_number() OVER (PARTITION BY part, currency ORDER BY gross DESC, cause_id), currency"
    )


def states(review: Review) -> Table:
    """How many lines are in which state, and what they come to, per currency."""
    found = Table(
        [Col("state"), Col("currency"), *(Col(n, right=True) for n in ("lines", "old", "new", "delta", "gross"))]
    )
    for row in rows_of(
        "SELECT state, currency, count(*) AS lines, sum(old_total) AS old, sum(new_total) AS new, sum(delta) AS delta, "
        f"sum(abs(delta)) AS gross FROM {review.table('shadow_lines')} GROUP BY state, currency "
        f"ORDER BY list_position({list(_STATES)}, state), currency"
    ):
        money = [amount(row[n], row["currency"]) for n in ("old", "new")]
        found.add(
            row["state"],
            row["currency"],
            f"{row['lines']:,}",
            *money,
            delta(row["delta"], row["currency"]),
            amount(row["gross"], row["currency"]),
        )
    return found


def table(found: Sequence[Row], by: str) -> Table:
    """Rows of a level for a terminal."""
    ids = {"line": ("invoice_id", "line_id"), "invoice": ("invoice_id",), "account": ()}[by]
    shown = Table(
        [Col("customer"), *(Col(name.removesuffix("_id")) for name in ids)]
        + [Col(name, right=True) for name in ("old", "new", "meant", "new fault", "old fault")]
        + [Col("currency"), *([Col("code"), Col("why", wrap=True)] if by != "account" else [])]
    )
    for row in found:
        money = [amount(row[n], row["currency"]) for n in ("old_total", "new_total")]
        money += [delta(row[n], row["currency"]) for n in ("meant", "new_fault", "old_fault")]
        words = [row["code"], row["explanation"]] if by != "account" else []
        shown.add(row["customer_id"], *(row[name] or "" for name in ids), *money, row["currency"], *words)
    return shown


def cause_table(found: Sequence[Row]) -> Table:
    """Causes for a terminal."""
    shown = Table(
        [Col("cause"), Col("part"), Col("code"), Col("about", wrap=True)]
        + [Col(name, right=True) for name in ("lines", "accounts", "gross", "net", "largest")]
        + [Col("currency"), Col("for example"), Col("marked", wrap=True)]
    )
    for row in found:
        money = [amount(row["gross"], row["currency"]), *(delta(row[n], row["currency"]) for n in ("net", "largest"))]
        example = json.loads(row["samples"])[0].rsplit(" ", 1)[0]
        shown.add(
            row["cause_id"],
            row["part"],
            row["code"],
            row["about"],
            f"{row['lines']:,}",
            f"{row['accounts']:,}",
            *money,
            row["currency"],
            example,
            said(row),
        )
    return shown


def said(row: Row) -> str:
    """What people said of a cause, in short."""
    parts = (
        f"{row['mark']} ({row['marked_by']})" if row["mark"] else "",
        f"with {row['assigned_to']}" if row["assigned_to"] else "",
        row["notes"],
    )
    return "; ".join(part for part in parts if part)


def explained(review: Review, asked: str) -> Iterator[str]:
    """An invoice, or those of a subscription or customer, in words."""
    bills, lines = rows(review, "invoice", of=asked), rows(review, "line", of=asked)
    if not bills:
        raise ConfigurationError(f"{asked} is no invoice, subscription or customer of this review")
    for bill in bills:
        yield f"{bill['invoice_id'] or 'no invoice'}, {bill['subscription_id']} of {bill['customer_id']}: {bill['explanation']}"
        for line in lines:
            same = all(line[name] == bill[name] for name in ("invoice_id", "subscription_id", "due_on", "currency"))
            if same and line["state"] != "equal":
                why = ", ".join(filter(None, (line["code"], line["state"])))
                yield f"  {line['line_id'] or line['kind']} [{why}] {line['explanation']}"


def exported(found: Sequence[Row], form: str) -> Iterator[str]:
    """Rows as JSON lines or CSV, amounts as exact text at their currency's decimals."""
    if form == "csv":
        yield rows_csv(found, list(found[0])) if found else ""
        return
    for row in found:
        shown = {name: _text(name, value, row.get("currency")) for name, value in row.items()}
        yield visible_json(json.dumps(shown, ensure_ascii=False)) + "\n"


def export(review: Review, folder: Path, form: str) -> list[Path]:
    """Write every line, invoice, account and cause to `folder` as Parquet (amounts exact) or CSV, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, sql in [*((f"{by}s", rows_sql(review, by)) for by in LEVELS), ("causes", _causes_sql(review))]:
        path = folder / f"{name}.{form}"
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        if form == "parquet":
            query(f"COPY ({sql}) TO '{quoted(draft)}' (FORMAT parquet)")
        else:
            cursor = query(sql)
            names = [column[0] for column in cursor.description or ()]
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.write(rows_csv((), names))
                while found := cursor.fetchmany(_AT_ONCE):
                    text = rows_csv((dict(zip(names, row, strict=True)) for row in found), names)
                    file.write(text.partition("\n")[2])
        draft.replace(path)
        made.append(path)
    return made


_COUNTED = ("quantity", "included", "overage", "rate", "percent")
"""How columns end that are no amounts of money."""


def _text(name: str, value: Any, currency: str | None) -> Any:
    if isinstance(value, Decimal):
        return plain(value, None if name.endswith(_COUNTED) else currency)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


@dataclass(frozen=True, slots=True)
class Previewed:
    """A customer's bill, old and new side by side: what the customer is told, the lines, and what the new engine gets wrong."""

    says: str
    lines: Table
    faults: tuple[str, ...]


def preview(review: Review, asked: str) -> Iterator[Previewed]:
    """A customer's bills, as the new engine bills them. Where that is not what the new terms give, each bill says so."""
    bills, lines = rows(review, "invoice", of=asked), rows(review, "line", of=asked)
    if not bills:
        raise ConfigurationError(f"{asked} is no customer, subscription or invoice of this review")
    for bill in bills:
        mine = [
            x for x in lines if all(x[n] == bill[n] for n in ("invoice_id", "subscription_id", "due_on", "currency"))
        ]
        wrong = [x for x in mine if x["new_code"] or x["state"] == "unknown"]
        owed = ["owed", "off"] if wrong else []
        shown = Table([Col("line"), Col("period"), *(Col(n, right=True) for n in ("old", "new", "change", *owed))])
        for row in (*mine, bill):
            what = ("total", bill["currency"])
            if row is not bill:
                what = (
                    " ".join(filter(None, (row["kind"], row["meter"]))),
                    f"{row['period_start']} to {row['period_end']}",
                )
            money = [amount(row[n], bill["currency"]) for n in ("old_total", "new_total")]
            money.append(delta(row["delta"], bill["currency"]))
            if wrong:
                money += [amount(row["expected_new"], bill["currency"]), delta(row["new_fault"], bill["currency"])]
            shown.add(*what, *money)
        yield Previewed(
            f"{bill['invoice_id']} of {bill['customer_id']}: {bill['explanation']}",
            shown,
            tuple(_wrong(bill, wrong)) if wrong else (),
        )


def _wrong(bill: Row, lines: Sequence[Row]) -> Iterator[str]:
    """What the new engine gets wrong on a bill: by how much, then line by line."""
    if any(line["state"] == "unknown" for line in lines):
        yield "What the new terms give is not known for every line, so nobody can tell whether this bill is right:"
    else:
        billed, owed = (with_currency(bill[name], bill["currency"]) for name in ("new_total", "expected_new"))
        figures = (
            f"{billed} where the new terms give {owed}" if bill["new_fault"] else "the right total with wrong figures"
        )
        yield f"This is not the bill that the new terms give. The new engine bills {figures}:"
    for line in lines:
        yield f"  {line['line_id'] or line['kind']} [{', '.join(filter(None, (line['new_code'], line['state'])))}] {line['explanation']}"
