"""Bank statements as rows of payments: one module per format. What the rows mean is declared in statement_rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.feeds.statements.statement_rows import COLUMNS, DEFAULT_COLUMNS, DEFAULT_WHERE, Entry, Remark
from billing_recon.feeds.tables.archive import what_it_is

__all__ = ["COLUMNS", "DEFAULT_COLUMNS", "DEFAULT_WHERE", "Entry", "Remark", "read", "recognise"]

_HEAD_BYTES = 1 << 16


def recognise(head: bytes) -> str | None:
    """Return the format of a bank statement by its first bytes; None for anything else."""
    from billing_recon.feeds.statements import camt, mt940  # here: a company without statements loads no XML library

    if camt.recognise(head):
        return "camt053"
    return "mt940" if mt940.recognise(head) else None


def read(name: str, path: Path, form: str, encoding: str | None) -> Iterator[Entry | Remark]:
    """Yield the entries of a statement in file order, and remarks on what its totals do not prove.

    Raise LandingRefused if it is cut off or another message. `encoding` is that of MT940 if it is declared.
    """
    from billing_recon.feeds.statements import camt, mt940, saft_payments

    if form == saft_payments.FORM:
        return saft_payments.read(name, path)
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    found = recognise(head)
    if found is None or form not in (found, "statement"):
        wanted = "a camt.053 or MT940 statement" if form == "statement" else form
        raise LandingRefused(
            f"{name}: it is {found or what_it_is(head) or 'no bank statement that is read'}, not {wanted}; correct the feed's format"
        )
    return camt.read(name, path) if found == "camt053" else mt940.read(name, path, encoding)
