"""Edits of names: layers that call things otherwise, with and without a fault behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from quality.mutations.books import Bill, Books, Row
from quality.mutations.charges import one_seat_more
from quality.mutations.finding import Findings
from quality.mutations.postings import booked_with_digits_swapped


def _map(books: Books, layer: str, rows: list[Row], ours: str) -> str:
    """A layer's own name for `ours`; the mapping lands on the first day."""
    theirs = books.new_name("WS")
    books.tables["key_map"].append({"layer": layer, "their_key": theirs, "our_key": ours, "_day": str(books.first)})
    return theirs


def workspace_of_an_account(books: Books, bill: Bill) -> Findings:
    """The engine bills a workspace that the map gives to the subscription: nothing to tell."""
    if sum(o.sub == bill.sub for o in books.bills) > 1:
        return None
    theirs = _map(books, "engine", bill.lines, bill.sub)
    for row in bill.lines:
        row["subscription_id"] = theirs
    return []


def workspace_with_a_seat_too_many(books: Books, bill: Bill) -> Findings:
    """A mapped workspace, and a seat too many."""
    if sum(o.sub == bill.sub for o in books.bills) > 1:
        return None
    told = one_seat_more(books, bill)
    if told:
        workspace_of_an_account(books, bill)
    return told


def ledgers_own_number(books: Books, bill: Bill) -> Findings:
    """The ledger has its own number of the invoice, which is mapped: no finding."""
    theirs = _map(books, "ledger", bill.posted, bill.name)
    for row in (*bill.posted, *bill.settled):
        row["invoice_id"] = theirs
        row["memo"] = ""
    return []


def ledgers_own_number_and_amount(books: Books, bill: Bill) -> Findings:
    """The ledger's own number, mapped, and an amount that is wrong."""
    told = booked_with_digits_swapped(books, bill)
    if told:
        ledgers_own_number(books, bill)
    return told


def in_lower_case(books: Books, bill: Bill) -> Findings:
    """The document system writes the number in lower case, which is mapped: no finding."""
    theirs = bill.name.lower()
    if theirs == bill.name:
        return None
    day = str(min(books.first, date.fromisoformat(bill.lines[0]["_day"])))
    books.tables["key_map"].append({"layer": "documents", "their_key": theirs, "our_key": bill.name, "_day": day})
    for row in bill.documents:
        row["invoice_id"] = theirs
    return []


MAPPED: tuple[Callable[[Books, Bill], Findings], ...] = (
    workspace_with_a_seat_too_many,
    workspace_of_an_account,
    ledgers_own_number,
    ledgers_own_number_and_amount,
    in_lower_case,
)
