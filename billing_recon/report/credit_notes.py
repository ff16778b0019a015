"""Credit notes and the charges that they reverse: sums by state, uncovered lines, exports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from decimal import Decimal

from billing_recon.core.figures import amount
from billing_recon.day.credit_notes import CreditLine
from billing_recon.report.exports import rows_csv, rows_json, text
from billing_recon.report.terminal import Col, Table, table_of

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
    """The lines that earlier charges do not cover completely, the largest amount first."""
    columns = (
        Col("credit note", lambda line: line.invoice_id),
        Col("line", lambda line: line.line_id, spare=True),
        Col("customer", lambda line: line.customer_id, spare=True),
        Col("product", lambda line: line.meter or "", spare=True),
        Col("issued on", lambda line: str(line.issued_on)),
        Col("units", lambda line: text(line.quantity) or "", right=True),
        Col("of them charged", lambda line: text(line.covered_quantity) or "", right=True),
        Col("unit price", lambda line: text(line.unit_price) or "", right=True),
        Col("uncovered", lambda line: f"{amount(line.uncovered, line.currency)} {line.currency}", right=True),
    )
    left = [line for line in lines if line.state != "covered"]
    left.sort(key=lambda one: (-abs(one.uncovered), one.invoice_id, one.line_id))
    return table_of(left[:limit], columns, "Not covered by an earlier charge")


def as_csv(lines: Iterable[CreditLine]) -> str:
    """Every line; the charges that it reverses as JSON."""
    return rows_csv(map(_record, lines), _COLUMNS)


def as_json(lines: Iterable[CreditLine]) -> str:
    """One object per line."""
    return rows_json(map(_record, lines), _COLUMNS, ("charges",), ensure_ascii=False)


def _record(line: CreditLine) -> dict[str, str | None]:
    row = {
        name: text(getattr(line, name), line.currency if name in _AMOUNTS else None)
        for name in _COLUMNS
        if name != "charges"
    }
    charges = [{one.name: text(getattr(charge, one.name)) for one in fields(charge)} for charge in line.charges]
    return row | {"charges": json.dumps(charges, ensure_ascii=False)}


EXPORTS: dict[str, Callable[[Iterable[CreditLine]], str]] = {"csv": as_csv, "json": as_json}
