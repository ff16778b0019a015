"""PDFs and HTML pages by declared templates: fields, tables, which template applies, and what is wrong with one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.document import Adjustment, Document, DocumentKind, DocumentUnreadable
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.yaml_text import read_yaml
from billing_recon.feeds.documents.page_figures import day, figure
from billing_recon.feeds.documents.pdf_text import text_of
from billing_recon.feeds.documents.template import Template, read_templates
from billing_recon.feeds.documents.template_page import read_html, read_pdf
from billing_recon.feeds.documents.template_patterns import Search
from billing_recon_tests.feeds.documents.pages import HTML, HTML_TEMPLATE, INVOICE, TEMPLATE, Cell, pdf


def template(text: str, name: str = "test") -> Template:
    return read_yaml(Template, text, "test.yaml").model_copy(update={"name": name})


def by(text: str, cells: list[Cell] = INVOICE) -> Document:
    return read_pdf(pdf(cells), "page.pdf", (template(text),))


def changed(sought: str, put: str) -> list[Cell]:
    assert any(sought in text for _, _, text in INVOICE)
    return [(left, top, text.replace(sought, put)) for left, top, text in INVOICE]


def without(*lines: str) -> str:
    """The template without the lines that begin so."""
    kept = [line for line in TEMPLATE.splitlines() if not line.strip().startswith(lines)]
    assert len(kept) < len(TEMPLATE.splitlines())
    return "\n".join(kept)


def test_a_pdf_is_read_by_its_template() -> None:
    document = by(TEMPLATE)
    assert (document.format, document.kind, document.number) == ("pdf", DocumentKind.INVOICE, "HH-2026-17")
    assert (document.issued_on, document.currency, document.seller) == ("2026-03-03", "USD", "Hydra Hosting Ltd")
    assert (document.subtotal, document.tax, document.payable) == ("2002.00", "400.40", "2402.40")
    first, second = document.lines
    assert (first.line_no, first.description, first.quantity) == ("1", "Virtual server in Frankfurt", "2")
    assert (first.unit_price, first.amount, first.tax_rate) == ("1000.00", "2000.00", "20")
    assert second.adjustments == (Adjustment(charge=False, amount="1.00"),)
    assert document.findings == ()
    assert "Hydra" in (document.page or "")


def test_the_template_that_the_documentation_shows_works() -> None:
    manual = (Path(__file__).parents[3] / "docs/templates.md").read_text()
    document = by(
        manual.split("```yaml")[1].split("```")[0], [cell for cell in INVOICE if cell[2] not in ("Discount", "-1.00")]
    )
    assert (document.number, document.payable, len(document.lines)) == ("HH-2026-17", "2402.40", 2)


def test_the_order_in_which_a_page_was_drawn_does_not_matter() -> None:
    shuffled = list(INVOICE)
    random.Random(3).shuffle(shuffled)
    assert by(TEMPLATE, shuffled).lines == by(TEMPLATE).lines


def test_what_does_not_add_up_on_a_page_is_a_finding() -> None:
    wrong = by(TEMPLATE, changed("2,402.40", "2,402.50"))
    assert [finding.code.value for finding in wrong.findings] == ["TAX_INCLUSIVE"]
    assert by(TEMPLATE, changed("2,000.00", "2,010.00")).findings[0].line_no == "1"


def test_a_table_goes_on_over_pages_with_repeated_headers() -> None:
    first = [cell for cell in INVOICE if cell[1] < 155]
    second = [cell for cell in INVOICE if cell[1] == 110 or cell[1] > 155]
    moved = [(left + 20, top, text) for left, top, text in second]
    document = read_pdf(pdf(first, moved), "page.pdf", (template(TEMPLATE),))
    assert [line.amount for line in document.lines] == ["2000.00", "2.00"]


def test_rows_by_pattern_may_take_several_lines() -> None:
    row = r"lines: {row: '^ *(?P<line_no>\d) +(?P<description>\S.+?) {2,}(?P<quantity>\d+) .*?(?P<amount>[\d,.]+)$', end: Sum, continues: description}"
    document = by(TEMPLATE.partition("lines:")[0] + row)
    assert [(line.description, line.quantity, line.amount) for line in document.lines] == [
        ("Virtual server in Frankfurt", "2", "2000.00"),
        ("Backup", "10", "2.00"),
    ]


def test_a_discount_in_percent_is_taken_off_exactly() -> None:
    cells = [(360, 160, "33.3333%") if cell == (360, 160, "-1.00") else cell for cell in INVOICE]
    document = by(
        TEMPLATE.replace("allowance: Discount", "allowance_percent: Discount").replace(
            "allowance: drop", "tax: stated"
        ),
        cells,
    )
    assert document.lines[1].adjustments == (Adjustment(charge=False, amount="0.99999900"),)
    assert document.findings == ()


def test_a_web_page_is_read_by_selectors_and_headers() -> None:
    document = read_html(HTML.encode(), "page.html", (template(HTML_TEMPLATE),))
    assert (document.format, document.number, document.issued_on, document.currency) == (
        "html",
        "R-7",
        "2026-03-03",
        "EUR",
    )
    assert (document.subtotal, document.payable) == ("2002.00", "2002.00")
    assert [(line.description, line.quantity, line.unit_price, line.amount) for line in document.lines] == [
        ("Server in Frankfurt", "2", "1000.00", "2000.00"),
        ("Backup", "10", "0.20", "2.00"),
    ]
    assert document.findings == ()
    assert "R-8" not in (document.page or "")
    assert "R-9" not in (document.page or "")


def test_rows_of_a_web_page_need_no_table() -> None:
    page = """<html><body>Bill <b>B1</b> 2026-03-01 <i>USD</i>
      <div class=row><span class=what>Disk</span><span class=sum>$4.00</span></div>
      <div class=row><span class=what>CPU</span><span class=sum>$6.00</span></div><u>10.00</u></body></html>"""
    rules = """
