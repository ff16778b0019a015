"""Edits of documents only: engine, ledger and bank have the correct bill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from quality.mutations.books import Bill, Books, Row, amount_of
from quality.mutations.finding import Finding, Findings, anywhere, on_invoice

PAIR = "billed_rendered"


def _shown(bill: Bill, codes: str, delta: Decimal, line: Row | None = None) -> list[Finding]:
    named = on_invoice(codes, bill, delta, pair=PAIR)
    if line is None:
        return [named]
    return [Finding(named.codes, PAIR, bill.name, line["line_id"], bill.sub, delta)]


def never_sent(books: Books, bill: Bill) -> Findings:
    """No document of the invoice."""
    if not (known := bill.after("render_lag_days")):
        return None
    bill.drop("d")
    return [on_invoice("RENDER_MISSING", bill, -bill.total, pair=PAIR, day=known)]


def sent_twice(books: Books, bill: Bill) -> Findings:
    """A second document of one invoice, with the same content."""
    _second(books, bill, Decimal(0))
    return _shown(bill, "RENDER_DUPLICATE", bill.total)


def sent_twice_a_cent_apart(books: Books, bill: Bill) -> Findings:
    """A second document of one invoice that asks for a cent more."""
    second = _second(books, bill, bill.unit)
    return _shown(bill, "RENDER_DUPLICATE", amount_of(second, "payable"))


def _second(books: Books, bill: Bill, more: Decimal) -> Row:
    first = bill.documents[0]
    name = books.new_name(first["document_id"])
    second = {**first, "document_id": name, "sent_at": first["sent_at"].replace(":00Z", ":50Z")}
    for column in ("subtotal", "total", "payable"):
        second[column] = bill.say(amount_of(first, column) + more)
    books.tables["rendered_invoices"].append(second)
    copied = [{**row, "document_id": name} for row in bill.printed]
    copied[0]["amount"] = bill.say(amount_of(copied[0], "amount") + more)
    books.tables["rendered_lines"] += copied
    return second


def a_cent_more_at_the_bottom(books: Books, bill: Bill) -> Findings:
    """Total and payable of a document are a cent more than its lines."""
    for column in ("total", "payable"):
        bill.documents[0][column] = bill.say(amount_of(bill.documents[0], column) + bill.unit)
    return _shown(bill, "RENDER_VALUE", bill.unit)


def payable_alone(books: Books, bill: Bill) -> Findings:
    """Only the amount to pay is wrong, 100 units less."""
    delta = -100 * bill.unit
    if bill.total + delta <= 0:
        return None
    bill.documents[0]["payable"] = bill.say(amount_of(bill.documents[0], "payable") + delta)
    return _shown(bill, "RENDER_VALUE", delta)


def a_line_dearer_on_paper(books: Books, bill: Bill) -> Findings:
    """One line and the document's sums say 2.50 more."""
    more = 250 * bill.unit
    row = next((r for r in bill.printed if amount_of(r, "amount") > 0), None)
    if row is None:
        return None
    row["amount"] = bill.say(amount_of(row, "amount") + more)
    for column in ("subtotal", "total", "payable"):
        bill.documents[0][column] = bill.say(amount_of(bill.documents[0], column) + more)
    return _shown(bill, "RENDER_VALUE", more, row)


def a_line_not_printed(books: Books, bill: Bill) -> Findings:
    """A line is not printed, and the sums leave out the line and its tax."""
    lines = {r["line_id"]: r for r in bill.lines if r["kind"] in ("usage", "subscription") and amount_of(r, "total")}
    row = next((r for r in bill.printed if r["line_id"] in lines), None)
    if row is None or len(bill.printed) < 2:
        return None
    line = lines[row["line_id"]]
    books.remove("rendered_lines", [row])
    header = bill.documents[0]
    less = {"subtotal": "gross", "discount": "discount", "tax": "tax", "total": "total", "payable": "total"}
    for column, of in less.items():
        header[column] = bill.say(amount_of(header, column) - amount_of(line, of))
    return _shown(bill, "RENDER_VALUE", -amount_of(line, "total"), row)


