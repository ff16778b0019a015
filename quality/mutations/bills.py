"""Edits of whole bills: their existence, customer and days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from quality.mutations.books import DATES, INSTANTS, Bill, Books, amount_of
from quality.mutations.finding import Findings, anywhere, on_invoice, on_line


def alone(books: Books, bill: Bill) -> bool:
    """Its subscription has no other bill."""
    return sum(other.sub == bill.sub for other in books.bills) == 1


def never_billed(books: Books, bill: Bill) -> Findings:
    """A bill is in no layer."""
    known = bill.after("issue_grace_days")
    if not known or sum(o.sub == bill.sub and o.day == bill.day for o in books.bills) > 1:
        return None
    bill.drop("edlp")
    return [on_invoice("INVOICE_MISSING", bill, -bill.total, name="", day=known)]


def billed_twice(books: Books, bill: Bill) -> Findings:
    """A retry bills the period again the next day, with another number in every layer."""
    if bill.day >= books.last:
        return None
    again = bill.copy(days=1)
    return [on_invoice("INVOICE_DUPLICATE", again, bill.total, day=again.day)]


def billed_twice_a_cent_apart(books: Books, bill: Bill) -> Findings:
    """The same period again two days later, and a cent dearer: a second bill, not a new one."""
    if bill.day + timedelta(days=2) > books.last or any(r["kind"] in ("credit", "discount") for r in bill.lines):
        return None
    again = bill.copy(days=2)
    row = again.lines[0]
    for name in ("gross", "taxable", "total"):
        row[name] = again.say(amount_of(row, name) + again.unit)
    again.follow()
    return [on_invoice("INVOICE_DUPLICATE", again, again.total, day=again.day)]


def billed_twice_the_same_day(books: Books, bill: Bill) -> Findings:
    """The same period on two numbers of one day."""
    again = bill.copy()
    for row in again.lines:
        row["calculated_at"] = row["calculated_at"].replace("T23:", "T23:").replace(":00Z", ":30Z")
    return [on_invoice("INVOICE_DUPLICATE", again, bill.total, day=again.day)]


def charged_to_a_stranger(books: Books, bill: Bill) -> Findings:
    """A copy of the bill for an account that no contract knows."""
    ghost = bill.copy()
    for row in ghost.lines:
        row["subscription_id"] = "ACC-7781"
    return [on_invoice("KEY_UNMAPPED", ghost, bill.total)]


def long_before_the_contract(books: Books, bill: Bill) -> Findings:
    """A bill for a month six years before the contract began."""
    if any(r["kind"] in ("credit", "discount", "minimum", "proration") for r in bill.lines):
        return None
    ghost = bill.copy()
    for row in ghost.lines:
        for name in ("period_start", "period_end"):
            row[name] = str(date.fromisoformat(row[name]) - timedelta(days=2191))
    return [on_invoice("INVOICE_UNEXPECTED", ghost, bill.total)]


def a_day_off(books: Books, bill: Bill) -> Findings:
    """The right charges for a period dated a day late."""
    if any(r["kind"] == "proration" for r in bill.lines):
        return None
    for row in bill.lines:
        for name in ("period_start", "period_end"):
            row[name] = str(date.fromisoformat(row[name]) + timedelta(days=1))
    return [on_invoice("INVOICE_PERIOD", bill, Decimal(0))]


def issued_a_day_early(books: Books, bill: Bill) -> Findings:
    """Issued, printed, booked and paid a day before it was due, after its period: no finding."""
    first = min(date.fromisoformat(r["_day"]) for r in (*bill.lines, *bill.documents, *bill.posted))
    if first <= books.first:
        return None
    _move(bill, -1)
    return []


def issued_four_days_late(books: Books, bill: Bill) -> Findings:
    """Every layer is four days late, beyond the grace period: missing at first, complete when it arrives."""
    known = bill.after("issue_grace_days")
    if not known or bill.day + timedelta(days=4) > books.last:
        return None
    if sum(o.sub == bill.sub and o.day == bill.day for o in books.bills) > 1:
        return None
    _move(bill, 4)
    return [on_invoice("INVOICE_MISSING", bill, -bill.total, name="", day=known)]


def _move(bill: Bill, days: int) -> None:
    for row in (*bill.lines, *bill.documents, *bill.printed, *bill.posted, *bill.settled, *bill.payments):
        for column in ("_day", *DATES):
            if row.get(column):
                row[column] = str(date.fromisoformat(row[column]) + timedelta(days=days))
        for column in INSTANTS:
            if row.get(column):
                row[column] = str(date.fromisoformat(row[column][:10]) + timedelta(days=days)) + row[column][10:]


def lost_by_the_engine_alone(books: Books, bill: Bill) -> Findings:
    """Sent, booked and paid, and the engine's output does not have it."""
    known = bill.after("issue_grace_days")
    if not known or not alone(books, bill):
        return None
    bill.drop("e")
    return [
        on_invoice("INVOICE_MISSING", bill, -bill.total, name="", day=known),
        anywhere("KEY_UNMAPPED|RENDER_VALUE|INVOICE_MISSING", bill, bill.total, "billed_rendered", required=False),
        anywhere("KEY_UNMAPPED|LEDGER_AMOUNT|INVOICE_MISSING", bill, bill.total, "billed_booked", required=False),
        anywhere("KEY_UNMAPPED|PAYMENT_MISAPPLIED|INVOICE_MISSING", bill, bill.total, "billed_paid", required=False),
    ]


