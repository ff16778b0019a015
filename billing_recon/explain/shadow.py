"""Words for shadow billing: what differs for a customer, why, and which part of it was meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb

from billing_recon.core.catalog import Catalog
from billing_recon.core.figures import count
from billing_recon.explain.facts import Facts, grouped
from billing_recon.explain.rated_lines import line_sentence
from billing_recon.explain.sentences import SENTENCES
from billing_recon.explain.texts import append_texts, decimals_of, rows_of, write_texts

Row = Mapping[str, Any]


def write_corner_texts(con: duckdb.DuckDBPyConnection) -> None:
    """Create `corner_texts` (expected_line_id, line_key, invoice_id, says): the sentence of each finding of one engine."""
    rows = rows_of(
        con,
        "SELECT pair, level, code, invoice_id, line_id, customer_id, subscription_id, meter, currency, expected, billed, delta, "
        "sentence, facts, CASE WHEN level = 'line' THEN coalesce(json_extract_string(evidence, '$.expected_line_id'), '') END "
        "AS expected_line_id, CASE WHEN level = 'line' AND line_id IS NOT NULL THEN invoice_id || chr(31) || line_id END AS "
        "line_key FROM expected_billed_findings ORDER BY ALL",
    )
    decimals = decimals_of(con) if rows else {}
    blank = {"rendered": None, "booked": None, "paid": None}
    texts = [SENTENCES[row["sentence"]](Facts.read({**blank, **row}, row["facts"], decimals)) for row in rows]
    write_texts(
        con,
        "corner_texts",
        {
            **{name: [row[name] or "" for row in rows] for name in ("expected_line_id", "line_key", "invoice_id")},
            "says": texts,
        },
    )


def write_line_texts(con: duckdb.DuckDBPyConnection, catalog: Catalog, names: Mapping[str, str]) -> None:
    """Create `line_texts` (row, says) and `invoice_texts` (invoice, says) for everything that is not equal.

    What is worded is collected once, and worded a share of the contracts at a time, so that memory stays bounded whatever differs.
    """
    decimals = decimals_of(con)
    found = {
        side: rows_of(con, f"SELECT expected_line_id, line_key, invoice_id, says FROM texts_{side} ORDER BY ALL")
        for side in ("old", "new")
    }
    said = {side: _Said(rows) for side, rows in found.items()}
    write_texts(con, "line_texts", {"row_key": [], "says": []})
    write_texts(con, "invoice_texts", {"invoice_key": [], "says": []})
    for share in range(_collect(con)):
        _write_share(con, share, said, catalog, names, decimals)
    for table in ("worded_lines", "worded_old", "worded_new"):
        con.execute(f"DROP TABLE {table}")


_WORDED_AT_ONCE = 50_000


def _collect(con: duckdb.DuckDBPyConnection) -> int:
    """Create `worded_lines`, the lines of invoices with a difference, and `worded_old` and `worded_new`, their rated lines; return into
    how many shares they are divided. What both ratings have alike is in `worded_new` only."""
    bill = "invoice_id, subscription_id, due_on"
    con.execute(
        f"CREATE OR REPLACE TABLE worded_lines AS SELECT {_LINE}, due_on, CAST(0 AS UBIGINT) AS share FROM compared_lines AS line "
        f"SEMI JOIN (SELECT {bill} FROM compared_lines WHERE state <> 'equal' GROUP BY {bill}) AS bill ON bill.invoice_id = line.invoice_id "
        "AND bill.subscription_id = line.subscription_id AND bill.due_on IS NOT DISTINCT FROM line.due_on"
    )
    ((lines,),) = con.execute("SELECT count(*) FROM worded_lines").fetchall()
    shares = int(lines) // _WORDED_AT_ONCE + 1
    if shares > 1:
        con.execute(
            f"CREATE OR REPLACE TABLE worded_lines AS SELECT * REPLACE (hash(subscription_id) % {shares} AS share) FROM worded_lines "
            "ORDER BY share"
        )
    for side in ("new", "old"):
        rated = (
            f"SELECT share, {_RATED} FROM expected_{side} JOIN (SELECT DISTINCT share, expected_{side}_line AS expected_line_id FROM worded_lines) "
            "USING (expected_line_id)"
        )
        alike = f" EXCEPT ALL SELECT share, {_RATED} FROM worded_new" if side == "old" else ""
        ordered = " ORDER BY share" if shares > 1 else ""
        con.execute(f"CREATE OR REPLACE TABLE worded_{side} AS FROM ({rated}{alike}){ordered}")
    return shares


def _write_share(
    con: duckdb.DuckDBPyConnection,
    share: int,
    said: Mapping[str, _Said],
    catalog: Catalog,
    names: Mapping[str, str],
    decimals: Mapping[str, int],
) -> None:
    """Add the sentences of one share of the contracts."""
    new = _by_id(rows_of(con, f"SELECT {_RATED} FROM worded_new WHERE share = {share}"))
    rated = {"new": new, "old": new | _by_id(rows_of(con, f"SELECT {_RATED} FROM worded_old WHERE share = {share}"))}
    lines = rows_of(con, f"SELECT {_LINE} FROM worded_lines WHERE share = {share} AND state <> 'equal' ORDER BY ALL")
    texts = [_line_text(line, rated, said, catalog, decimals) for line in lines]
    append_texts(con, "line_texts", {"row_key": [_row_key(line) for line in lines], "says": texts})
    bills = rows_of(
        con,
        "SELECT invoice_id, subscription_id, due_on, currency, sum(delta) AS delta, sum(new_fault) AS new_fault, "
        "sum(old_fault) AS old_fault, count(*) FILTER (WHERE new_code IS NOT NULL AND new_fault = 0) AS restated, "
        "coalesce(list_sort(list_distinct(list(expected_old_line) FILTER (WHERE expected_old_line IS NOT NULL))), []) AS old_lines, "
        "coalesce(list_sort(list_distinct(list(expected_new_line) FILTER (WHERE expected_new_line IS NOT NULL))), []) AS new_lines "
        f"FROM worded_lines WHERE share = {share} GROUP BY invoice_id, subscription_id, due_on, currency "
        "HAVING bool_or(state <> 'equal') ORDER BY ALL",
    )
    sentences = [
        bill_sentence(
            bill["delta"],
            [rated["new"][name] for name in bill["new_lines"] if rated["new"][name]["currency"] == bill["currency"]],
            [rated["old"][name] for name in bill["old_lines"] if rated["old"][name]["currency"] == bill["currency"]],
            bill["currency"],
            decimals.get(bill["currency"], 2),
            names,
        )
        + _beyond(bill, decimals.get(bill["currency"], 2))
        for bill in bills
    ]
    keys = [f"{b['invoice_id']}|{b['subscription_id']}|{b['due_on']}|{b['currency']}" for b in bills]
    append_texts(con, "invoice_texts", {"invoice_key": keys, "says": sentences})


def _by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["expected_line_id"]: row for row in rows}


def _beyond(bill: Row, places: int) -> str:
    """By how much the engines bill more or less than that, and where only the total is right."""
    parts = [
        f"the {side} engine bills {money(abs(amount), bill['currency'], places)} {'more' if amount > 0 else 'less'} than that"
        for side in ("new", "old")
        if (amount := bill[f"{side}_fault"])
    ]
    if bill["restated"]:
        parts.append(f"the new engine has the right total and other figures on {count(bill['restated'], 'line')}")
    return f"; {' and '.join(parts)}" if parts else ""


_LINE = (
    "invoice_id, line_id, subscription_id, currency, state, delta, meant, new_fault, old_fault, expected_old_line, "
    "expected_new_line, old_key, new_key, old_total, new_total, code, meant_code, new_code, old_code, accepted_as, known, in_old, in_new, "
    "old_split, new_split"
)
_RATED = (
    "expected_line_id, plan_id, plan_version, kind, charge_id, meter, currency, decimals, quantity, period_start, gross, discount_rate, discount, "
    "credit, tax_rate, tax, total, working"
)
"""The columns of rated lines that sentences read."""


class _Said:
    """The findings of one engine, by line, by rated line, and by invoice."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._lines = {row["line_key"]: row["says"] for row in rows if row["line_key"]}
        self._rated = {row["expected_line_id"]: row["says"] for row in rows if row["expected_line_id"]}
        self._invoices = {row["invoice_id"]: row["says"] for row in rows if not row["line_key"] and row["invoice_id"]}

    def of(self, key: str | None, rated: str | None, invoice: str) -> str:
        found = self._lines.get(key or "") or self._rated.get(rated or "") or self._invoices.get(invoice, "")
        return str(found).rstrip(".")


