"""Which electronic invoice a file is, and reading it. One module per format.

Others need two functions, and both take the file's bytes:

    recognise(data, name) -> "ubl" | "cii" | "zugferd1" | "facturx" | "fatturapa" | None
    read_all(data, name, form) -> [Document]    raises DocumentUnreadable

`recognise` never raises and returns None for anything but a supported electronic invoice (a PDF is "facturx" only with an
embedded invoice). An Order-X, a UBL order or a broken invoice is recognised, and `read` reports the problem. The Document
includes its findings; `Document.file` is `name`. A file has one document, except for FatturaPA; `read` returns this one.

PDFs are opened by `pdf_reader.open_pdf(data)`, which works in a child process with bounded memory and time.
"""

from __future__ import annotations

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import facturx_pdf, xml_invoice

FORMS: tuple[str, ...] = (*xml_invoice.FORMS, facturx_pdf.FORM)
"""Every format that `recognise` can answer."""


def recognise(data: bytes, name: str = "") -> str | None:
    """Return the format of an electronic invoice by its content, None for anything else. `name` is not used."""
    if facturx_pdf.is_pdf(data):
        return facturx_pdf.FORM if facturx_pdf.has_invoice(data) else None
    return xml_invoice.recognise(data)


def read(data: bytes, name: str, form: str) -> Document:
    """Read a file's only document with its findings. `form` is the result of `recognise`."""
    document, *more = read_all(data, name, form)
    if more:
        raise DocumentUnreadable(f"the file contains {len(more) + 1} documents")
    return document


def read_all(data: bytes, name: str, form: str) -> list[Document]:
    """Read every document of a file with its findings. `form` is the result of `recognise`."""
    if form == facturx_pdf.FORM:
        return [facturx_pdf.read(data, name)]
    if form in xml_invoice.FORMS:
        return xml_invoice.read(data, name)
    raise DocumentUnreadable(f"'{form}' is not a format of electronic invoices; use one of {', '.join(FORMS)}")
