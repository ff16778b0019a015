"""A printed invoice as PDF pages that a customer reads: parties, lines, totals. Equal invoices give equal bytes."""

from __future__ import annotations

import io
from html import escape
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from billing_recon.simulate.documents.html import shown, shown_plain
from billing_recon.simulate.documents.printed import PrintedInvoice

_MARGIN = 20 * mm
_INSET = 6  # the margin that reportlab leaves at each side of a frame
_WIDTHS = [8 * mm, 73.7 * mm, 21 * mm, 19 * mm, 19 * mm, 25 * mm]
_GREY, _RULE = colors.HexColor("#66727f"), colors.HexColor("#d5dbe1")
_TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=20, leading=26)
_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=8.5, leading=11)


def pages(invoice: PrintedInvoice) -> bytes:
    """The pages as a PDF without attachments; long invoices run on under a repeated heading."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=f"Invoice {invoice.invoice_id}",
        author=invoice.seller.name,
        invariant=1,
    )
    story: list[Flowable] = [
        Paragraph("Invoice", _TITLE),
        Spacer(0, 4 * mm),
        _header(invoice),
        Spacer(0, 8 * mm),
        _lines(invoice),
        Spacer(0, 5 * mm),
        _totals(invoice),
    ]

    def foot(canvas: Canvas, _: Any) -> None:
        canvas.setFont("Helvetica", 7.5)
        canvas.setFillColor(_GREY)
        canvas.drawString(_MARGIN + _INSET, 12 * mm, f"{invoice.seller.name}, VAT {invoice.seller.number}")
        canvas.drawRightString(A4[0] - _MARGIN - _INSET, 12 * mm, f"Page {canvas.getPageNumber()}")

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _header(invoice: PrintedInvoice) -> Table:
    rows = [
        ("Invoice number", invoice.invoice_id, "From", invoice.seller.name),
        ("Date", invoice.issued_on.isoformat(), "To", invoice.buyer.name),
        ("Document", invoice.document_id, "Customer", invoice.buyer.number),
        ("Currency", invoice.currency, "Country", invoice.buyer.country),
    ]
    style = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 9),
        ("TEXTCOLOR", (0, 0), (0, -1), _GREY),
        ("TEXTCOLOR", (2, 0), (2, -1), _GREY),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
    ]
    return Table(rows, colWidths=[28 * mm, 57 * mm, 20 * mm, 60 * mm], style=TableStyle(style), hAlign="LEFT")


def _lines(invoice: PrintedInvoice) -> Table:
    rows: list[list[Any]] = [["No", "Description", "Quantity", "Unit price", "Discount", "Amount"]]
    for line in invoice.lines:
        rows.append(
            [
                str(line.line_no),
                Paragraph(escape(f"{line.description}, tax {line.percent}%"), _TEXT),
                shown_plain(line.quantity),
                "" if line.unit_price is None else shown_plain(line.unit_price),
                shown(line.discount) if line.discount else "",
                shown(line.amount),
            ]
        )
    style = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 8.5),
        ("TEXTCOLOR", (0, 0), (-1, 0), _GREY),
        ("LINEBELOW", (0, 0), (-1, 0), 1.2, _RULE),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, _RULE),
        ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
    ]
    return Table(rows, colWidths=_WIDTHS, style=TableStyle(style), repeatRows=1, hAlign="LEFT")


def _totals(invoice: PrintedInvoice) -> Table:
    rows = [("Subtotal", shown(invoice.subtotal))]
    if invoice.discount:
        rows.append(("Discount", shown(invoice.discount)))
    rows.append(("Net", shown(invoice.taxable)))
    rows += [(f"Tax {tax.percent}% on {shown(tax.base)}", shown(tax.amount)) for tax in invoice.taxes]
    if [tax.amount for tax in invoice.taxes] != [invoice.tax]:
        rows.append(("Tax", shown(invoice.tax)))
    rows.append(("Total", shown(invoice.total)))
    if invoice.prepaid:
        rows.append(("Credits used", shown(invoice.prepaid)))
    rows.append((f"Amount due {invoice.currency}", shown(invoice.payable)))
    style = [
        ("FONT", (0, 0), (-1, -2), "Helvetica", 9),
        ("FONT", (0, -1), (-1, -1), "Helvetica-Bold", 10),
        ("LINEABOVE", (0, -1), (-1, -1), 1, colors.black),
        ("ALIGN", (1, 0), (1, -1), "RIGHT"),
        ("RIGHTPADDING", (1, 0), (1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, -2), (-1, -2), 4),
        ("TOPPADDING", (0, -1), (-1, -1), 5),
    ]
    return Table(rows, colWidths=[52 * mm, 32 * mm], style=TableStyle(style), hAlign="RIGHT")
