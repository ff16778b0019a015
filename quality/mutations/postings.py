"""Edits of the ledger only: engine, document and bank have the correct bill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from quality.mutations.books import ZERO, Bill, Books, Row, amount_of
from quality.mutations.finding import Finding, Findings, anywhere, on_invoice

PAIR = "billed_booked"


def _entry(bill: Bill, role: str) -> Row | None:
    found = [row for row in bill.posted if row["role"] == role]
    return found[0] if len(found) == 1 else None


def _raise(bill: Bill, role: str, by: Decimal) -> None:
    row = _entry(bill, role)
    assert row is not None
    side = "debit" if amount_of(row, "debit") else "credit"
    row[side] = bill.say(amount_of(row, side) + by)


def never_booked(books: Books, bill: Bill) -> Findings:
    """No journal of the invoice."""
    if not (known := bill.after("ledger_lag_days")):
        return None
    bill.drop("l")
    return [on_invoice("LEDGER_MISSING", bill, -bill.total, pair=PAIR, day=known)]


def booked_twice(books: Books, bill: Bill) -> Findings:
    """The journal is posted again under another number."""
    _again(books, bill, ZERO)
    return [on_invoice("LEDGER_DUPLICATE", bill, bill.total, pair=PAIR)]


def booked_twice_a_cent_apart(books: Books, bill: Bill) -> Findings:
    """A second journal of the invoice, a cent more on both sides."""
    _again(books, bill, bill.unit)
    return [on_invoice("LEDGER_DUPLICATE", bill, bill.total + bill.unit, pair=PAIR)]


def _again(books: Books, bill: Bill, more: Decimal) -> None:
    journal = books.new_name(bill.posted[0]["journal_id"])
    for number, row in enumerate(list(bill.posted), 1):
        copy = {**row, "journal_id": journal, "entry_id": f"{journal}/{number}"}
        if row["role"] in ("ar", "revenue"):
            side = "debit" if amount_of(row, "debit") else "credit"
            copy[side] = bill.say(amount_of(row, side) + more)
        books.tables["ledger_entries"].append(copy)


def booked_with_digits_swapped(books: Books, bill: Bill) -> Findings:
    """Receivable and revenue are 27 units more: digits swapped by hand, and the journal balances."""
    if not _entry(bill, "ar") or not _entry(bill, "revenue"):
        return None
    for role in ("ar", "revenue"):
        _raise(bill, role, 27 * bill.unit)
    return [on_invoice("LEDGER_AMOUNT", bill, 27 * bill.unit, pair=PAIR)]


def out_of_balance(books: Books, bill: Bill) -> Findings:
    """Only the receivable is 5.00 more, so the journal does not balance."""
    if not _entry(bill, "ar"):
        return None
    _raise(bill, "ar", 500 * bill.unit)
    return [on_invoice("LEDGER_AMOUNT", bill, 500 * bill.unit, pair=PAIR)]


def tax_booked_as_revenue(books: Books, bill: Bill) -> Findings:
    """The tax is booked to revenue."""
    row = _entry(bill, "tax_payable")
    if row is None:
        return None
    row["role"], row["account"] = "revenue", "4000"
    return [on_invoice("LEDGER_ACCOUNT", bill, ZERO, pair=PAIR)]


def receivable_of_another(books: Books, bill: Bill) -> Findings:
    """The receivable is booked to another customer."""
    other = next(o for o in books.bills if o.customer != bill.customer)
    for row in bill.posted:
        row["customer_id"] = other.customer
    return [on_invoice("LEDGER_ACCOUNT", bill, ZERO, pair=PAIR)]


def booked_into_last_month(books: Books, bill: Bill) -> Findings:
    """The journal is dated the last day of the month before."""
    before = bill.day.replace(day=1) - timedelta(days=1)
    if before < books.first - timedelta(days=20):
        return None
    for row in bill.posted:
        row["posted_on"] = str(before)
    return [on_invoice("LEDGER_PERIOD", bill, ZERO, pair=PAIR)]


def booked_over_the_months_edge(books: Books, bill: Bill) -> Findings:
    """Issued on the month's last day, booked on the first of the next: revenue of another month,
    unless the lag that the policy allows is taken to cover it."""
    edge = bill.day + timedelta(days=1)
    if edge.day != 1 or edge > books.last:
        return None
    for row in bill.posted:
        row["posted_on"] = row["_day"] = str(edge)
    return [on_invoice("LEDGER_PERIOD", bill, ZERO, pair=PAIR, required=False)]


def booked_a_day_later(books: Books, bill: Bill) -> Findings:
    """Booked the next day, in the same month and within the lag: nothing to tell."""
    later = bill.day + timedelta(days=1)
    if later.day == 1 or later > books.last or books.windows["ledger_lag_days"] < 1:
        return None
    for row in bill.posted:
        row["posted_on"] = row["_day"] = str(later)
    return []


def _without_tax(bill: Bill) -> tuple[Row, Row, Decimal] | None:
    """The receivable, which the tax is taken off, the entry of the tax and its amount."""
    ar, tax = _entry(bill, "ar"), _entry(bill, "tax_payable")
    if ar is None or tax is None:
        return None
    amount = amount_of(tax, "credit")
    ar["debit"] = bill.say(amount_of(ar, "debit") - amount)
    return ar, tax, amount


def two_journals(books: Books, bill: Bill) -> Findings:
    """The net in one journal, the tax in another: together they are the invoice, and nothing is to tell."""
    parted = _without_tax(bill)
    if parted is None:
        return None
    ar, tax, amount = parted
    other = books.new_name(ar["journal_id"])
    books.tables["ledger_entries"].append(
        {**ar, "journal_id": other, "entry_id": f"{other}/1", "debit": bill.say(amount), "credit": bill.say(ZERO)}
    )
    tax["journal_id"], tax["entry_id"] = other, f"{other}/2"
    return []


def two_journals_one_lost(books: Books, bill: Bill) -> Findings:
    """The net in one journal; the one of the tax is lost."""
    parted = _without_tax(bill)
    if parted is None:
        return None
    _, tax, amount = parted
    books.remove("ledger_entries", [tax])
    return [on_invoice("LEDGER_AMOUNT", bill, -amount, pair=PAIR)]


def one_journal_for_two(books: Books, bill: Bill) -> Findings:
    """Two invoices of a day in one journal, each entry naming its own: no finding."""
    other = books.take(lambda o: o is not bill and o.day == bill.day)
    if other is None:
        return None
    journal = bill.posted[0]["journal_id"]
    for number, row in enumerate(other.posted, 1):
        row["journal_id"], row["entry_id"] = journal, f"{journal}/x{number}"
    return []


def one_sum_for_two(books: Books, bill: Bill) -> Findings:
    """Two invoices of a day and currency in one journal of sums that names neither: no finding."""
    other = _mate(books, bill)
    if other is None:
        return None
    _summed(books, bill, other, ZERO)
    return []


def _mate(books: Books, bill: Bill) -> Bill | None:
    """Another bill of the day and currency, where no third one could be meant."""
    if sum(o.day == bill.day and o.currency == bill.currency for o in books.bills) != 2:
        return None
    return books.take(lambda o: o is not bill and o.day == bill.day and o.currency == bill.currency)


def _summed(books: Books, bill: Bill, other: Bill, more: Decimal) -> None:
    journal = books.new_name(bill.posted[0]["journal_id"])
    sums: dict[str, Decimal] = {}
    like = {row["role"]: row for row in (*other.posted, *bill.posted)}
    for row in (*bill.posted, *other.posted):
        sums[row["role"]] = sums.get(row["role"], ZERO) + amount_of(row, "debit") - amount_of(row, "credit")
    books.remove("ledger_entries", [*bill.posted, *other.posted])
    for role, debit in sums.items():
        row = {**like[role], "journal_id": journal, "entry_id": f"{journal}/{role}", "memo": "Daily invoices"}
        row |= {"invoice_id": "", "customer_id": ""}
        debit += more if role == "ar" else -more if role == "revenue" else ZERO
        row |= {"debit": bill.say(max(debit, ZERO)), "credit": bill.say(max(-debit, ZERO))}
        books.tables["ledger_entries"].append(row)


def booked_in_other_money(books: Books, bill: Bill) -> Findings:
    """The journal has the invoice's figures in another currency."""
    other = {"EUR": "USD", "USD": "EUR"}.get(bill.currency)
    if not other:
        return None
    for row in bill.posted:
        row["currency"] = other
    return [
        on_invoice("CURRENCY_FX", bill, -bill.total, pair=PAIR),
        anywhere("CURRENCY_FX", bill, bill.total, PAIR),
    ]


