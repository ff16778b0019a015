"""A customer's next bills for people and for programs: what was used so far, what is still to come, how much is included."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from billing_recon.core.figures import amount, count, grouped, listed, with_currency
from billing_recon.core.money import plain
from billing_recon.core.shown_text import visible_json
from billing_recon.explain.rated_lines import line_sentence
from billing_recon.report.exports import text
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.preview import Preview, Row

PARTS = {"so_far": "used so far", "to_come": "still to come", "follows": "follows from both"}
"""What a line depends on (compute/preview/bill_lines.sql), in words."""

_LINE = ("kind", "charge_id", "meter", "period_start", "period_end", "quantity", "unit_price")
_MONEY = ("gross", "discount", "credit", "tax", "total")


def bills(home: Home, found: Preview) -> list[dict[str, Any]]:
    """One entry per subscription, due day and currency: its lines, their sum per part, and the total. Figures are Decimal."""

    def key(row: Row) -> tuple[Any, ...]:
        return (row["due_on"], row["subscription_id"], row["currency"])

    made = []
    for (due_on, subscription, currency), rows in groupby(sorted(found.lines, key=key), key=key):
        lines = [{**row, "sentence": line_sentence(row, home.catalog)} for row in rows]
        sums = {part: sum((row["total"] for row in lines if row["part"] == part), Decimal(0)) for part in PARTS}
        made.append(
            {
                "subscription_id": subscription,
                "plan_id": lines[-1]["plan_id"],
                "plan_version": lines[-1]["plan_version"],
                "due_on": due_on,
                "currency": currency,
                **sums,
                "total": sum(sums.values(), Decimal(0)),
                "lines": sorted(lines, key=lambda row: list(PARTS).index(row["part"])),
            }
        )
    return made


def as_json(home: Home, found: Preview) -> str:
    """The preview as one JSON object. Amounts are strings at their currency's decimals, quantities strings."""
    content = {
        "company": home.company.name,
        "customer_id": found.customer_id,
        "as_of": str(found.as_of),
        "bills": [
            {
                **{name: text(bill[name], bill["currency"]) for name in bill if name != "lines"},
                "lines": [
                    {
                        "part": row["part"],
                        **{name: text(row[name]) for name in _LINE},
                        **{name: plain(row[name], bill["currency"]) for name in _MONEY},
                        "sentence": row["sentence"],
                    }
                    for row in bill["lines"]
                ],
            }
            for bill in bills(home, found)
        ],
        "entitlements": [{name: text(value) for name, value in row.items()} for row in found.units],
        "withheld": list(found.withheld),
        "days_not_known": list(found.unknown),
    }
    return visible_json(json.dumps(content, ensure_ascii=False, indent=1)) + "\n"


def lines_table(bill: dict[str, Any]) -> Table:
    """A bill's lines."""
    columns = (
        Col("what", lambda row: row["meter"] or row["charge_id"] or row["kind"]),
        Col("when", lambda row: PARTS[row["part"]]),
        Col("period", lambda row: f"{row['period_start']} to {row['period_end']}", spare=True),
        Col("how", "sentence", wrap=True),
        Col("total", lambda row: amount(row["total"], bill["currency"]), right=True),
    )
    return table_of(bill["lines"], columns, headline(bill))


def headline(bill: dict[str, Any]) -> str:
    """One bill in a line."""
    total = with_currency(bill["total"], bill["currency"])
    plan = f"{bill['plan_id']} {bill['plan_version']}"
    return f"{bill['subscription_id']} ({plan}), due {bill['due_on']}: {total} if nothing more is used"


def units_table(found: Preview) -> Table:
    """How much of the included units is used."""

    def next_step(row: Row) -> str:
        if row["next_threshold"] is None:
            return "all of it is used"
        return f"{grouped(row['units_to_next'], 0)} more reach {row['next_threshold']}%"

    columns = (
        Col("subscription", "subscription_id"),
        Col("meter", "meter"),
        Col("until", lambda row: str(row["period_end"])),
        Col("included", lambda row: grouped(row["included"], 0), right=True),
        Col("used", lambda row: grouped(row["used"], 0), right=True),
        Col("share", lambda row: f"{(row['share'] * 100).quantize(Decimal('0.1')):f}%", right=True),
        Col("next", next_step),
    )
    return table_of(found.units, columns, "Included units")


def notes(found: Preview) -> list[str]:
    """What the figures do not say: subscriptions that cannot be rated, days that are not known."""
    said = list(found.withheld)
    if found.unknown:
        said.append(
            f"{count(len(found.unknown), 'day')} before {found.as_of} are not fully known "
            f"({listed(found.unknown)}), so the bill may still change by what they hold."
        )
    return said


def page(home: Home, found: Preview) -> str:
    """The preview as a self-contained page."""
    from billing_recon.report.day_pack import environment

    shown = [{**bill, "table": lines_table(bill), "title": headline(bill)} for bill in bills(home, found)]
    return (
        environment()
        .get_template("preview.html")
        .render(
            company=home.company.name,
            found=found,
            bills=shown,
            parts=PARTS,
            units=units_table(found) if found.units else None,
            notes=notes(found),
        )
    )