def _row_key(line: Row) -> str:
    """What identifies a row of shadow_lines."""
    return "|".join(
        str(line[name] or "") for name in ("currency", "expected_old_line", "expected_new_line", "old_key", "new_key")
    )


def _line_text(
    line: Row,
    rated: Mapping[str, Mapping[str, Row]],
    said: Mapping[str, _Said],
    catalog: Catalog,
    decimals: Mapping[str, int],
) -> str:
    places = decimals.get(line["currency"], 2)
    new, old = (
        line_sentence(rated[side][name], catalog).rstrip(".")
        if line["meant_code"] and (name := line[f"expected_{side}_line"])
        else ""
        for side in ("new", "old")
    )
    if line["delta"]:
        begin = f"{money(abs(line['delta']), line['currency'], places)} {'more' if line['delta'] > 0 else 'less'}"
    else:
        begin = "No difference in total"
    parts = [f"{begin}: {new or 'nothing is owed'}; was {old or 'nothing'}"] if line["meant_code"] else [begin]
    if not line["known"]:
        return (
            f"{begin}: what is owed is not known (it was not rated, or is within the grace for issuing), so nobody can tell whether "
            "this was meant."
        )
    kept = line["state"] == "kept"
    agreed = f" (accepted as {line['accepted_as']})" if line["accepted_as"] else ""
    if line["new_code"]:
        parts.append(_fault(line, "new", said["new"], places, f"{', as in the old engine' if kept else ''}{agreed}"))
    if line["old_code"] and not kept:
        parts.append(_fault(line, "old", said["old"], places, ""))
    for side in ("new", "old"):
        if line[f"{side}_split"] and line[f"{side}_fault"]:
            parts.append(f"the {side} engine bills it in other lines, which add up to what is owed")
    return ". ".join(f"{part[0].upper()}{part[1:]}" for part in parts) + "."