def sides_swapped(books: Books, bill: Bill) -> Findings:
    """Debit for credit in the whole journal."""
    for row in bill.posted:
        row["debit"], row["credit"] = row["credit"], row["debit"]
    return [on_invoice("LEDGER_AMOUNT|REVERSAL_NOT_PROPAGATED", bill, -2 * bill.total, pair=PAIR)]


def taken_back_without_reason(books: Books, bill: Bill) -> Findings:
    """A full reversal in the ledger of an invoice that is still owed and paid."""
    journal = books.new_name(bill.posted[0]["journal_id"])
    for number, row in enumerate(list(bill.posted), 1):
        turned = {"debit": row["credit"], "credit": row["debit"], "entry_id": f"{journal}/{number}"}
        books.tables["ledger_entries"].append({**row, **turned, "journal_id": journal, "memo": "Storno"})
    return [on_invoice("LEDGER_AMOUNT|LEDGER_MISSING", bill, -bill.total, pair=PAIR)]


def swapped_in_the_books(books: Books, bill: Bill) -> Findings:
    """Two invoices of a currency carry each other's journal."""
    other = books.take(lambda o: o.day == bill.day and o.currency == bill.currency and o.total != bill.total)
    if other is None:
        return None
    for row in bill.posted:
        row["invoice_id"], row["memo"] = other.name, ""
    for row in other.posted:
        row["invoice_id"], row["memo"] = bill.name, ""
    return [
        on_invoice("LEDGER_AMOUNT", bill, other.total - bill.total, pair=PAIR),
        on_invoice("LEDGER_AMOUNT", other, bill.total - other.total, pair=PAIR),
    ]


