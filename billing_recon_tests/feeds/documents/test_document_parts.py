"""One decomposition for every layer: whatever a document states, its parts add up to its totals and its payable."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.document import Adjustment, Document, DocumentKind, DocumentLine, TaxSubtotal
from billing_recon.core.feed import Feed
from billing_recon.feeds.documents import effect
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon_tests.feeds.documents.ties import breaks_of

INVOICE = Document(
    file="INV-1.xml",
    format="cii",
    kind=DocumentKind.INVOICE,
    number="INV-1",
    issued_on="2026-02-28",
    currency="EUR",
    customer="C-1",
    subtotal="150.00",
    allowances="10.00",
    charges="5.00",
    tax_exclusive="145.00",
    tax="24.55",
    tax_inclusive="169.55",
    prepaid="50.00",
    rounding="0.45",
    payable="120.00",
    lines=(
        DocumentLine("1", quantity="2", unit_price="55.00", amount="100.00", tax_rate="19",
                     adjustments=(Adjustment(charge=False, amount="10.00"),)),
        DocumentLine("2", quantity="1", unit_price="50.00", amount="50.00", tax_rate="7"),
    ),
    adjustments=(Adjustment(charge=False, amount="10.00", tax_rate="19"), Adjustment(charge=True, amount="5.00", tax_rate="7")),
    taxes=(TaxSubtotal("100.00", "19.00", "19"), TaxSubtotal("55.00", "5.55", "10.09")),
)  # fmt: skip
FIGURES = ("row_gross", "row_discount", "row_credit", "row_tax", "row_total")


def billed(document: Document) -> list[tuple[object, ...]]:
    return [
        (line["row_line_id"], line["row_kind"], *(Decimal(line[name] or "NaN") for name in FIGURES))
        for line in rows_of(document).billed
    ]


def changed(**fields: object) -> Document:
    return Document(**{name: getattr(INVOICE, name) for name in Document.__dataclass_fields__} | fields)


def test_what_stands_beside_the_lines_is_a_line_of_its_own_and_all_come_to_what_is_to_be_paid() -> None:
    lines = billed(INVOICE)
    cents = Decimal("0.01")
    assert lines == [
        ("1", "usage", 110, 10, 0, 0, 100),
        ("2", "usage", 50, 0, 0, 0, 50),
        ("allowance/1", "discount", 0, 10, 0, 0, -10),
        ("charge/2", "adjustment", 0, -5, 0, 0, 5),
        ("tax/1", "adjustment", 0, 0, 0, 19, 19),
        ("tax/2", "adjustment", 0, 0, 0, 555 * cents, 555 * cents),
        ("prepaid", "credit", 0, 0, 50, 0, -50),
        ("rounding", "credit", 0, 0, -45 * cents, 0, 45 * cents),
    ]
    assert sum(Decimal(str(line[-1])) for line in lines) == 120
    (first, *_) = rows_of(INVOICE).billed
    assert (first["row_period_start"], first["row_period_end"]) == ("2026-02-28", "2026-03-01")
    assert [line["row_tax_rate"] for line in rows_of(INVOICE).billed[4:6]] == ["0.19", "0.1009"]


def test_lines_that_state_their_tax_keep_it() -> None:
    lines = (
        DocumentLine("1", amount="100.00", tax_rate="19", tax="19.00"),
        DocumentLine("2", amount="50.00", tax_rate="7", tax="3.50"),
    )
    nothing: dict[str, object] = {
        "allowances": None,
        "charges": None,
        "adjustments": (),
        "prepaid": None,
        "rounding": None,
    }
    totals = {"tax_exclusive": "150.00", "tax_inclusive": "172.50", "payable": "172.50"}
    document = changed(lines=lines, tax="22.50", **totals, **nothing)
    assert billed(document) == [
        ("1", "usage", 100, 0, 0, 19, 119),
        ("2", "usage", 50, 0, 0, Decimal("3.50"), Decimal("53.50")),
    ]


def test_a_credit_note_is_billed_with_the_other_sign() -> None:
    assert [-Decimal(str(figure)) for _, _, *_, figure in billed(changed(kind=DocumentKind.CREDIT_NOTE))] == [
        Decimal(str(figure)) for _, _, *_, figure in billed(INVOICE)
    ]


def test_sums_that_are_stated_and_not_listed_are_not_lost() -> None:
    assert ("allowance/rest", "discount", 0, 5, 0, 0, -5) in billed(changed(adjustments=()))
    assert ("tax", "adjustment", 0, 0, 0, Decimal("24.55"), Decimal("24.55")) in billed(changed(taxes=()))


def test_a_document_of_totals_bills_one_line() -> None:
    assert billed(changed(lines=()))[0] == ("1", "usage", 150, 0, 0, 0, 150)


def test_allowances_of_the_whole_are_shown_lines_where_the_feed_asks_for_them() -> None:
    rows = rows_of(INVOICE)
    assert len(rows.of("rendered_lines", Feed(format="cii"))) == 2
    shown = rows.of("rendered_lines", Feed(format="cii", adjustments_as_lines=True))
    assert [(line["row_line_no"], line["row_line_id"], line["row_amount"]) for line in shown] == [
        ("1", "1", "100.00"), ("2", "2", "50.00"), ("3", "allowance/1", "-10.00"), ("4", "charge/2", "5.00"),
    ]  # fmt: skip


def rest(document: Document) -> list[tuple[str | None, Decimal]]:
    return [
        (line["row_meter"], Decimal(line["row_total"] or "NaN"))
        for line in rows_of(document).billed
        if line["row_line_id"] == "rest"
    ]


def test_tax_that_the_buyer_withholds_is_a_credit() -> None:
    document = changed(withheld="15.00", payable="105.00")
    assert ("withheld", "credit", 0, 0, 15, 0, -15) in billed(document)
    assert (rest(document), effect.decided(document).findings) == ([], ())
    for_information = replace(document, payable="120.00")
    assert "withheld" not in [line[0] for line in billed(for_information)]
    assert effect.decided(for_information).findings == ()


def test_cash_rounding_inside_the_total_with_tax_is_counted_once() -> None:
    document = changed(tax_inclusive="170.00", prepaid=None, payable="170.00")
    assert ("rounding", "credit", 0, 0, Decimal("-0.45"), 0, Decimal("0.45")) in billed(document)
    assert (rest(document), effect.decided(document).findings, breaks_of(rows_of(document))) == ([], (), [])
    part_paid = replace(document, prepaid="50.00", payable="120.00")
    assert (rest(part_paid), effect.decided(part_paid).findings, breaks_of(rows_of(part_paid))) == ([], (), [])


def test_a_document_without_lines_has_one_part_before_its_allowances_and_charges() -> None:
    for subtotal in ("150.00", None):
        document = changed(lines=(), subtotal=subtotal)
        assert [line[0] for line in billed(document)][:3] == ["1", "allowance/1", "charge/2"]
        assert billed(document)[0][2] == 150
        assert (rest(document), breaks_of(rows_of(document))) == ([], [])


def test_what_a_profile_of_totals_cannot_itemise_is_one_part_without_a_finding() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("subtotal", "allowances", "charges", "prepaid", "rounding"))
    document = changed(lines=(), adjustments=(), taxes=(), totals_only=True, **nothing)
    assert rest(document) == [("not_itemised", Decimal("-49.55"))]
    assert (effect.decided(document).findings, breaks_of(rows_of(document))) == ((), [])


def test_what_nothing_explains_is_one_part_with_a_reason_and_a_finding() -> None:
    document = changed(payable="500.00")
    assert rest(document) == [("unexplained", Decimal(380))]
    assert [finding.code.value for finding in effect.decided(document).findings] == ["PAYABLE"]
    reason = rows_of(document).billed[-1]["row_reason"]
    assert reason == "the totals leave 380.00 of the amount payable: nothing that the document states explains it"


def test_less_than_half_a_cent_is_rounding_and_no_finding() -> None:
    lines = (replace(INVOICE.lines[0], amount="99.996"), INVOICE.lines[1])
    document = changed(lines=lines)
    assert rest(document) == [("rounding", Decimal("0.004"))]
    assert effect.decided(document).findings == ()


def test_a_line_whose_amount_is_unknown_is_not_made_up_for() -> None:
    """It is quarantined; a rest in its place would bill what nobody has checked."""
    document = changed(lines=(INVOICE.lines[0], replace(INVOICE.lines[1], amount=None)))
    found = rows_of(document)
    assert [line["row_gross"] for line in found.billed][1] is None
    assert rest(document) == []


def test_a_credit_note_that_is_negative_already_keeps_its_signs() -> None:
    negative = (
        "subtotal",
        "allowances",
        "charges",
        "tax_exclusive",
        "tax",
        "tax_inclusive",
        "prepaid",
        "rounding",
        "payable",
    )
    figures: dict[str, Any] = {name: str(-Decimal(getattr(INVOICE, name))) for name in negative}
    lines = (DocumentLine("1", amount="-150.00"),)
    document = changed(kind=DocumentKind.CREDIT_NOTE, lines=lines, adjustments=(), taxes=(), **figures)
    assert rows_of(document).header["row_payable"] == "-120.00"
    assert breaks_of(rows_of(document)) == []


@pytest.mark.parametrize("seed", range(300))
def test_a_document_read_as_both_layers_never_breaks(seed: int) -> None:
    """Any figure may be wrong or missing; what can be landed ties with itself."""
    chance = random.Random(seed)
    fields: dict[str, Any] = {}
    for name in ("subtotal", "allowances", "charges", "tax_exclusive", "tax", "tax_inclusive", "prepaid", "rounding", "collected",
                 "withheld", "payable"):  # fmt: skip
        if chance.random() < 0.3:
            fields[name] = chance.choice([None, None, "12.34", "-3.00", "0.004", "169.55", "145.00", "1000.0050"])
    for name in ("lines", "adjustments", "taxes"):
        if chance.random() < 0.25:
            fields[name] = ()
    if chance.random() < 0.3:
        taxed = tuple(replace(line, tax=chance.choice(["19.00", "5.55", None])) for line in INVOICE.lines)
        fields["lines"] = taxed
    fields["format"] = chance.choice(["ubl", "pdf"])
    fields["kind"] = chance.choice(list(DocumentKind)[:2])
    document = effect.decided(changed(**fields))
    found = rows_of(document)
    if None not in (found.header["row_subtotal"], found.header["row_tax"], found.header["row_payable"]):
        assert breaks_of(found) == []
