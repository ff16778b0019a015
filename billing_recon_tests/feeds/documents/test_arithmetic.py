"""Which sums of a document do not hold, on documents small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing_recon.core.document import (
    Adjustment,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentUnreadable,
    Finding,
    TaxSubtotal,
)
from billing_recon.feeds.documents.arithmetic import findings

SOUND = Document(
    file="a",
    format="ubl",
    kind=DocumentKind.INVOICE,
    number="1",
    issued_on="2026-03-02",
    currency="EUR",
    subtotal="31.00",
    allowances="5.00",
    charges="4.00",
    tax_exclusive="30.00",
    tax="5.70",
    tax_inclusive="35.70",
    prepaid="10.00",
    rounding="-0.70",
    payable="25.00",
    lines=(
        DocumentLine("1", quantity="10", unit_price="3.00", amount="28.00", adjustments=(Adjustment(False, "2.00"),)),
        DocumentLine("2", quantity="300", unit_price="1.00", base_quantity="100", amount="3.00"),
    ),
    adjustments=(Adjustment(False, "5.00"), Adjustment(True, "4.00")),
    taxes=(TaxSubtotal("30.00", "5.70", "19"),),
)


def _line(amount: str, quantity: str, price: str, currency: str = "EUR", **more: object) -> list[Finding]:
    line = DocumentLine("1", quantity=quantity, unit_price=price, amount=amount, **more)  # type: ignore[arg-type]
    return list(findings(replace(_empty(currency), lines=(line,))))


def _empty(currency: str = "EUR") -> Document:
    return Document("a", "ubl", DocumentKind.INVOICE, "1", None, currency)


def test_a_sound_invoice_has_no_finding():
    assert findings(SOUND) == ()


def test_an_invoice_that_states_nothing_has_no_finding():
    assert findings(_empty()) == ()


def test_a_line_says_its_working_and_by_how_much_it_is_off():
    line = replace(SOUND.lines[0], amount="29.50")
    finding, _ = findings(replace(SOUND, lines=(line, SOUND.lines[1])))
    assert (finding.code.value, finding.line_no, finding.stated, finding.computed) == (
        "LINE_AMOUNT",
        "1",
        "29.50",
        "28.00",
    )
    assert finding.sentence == (
        "Line 1: 10 x 3.00 - 2.00 is 28.00 EUR; the line's amount is stated as 29.50 EUR, 1.50 more."
    )


@pytest.mark.parametrize(
    ("amount", "quantity", "price", "currency", "holds"),
    [
        ("48.34", "245", "0.1973", "EUR", True),  # 48.3385
        ("48.33", "245", "0.1973", "EUR", False),
        ("1.01", "1", "1.005", "EUR", True),  # a tie may be settled either way
        ("1.00", "1", "1.005", "EUR", True),
        ("1.005", "1", "1.005", "EUR", True),
        ("1.004", "1", "1.005", "EUR", True),  # less than half a cent is no difference in money
        ("1.00500", "1", "1.005", "EUR", True),
        ("100", "3", "33.333", "EUR", True),
        ("1050", "1", "1050.4", "JPY", True),
        ("1051", "1", "1050.4", "JPY", False),
        ("1050.00", "1", "1050.4", "JPY", True),  # zeros say nothing finer than a yen
        ("1.235", "1", "1.2345", "KWD", True),
        ("1.24", "1", "1.2345", "KWD", False),
        ("-6.00", "-2", "3.00", "EUR", True),
        ("6.00", "-2", "3.00", "EUR", False),
        ("0.00", "0", "9.99", "EUR", True),
        ("99999999999999999999.99", "1", "99999999999999999999.99", "EUR", True),
        ("99999999999999999999.98", "1", "99999999999999999999.99", "EUR", False),
    ],
)
def test_a_line_may_be_off_by_half_a_unit_of_its_currency(
    amount: str, quantity: str, price: str, currency: str, holds: bool
):
    assert (_line(amount, quantity, price, currency) == []) is holds


def test_a_price_may_be_for_several_units():
    assert _line("3.33", "1", "10", base_quantity="3") == []
    assert [f.computed for f in _line("3.34", "1", "10", base_quantity="3")] == ["3.33"]


def test_a_price_for_no_units_is_a_finding_without_a_figure():
    (finding,) = _line("3.00", "1", "10", base_quantity="0")
    assert (finding.code.value, finding.computed) == ("LINE_AMOUNT", "")
    assert "cannot be computed" in finding.sentence


def test_a_line_without_a_price_a_quantity_or_an_amount_is_not_judged():
    for missing in ("quantity", "unit_price", "amount"):
        line = replace(replace(SOUND.lines[0], amount="999.00"), **{missing: None})
        assert [f.line_no for f in findings(replace(_empty(), lines=(line,)))] == []


@pytest.mark.parametrize(
    ("field", "wrong", "codes"),
    [
        ("subtotal", "32.00", ["SUBTOTAL", "SUBTOTAL"]),  # against the lines, and against the total without tax
        ("allowances", "6.00", ["SUBTOTAL", "SUBTOTAL"]),
        ("charges", "3.00", ["SUBTOTAL", "SUBTOTAL"]),
        ("tax_exclusive", "31.00", ["TAX_INCLUSIVE", "TAX_INCLUSIVE"]),
        ("tax", "5.71", ["TAX", "TAX_INCLUSIVE"]),
        ("tax_inclusive", "35.71", ["TAX_INCLUSIVE", "PAYABLE"]),
        ("prepaid", "11.00", ["PAYABLE"]),
        ("rounding", "0.70", ["PAYABLE"]),
        ("payable", "25.70", ["PAYABLE"]),
    ],
)
def test_each_wrong_total_is_found_where_it_stands(field: str, wrong: str, codes: list[str]):
    assert [f.code.value for f in findings(replace(SOUND, **{field: wrong}))] == codes


@pytest.mark.parametrize("field", ["subtotal", "tax_exclusive", "tax", "tax_inclusive", "payable"])
def test_a_total_that_is_not_stated_gives_no_finding(field: str):
    assert findings(replace(SOUND, **{field: None})) == ()


def test_prepaid_rounding_allowances_and_charges_count_as_nothing_where_they_are_not_stated():
    plain = replace(SOUND, prepaid=None, rounding=None, payable="35.70")
    assert findings(plain) == ()
    assert findings(replace(plain, allowances=None, charges=None)) == ()  # the adjustments themselves say them
    assert findings(replace(plain, allowances=None, charges=None, adjustments=(), tax_exclusive="31.00")) != ()


def test_tax_is_held_to_each_rate_and_to_their_sum():
    taxes = (TaxSubtotal("20.00", "3.80", "19"), TaxSubtotal("10.00", "0.71", "7"))
    wrong_rate, wrong_sum = findings(replace(SOUND, taxes=taxes))
    assert wrong_rate.sentence == "7% of 10.00 is 0.70 EUR; the tax at 7% is stated as 0.71 EUR, 0.01 more."
    assert (wrong_sum.code.value, wrong_sum.stated, wrong_sum.computed) == ("TAX", "5.70", "4.51")


def test_the_taxes_that_all_lines_state_are_held_to_the_total_tax():
    """Each may be rounded by half a cent; a line that states no tax, or a charge of unknown rate, proves nothing."""
    lines = (DocumentLine("1", amount="10.00", tax="1.90"), DocumentLine("2", amount="20.00", tax="4.80"))
    document = replace(_empty(), lines=lines, tax="5.70")
    (found,) = findings(document)
    assert (
        found.sentence
        == "The sum of the taxes of the lines (2) is 6.70 EUR; the total tax is stated as 5.70 EUR, 1.00 less."
    )
    charge = Adjustment(True, "10.00", tax_rate="10")
    (found,) = findings(replace(document, adjustments=(charge,)))
    assert found.sentence.startswith("The sum of the taxes of the lines (2) and of allowances and charges is 7.70 EUR")
    for other in (
        replace(document, tax="6.71"),
        replace(document, lines=(lines[0], replace(lines[1], tax=None))),
        replace(document, adjustments=(replace(charge, tax_rate=None),)),
    ):
        assert findings(other) == ()


def test_a_tax_without_a_rate_is_only_summed():
    assert findings(replace(SOUND, taxes=(TaxSubtotal("30.00", "5.70", None),))) == ()


def test_allowances_of_a_negative_invoice_may_carry_either_sign():
    negative = replace(
        _empty(), subtotal="-7.90", allowances="-0.23", tax_exclusive="-7.67", adjustments=(Adjustment(False, "0.23"),)
    )
    assert findings(negative) == ()
    assert [f.code.value for f in findings(replace(negative, adjustments=(Adjustment(False, "0.24"),)))] == ["SUBTOTAL"]


def test_lines_that_others_hold_are_not_added_up():
    group = DocumentLine("0", amount="31.00", summed=False)
    assert findings(replace(SOUND, lines=(group, *SOUND.lines))) == ()


@pytest.mark.parametrize("text", ["1,00", "abc", "NaN", "Infinity", ""])
def test_what_is_no_number_is_unreadable(text: str):
    with pytest.raises(DocumentUnreadable, match="is no"):
        findings(replace(SOUND, payable=text))


def test_a_payable_below_the_total_needs_a_prepayment_unless_the_format_has_no_place_for_one():
    bare = replace(_empty(), tax_inclusive="35.34", payable="25.00")
    assert [f.code.value for f in findings(bare)] == ["PAYABLE"]
    assert findings(replace(bare, totals_only=True)) == ()


@pytest.mark.parametrize(
    ("fields", "stated", "computed", "says"),
    [
        ({"subtotal": None, "tax_exclusive": None, "tax_inclusive": None, "payable": "500.00"}, "500.00", "25.00",
         "Lines 31.00 - allowances 5.00 + charges 4.00 + tax 5.70 - prepaid 10.00 + rounding -0.70 is 25.00 EUR"),
        ({"subtotal": None, "tax_exclusive": "40.00", "tax_inclusive": "45.70", "payable": "35.00"}, "40.00", "30.00",
         "Lines 31.00 - allowances 5.00 + charges 4.00 is 30.00 EUR"),
        ({"tax_exclusive": None, "tax_inclusive": "36.00", "payable": "25.30"}, "36.00", "35.70",
         "Subtotal 31.00 - allowances 5.00 + charges 4.00 + tax 5.70 is 35.70 EUR"),
        ({"tax": None, "tax_inclusive": "36.00", "payable": "25.30"}, "36.00", "35.70", "Total without tax 30.00 + tax 5.70"),
        ({"tax_inclusive": None, "payable": "26.00"}, "26.00", "25.00", "Total without tax 30.00 + tax 5.70 - prepaid 10.00"),
        ({"tax": None, "taxes": (TaxSubtotal("30.00", None, "19"),), "tax_inclusive": "36.00", "payable": "25.30"}, "36.00", "35.70",
         "+ tax 5.70"),
        ({"tax": None, "taxes": (), "tax_inclusive": "35.70"}, "35.70", "30.00", "Total without tax 30.00 EUR; "),
    ],
)  # fmt: skip
def test_a_total_is_held_to_the_nearest_figures_below_it(
    fields: dict[str, str | None], stated: str, computed: str, says: str
):
    (finding,) = findings(replace(SOUND, **fields))
    assert (finding.stated, finding.computed) == (stated, computed)
    assert says in finding.sentence


def test_the_tax_of_the_lines_rates_may_stand_for_a_tax_that_is_not_stated():
    lines = (DocumentLine("1", amount="100.00", tax_rate="20"),)
    bare = replace(_empty(), lines=lines)
    for payable, codes in (("120.00", []), ("100.00", []), ("130.00", ["PAYABLE"])):
        assert [f.code.value for f in findings(replace(bare, payable=payable))] == codes


def test_the_amount_of_a_line_without_one_is_computed_for_the_subtotal():
    lines = (SOUND.lines[0], replace(SOUND.lines[1], amount=None))
    assert findings(replace(SOUND, lines=lines)) == ()


def test_a_page_read_by_a_template_is_held_to_what_it_states_alone():
    """Its lines may include tax, and a tax that no field reads may be there."""
    page = replace(_empty(), format="pdf", lines=(DocumentLine("1", amount="119.00"),), tax_exclusive="100.00")
    assert findings(replace(page, tax_inclusive="119.00", payable="119.00")) == ()


def test_the_difference_in_a_sentence_is_that_of_the_two_figures_it_shows():
    (finding,) = findings(
        replace(SOUND, taxes=(TaxSubtotal("2088.66", "522.18", "25"),), tax=None, tax_inclusive=None, payable=None)
    )
    assert finding.sentence == "25% of 2088.66 is 522.17 EUR; the tax at 25% is stated as 522.18 EUR, 0.01 more."