def unreadable_receivable(books: Books, bill: Bill) -> Findings:
    """The amount of the receivable's entry is no number."""
    row = _entry(bill, "ar")
    if row is None:
        return None
    row["debit"] = "n/a"
    return [on_invoice("RECORD_QUARANTINED", bill, -bill.total, pair=PAIR)]


def in_finer_figures(books: Books, bill: Bill) -> Findings:
    """More zeros behind the point, the entries in another order: nothing to tell."""
    for row in bill.posted:
        for side in ("debit", "credit"):
            row[side] = f"{amount_of(row, side):.6f}"
    books.remove("ledger_entries", bill.posted)
    books.tables["ledger_entries"] += list(reversed(bill.posted))
    return []


def days_later(books: Books, bill: Bill) -> Findings:
    """Booked two days after the lag in the same month: missing at first, complete when it arrives."""
    known = bill.after("ledger_lag_days")
    if known is None or (late := known + timedelta(days=2)) > books.last or late.month != bill.day.month:
        return None
    for row in bill.posted:
        row["posted_on"] = row["_day"] = str(late)
    for row in bill.settled:
        row["_day"] = str(max(late, date.fromisoformat(row["_day"])))
    return [on_invoice("LEDGER_MISSING", bill, -bill.total, pair=PAIR, day=known)]


def one_sum_for_two_off(books: Books, bill: Bill) -> Findings:
    """One journal of sums for two invoices that is 3.00 more than they are."""
    other = _mate(books, bill)
    if other is None:
        return None
    _summed(books, bill, other, 300 * bill.unit)
    return [Finding(("LEDGER_AMOUNT",), PAIR, "", "", "*", 300 * bill.unit)]


def unreadable_revenue(books: Books, bill: Bill) -> Findings:
    """The amount of the revenue's entry is no number; the receivable is right, and the journal only seems out of balance."""
    row = _entry(bill, "revenue")
    if row is None:
        return None
    row["credit"] = "n/a"
    return [on_invoice("RECORD_QUARANTINED", bill, ZERO, pair=PAIR)]


POSTINGS: tuple[Callable[[Books, Bill], Findings], ...] = (
    booked_over_the_months_edge,
    one_sum_for_two,
    one_journal_for_two,
    swapped_in_the_books,
    never_booked,
    booked_twice,
    booked_twice_a_cent_apart,
    booked_with_digits_swapped,
    out_of_balance,
    tax_booked_as_revenue,
    receivable_of_another,
    booked_into_last_month,
    booked_a_day_later,
    two_journals,
    two_journals_one_lost,
    booked_in_other_money,
    sides_swapped,
    taken_back_without_reason,
    unreadable_receivable,
    in_finer_figures,
    days_later,
    one_sum_for_two_off,
    unreadable_revenue,
)
