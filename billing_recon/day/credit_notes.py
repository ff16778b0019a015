"""Credit notes of some days and the earlier charges that they reverse, from everything landed by the last of the days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT, REVERSALS
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP
from billing_recon.day.home import Home
from billing_recon.day.session import open_session, register_landed

_READS = ("mapped_keys", "engine_superseded", "engine_lines")


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of a charge that a credit note reverses."""

    invoice_id: str
    line_id: str
    issued_on: date
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of a credit note. `state` is covered, partly or uncovered; `covered` + `uncovered` = `credited`, before tax."""

    invoice_id: str
    line_id: str
    customer_id: str
    meter: str | None
    unit_price: Decimal | None
    currency: str
    issued_on: date
    quantity: Decimal | None
    covered_quantity: Decimal
    state: str
    credited: Decimal
    covered: Decimal
    uncovered: Decimal
    charges: tuple[Taken, ...]


def credit_lines(home: Home, first: date, last: date) -> Sequence[CreditLine]:
    """Lines of credit notes issued from `first` to `last`, sorted by day, credit note and line.

    All charges and credit notes landed by `last` count, so each unit is reversed once whichever days are asked for.
    ConfigurationError if no invoice line was landed by then.
    """
    known = [day for day in home.warehouse.days(INVOICE_LINES.name) if day <= last]
    if not known:
        raise ConfigurationError(f"no invoice lines of {home.path} were landed by {last}; run the days first")
    with open_session(home, last) as con:
        for spec in (INVOICE_LINES, KEY_MAP):
            register_landed(con, home, spec, last, (last - known[0]).days)
        build(con, [relation for relation in ENGINE_OUTPUT if relation.name in _READS])
        build(con, REVERSALS)
        names = tuple(CreditLine.__dataclass_fields__)
        rows = con.execute(
            f"SELECT {', '.join(names)} FROM credit_coverage WHERE issued_on BETWEEN ? AND ? "
            "ORDER BY issued_on, invoice_id, line_id",
            [first, last],
        ).fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [CreditLine(**row | {"charges": tuple(Taken(**one) for one in row["charges"] or ())}) for row in found]
