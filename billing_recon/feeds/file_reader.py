"""Read any supported file as documents or a ledger. The content decides; the name only if the content is ambiguous."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.core.journal import LedgerFile, LedgerOptions
from billing_recon.feeds import ledgers, statements
from billing_recon.feeds.documents import formats as documents
from billing_recon.feeds.documents import html_page, pdf_reader, safe_xml, stripe_json, template_page
from billing_recon.feeds.documents.facturx_pdf import is_pdf
from billing_recon.feeds.documents.template import Template
from billing_recon.feeds.tables.archive import foreign

LARGEST_DOCUMENT_BYTES = pdf_reader.LARGEST_BYTES
"""Documents are read whole. Ledgers may be larger, because they are streamed."""
HEAD_BYTES = 64 * 1024
_ARCHIVES = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "compressed with gzip", b"\xfd7zXZ\x00": "compressed with xz"}
_DEFAULT_LEDGER_OPTIONS = LedgerOptions()


def read_file(
    path: Path, templates: tuple[Template, ...] = (), options: LedgerOptions = _DEFAULT_LEDGER_OPTIONS
) -> list[Document | LedgerFile]:
    """Read a file with its findings: one document, several (lists of Stripe objects), or one ledger.

    `file` of each is the path as given. Raise a BillingReconError with the cause and the next step.
    """
    try:
        with _opened(path) as stream:
            head = stream.read(HEAD_BYTES)
            form = ledgers.recognise(head, path.name)
            if form is not None and documents.recognise(head, path.name) is None:
                found: list[Document | LedgerFile] = [ledgers.read(path, form, options=options)]
            else:
                data = head + stream.read(LARGEST_DOCUMENT_BYTES + 1 - len(head))
                found = [*documents_in(data, path.name, templates)]
    except OSError as error:
        raise DocumentUnreadable(f"cannot be opened: {error.strerror or error}") from error
    return [replace(part, file=str(path)) for part in found]


def files_of(path: Path) -> Iterator[Path]:
    """Yield the file itself, or every file in a folder and below, sorted, without hidden ones."""
    if not path.is_dir():
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def shown_text(path: Path, order: str) -> str:
    """Return the text of a PDF or web page as templates see it. Raise DocumentUnreadable for other files."""
    with _opened(path) as stream:
        data = stream.read(LARGEST_DOCUMENT_BYTES + 1)
    if is_pdf(data):
        from billing_recon.feeds.documents.pdf_text import text_of

        return text_of(data, "layout" if order == "layout" else "content")
    if html_page.is_html(data, path.name):
        return html_page.parse(data).text
    raise DocumentUnreadable("only PDFs and web pages have text for templates")


def documents_in(data: bytes, name: str, templates: tuple[Template, ...] = ()) -> list[Document]:
    """Read the documents in a file's bytes, in any format, with findings. Raise DocumentUnreadable."""
    if not data.strip():
        raise DocumentUnreadable("the file is empty; it may have been cut off: ask for it again")
    if len(data) > LARGEST_DOCUMENT_BYTES:
        limit = LARGEST_DOCUMENT_BYTES // 1024 // 1024
        raise DocumentUnreadable(f"it is not a supported ledger and exceeds the {limit} MB limit for documents")
    form = documents.recognise(data, name)
    if form is not None:
        return documents.read_all(data, name, form)
    if is_pdf(data):
        return [template_page.read_pdf(data, name, templates)]
    if html_page.is_html(data, name):
        return [template_page.read_html(data, name, templates)]
    if stripe_json.recognise(data):
        return stripe_json.read(data, name)
    raise DocumentUnreadable(_unknown(data, name))


def _unknown(data: bytes, name: str) -> str:
    for magic, what in _ARCHIVES.items():
        if data.startswith(magic):
            return f"it is {what}; unpack it first"
    if name.lower().endswith(".p7m") and data[:1] in (b"0", b"M", b"-"):
        return "it is an invoice inside a signature (.p7m); extract its XML first, for example with openssl cms -verify"
    if statements.recognise(data[:HEAD_BYTES]):
        return (
            "it is a bank statement, not a document: land it as payments with format: statement, and look at it with "
            "billing-recon feeds try payments FILE"
        )
    if other := foreign(data[:HEAD_BYTES]):
        return f"it is {other}, which is not read"
    root = safe_xml.root_tag(data)
    if root is None and data.lstrip().startswith(b"<?xml"):
        safe_xml.parse(data)  # says what is wrong with it
    known = ", ".join((*documents.FORMS, template_page.PDF, template_page.HTML, stripe_json.FORM, *ledgers.FORMS))
    if root is not None:
        return f"its format is not supported ({known}): its root element is {root}; ask the sender for UBL or CII if it is an invoice"
    return f"its format is not supported ({known}); to land a table of your own, map its columns in a feed"


def _opened(path: Path) -> BinaryIO:
    """Open the file for reading. Refuse pipes and devices, which may never end."""
    if path.exists() and not path.is_file():
        raise DocumentUnreadable("it is not a regular file")
    return path.open("rb")
