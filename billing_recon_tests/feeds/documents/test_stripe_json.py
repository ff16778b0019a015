"""Stripe's invoices and credit notes as Documents: minor units, discounts, taxes, balances, API versions old and new."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing_recon.core.document import Adjustment, DocumentKind, DocumentUnreadable
from billing_recon.feeds.documents import stripe_json

Json = dict[str, Any]


def line(amount: int, quantity: int | None = 1, **more: Any) -> Json:
    return {"id": f"il_{amount}", "object": "line_item", "amount": amount, "currency": "usd", "description": "Seats",
            "quantity": quantity, **more}  # fmt: skip


def invoice(*lines: Json, **more: Any) -> Json:
    """An invoice without tax and discount, unless `more` says otherwise."""
    total = sum(part["amount"] for part in lines)
    return {
        "id": "in_1", "object": "invoice", "number": "ACME-0001", "currency": "usd", "created": 1772323200,
        "account_name": "Acme", "customer": "cus_1", "customer_name": "Wile E.", "status": "open",
        "subtotal": total, "total": total, "total_excluding_tax": total, "amount_due": total,
        "starting_balance": 0, "ending_balance": 0, "pre_payment_credit_notes_amount": 0,
        "total_discount_amounts": [], "total_tax_amounts": [],
        "lines": {"object": "list", "data": list(lines), "has_more": False}, **more,
    }  # fmt: skip


def read(*stated: Any):
    return stripe_json.read("\n".join(map(json.dumps, stated)).encode(), "stripe.json")


def only(stated: Any):
    (document,) = read(stated)
    return document


def codes(stated: Any) -> list[str]:
    return [finding.code.value for finding in only(stated).findings]


def test_an_invoice_is_read_with_its_amounts_in_the_currency() -> None:
    document = only(invoice(line(3000, 3, price={"unit_amount": 1000, "unit_amount_decimal": "1000"})))
    assert (document.format, document.kind, document.number) == ("stripe", DocumentKind.INVOICE, "ACME-0001")
    assert (document.issued_on, document.currency) == ("2026-03-01", "USD")
    assert (document.seller, document.buyer, document.customer) == ("Acme", "Wile E.", "cus_1")
    assert (document.subtotal, document.tax_exclusive, document.tax, document.tax_inclusive) == (
        "30.00",
        "30.00",
        "0.00",
        "30.00",
    )
    assert (document.allowances, document.charges, document.prepaid, document.payable) == (None, None, "0.00", "30.00")
    (shown,) = document.lines
    assert (shown.line_no, shown.quantity, shown.unit_price, shown.amount) == ("1", "3", "10.00", "30.00")
    assert document.extra == (("id", "in_1"), ("status", "open"))
    assert document.findings == ()


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [("jpy", 1050, "1050"), ("kwd", 10500, "10.500"), ("isk", 50000, "500"), ("ugx", 50000, "500"), ("mga", 500, "500.00"),
     ("huf", 1045, "10.45"), ("twd", 80000, "800.00"), ("krw", 1, "1"), ("bhd", 1, "0.001")],
)  # fmt: skip
def test_a_minor_unit_is_what_stripe_says_it_is_for_the_currency(currency: str, minor: int, amount: str) -> None:
    document = only(invoice(line(minor), currency=currency))
    assert (document.payable, document.lines[0].amount) == (amount, amount)


def test_a_price_of_a_part_of_a_cent_is_exact() -> None:
    pricing = {"type": "price_details", "unit_amount_decimal": "0.0125"}
    document = only(invoice(line(125, 10000, pricing=pricing)))
    assert document.lines[0].unit_price == "0.000125"
    assert document.findings == ()


def test_a_line_that_its_price_does_not_give_is_a_finding() -> None:
    document = only(invoice(line(3001, 3, price={"unit_amount_decimal": "1000"})))
    (finding,) = document.findings
    assert (finding.code, finding.line_no, finding.stated, finding.computed) == ("LINE_AMOUNT", "1", "30.01", "30.00")


def test_a_proration_has_no_price_of_a_unit_unless_one_gives_it() -> None:
    whole = {"unit_amount_decimal": "1000"}
    old = line(-484, 1, proration=True, price=whole)
    new = line(
        -484,
        1,
        pricing=whole,
        parent={"subscription_item_details": {"proration": True}, "type": "subscription_item_details"},
    )
    stated = line(-484, 1, proration=True, price=whole, unit_amount_excluding_tax="-484")
    document = only(invoice(old, new, stated))
    assert [shown.unit_price for shown in document.lines] == [None, None, "-4.84"]
    assert document.findings == ()


def test_tiers_and_packages_are_no_price_of_a_unit() -> None:
    tiers = line(700, 12, price={"billing_scheme": "tiered", "unit_amount": None, "unit_amount_decimal": None})
    whole = line(600, 300, price={"unit_amount": 200, "transform_quantity": {"divide_by": 100, "round": "up"}})
    begun = line(600, 250, price={"unit_amount": 200, "transform_quantity": {"divide_by": 100, "round": "up"}})
    document = only(invoice(tiers, whole, begun))
    assert [(shown.unit_price, shown.base_quantity) for shown in document.lines] == [
        (None, None),
        ("2.00", "100"),
        (None, None),
    ]
    assert document.findings == ()


def test_a_discount_on_the_invoice_is_an_allowance() -> None:
    share = [{"amount": 300, "discount": "di_1"}]
    stated = invoice(
        line(3000, discount_amounts=share, discounts=["di_1"]),
        discounts=["di_1"],
        total_discount_amounts=share,
        total=2700,
        total_excluding_tax=2700,
        amount_due=2700,
    )
    document = only(stated)
    assert (document.subtotal, document.allowances, document.payable) == ("30.00", "3.00", "27.00")
    assert (document.lines[0].amount, document.lines[0].adjustments) == ("30.00", ())
    assert document.findings == ()


def test_an_old_invoice_names_its_discount_without_saying_what_it_comes_to() -> None:
    stated = invoice(line(3000), total=2700, amount_due=2700, discount={"id": "di_1", "object": "discount"})
    for newer in ("total_discount_amounts", "total_tax_amounts", "total_excluding_tax"):
        del stated[newer]
    assert (only(stated).allowances, only(stated).tax_exclusive, codes(stated)) == ("3.00", "27.00", [])
    del stated["discount"]
    assert codes(stated) == ["SUBTOTAL"]


def test_a_discount_on_a_line_is_the_lines_where_the_subtotal_has_it() -> None:
    share = [{"amount": 300, "discount": "di_2"}]
    stated = invoice(
        line(3000, 3, discount_amounts=share, discounts=["di_2"], price={"unit_amount": 1000}),
        line(500),
        total_discount_amounts=share,
        subtotal=3200,
        total=3200,
        total_excluding_tax=3200,
        amount_due=3200,
    )
    document = only(stated)
    assert (document.subtotal, document.allowances) == ("32.00", None)
    assert document.lines[0].amount == "27.00"
    assert document.lines[0].adjustments == (Adjustment(charge=False, amount="3.00"),)
    assert document.findings == ()
    where_it_has_not = {**stated, "subtotal": 3500}
    assert (only(where_it_has_not).allowances, only(where_it_has_not).lines[0].amount) == ("3.00", "30.00")
    assert codes(where_it_has_not) == []


@pytest.mark.parametrize("basil", [False, True], ids=["before 2025-03", "from 2025-03"])
def test_tax_on_top_is_read_by_rate(basil: bool) -> None:
    def tax(amount: int, base: int) -> Json:
        if basil:
            details = {"tax_rate": "txr_1"}
            return {"amount": amount, "taxable_amount": base, "tax_behavior": "exclusive", "tax_rate_details": details}
        return {
            "amount": amount,
            "taxable_amount": base,
            "inclusive": False,
            "tax_rate": {"id": "txr_1", "percentage": 19.0},
        }

    of_line, of_invoice = ("taxes", "total_taxes") if basil else ("tax_amounts", "total_tax_amounts")
    known = {"default_tax_rates": [{"id": "txr_1", "percentage": 19}]} if basil else {}
    stated = invoice(line(10000, **{of_line: [tax(1900, 10000)]}), total=11900, amount_due=11900, **known)
    stated[of_invoice] = [tax(1900, 10000)]
    document = only(stated)
    assert (document.tax_exclusive, document.tax, document.tax_inclusive) == ("100.00", "19.00", "119.00")
    assert [(part.base, part.amount) for part in document.taxes] == [("100.00", "19.00")]
    assert document.lines[0].tax_rate in ("19", "19.0")
    assert document.lines[0].tax == "19.00"
    assert document.findings == ()
    stated[of_invoice][0]["amount"] = 1800
    assert "TAX" in codes(stated)


def test_what_includes_tax_is_shown_without_it() -> None:
    tax = {"amount": 1900, "taxable_amount": 10000, "inclusive": True, "tax_rate": {"id": "txr_1", "percentage": 19}}
    stated = invoice(
        line(11900, 7, tax_amounts=[tax], amount_excluding_tax=10000, unit_amount_excluding_tax="1429",
             price={"unit_amount": 1700}),
        total_tax_amounts=[tax], subtotal=11900, subtotal_excluding_tax=10000, total=11900, total_excluding_tax=10000,
    )  # fmt: skip
    document = only(stated)
    assert (document.subtotal, document.tax_exclusive, document.tax, document.tax_inclusive) == (
        "100.00",
        "100.00",
        "19.00",
        "119.00",
    )
    assert (document.lines[0].amount, document.lines[0].unit_price) == ("100.00", None)
    assert document.findings == ()


def test_a_discount_on_what_includes_tax_adds_up_with_or_without_the_lines_net_amounts() -> None:
    tax = {
        "amount": 1710,
        "taxable_amount": 9000,
        "tax_behavior": "inclusive",
        "tax_rate_details": {"tax_rate": "txr_1"},
    }
    share = [{"amount": 1190, "discount": "di_1"}]
    whole = line(11900, taxes=[tax], discount_amounts=share)
    stated = invoice(
        whole, discounts=["di_1"], total_taxes=[tax], total_discount_amounts=share, subtotal=11900,
        subtotal_excluding_tax=10000, total=10710, total_excluding_tax=9000, amount_due=10710,
    )  # fmt: skip
    document = only(stated)
    assert (document.subtotal, document.allowances, document.lines[0].amount) == ("90.00", None, "90.00")
    assert document.findings == ()
    whole["amount_excluding_tax"] = 10000
    document = only(stated)
    assert (document.subtotal, document.allowances, document.lines[0].amount) == ("100.00", "10.00", "100.00")
    assert document.findings == ()


def test_tax_rounded_line_by_line_is_no_finding() -> None:
    rate = {"id": "txr_1", "percentage": 7.5}
    parts = [{"amount": 8, "taxable_amount": 100, "inclusive": False, "tax_rate": rate} for _ in range(3)]
    tax = {"amount": 24, "taxable_amount": 300, "inclusive": False, "tax_rate": rate}
    stated = invoice(
        *(line(100, tax_amounts=[part]) for part in parts), total_tax_amounts=[tax], total=324, amount_due=324
    )
    assert codes(stated) == []


@pytest.mark.parametrize(
    ("total", "starting", "ending", "notes", "due", "prepaid"),
    [
        (1000, -300, 0, 0, 700, "3.00"),
        (1000, -1500, -500, 0, 0, "10.00"),
        (1000, 200, 0, 0, 1200, "-2.00"),
        (30, 0, 30, 0, 0, "0.30"),
        (1000, -300, 0, 100, 600, "4.00"),
        (-500, 0, -500, 0, 0, "-5.00"),
        (1000, -1500, None, 0, 0, "10.00"),
        (1000, 200, None, 0, 1200, "-2.00"),
    ],
    ids=[
        "credit",
        "more credit than due",
        "debt",
        "too small to charge",
        "credit note",
        "negative",
        "draft",
        "draft, debt",
    ],
)
def test_what_the_customers_balance_paid_is_prepaid(
    total: int, starting: int, ending: int | None, notes: int, due: int, prepaid: str
) -> None:
    stated = invoice(
        line(total),
        starting_balance=starting,
        ending_balance=ending,
        pre_payment_credit_notes_amount=notes,
        amount_due=due,
    )
    document = only(stated)
    assert document.prepaid == prepaid
    assert document.findings == ()
    assert codes({**stated, "amount_due": due + 1}) == ["PAYABLE"]


def test_shipping_is_a_charge() -> None:
    stated = invoice(
        line(1000), shipping_cost={"amount_subtotal": 250, "amount_tax": 0, "amount_total": 250}, amount_shipping=250,
        total=1250, total_excluding_tax=1250, amount_due=1250,
    )  # fmt: skip
    assert (only(stated).charges, codes(stated)) == ("2.50", [])


def test_billing_credits_are_an_allowance_and_are_counted_once() -> None:
    credits = [{"amount": 400, "type": "credit_balance_transaction"}, {"amount": 100, "type": "discount"}]
    share = [{"amount": 100, "discount": "di_1"}]
    stated = invoice(
        line(1000, discount_amounts=share), discounts=["di_1"], total_discount_amounts=share,
        total_pretax_credit_amounts=credits, total=500, total_excluding_tax=500, amount_due=500,
    )  # fmt: skip
    assert (only(stated).allowances, codes(stated)) == ("5.00", [])


def test_a_credit_note_keeps_its_positive_figures_and_says_what_it_corrects() -> None:
    note = {
        "id": "cn_1", "object": "credit_note", "number": "ACME-0001-CN-01", "currency": "eur", "created": 1772323200,
        "effective_at": 1772409600, "invoice": {"id": "in_1", "object": "invoice", "number": "ACME-0001"}, "customer": "cus_1",
        "amount": 1190, "subtotal": 1000, "subtotal_excluding_tax": 1000, "total": 1190, "total_excluding_tax": 1000,
        "discount_amount": 0, "discount_amounts": [], "status": "issued",
        "tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_1", "taxable_amount": 1000}],
        "lines": {"object": "list", "has_more": False, "data": [
            {"id": "cnli_1", "object": "credit_note_line_item", "amount": 1000, "description": "Seats", "quantity": 2,
             "unit_amount": 500, "unit_amount_decimal": "500", "discount_amount": 0, "discount_amounts": [],
             "tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_1", "taxable_amount": 1000}]}]},
    }  # fmt: skip
    document = only(note)
    assert (document.kind, document.references) == (DocumentKind.CREDIT_NOTE, ("ACME-0001",))
    assert (document.issued_on, document.payable, document.tax) == ("2026-03-02", "11.90", "1.90")
    assert (document.lines[0].unit_price, document.lines[0].amount) == ("5.00", "10.00")
    assert document.findings == ()
    assert only({**note, "invoice": "in_1"}).references == ("in_1",)


def test_lists_events_and_lines_of_json_hold_several() -> None:
    one, two = invoice(line(100)), invoice(line(200), number="ACME-0002")
    assert [d.number for d in read({"object": "list", "data": [one, two], "has_more": False})] == [
        "ACME-0001",
        "ACME-0002",
    ]
    assert [d.number for d in read(one, two)] == ["ACME-0001", "ACME-0002"]
    assert only([one]).number == "ACME-0001"
    assert only({"object": "event", "type": "invoice.finalized", "data": {"object": two}}).number == "ACME-0002"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"object": "invoice", "total": 1, "total": 2}', "'total' twice"),
        ('{"object": "invoice", "total": NaN}', "NaN"),
        ('{"object": "invoice", "currency": "usd", "total": 10.5}', "whole numbers of the smallest unit"),
        ('{"object": "invoice", "currency": "usd", "total": 1e999999}', "not an amount"),
        ('{"object": "invoice", "currency": "usd", "total": 1e30}', "more than any amount"),
        ('{"object": "invoice", "currency": "usd", "total": ' + "9" * 5000 + "}", "5000 characters"),
        ('{"object": "invoice", "currency": "usd", "total": true}', "whole numbers"),
        ('{"object": "invoice", "currency": "usd", "number": 7}', "not a text"),
        ('{"object": "invoice", "currency": "xxx"}', "not an ISO 4217 code"),
        ('{"object": "invoice"}', "currency is missing"),
        ('{"object": "invoice", "currency": "usd", "created": 99999999999999999}', "not a time"),
        ('{"object": "invoice", "currency": "usd", "lines": {"data": [1]}}', "not a list of objects"),
        ('{"object": "invoice", "currency": "usd", "lines": {"data": [{"quantity": 1}]}}', "has no amount"),
        ('{"object": "list", "data": [{"object": "customer"}]}', "object is 'customer'"),
        ('{"object": "event", "data": null}', "object is missing"),
        ('{"object": "invoice", "currency"', "not JSON"),
        ('{"object": "invoice", "lines":' + "[" * 200000, "nested deeper"),
    ],
)  # fmt: skip
def test_what_is_no_invoice_is_said(text: str, says: str) -> None:
    with pytest.raises(DocumentUnreadable, match=says):
        stripe_json.read(text.encode(), "stripe.json")


def test_lines_that_are_not_all_there_are_refused() -> None:
    stated = invoice(line(100))
    stated["lines"]["has_more"] = True
    with pytest.raises(DocumentUnreadable, match="only some of them"):
        only(stated)


@pytest.mark.parametrize("kind", ["list", "search_result"])
def test_one_page_of_a_list_that_has_more_is_refused(kind: str) -> None:
    page = {"object": kind, "data": [invoice(line(100))], "has_more": False}
    assert len(read(page)) == 1
    with pytest.raises(DocumentUnreadable, match="one page of a list that has more"):
        read(page | {"has_more": True})


def test_the_period_of_a_line_ends_before_its_last_instant() -> None:
    months = {"period": {"start": 1769904000, "end": 1772323200}}  # 1 February to 1 March
    moment = {"period": {"start": 1769904000, "end": 1769904000}}
    document = only(invoice(line(100, **months), line(200, **moment), line(300)))
    assert [(one.period_start, one.period_end) for one in document.lines] == [
        ("2026-02-01", "2026-02-28"),
        ("2026-02-01", "2026-02-01"),
        (None, None),
    ]
