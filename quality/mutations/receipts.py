"""Edits of payments and their journals only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from quality.mutations.books import Bill, Books, Row, amount_of
from quality.mutations.finding import Finding, Findings, anywhere, on_invoice

PAIR = "billed_paid"


def _told(codes: str, bill: Bill, delta: Decimal) -> Finding:
    return on_invoice(codes, bill, delta, pair=PAIR)


def _settled_by(bill: Bill, amount: Decimal) -> None:
    for row in bill.settled:
        side = "debit" if amount_of(row, "debit") else "credit"
        row[side] = bill.say(amount)


def _again(books: Books, bill: Bill, amount: Decimal, *, days: int = 0, **changed: str) -> Row:
    """Another payment like the invoice's, with its own journal."""
    first = bill.succeeded[0]
    name = books.new_name(first["payment_id"])
    at = datetime.fromisoformat(first["processed_at"].replace("Z", "+00:00")) + timedelta(days=days, minutes=7)
    day = str(max(at.date(), date.fromisoformat(first["_day"]) + timedelta(days=days)))
    moved = {"processed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "_day": day}
    row = {**first, "payment_id": name, "amount": bill.say(amount), **moved, **changed}
    books.tables["payments"].append(row)
    for number, entry in enumerate(bill.settled, 1):
        side = "debit" if amount_of(entry, "debit") else "credit"
        copy = {**entry, "journal_id": f"J{name}", "entry_id": f"J{name}/{number}", "posted_on": day, "_day": day}
        books.tables["ledger_entries"].append({**copy, side: bill.say(amount)})
    return row


def never_paid(books: Books, bill: Bill) -> Findings:
    """No attempt to collect, to the end of its terms."""
    if not (known := bill.after("payment_terms_days")):
        return None
    bill.drop("p")
    return [on_invoice("PAYMENT_MISSING", bill, -bill.total, pair=PAIR, day=known)]


def paid_twice(books: Books, bill: Bill) -> Findings:
    """The same amount is collected again seven minutes later."""
    if not bill.judged:
        return None
    _again(books, bill, bill.total)
    return [_told("PAYMENT_DUPLICATE", bill, bill.total)]


def paid_twice_a_cent_apart(books: Books, bill: Bill) -> Findings:
    """A cent more than the invoice is collected again three days later."""
    if not bill.judged:
        return None
    _again(books, bill, bill.total + bill.unit, days=3)
    return [_told("PAYMENT_DUPLICATE|PAYMENT_AMOUNT", bill, bill.total + bill.unit)]


def paid_short(books: Books, bill: Bill) -> Findings:
    """The bank has 1.11 less, and the ledger has what the bank has."""
    if not bill.judged or bill.total < 200 * bill.unit:
        return None
    amount = bill.total - 111 * bill.unit
    bill.succeeded[0]["amount"] = bill.say(amount)
    _settled_by(bill, amount)
    return [_told("PAYMENT_AMOUNT", bill, -111 * bill.unit)]


def paid_a_cent_more(books: Books, bill: Bill) -> Findings:
    """A cent too much is collected."""
    if not bill.judged:
        return None
    bill.succeeded[0]["amount"] = bill.say(bill.total + bill.unit)
    _settled_by(bill, bill.total + bill.unit)
    return [_told("PAYMENT_AMOUNT", bill, bill.unit)]


def paid_in_three(books: Books, bill: Bill) -> Findings:
    """Three payments of three days that are the invoice together: nothing to tell."""
    return _split(books, bill, 3)


def paid_in_three_one_lost(books: Books, bill: Bill) -> Findings:
    """Three payments were due and the second one is missing."""
    return _split(books, bill, 2)


def _split(books: Books, bill: Bill, parts: int) -> Findings:
    if not bill.judged or bill.total < 300 * bill.unit or books.windows["payment_settle_days"] < 2:
        return None
    third = bill.settle(bill.total / 3)
    bill.succeeded[0]["amount"] = bill.say(third)
    _settled_by(bill, third)
    rest = bill.total - 2 * third
    if parts == 3:
        _again(books, bill, third, days=1)
    _again(books, bill, rest, days=2)
    return [] if parts == 3 else [_told("PAYMENT_AMOUNT", bill, -third)]


def by_another_customer(books: Books, bill: Bill) -> Findings:
    """The payment is entered for another customer, with the right invoice."""
    other = next(o for o in books.bills if o.customer != bill.customer)
    if not bill.judged:
        return None
    bill.succeeded[0]["customer_id"] = other.customer
    return [_told("PAYMENT_MISAPPLIED", bill, Decimal(0))]


def swapped_at_the_bank(books: Books, bill: Bill) -> Findings:
    """Two customers' payments name each other's invoice."""
    if not bill.judged:
        return None
    other = books.take(
        lambda o: (
            o.day == bill.day
            and o.judged
            and o.currency == bill.currency
            and o.total != bill.total
            and o.customer != bill.customer
        )
    )
    if other is None:
        return None
    for one, two in ((bill, other), (other, bill)):
        for row in (*one.payments, *one.settled):
            row["invoice_id"] = two.name
    return [
        _told("PAYMENT_MISAPPLIED", bill, other.total - bill.total),
        _told("PAYMENT_MISAPPLIED", other, bill.total - other.total),
    ]


def in_other_money(books: Books, bill: Bill) -> Findings:
    """Paid with the same figures in another currency."""
    other = {"EUR": "USD", "USD": "EUR"}.get(bill.currency)
    if not other or not bill.judged:
        return None
    for row in (*bill.payments, *bill.settled):
        row["currency"] = other
    return [_told("CURRENCY_FX", bill, -bill.total), anywhere("CURRENCY_FX", bill, bill.total, PAIR)]


def given_back(books: Books, bill: Bill) -> Findings:
    """The payment is refunded two days later, without a credit note."""
    if not bill.judged:
        return None
    _back(books, bill, bill.total, "refund")
    return [_told("REFUND_DISPUTE", bill, -bill.total)]


def charged_back_in_part(books: Books, bill: Bill) -> Findings:
    """The bank reverses two units of money a day later."""
    if not bill.judged or bill.total < 400 * bill.unit:
        return None
    _back(books, bill, 200 * bill.unit, "chargeback")
    return [_told("REFUND_DISPUTE", bill, -200 * bill.unit)]


def _back(books: Books, bill: Bill, amount: Decimal, kind: str) -> None:
    first = bill.succeeded[0]
    name = books.new_name(first["payment_id"])
    at = datetime.fromisoformat(first["processed_at"].replace("Z", "+00:00")) + timedelta(days=1)
    day = str(date.fromisoformat(first["_day"]) + timedelta(days=1))
    row = {**first, "payment_id": name, "kind": kind, "amount": bill.say(amount), "_day": day, "fee": ""}
    books.tables["payments"].append(row | {"processed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
    for number, entry in enumerate(bill.settled, 1):
        copy = {**entry, "journal_id": f"J{name}", "entry_id": f"J{name}/{number}", "posted_on": day, "_day": day}
        turned = {
            "debit": bill.say(amount if amount_of(entry, "credit") else Decimal(0)),
            "credit": bill.say(amount if amount_of(entry, "debit") else Decimal(0)),
        }
        books.tables["ledger_entries"].append({**copy, **turned, "role": "refund" if entry["role"] == "ar" else "cash"})


def for_an_unknown_invoice(books: Books, bill: Bill) -> Findings:
    """The payment names an invoice that does not exist."""
    name = books.new_name("INVOICE")
    known = bill.after("payment_terms_days")
    if known is None:
        return None
    for row in (*bill.payments, *bill.settled):
        row["invoice_id"] = name
    misapplied = Finding(("PAYMENT_MISAPPLIED", "KEY_UNMAPPED"), PAIR, name, "", "*", bill.total)
    return [misapplied, _told("PAYMENT_MISSING|PAYMENT_MISAPPLIED", bill, -bill.total)]


def failed_first(books: Books, bill: Bill) -> Findings:
    """Two attempts fail before the one that succeeds: nothing to tell."""
    first = bill.succeeded[0]
    for minutes in (20, 40):
        at = datetime.fromisoformat(first["processed_at"].replace("Z", "+00:00")) - timedelta(minutes=minutes)
        if str(at.date()) != first["_day"]:
            return None
        name = books.new_name(first["payment_id"])
        books.tables["payments"].append(
            {**first, "payment_id": name, "status": "failed", "processed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
    return []


def unreadable_payment(books: Books, bill: Bill) -> Findings:
    """The amount of the only payment is no number."""
    if not (known := bill.after("payment_terms_days")) or len(bill.payments) > 1:
        return None
    bill.succeeded[0]["amount"] = "paid"
    return [on_invoice("RECORD_QUARANTINED", bill, -bill.total, pair=PAIR, day=known)]


def without_a_name(books: Books, bill: Bill) -> Findings:
    """The payment names no invoice, its journal neither; amount, customer and days leave one: nothing to tell."""
    if sum(o.customer == bill.customer for o in books.bills) > 1:
        return None
    for row in (*bill.succeeded, *bill.settled):
        row["invoice_id"] = ""
        if "memo" in row:
            row["memo"] = "Transfer"
    return []


def charged_back_and_paid_again(books: Books, bill: Bill) -> Findings:
    """The bank takes all of it back and the customer pays again, within the days to settle: nothing to tell."""
    if not bill.judged or books.windows["payment_settle_days"] < 2:
        return None
    _back(books, bill, bill.total, "chargeback")
    _again(books, bill, bill.total, days=2)
    return []


def paid_before_it_was_issued(books: Books, bill: Bill) -> Findings:
    """The customer pays the day before the bill is issued, naming it: nothing to tell."""
    day = bill.day - timedelta(days=1)
    if day < books.first or not bill.judged or len(bill.payments) > 1 or books.windows["payment_settle_days"] < 1:
        return None
    for row in (*bill.payments, *bill.settled):
        row["_day"] = str(day)
        for column in ("processed_at", "posted_on"):
            if row.get(column):
                row[column] = str(day) + row[column][10:]
    return []


RECEIPTS: tuple[Callable[[Books, Bill], Findings], ...] = (
    never_paid,
    unreadable_payment,
    for_an_unknown_invoice,
    paid_twice,
    paid_twice_a_cent_apart,
    paid_short,
    paid_a_cent_more,
    paid_in_three,
    paid_in_three_one_lost,
    by_another_customer,
    swapped_at_the_bank,
    in_other_money,
    given_back,
    charged_back_in_part,
    failed_first,
    without_a_name,
    charged_back_and_paid_again,
    paid_before_it_was_issued,
)
