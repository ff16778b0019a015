"""Documents as real files: one module per form; equal invoices give equal bytes.

A form holds what its standard has a field for. The columns of rendered_invoices and rendered_lines, and their fields:

| column | ubl, cii, facturx | html |
|---|---|---|
| document_id | supporting document (BT-122), and the file's name | #document, and the file's name |
| invoice_id, issued_on, currency | BT-1, BT-2, BT-5 | #number, #date, #currency |
| customer_id | the buyer's identifier (BT-46) | #customer |
| subtotal, discount | from BT-106 and the lines' allowances (BG-27); BT-107 is the rest of the discount | #sum, column Discount, #further |
| tax, total, payable | BT-110, BT-112, BT-115; total - payable is prepaid (BT-113) | #tax, #total, #payable |
| line_no, description, quantity | BT-126, BT-153, BT-129 | columns No, Description, Quantity |
| line_id | the line's object (BT-128) | column Reference |
| unit_price | BT-146; if empty, the price of the whole quantity, which is then its base (BT-149) | column Unit price |
| amount, tax_rate | BT-131, BT-152 | columns Amount, Tax rate |
| tax (of a line) | the line's own TaxTotal or CalculatedAmount, outside EN 16931 | column Tax |

sent_at and delivery_status belong to the delivery and are on no document; format and sha256 belong to the file. Tax is the
sum of the lines' taxes, each rounded, as the engine bills it. In yen it may differ from base x rate by a yen or more; EN 16931
(BR-CO-17) tolerates less than one.
"""

from __future__ import annotations

from enum import StrEnum
from zlib import crc32

from billing_recon.simulate.documents.printed import Party, PrintedInvoice, PrintedLine

__all__ = ["EXTENSION", "Form", "Party", "PrintedInvoice", "PrintedLine", "RenderedAs", "write"]


class Form(StrEnum):
    """The forms that a document can be written in."""

    UBL = "ubl"
    CII = "cii"
    FACTURX = "facturx"
    HTML = "html"


class RenderedAs(StrEnum):
    """How the simulator lands its rendered layer."""

    CSV = "csv"
    """Rows in the canonical columns, no documents."""
    UBL = "ubl"
    CII = "cii"
    FACTURX = "facturx"
    HTML = "html"
    MIXED = "mixed"
    """Each customer has one form, as in a company whose customers ask for different ones."""

    def form_of(self, customer_id: str) -> Form | None:
        """The form of a customer's documents; None for rows.

        >>> RenderedAs.MIXED.form_of("CUS-00001"), RenderedAs.HTML.form_of("CUS-00001"), RenderedAs.CSV.form_of("C")
        (<Form.CII: 'cii'>, <Form.HTML: 'html'>, None)
        """
        if self is RenderedAs.CSV:
            return None
        if self is RenderedAs.MIXED:
            return _MIX[crc32(customer_id.encode()) % len(_MIX)]
        return Form(self.value)


_MIX = (Form.UBL,) * 8 + (Form.CII,) * 6 + (Form.HTML,) * 4 + (Form.FACTURX,) * 2

EXTENSION: dict[Form, str] = {Form.UBL: "xml", Form.CII: "xml", Form.FACTURX: "pdf", Form.HTML: "html"}
"""Form -> ending of its file."""


def write(invoice: PrintedInvoice, form: Form) -> bytes:
    """The document as a file. Each form's libraries are loaded when it is first written."""
    match form:
        case Form.UBL:
            from billing_recon.simulate.documents.ubl import ubl

            return ubl(invoice)
        case Form.CII:
            from billing_recon.simulate.documents.cii import cii

            return cii(invoice)
        case Form.FACTURX:
            from billing_recon.simulate.documents.facturx import facturx

            return facturx(invoice)
        case Form.HTML:
            from billing_recon.simulate.documents.html import html

            return html(invoice)