form: html
match: Bill
fields:
  number: {select: b}
  issued_on: {pattern: '[0-9-]{10}', dates: "%Y-%m-%d"}
  currency: {select: i}
  subtotal: {select: .sum, take: sum}
  payable: {select: u}
lines: {rows: div.row, cells: {description: .what, amount: .sum}}
"""
    document = read_html(page.encode(), "page.html", (template(rules),))
    assert [(line.description, line.amount) for line in document.lines] == [("Disk", "4.00"), ("CPU", "6.00")]
    assert document.subtotal == "10.00"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "utf-16"])
def test_a_web_page_without_a_declared_encoding_is_read(encoding: str) -> None:
    text = HTML.replace('<meta charset="utf-8">', "").replace("&nbsp;", "\u00a0")
    document = read_html(text.encode(encoding), "page.html", (template(HTML_TEMPLATE),))
    assert (document.issued_on, document.currency) == ("2026-03-03", "EUR")


def test_a_credit_note_is_known_by_its_heading() -> None:
    page = HTML.replace("<h1>Rechnung</h1>", "<h1>Gutschrift</h1><p>Rechnung R-1</p>")
    assert read_html(page.encode(), "page.html", (template(HTML_TEMPLATE),)).kind is DocumentKind.CREDIT_NOTE


def test_the_template_that_matches_is_taken_by_its_priority() -> None:
    data = pdf(INVOICE)
    one, two = template(TEMPLATE, "one"), template(TEMPLATE, "two")
    with pytest.raises(DocumentUnreadable, match="one, two all match"):
        read_pdf(data, "page.pdf", (one, two))
    chosen = read_pdf(data, "page.pdf", (one, two.model_copy(update={"priority": 1, "extra": one.extra})))
    assert chosen.number == "HH-2026-17"
    assert read_pdf(data, "page.pdf", (one, two.model_copy(update={"unless": ("VAT 20%",)}))).number == "HH-2026-17"
    with pytest.raises(DocumentUnreadable, match=r"no template matches .* declare one in the home's folder templates/"):
        read_pdf(data, "page.pdf", (template(HTML_TEMPLATE),))


def test_a_scan_says_that_it_has_no_text() -> None:
    with pytest.raises(DocumentUnreadable, match="no text layer"):
        read_pdf(pdf([]), "scan.pdf", (template(TEMPLATE),))


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (changed("Invoice number: ", "No. "), r"template test: number: the pages have no match for 'Invoice number"),
        (changed("3 March 2026", "2026-03-03"), "'2026-03-03' is not a date as %d %B %Y"),
        (changed("400.40", "400,40"), "'400,40' is not a figure with '.' before decimals"),
        (changed("Total USD", "Total XYZ"), "currency: 'XYZ' is not an ISO 4217 code; map it"),
        (changed("Total USD", "Amount, Total EUR"), "no line of its pages has the headers 'Total USD'"),
        (changed("2,000.00", "2.000,00"), "lines: row 1: '2.000,00' is not a figure"),
        ([cell for cell in INVOICE if cell[1] not in (130, 160)], "lines: the pages have no row with amount"),
    ],
)
def test_what_a_page_lacks_is_said_by_field(cells: list[Cell], says: str) -> None:
    with pytest.raises(DocumentUnreadable, match=says):
        by(TEMPLATE, cells)


def test_fields_may_be_optional_or_have_another_value() -> None:
    rules = TEMPLATE.replace(
        "fields:",
        "fields:\n  prepaid: {pattern: Paid (.+), optional: true}\n  rounding: {pattern: Rounded (.+), otherwise: '0.00'}",
    )
    document = by(rules)
    assert (document.prepaid, document.rounding) == (None, "0.00")


def test_values_that_must_agree_or_be_added_do() -> None:
    twice = [*INVOICE, (40, 300, "Invoice number: HH-2026-18")]
    rules = TEMPLATE.replace(
        r"number: 'Invoice number: (\S+)'", r"number: {pattern: 'Invoice number: (\S+)', take: same}"
    )
    with pytest.raises(DocumentUnreadable, match="number: its pages do not agree: HH-2026-17, HH-2026-18"):
        by(rules, twice)
    last = TEMPLATE.replace(
        r"number: 'Invoice number: (\S+)'", r"number: {pattern: 'Invoice number: (\S+)', take: last}"
    )
    assert by(last, twice).number == "HH-2026-18"


@pytest.mark.parametrize(
    ("shown", "decimal", "thousands", "figure_"),
    [
        ("1.234,50", ",", ". ", "1234.50"), ("1 234,50 kr", ",", ". ", "1234.50"), ("CHF 1’234.50", ".", "’", "1234.50"),
        ("Rs. 1,00,000.00", ".", ",", "100000.00"), ("$.50", ".", ",", "0.50"), ("€ 5,-", ",", ".", "5"), ("12.–", ".", ",", "12"),
        ("-€ 9,32", ",", ".", "-9.32"), ("€ -9,32", ",", ".", "-9.32"), ("9.32-", ".", ",", "-9.32"), ("(9.32)", ".", ",", "-9.32"),
        ("−9.32", ".", ",", "-9.32"), ("12.50 CR", ".", ",", "-12.50"), ("19 %", ",", ".", "19"), ("¥1,050", ".", ",", "1050"),
        ("0.000125", ".", ",", "0.000125"), ("2 PCS", ".", ",", "2"),
    ],
)  # fmt: skip
def test_figures_are_read_as_people_write_them(shown: str, decimal: str, thousands: str, figure_: str) -> None:
    assert figure(shown, decimal, thousands) == figure_


@pytest.mark.parametrize(
    ("shown", "decimal"),
    [("12,50", "."), ("1.23", ","), ("1.234.56", "."), ("1,23,4", "."), ("", "."), ("n/a", "."), ("1e9", "."),
     ("5 x 3", "."), ("--5", "."), ("(5", "."), ("-5-", "."), ("٣", "."), ("1.2.3", "."), ("9" * 50, "."), ("1" * 200, ".")],
)  # fmt: skip
def test_what_is_not_written_as_declared_is_no_figure(shown: str, decimal: str) -> None:
    with pytest.raises(DocumentUnreadable):
        figure(shown, decimal, "," if decimal == "." else ".")


@pytest.mark.parametrize(
    ("shown", "form", "language", "iso"),
    [
        ("7. Mai 2014", "%d. %B %Y", "de", "2014-05-07"), ("02 Juillet 2015", "%d %B %Y", "fr", "2015-07-02"),
        ("19 april 2014", "%d %B %Y", "nl", "2014-04-19"), ("3 déc. 2026", "%d %b %Y", "fr", "2026-12-03"),
        ("Sept. 5, 2026", "%b %d, %Y", "en", "2026-09-05"), ("12 de marzo de 2026", "%d de %B de %Y", "es", "2026-03-12"),
        ("3/4/26", "%m/%d/%y", "en", "2026-03-04"), ("August 3 , 2014", "%B %d , %Y", "en", "2014-08-03"),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_templates_language(shown: str, form: str, language: str, iso: str) -> None:
    assert day(shown, (form,), language) == iso


def test_every_problem_of_a_folder_of_templates_is_listed(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(TEMPLATE)
    (tmp_path / "bad.yaml").write_text(
        """
