"""Read a page by a template: choose the template, find each field, and read the table of lines."""

from __future__ import annotations

from collections.abc import Callable

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import (
    Adjustment,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentUnreadable,
    TaxSubtotal,
)
from billing_recon.feeds.documents import arithmetic, effect, html_page, pdf_text
from billing_recon.feeds.documents.html_page import HtmlPage
from billing_recon.feeds.documents.page_figures import day, figure, signed
from billing_recon.feeds.documents.stated_figures import FIGURES, gross_of
from billing_recon.feeds.documents.table_rows import Row, rows_of
from billing_recon.feeds.documents.template import LINE_FIGURES, Numbers, Rule, TableRule, Template
from billing_recon.feeds.documents.template_patterns import Search

PDF, HTML = "pdf", "html"
"""Formats of documents that are read by a template."""


def read_pdf(data: bytes, name: str, templates: tuple[Template, ...]) -> Document:
    """Read a PDF by the template that matches its text. Raise DocumentUnreadable."""
    content = pdf_text.text_of(data, "content")
    if not content.strip():
        raise DocumentUnreadable(
            "the PDF has no text layer (a scan) and no invoice inside; ask the sender for a PDF with text, or for the XML"
        )
    template = chosen(templates, PDF, content)
    text = content if template.order == "content" else pdf_text.text_of(data, "layout")
    return _Reading(template, text, None).document(name)


def read_html(data: bytes, name: str, templates: tuple[Template, ...]) -> Document:
    """Read a web page by the template that matches its visible text. Raise DocumentUnreadable."""
    page = html_page.parse(data)
    return _Reading(chosen(templates, HTML, page.text), page.text, page).document(name)


def chosen(templates: tuple[Template, ...], form: str, text: str) -> Template:
    """Return the matching template of the highest priority. None, or two of the same priority, is an error."""
    words = " ".join(text.split())
    fitting = [
        template
        for template in templates
        if template.form == form
        and all(" ".join(part.split()) in words for part in template.match)
        and not any(" ".join(part.split()) in words for part in template.unless)
    ]
    best = [template for template in fitting if template.priority == max(other.priority for other in fitting)]
    if len(best) > 1:
        names = ", ".join(template.name for template in best)
        raise DocumentUnreadable(f"the templates {names} all match it; give one a priority, or the others an `unless`")
    if not best:
        known = ", ".join(template.name for template in templates if template.form == form) or "none is declared"
        raise DocumentUnreadable(
            f"no template matches this {form.upper()} ({known}); declare one in the home's folder templates/, or in the "
            "folder given with --templates; docs/templates.md explains how, and `billing-recon read FILE --text content` shows the text"
        )
    return best[0]


