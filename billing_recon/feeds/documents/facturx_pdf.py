"""Factur-X and ZUGFeRD: a PDF with its invoice embedded as XML. Both are read and compared."""

from __future__ import annotations

from dataclasses import replace

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import page_check, xml_invoice
from billing_recon.feeds.documents.pdf_reader import open_pdf

FORM = "facturx"

INVOICES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "cii.xml", "ubl.xml")
"""File names of the embedded invoice by format, in lower case. A file of another name counts if it is an invoice."""

ORDERS = ("order-x.xml",)


def is_pdf(data: bytes) -> bool:
    """Whether it begins like a PDF; readers allow up to a kilobyte before."""
    return b"%PDF-" in data[:1024]


def has_invoice(data: bytes) -> bool:
    """Whether the PDF embeds XML that claims to be an invoice (or an order, which `read` refuses by name)."""
    try:
        attachments = open_pdf(data).attachments
    except DocumentUnreadable:
        return False
    return any(_claims(name, content) for name, content in attachments)


def read(data: bytes, name: str) -> Document:
    """Read the embedded invoice and the text of the pages, with findings of both. Raise DocumentUnreadable."""
    pdf = open_pdf(data)
    claims = [(inside, content) for inside, content in pdf.attachments if _claims(inside, content)]
    if not claims:
        raise DocumentUnreadable("the PDF has no electronic invoice inside; read it by a template")
    inside, content = min(claims, key=lambda claim: _rank(*claim))
    if inside.lower() in ORDERS:
        raise DocumentUnreadable(
            f"the PDF carries {inside}: an Order-X document is an order, not an invoice; it bills nothing"
        )
    try:
        document, *more = xml_invoice.read(content, name)
        if more:
            raise DocumentUnreadable(f"it contains {len(more) + 1} documents instead of one")
    except DocumentUnreadable as error:
        raise DocumentUnreadable(f"{inside} inside the PDF: {error}") from error
    found = page_check.findings(document, pdf.page)
    return replace(document, format=FORM, page=pdf.page, findings=(*document.findings, *found))


def _claims(name: str, content: bytes) -> bool:
    return name.lower() in (*INVOICES, *ORDERS) or xml_invoice.recognise(content) is not None


def _rank(name: str, content: bytes) -> tuple[bool, bool, int]:
    """Sort key: readable invoices before orders, and names of newer formats first."""
    lowered = name.lower()
    known = INVOICES.index(lowered) if lowered in INVOICES else len(INVOICES)
    return (lowered in ORDERS, xml_invoice.recognise(content) is None, known)
