"""Electronic invoices as Documents: which format a file has, and reading it. One module a format; nothing is written.

Two functions are all that others need, and both take the file's bytes:

    recognise(data, name) -> "ubl" | "cii" | "zugferd1" | "facturx" | None
    read(data, name, form) -> Document    raises DocumentUnreadable

`recognise` never raises: None says that the bytes are no electronic invoice that this package reads (a PDF without an
embedded invoice gives None, a PDF with one "facturx"). An Order-X, a UBL order or a broken invoice is recognised, and
`read` says what is wrong with it. The Document of `read` has its findings filled; `Document.file` is `name`.

The text of any PDF's pages comes from `sandbox.open_pdf(data)`, which does the work in a bounded child process.
"""

from __future__ import annotations

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import facturx_pdf, xml_invoice

FORMS: tuple[str, ...] = (*xml_invoice.FORMS, facturx_pdf.FORM)
"""Every format that `recognise` can answer."""


def recognise(data: bytes, name: str = "") -> str | None:
    """The format of an electronic invoice, by its content; `name` is not trusted. None for anything else."""
    if facturx_pdf.is_pdf(data):
        return facturx_pdf.FORM if facturx_pdf.has_invoice(data) else None
    return xml_invoice.recognise(data)


def read(data: bytes, name: str, form: str) -> Document:
    """The document with its findings. `form` is the answer of `recognise`; another is an error of the caller."""
    if form == facturx_pdf.FORM:
        return facturx_pdf.read(data, name)
    if form in xml_invoice.FORMS:
        return xml_invoice.read(data, name)
    raise DocumentUnreadable(f"'{form}' is no format of electronic invoices; use one of {', '.join(FORMS)}")