class _Reading:
    """One template on one page."""

    def __init__(self, template: Template, text: str, page: HtmlPage | None) -> None:
        self.template = template
        self.text = text
        self.page = page
        self.search = Search()

    def document(self, name: str) -> Document:
        """The document with its findings."""
        try:
            document = self._document(name)
        except DocumentUnreadable as error:
            raise DocumentUnreadable(f"template {self.template.name}: {error}") from error
        return effect.decided(document)

    def _document(self, name: str) -> Document:
        fields = {field: self._field(field, rule) for field, rule in self.template.fields.rules()}
        currency = (fields.get("currency") or "").upper() or None
        if currency is not None and currency not in EXPONENTS:
            raise DocumentUnreadable(
                f"currency: '{currency}' is not an ISO 4217 code; map it, for example map: {{\"$\": USD}}"
            )
        kind = fields.get("kind") or DocumentKind.INVOICE.value
        if kind not in tuple(DocumentKind):
            raise DocumentUnreadable(f"kind: '{kind}' is neither invoice nor credit_note; add it to the field's map")
        references = fields.get("references")
        code = fields.get("type_code")
        return Document(
            file=name,
            format=self.template.form,
            kind=effect.kind_of(code, DocumentKind(kind)),
            type_code=code,
            status=fields.get("status"),
            period_start=fields.get("period_start"),
            period_end=fields.get("period_end"),
            number=fields.get("number"),
            issued_on=fields.get("issued_on"),
            currency=currency,
            seller=fields.get("seller"),
            buyer=fields.get("buyer"),
            customer=fields.get("customer"),
            subtotal=fields.get("subtotal"),
            allowances=fields.get("allowances"),
            charges=fields.get("charges"),
            tax_exclusive=fields.get("tax_exclusive"),
            tax=fields.get("tax"),
            tax_inclusive=fields.get("tax_inclusive"),
            prepaid=fields.get("prepaid"),
            rounding=fields.get("rounding"),
            collected=fields.get("collected"),
            withheld=fields.get("withheld"),
            payable=fields.get("payable"),
            lines=tuple(self._lines()),
            taxes=tuple(self._taxes()),
            references=(references,) if references else (),
            page=self.text,
            extra=tuple(
                (field, value)
                for field, rule in self.template.extra.items()
                if (value := self._field(f"extra.{field}", rule)) is not None
            ),
        )

    def _field(self, field: str, rule: Rule) -> str | None:
        if rule.value is not None:
            return rule.value
        found = self._found(rule)
        if not found:
            if rule.otherwise is not None or rule.optional:
                return rule.otherwise
            sought = " or ".join(f"'{part}'" for part in (*rule.pattern, *((rule.select,) if rule.select else ())))
            raise DocumentUnreadable(f"{field}: the pages have no match for {sought}")
        read = self._reader(field, rule)
        try:
            match rule.take:
                case "first":
                    return read(found[0])
                case "last":
                    return read(found[-1])
                case "same":
                    values = dict.fromkeys(map(read, found))
                    if len(values) > 1:
                        raise DocumentUnreadable(f"its pages do not agree: {', '.join(values)}")
                    return next(iter(values))
                case "sum":
                    return arithmetic.total_of(map(read, found))
                case "all":
                    return rule.join.join(map(read, found))
        except DocumentUnreadable as error:
            raise DocumentUnreadable(f"{field}: {error}") from error

    def _found(self, rule: Rule) -> list[str]:
        """Return the non-blank texts that a rule finds, with white space collapsed."""
        places = [self.text]
        if rule.select is not None and self.page is not None:
            elements = self.page.selected(rule.select)
            places = [
                html_page.text_of(element) if rule.attribute is None else element.get(rule.attribute, "")
                for element in elements
            ]
        found: list[str | None] = list(places)
        for pattern in rule.pattern:
            matches = [match for place in places for match in self.search.all(pattern, place)]
            found = [
                match["value"] if "value" in match.re.groupindex else match[min(match.re.groups, 1)]
                for match in matches
            ]
            if found:
                break
        texts = (" ".join(text.split()) for text in found if text is not None)
        return [text for text in map(self._replacing(rule), texts) if text]

    def _replacing(self, rule: Rule) -> Callable[[str], str]:
        def put(text: str) -> str:
            for pattern, replacement in rule.replace.items():
                text = self.search.replaced(pattern, replacement, text)
            return text.strip()

        return put

    def _reader(self, field: str, rule: Rule) -> Callable[[str], str]:
        numbers = rule.numbers or self.template.numbers
        is_figure = field in FIGURES or rule.take == "sum"

        def read(text: str) -> str:
            if rule.map:
                if text not in rule.map:
                    raise DocumentUnreadable(f"'{text}' is not in its map ({', '.join(rule.map)})")
                text = rule.map[text]
            if is_figure:
                return signed(_figure(text, numbers), rule.sign)
            return day(text, rule.dates, self.template.language) if rule.dates else text

        return read

    def _lines(self) -> list[DocumentLine]:
        rows = self._rows("lines", self.template.lines, LINE_FIGURES)
        return [_line(str(position), row) for position, row in enumerate(rows, 1)]

    def _taxes(self) -> list[TaxSubtotal]:
        rows = self._rows("taxes", self.template.taxes, ("base", "rate", "amount"))
        return [TaxSubtotal(row.get("base"), row.get("amount"), row.get("rate"), row.get("category")) for row in rows]

    def _rows(self, place: str, table: TableRule | None, figures: tuple[str, ...]) -> list[Row]:
        """Return the table's rows with figures in a Document's notation."""
        if table is None:
            return []
        numbers = table.numbers or self.template.numbers
        try:
            rows = rows_of(table, self.text, self.page, self.search)
        except DocumentUnreadable as error:
            raise DocumentUnreadable(f"{place}: {error}") from error
        if not rows and not table.optional:
            raise DocumentUnreadable(f"{place}: the pages have no row with {' and '.join(table.needs)}")
        read: list[Row] = []
        for position, row in enumerate(rows, 1):
            try:
                read.append(
                    {
                        name: signed(_figure(text, numbers), table.signs.get(name, "stated"))
                        if name in figures and name not in table.fixed
                        else text
                        for name, text in row.items()
                    }
                )
            except DocumentUnreadable as error:
                raise DocumentUnreadable(f"{place}: row {position}: {error}") from error
        return read


def _line(position: str, row: Row) -> DocumentLine:
    adjustments = [Adjustment(charge=False, amount=row["allowance"])] if "allowance" in row else []
    if "charge" in row:
        adjustments.append(Adjustment(charge=True, amount=row["charge"]))
    if {"allowance_percent", "quantity", "unit_price"} <= row.keys():
        gross = gross_of(row["quantity"], row["unit_price"], row.get("base_quantity")) or "0"
        adjustments.append(Adjustment(charge=False, amount=arithmetic.percent_of(gross, row["allowance_percent"])))
    return DocumentLine(
        line_no=row.get("line_no", position),
        description=row.get("description"),
        quantity=row.get("quantity"),
        base_quantity=row.get("base_quantity"),
        unit_price=row.get("unit_price"),
        amount=row.get("amount"),
        tax_rate=row.get("tax_rate"),
        adjustments=tuple(adjustments),
        tax=row.get("tax"),
        object_id=row.get("object_id"),
    )


def _figure(text: str, numbers: Numbers) -> str:
    return figure(text, numbers.decimal, numbers.marks)