def unreadable_line(books: Books, bill: Bill) -> Findings:
    """A line is dated the 31st of February; every other layer has the bill."""
    for row in bill.lines[1:]:
        if row["kind"] in ("subscription", "usage") and amount_of(row, "total"):
            delta = -amount_of(row, "total")
            row["period_end"] = "2026-02-31"
            return [on_invoice("RECORD_QUARANTINED", bill, delta)]
    return None


def void_and_reissued(books: Books, bill: Bill) -> Findings:
    """Voided, reversed in the ledger, and issued again on the same day under another number: no finding."""
    again = bill.copy()
    _void(books, bill, reverse=True)
    assert again.total == bill.total
    return []


def void_and_reissued_dearer(books: Books, bill: Bill) -> Findings:
    """The reissued bill has a price that is not in the contract."""
    if any(r["kind"] in ("credit", "discount", "minimum") for r in bill.lines):
        return None
    again = bill.copy()
    _void(books, bill, reverse=True)
    row = again.lines[0]
    if row["kind"] != "subscription" or amount_of(row, "discount") or not row["unit_price"]:
        return None
    price = Decimal(row["unit_price"]) * 2
    row["unit_price"], row["gross"] = f"{price:f}", again.say(amount_of(row, "gross") * 2)
    delta = again.retax(row)
    again.follow()
    return [on_line("PRICE_VERSION", again, row["line_id"], delta)]


def void_and_still_booked(books: Books, bill: Bill) -> Findings:
    """Voided and reissued, but the first journal remains."""
    bill.copy()
    _void(books, bill, reverse=False)
    return [on_invoice("REVERSAL_NOT_PROPAGATED", bill, bill.total, pair="billed_booked")]


def _void(books: Books, bill: Bill, *, reverse: bool) -> None:
    """The engine's lines are void, document and payment are gone with them, the journal is turned round or stays."""
    for row in bill.lines:
        row["status"] = "void"
    bill.drop("dp")
    if reverse:
        journal = f"{bill.posted[0]['journal_id']}-R"
        for row in list(bill.posted):
            turned = {"debit": row["credit"], "credit": row["debit"], "journal_id": journal}
            turned |= {"entry_id": f"{row['entry_id']}-R", "memo": f"Reversal {bill.name}"}
            books.tables["ledger_entries"].append({**row, **turned})


def left_in_draft(books: Books, bill: Bill) -> Findings:
    """The engine never issued its draft, so nothing follows it."""
    known = bill.after("issue_grace_days")
    if not known or sum(o.sub == bill.sub and o.day == bill.day for o in books.bills) > 1:
        return None
    for row in bill.lines:
        row["status"] = "draft"
    bill.drop("dlp")
    return [on_invoice("INVOICE_MISSING", bill, -bill.total, name="", day=known)]


def for_nobodys_subscription(books: Books, bill: Bill) -> Findings:
    """The lines name no subscription: the bill is for nothing that is known, and the period is not billed."""
    known = bill.after("issue_grace_days")
    if not known or sum(o.sub == bill.sub and o.day == bill.day for o in books.bills) > 1:
        return None
    missing = on_invoice("INVOICE_MISSING", bill, -bill.total, name="", day=known)
    nameless = anywhere("KEY_UNMAPPED", bill, bill.total, "expected_billed")
    for row in bill.lines:
        row["subscription_id"] = ""
    return [missing, nameless]


BILLS: tuple[Callable[[Books, Bill], Findings], ...] = (
    never_billed,
    billed_twice,
    billed_twice_a_cent_apart,
    billed_twice_the_same_day,
    charged_to_a_stranger,
    long_before_the_contract,
    a_day_off,
    issued_a_day_early,
    issued_four_days_late,
    lost_by_the_engine_alone,
    unreadable_line,
    void_and_reissued,
    void_and_reissued_dearer,
    void_and_still_booked,
    left_in_draft,
    for_nobodys_subscription,
)