def documents_swapped(books: Books, bill: Bill) -> Findings:
    """Two invoices of one currency carry each other's document."""
    other = books.take(
        lambda o: (
            o.day == bill.day and o.currency == bill.currency and o.total != bill.total and o.customer != bill.customer
        )
    )
    if other is None:
        return None
    bill.documents[0]["invoice_id"], other.documents[0]["invoice_id"] = other.name, bill.name
    return [
        *_shown(bill, "RENDER_VALUE", other.total - bill.total),
        *_shown(other, "RENDER_VALUE", bill.total - other.total),
    ]


def sent_to_another(books: Books, bill: Bill) -> Findings:
    """The document is addressed to another customer."""
    other = next(o for o in books.bills if o.customer != bill.customer)
    bill.documents[0]["customer_id"] = other.customer
    return _shown(bill, "RENDER_VALUE", Decimal(0))


def printed_in_other_money(books: Books, bill: Bill) -> Findings:
    """A document in another currency at the same figures."""
    other = {"EUR": "USD", "USD": "EUR"}.get(bill.currency)
    if not other:
        return None
    bill.documents[0]["currency"] = other
    return [*_shown(bill, "CURRENCY_FX", -bill.total), anywhere("CURRENCY_FX", bill, bill.total, PAIR)]


def the_tax_left_off(books: Books, bill: Bill) -> Findings:
    """A document without its tax, its lines without theirs."""
    header = bill.documents[0]
    tax = amount_of(header, "tax")
    if not tax:
        return None
    header["tax"] = bill.say(Decimal(0))
    for column in ("total", "payable"):
        header[column] = bill.say(amount_of(header, column) - tax)
    return _shown(bill, "RENDER_VALUE", -tax)


def a_day_later(books: Books, bill: Bill) -> Findings:
    """The document arrives the next day, within its lag: nothing to tell."""
    if bill.day + timedelta(days=books.windows["render_lag_days"]) > books.last:
        return None
    for row in (*bill.documents, *bill.printed):
        row["_day"] = str(bill.day + timedelta(days=books.windows["render_lag_days"]))
    return []


def in_other_words(books: Books, bill: Bill) -> Findings:
    """Descriptions, numbering, order, format and hash of a document are no difference."""
    for number, row in enumerate(reversed(bill.printed), 1):
        row["description"], row["line_no"] = f"Leistung {number}", str(10 * number)
    bill.documents[0]["format"], bill.documents[0]["sha256"] = "html", "0" * 64
    return []


def unreadable_document(books: Books, bill: Bill) -> Findings:
    """A document's amount to pay is no number."""
    bill.documents[0]["payable"] = "see above"
    return _shown(bill, "RECORD_QUARANTINED", -bill.total)


def for_an_unknown_invoice(books: Books, bill: Bill) -> Findings:
    """A document names an invoice that does not exist, and its own invoice has no document."""
    if not bill.after("render_lag_days"):
        return None
    name = books.new_name("INVOICE")
    bill.documents[0]["invoice_id"] = name
    return [
        on_invoice("RENDER_MISSING", bill, -bill.total, pair=PAIR),
        Finding(("KEY_UNMAPPED",), PAIR, name, "", "*", bill.total),
    ]


DOCUMENTS: tuple[Callable[[Books, Bill], Findings], ...] = (
    never_sent,
    sent_twice,
    sent_twice_a_cent_apart,
    a_cent_more_at_the_bottom,
    payable_alone,
    a_line_dearer_on_paper,
    a_line_not_printed,
    documents_swapped,
    sent_to_another,
    printed_in_other_money,
    the_tax_left_off,
    a_day_later,
    in_other_words,
    unreadable_document,
    for_an_unknown_invoice,
)