def _fault(line: Row, side: str, said: _Said, places: int, remark: str) -> str:
    """What one engine bills otherwise than it should: the amount, or other figures at the right total, a remark, and the finding."""
    amount = line[f"{side}_fault"]
    finding = said.of(line[f"{side}_key"], line[f"expected_{side}_line"], line["invoice_id"])
    if not finding and not line[f"in_{side}"]:
        finding = "it does not bill this"
    verb = "is" if side == "new" else "was"
    off = f"{verb} {line['currency']} {'' if amount < 0 else '+'}{grouped(amount, places)} off"
    begin = f"the {side} engine {off if amount else 'has the right total and other figures'}{remark}"
    return f"{begin}: {finding}" if finding else begin


_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def money(amount: Decimal, currency: str, places: int) -> str:
    """An amount as customers know it.

    >>> money(Decimal("1150"), "USD", 2), money(Decimal("-8.5"), "CHF", 2)
    ('$1,150.00', '-CHF 8.50')
    """
    sign = "-" if amount < 0 else ""
    return f"{sign}{_SYMBOLS.get(currency, currency + ' ')}{grouped(abs(amount), places)}"


def short(amount: Decimal, currency: str, places: int) -> str:
    """The same without decimals that are zero: $350, $0.015."""
    whole = amount == amount.to_integral_value()
    return money(amount, currency, 0 if whole else places)


def bill_sentence(
    delta: Decimal, new: list[Row], old: list[Row], currency: str, places: int, names: Mapping[str, str]
) -> str:
    """How an invoice changes, checkable on a calculator: what the new terms charge step by step, and what it was."""
    if not delta:
        begin = "No difference in total"
    else:
        begin = f"{money(abs(delta), currency, places)} {'more' if delta > 0 else 'less'}"
    return f"{begin}: {_bill(new, currency, places, names)}; was {_bill(old, currency, places, names)}"


