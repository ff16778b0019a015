"""An entry of a bank statement, as texts, and how it becomes a payment unless company.yaml says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap
from billing_recon.core.journal import EXACT, ZERO


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement. `amount` has no sign; `sign` is credit or debit as it counts, so a reversed credit is a debit.

    `kind`: payment for a credit; chargeback for a payment that was returned; other for any other debit. `broken` is what is wrong
    if it cannot be read.
    """

    row: int
    entry_id: str = ""
    kind: str = "other"
    sign: str = ""
    amount: str = ""
    currency: str = ""
    status: str = "succeeded"
    booked_on: str | None = None
    value_on: str | None = None
    account: str | None = None
    statement: str | None = None
    bank_reference: str | None = None
    end_to_end_id: str | None = None
    structured_reference: str | None = None
    remittance: str | None = None
    party: str | None = None
    party_account: str | None = None
    code: str | None = None
    broken: str | None = None

    @property
    def signed(self) -> Decimal:
        """The amount with its sign; 0 if it cannot be read."""
        figure = exact(self.amount) or ZERO
        return figure if self.sign == "credit" else figure.copy_negate()

    def texts(self) -> list[str | None]:
        """Return the values of COLUMNS."""
        return [getattr(self, name) for name in COLUMNS]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a statement's totals do not prove, or a part of it that is left out."""

    row: int
    code: str
    sentence: str


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Entry) if field.name not in ("row", "broken"))
DEFAULT_COLUMNS: dict[str, ColumnMap | str] = {
    "payment_id": "entry_id",
    "kind": "kind",
    "customer_id": ColumnMap(sql="coalesce(party_account, party, 'unknown')"),
    "invoice_id": "structured_reference",
    "amount": "amount",
    "currency": "currency",
    "status": "status",
    "processed_at": "booked_on",
}
DEFAULT_WHERE = "kind <> 'other' AND status <> 'information'"
"""Other debits are the company's own payments. They are counted as left out."""


def exact(text: str | None) -> Decimal | None:
    """Return a plain figure without sign, None for anything else."""
    try:
        figure = Decimal(text or "")
    except InvalidOperation:
        return None
    return figure if figure.is_finite() and not figure.is_signed() and len(figure.as_tuple().digits) <= 38 else None


def balance_remark(row: int, statement: str, opening: Decimal, moved: Decimal, closing: Decimal) -> Remark | None:
    """Return a remark if opening balance and entries do not give the closing balance."""
    computed = EXACT.add(opening, moved)
    if computed == closing:
        return None
    return Remark(
        row,
        "ROLL_FORWARD",
        f"statement {statement}: opening balance {opening:f} and booked entries of {moved:f} give {computed:f}, but the closing balance "
        f"is {closing:f}; entries may be missing: ask the bank for the statement again",
    )


class EntryIds:
    """Ids that occur once in a file: a repeated one gets a suffix, as in ledgers."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, wanted: str) -> str:
        """Return the id, with #2 and so on if it occurred before."""
        count = self._seen[wanted] = self._seen.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}#{count}"


class Statements:
    """The statements of a file. One that occurs twice would be paid twice."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: set[tuple[str, ...]] = set()

    def take(self, account: str, number: str, *period: str) -> None:
        """Raise LandingRefused if the account's statement with this number and period was there before."""
        found = (account, number, *period)
        if number and found in self._seen:
            # Imported here: a company without statements loads no XML library.
            from billing_recon.feeds.ledgers.ledger_figures import excerpt

            raise LandingRefused(
                f"{self._name}: holds statement {excerpt(number)} of account {excerpt(account)} twice, so its payments would count twice; "
                "ask the bank for the file again, or remove one of the two"
            )
        self._seen.add(found)
