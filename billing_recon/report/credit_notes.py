"""Credit notes beside the charges that they take back: sums by state, the lines for looking at, and exports of every line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

from billing_recon.core.money import plain
from billing_recon.day.credit_notes import CreditLine
from billing_recon.report.figures import amount
from billing_recon.report.terminal import Col, Table

STATES = ("covered", "partly", "uncovered")
_AMOUNTS = ("credited", "covered", "uncovered")
_COLUMNS = tuple(field.name for field in fields(CreditLine))


def by_state(lines: Iterable[CreditLine]) -> Table:
    """Counts and money per currency and state; currencies are never added."""
    found: dict[tuple[str, str], tuple[int, Decimal, Decimal, Decimal]] = {}
    for line in lines:
        number, *sums = found.get((line.currency, line.state), (0, Decimal(0), Decimal(0), Decimal(0)))
        found[line.currency, line.state] = (
            number + 1,
            sums[0] + line.credited,
            sums[1] + line.covered,
            sums[2] + line.uncovered,
        )
    table = Table(
        [
            Col("state"),
            Col("lines", right=True),
            Col("currency"),
            Col("credited", right=True),
            Col("covered", right=True),
            Col("uncovered", right=True),
        ],
        title="Credit notes against earlier charges",
    )
    for (currency, state), (number, *sums) in sorted(found.items(), key=lambda i: (i[0][0], STATES.index(i[0][1]))):
        table.add(state, f"{number:,}", currency, *(amount(figure, currency) for figure in sums))
    return table


def not_covered(lines: Sequence[CreditLine], limit: int) -> Table:
    """The lines that no earlier charge covers, or not wholly, the most money first."""
    table = Table(
        [
            Col("credit note"),
            Col("line", spare=True),
            Col("customer", spare=True),
            Col("product", spare=True),
            Col("issued on"),
            Col("units", right=True),
            Col("of them charged", right=True),
            Col("unit price", right=True),
            Col("uncovered", right=True),
        ],
        title="Not covered by an earlier charge",
    )
    left = [line for line in lines if line.state != "covered"]
    for line in sorted(left, key=lambda one: (-abs(one.uncovered), one.invoice_id, one.line_id))[:limit]:
        table.add(
            line.invoice_id,
            line.line_id,
            line.customer_id,
            line.meter or "",
            str(line.issued_on),
            _text(line.quantity) or "",
            _text(line.covered_quantity) or "",
            _text(line.unit_price) or "",
            f"{amount(line.uncovered, line.currency)} {line.currency}",
        )
    return table


def as_csv(lines: Iterable[CreditLine]) -> str:
    """Every line, amounts as exact text; the charges taken back as JSON."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in lines:
        row = _record(line)
        writer.writerow([*(row[name] for name in _COLUMNS[:-1]), json.dumps(row["charges"], ensure_ascii=False)])
    return out.getvalue()


def as_json(lines: Iterable[CreditLine]) -> str:
    """One object a line."""
    return "".join(json.dumps(_record(line), ensure_ascii=False) + "\n" for line in lines)


def _record(line: CreditLine) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: plain(getattr(line, name), line.currency) if name in _AMOUNTS else _text(getattr(line, name))
        for name in _COLUMNS[:-1]
    }
    return row | {
        "charges": [{one.name: _text(getattr(charge, one.name)) for one in fields(charge)} for charge in line.charges]
    }


def _text(value: object) -> str | None:
    """Units and prices without the zeros behind them."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


EXPORTS: dict[str, Callable[[Iterable[CreditLine]], str]] = {"csv": as_csv, "json": as_json}
