"""Repeated rows, bills reversed later, combined payments: none of them is a difference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from quality.mutations.books import Bill, Books, Row, amount_of
from quality.mutations.charges import single
from quality.mutations.finding import Findings, anywhere, on_invoice, on_line


def _next(books: Books, row: Row) -> str | None:
    day = date.fromisoformat(row["_day"]) + timedelta(days=1)
    return str(day) if day <= books.last else None


def every_row_twice_in_its_file(books: Books, bill: Bill) -> Findings:
    """Each row of the bill and of what follows it is twice in its file, unchanged: no finding."""
    for name, rows in _followers(bill).items():
        books.tables[name] += [dict(row) for row in rows]
    return []


def every_row_again_the_next_day(books: Books, bill: Bill) -> Findings:
    """Each row of the bill and of what follows it is in the next day's file as well, with the same ids: no finding."""
    for name, rows in _followers(bill).items():
        for row in rows:
            day = _next(books, row)
            if day is None:
                return None
            books.tables[name].append({**row, "_day": day})
    return []


def _followers(bill: Bill) -> dict[str, list[Row]]:
    return {
        "invoice_lines": bill.lines,
        "rendered_invoices": bill.documents,
        "rendered_lines": bill.printed,
        "ledger_entries": bill.posted + bill.settled,
        "payments": bill.payments,
    }


def voided_the_next_day(books: Books, bill: Bill) -> Findings:
    """Issued and sent, voided on the next day, reversed in the ledger and issued again; the payment is for the new one."""
    day = _next(books, bill.lines[0])
    if day is None or min(row["_day"] for row in bill.payments) < day:
        return None
    again = bill.copy(days=1, layers="dl")
    for row in bill.lines:
        books.tables["invoice_lines"].append({**row, "status": "void", "_day": day})
    for row in list(bill.posted):
        turned = {"debit": row["credit"], "credit": row["debit"], "journal_id": f"{row['journal_id']}-V"}
        turned |= {"entry_id": f"{row['entry_id']}-V", "posted_on": day, "_day": day, "memo": f"Storno {bill.name}"}
        books.tables["ledger_entries"].append({**row, **turned})
    for row in (*bill.payments, *bill.settled):
        row["invoice_id"] = again.name
    return []


def paid_net_of_its_fee(books: Books, bill: Bill) -> Findings:
    """The provider reports the amount paid out and its fee: no finding."""
    payment = bill.succeeded[0]
    if not payment.get("fee") or not amount_of(payment, "fee") or len(bill.payments) > 1:
        return None
    payment["amount"] = bill.say(amount_of(payment, "amount") - amount_of(payment, "fee"))
    return []


def one_transfer_for_two(books: Books, bill: Bill) -> Findings:
    """A customer pays two bills of one day with one transfer that names neither: nothing to tell."""
    mates = [o for o in books.bills if o.customer == bill.customer and o.day == bill.day]
    if len([o for o in books.bills if o.customer == bill.customer]) != 2 or len(mates) != 2:
        return None
    other = books.take(lambda o: o in mates and o is not bill and o.currency == bill.currency)
    if other is None:
        return None
    other.drop("p")
    sums = bill.total + other.total
    for row in (*bill.succeeded, *bill.settled):
        row["invoice_id"] = ""
    bill.succeeded[0]["amount"] = bill.say(sums)
    for row in bill.settled:
        side = "debit" if amount_of(row, "debit") else "credit"
        row[side], row["memo"] = bill.say(sums), "Transfer"
    return []


def a_line_twice(books: Books, bill: Bill) -> Findings:
    """A usage line is on the bill a second time under another id."""
    if any(row["kind"] in ("minimum", "credit", "discount") for row in bill.lines) or len(bill.lines) < 2:
        return None
    for row in single(bill, "usage"):
        again = {**row, "line_id": f"{row['line_id']}-again"}
        bill.lines.append(again)
        books.tables["invoice_lines"].append(again)
        bill.follow()
        return [on_line("USAGE_DUPLICATE|INVOICE_DUPLICATE", bill, again["line_id"], amount_of(row, "total"))]
    return None


def billed_to_another(books: Books, bill: Bill) -> Findings:
    """Every layer has another customer than the contract of the subscription that is billed."""
    other = next(o for o in books.bills if o.customer != bill.customer)
    for row in bill.lines:
        row["customer_id"] = other.customer
    bill.follow()
    return [on_invoice("SUBSCRIPTION_STATE|KEY_UNMAPPED|INVOICE_UNEXPECTED|CONTRACT_OVERRIDE", bill, Decimal(0))]


def in_capitals_unmapped(books: Books, bill: Bill) -> Findings:
    """The document system changes the case of the number, without a mapping: ids are compared as they are."""
    theirs = bill.name.swapcase()
    if theirs == bill.name or not bill.after("render_lag_days"):
        return None
    for row in bill.documents:
        row["invoice_id"] = theirs
    missing = on_invoice("RENDER_MISSING", bill, -bill.total, pair="billed_rendered", required=False)
    unknown = anywhere("KEY_UNMAPPED", bill, bill.total, "billed_rendered", required=False)
    return [missing, type(unknown)(unknown.codes, unknown.pair, theirs, "", "*", unknown.delta, None, False)]


AGAIN: tuple[Callable[[Books, Bill], Findings], ...] = (
    one_transfer_for_two,
    voided_the_next_day,
    every_row_twice_in_its_file,
    every_row_again_the_next_day,
    paid_net_of_its_fee,
    a_line_twice,
    billed_to_another,
    in_capitals_unmapped,
)
