"""What a document bills, as the engine's lines: its lines, what is taken off the whole, tax by rate, what was paid before."""

from __future__ import annotations

from decimal import Decimal

from billing_recon.core.document import Adjustment, Document, DocumentKind, DocumentLine, TaxSubtotal
from billing_recon.core.feed import Feed
from billing_recon.feeds.documents.document_rows import rows_of

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
    taxes=(TaxSubtotal("100.00", "19.00", "19"), TaxSubtotal("55.00", "5.55", "7")),
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
    assert [line["row_tax_rate"] for line in rows_of(INVOICE).billed[4:6]] == ["0.19", "0.07"]


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
    document = changed(lines=lines, tax="22.50", **nothing)
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