def _bill(lines: list[Row], currency: str, places: int, names: Mapping[str, str]) -> str:
    """One bill in the order in which it is computed."""
    if not lines:
        return "nothing"

    def shown(amount: Decimal) -> str:
        return short(amount, currency, places)

    charges = sorted(
        (line for line in lines if line["kind"] in ("subscription", "proration", "usage")),
        key=lambda line: (line["kind"] == "usage", line["charge_id"] or "", line["period_start"]),
    )
    only = charges[0] if len(charges) == 1 else None
    gross = sum((line["gross"] for line in charges), Decimal(0))
    if only and _model(only) == "flat" and only["kind"] == "subscription":
        parts = [f"a flat {shown(gross)}"]
    else:
        worked = [_charge(line, currency, places) for line in charges]
        summed = f" = {shown(gross)}" if len(charges) > 1 or (worked and " x " in worked[0]) else ""
        parts = [" + ".join(worked) + summed] if worked else []
    discount = sum((line["discount"] for line in charges), Decimal(0))
    if discount:
        rates = {line["discount_rate"] for line in charges if line["discount"]}
        rate = f"{short_rate(rates.pop())} " if len(rates) == 1 else ""
        parts.append(f"{rate}{names.get('discount', 'discount')} {shown(-discount)}")
    for line in lines:
        if line["kind"] == "minimum":
            steps = _steps_of(line["working"])["minimum"]
            agreed = Decimal(steps["agreed"]) if steps["days"] is None else Decimal(steps["owed"])
            parts.append(f"raised {shown(line['gross'])} to the {shown(agreed)} {names.get('minimum', 'minimum')}")
        elif line["kind"] == "discount" and line["meter"] == "cap":
            agreed = Decimal(_steps_of(line["working"])["coupon"]["agreed"])
            parts.append(f"cut {shown(line['discount'])} to the {shown(agreed)} cap")
        elif line["kind"] == "discount":
            parts.append(f"coupon {line['meter']} {shown(-line['discount'])}")
        elif line["kind"] == "adjustment" and line["meter"] != "tax":
            parts.append(f"adjustment of earlier periods {shown(line['gross'])}")
    parts += [f"credit {line['meter']} {shown(-line['credit'])}" for line in lines if line["kind"] == "credit"]
    tax = sum((line["tax"] for line in lines), Decimal(0))
    if tax:
        taxed = {line["tax_rate"] for line in lines if line["tax"]}
        rate = f"{short_rate(taxed.pop())} " if len(taxed) == 1 else ""
        parts.append(f"{rate}tax {shown(tax)}")
    total = sum((line["total"] for line in lines), Decimal(0))
    net = (
        gross
        - discount
        + sum((line["gross"] for line in lines if line["kind"] in ("minimum", "adjustment")), Decimal(0))
    )
    return ", ".join(parts) + (f", in total {shown(total)}" if total != net else "")


@lru_cache(maxsize=1024)
def _steps_of(working: str) -> Mapping[str, Any]:
    """The steps of a rating. A bill's lines are read several times in a row, and most are alike under both terms."""
    steps: Mapping[str, Any] = json.loads(working)["steps"]
    return steps


def _model(line: Row) -> str:
    return str(_steps_of(line["working"]).get("rating", {}).get("model", ""))


def _charge(line: Row, currency: str, places: int) -> str:
    """One charge: base $200; 12,000 x $0.015; anything else by its name and amount."""
    steps = _steps_of(line["working"])
    rating = steps.get("rating") or {}
    figures, part = rating.get("steps"), rating.get("proration")
    plainly = part is None and steps.get("bounds") is None
    if (
        plainly
        and isinstance(figures, dict)
        and figures.keys() >= {"units", "unit_price"}
        and rating["model"] == "per_unit"
    ):
        price, units = Decimal(figures["unit_price"]), Decimal(figures["units"])
        return f"{grouped(units, 0)} x {short(price, currency, places)}"
    share = f" for {part['days']:,} of {part['of']:,}" if part else ""
    return f"{(line['charge_id'] or line['kind']).replace('_', ' ')} {short(line['gross'], currency, places)}{share}"


def short_rate(rate: Decimal) -> str:
    """A rate as a percentage without needless zeros.

    >>> short_rate(Decimal("0.10000000"))
    '10%'
    """
    return f"{grouped(rate * 100, 0)}%"