form: pdf
match: []
numbers: {decimal: ";"}
fields: {number: "((", foo: x, issued_on: '.+', currency: {value: EURO}, payable: {select: "td..x"}}
lines: {row: '(?P<amount>x)', columns: {amount: b}}
"""
    )
    (tmp_path / "worse.yaml").write_text(
        TEMPLATE.replace("quantity: Qty", "qty: Qty").replace("order:", "language: xx\norder:")
    )
    (tmp_path / "worst.yaml").write_text("form: [")
    with pytest.raises(ConfigurationError) as caught:
        read_templates(tmp_path)
    said = str(caught.value)
    for part in (
        "templates/bad.yaml:4: numbers.decimal",
        "'((' is not a regular expression",
        "fields.foo: is no key here",
        "'td..x' is not a CSS selector",
        "lines: give exactly one of row, columns, and rows with cells",
        "no such column 'qty'",
        "language: 'xx' is not known",
        "templates/worst.yaml:2: not valid YAML",
    ):
        assert part in said
    assert "good.yaml" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace(', dates: "%d %B %Y"', ""), "issued_on: give its dates"),
        (lambda text: text.replace("%d %B %Y", "%B %Y"), "not a strptime format of a whole date"),
        (lambda text: text.replace("'Total ([A-Z]{3})'", "{value: EURO}"), "'EURO' is not an ISO 4217 currency"),
        (lambda text: text.replace("payable: 'To pay", "buyer: 'To pay").replace("tax_inclusive: 'To pay", "customer: 'To pay"), "payable or tax_inclusive is needed"),
        (lambda text: text.replace("continues: description", "continues: nothing"), "continues 'nothing' is not one of its columns"),
        (lambda text: text.replace("form: pdf", "form: html"), "lines: give the table's select"),
        (lambda text: text.replace("amount: Total USD", "tax: Total USD"), "needs amount, which no column gives"),
        (lambda text: text.replace("{value: Hydra Hosting Ltd}", "{value: x, pattern: y}"), "give a pattern, a select"),
        (lambda text: text.replace("match: Hydra Hosting Ltd", "match: ''"), "match: give at least one text"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_work_is_refused(change: Callable[[str], str], says: str) -> None:
    assert change(TEMPLATE) != TEMPLATE
    with pytest.raises(ConfigurationError) as caught:
        template(change(TEMPLATE))
    assert says in str(caught.value)


def test_a_pattern_that_would_run_on_is_stopped() -> None:
    began = time.monotonic()
    with pytest.raises(DocumentUnreadable, match="took longer than"):
        Search(0.3).first(r"(a|aa)+$", "a" * 5000 + "b")
    assert time.monotonic() - began < 3


def test_text_turned_against_the_page_is_left_out_and_a_turned_page_is_read() -> None:
    import io

    from reportlab.pdfgen.canvas import Canvas

    for turn in (0, 90, 180, 270):
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=(600, 800), invariant=1)
        canvas.translate(300, 400)
        canvas.rotate(turn)
        for row, (item, amount) in enumerate((("Item", "Amount"), ("Disk", "4.00"))):
            canvas.drawString(0, -20 * row, item)
            canvas.drawString(100, -20 * row, amount)
        canvas.rotate(90)
        canvas.drawString(0, 30, "margin")
        canvas.showPage()
        canvas.save()
        assert [line.split() for line in text_of(out.getvalue(), "layout").splitlines()] == [
            ["Item", "Amount"],
            ["Disk", "4.00"],
        ]


def test_a_template_may_state_type_code_and_status_which_decide_what_the_page_does() -> None:
    for field, value, effect in (
        ("type_code", "325", "nothing"), ("type_code", "381", "credits"), ("type_code", "x", "unknown"),
        ("status", "void", "nothing"), ("status", "paid", "bills"), ("kind", "other", "nothing"),
    ):  # fmt: skip
        stated = without("kind:") if field == "kind" and "\n  kind:" in TEMPLATE else TEMPLATE
        document = by(stated.replace("fields:\n", f"fields:\n  {field}: {{value: '{value}'}}\n"))
        assert document.effect.value == effect, (field, value)
