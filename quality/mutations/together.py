"""Edits of several layers of a bill, each with its own fault, and faulty credit notes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from quality.mutations.books import Bill, Books, amount_of
from quality.mutations.charges import by_unit, dearer, regross, undiscounted
from quality.mutations.documents import a_cent_more_at_the_bottom
from quality.mutations.finding import Findings, on_invoice, on_line
from quality.mutations.postings import booked_twice, never_booked
from quality.mutations.receipts import paid_short


def dearer_and_misprinted(books: Books, bill: Bill) -> Findings:
    """The engine's price is wrong, and the document is a cent off the engine's amount: two causes, two breaks."""
    charged = dearer(books, bill)
    return charged + (a_cent_more_at_the_bottom(books, bill) or []) if charged else None


def neither_sent_nor_booked(books: Books, bill: Bill) -> Findings:
    """Neither document nor journal."""
    sent = bill.after("render_lag_days")
    booked = never_booked(books, bill)
    if not sent or not booked:
        return None
    bill.drop("d")
    return [*booked, on_invoice("RENDER_MISSING", bill, -bill.total, pair="billed_rendered", day=sent)]


def booked_twice_and_paid_short(books: Books, bill: Bill) -> Findings:
    """Two journals of the invoice, and a payment that is short."""
    paid = paid_short(books, bill)
    return paid + (booked_twice(books, bill) or []) if paid else None


def engine_alone_is_wrong(books: Books, bill: Bill) -> Findings:
    """The engine's line is too expensive, and every other layer agrees with the contract: only the engine differs."""
    if not bill.judged:
        return None
    for row in undiscounted(by_unit(bill, "usage", "subscription")):
        if (books.charge(row) or {}).get("model") != "per_unit":
            continue
        price = Decimal(row["unit_price"]) * Decimal("1.2")
        row["unit_price"] = f"{price:f}"
        delta = regross(bill, row, bill.settle(price * Decimal(row["quantity"])))
        shown = on_line("RENDER_VALUE", bill, row["line_id"], -delta)
        return [
            on_line("PRICE_VERSION", bill, row["line_id"], delta),
            type(shown)(shown.codes, "billed_rendered", shown.invoice, shown.line, shown.subscription, shown.delta),
            on_invoice("LEDGER_AMOUNT", bill, -delta, pair="billed_booked"),
            on_invoice("PAYMENT_AMOUNT", bill, -delta, pair="billed_paid"),
        ]
    return None


def billed_twice_by_the_engine_alone(books: Books, bill: Bill) -> Findings:
    """The engine bills the period twice; the second bill was not sent, booked or collected."""
    again = bill.copy(layers="")
    return [
        on_invoice("INVOICE_DUPLICATE", again, bill.total),
        on_invoice("RENDER_MISSING", again, -bill.total, pair="billed_rendered", required=False),
        on_invoice("LEDGER_MISSING", again, -bill.total, pair="billed_booked", required=False),
        on_invoice("PAYMENT_MISSING", again, -bill.total, pair="billed_paid", required=False),
    ]


def billed_twice_second_not_booked(books: Books, bill: Bill) -> Findings:
    """A duplicate that was sent and collected, and is not in the ledger."""
    if bill.day >= books.last:
        return None
    again = bill.copy(days=1, layers="dp")
    if again.after("ledger_lag_days") is None:
        return None
    return [
        on_invoice("INVOICE_DUPLICATE", again, bill.total),
        on_invoice("LEDGER_MISSING", again, -bill.total, pair="billed_booked"),
    ]


def credited_in_full(books: Books, bill: Bill) -> Findings:
    """A credit note for the whole invoice, printed and booked: it reverses what is due by the contract."""
    note = _note(books, bill, "dl")
    return (
        [on_invoice("CREDIT_VALUE|MANUAL_ADJUSTMENT|INVOICE_UNEXPECTED|INVOICE_DUPLICATE", note, -bill.total)]
        if note
        else None
    )


def credited_and_not_booked(books: Books, bill: Bill) -> Findings:
    """A credit note for the whole invoice that is not in the ledger: the receivable stays."""
    note = _note(books, bill, "d")
    if note is None or note.after("ledger_lag_days") is None:
        return None
    return [
        on_invoice("CREDIT_VALUE|MANUAL_ADJUSTMENT|INVOICE_UNEXPECTED|INVOICE_DUPLICATE", note, -bill.total),
        on_invoice("REVERSAL_NOT_PROPAGATED|LEDGER_MISSING", note, bill.total, pair="billed_booked"),
    ]


def _note(books: Books, bill: Bill, layers: str) -> Bill | None:
    if any(r["kind"] in ("credit", "discount", "minimum", "proration") for r in bill.lines) or bill.day >= books.last:
        return None
    note = bill.copy(days=1, layers=layers)
    for row in note.lines:
        row["invoice_kind"] = "credit_note"
        for name in ("quantity", "gross", "discount", "taxable", "tax", "total"):
            row[name] = f"{-amount_of(row, name):f}"
    note.follow()
    return note


TOGETHER: tuple[Callable[[Books, Bill], Findings], ...] = (
    dearer_and_misprinted,
    engine_alone_is_wrong,
    neither_sent_nor_booked,
    booked_twice_and_paid_short,
    billed_twice_by_the_engine_alone,
    billed_twice_second_not_booked,
    credited_in_full,
    credited_and_not_booked,
)
