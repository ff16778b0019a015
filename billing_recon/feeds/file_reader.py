"""Any supported file as what it is: documents or a ledger. What it holds decides, its name only where that leaves it open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.core.journal import LedgerFile, LedgerOptions
from billing_recon.feeds import documents, ledgers
from billing_recon.feeds.documents import html_page, pdf_reader, stripe_json, template_page
from billing_recon.feeds.documents.facturx_pdf import is_pdf
from billing_recon.feeds.documents.template import Template

LARGEST_DOCUMENT_BYTES = pdf_reader.LARGEST_BYTES
"""Documents are read whole. Ledgers may be larger, as they are read in parts."""
HEAD_BYTES = 64 * 1024
_PACKED = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "packed with gzip", b"\xfd7zXZ\x00": "packed with xz"}
_LEDGERS_BY_DEFAULT = LedgerOptions()


def read_file(
    path: Path, templates: tuple[Template, ...] = (), options: LedgerOptions = _LEDGERS_BY_DEFAULT
) -> list[Document | LedgerFile]:
    """What a file holds, with findings: one document, several (lists of Stripe's objects), or one ledger.

    `file` of each is the path as given. Raises a BillingReconError that says why it cannot be read and what to do.
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
    """The file itself, or of a folder every file in it and below, sorted; what begins with a dot is left out."""
    if not path.is_dir():
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def shown_text(path: Path, order: str) -> str:
    """The text of a PDF or web page as templates see it. Raises DocumentUnreadable for other files."""
    with _opened(path) as stream:
        data = stream.read(LARGEST_DOCUMENT_BYTES + 1)
    if is_pdf(data):
        from billing_recon.feeds.documents.pdf_text import text_of

        return text_of(data, "layout" if order == "layout" else "content")
    if html_page.is_html(data, path.name):
        return html_page.parse(data).text
    raise DocumentUnreadable("only PDFs and web pages have a text that templates see")


def documents_in(data: bytes, name: str, templates: tuple[Template, ...] = ()) -> list[Document]:
    """The documents of a file's bytes, whatever their format, with findings. Raises DocumentUnreadable."""
    if not data.strip():
        raise DocumentUnreadable("the file is empty; it may have been cut off: ask for it again")
    if len(data) > LARGEST_DOCUMENT_BYTES:
        limit = LARGEST_DOCUMENT_BYTES // 1024 // 1024
        raise DocumentUnreadable(f"it is no ledger that is known and has more than the {limit} MB of a document")
    form = documents.recognise(data, name)
    if form is not None:
        return [documents.read(data, name, form)]
    if is_pdf(data):
        return [template_page.read_pdf(data, name, templates)]
    if html_page.is_html(data, name):
        return [template_page.read_html(data, name, templates)]
    if stripe_json.recognise(data):
        return stripe_json.read(data, name)
    raise DocumentUnreadable(_unknown(data))


def _unknown(data: bytes) -> str:
    for magic, what in _PACKED.items():
        if data.startswith(magic):
            return f"it is {what}; unpack it and read what is inside"
    known = ", ".join((*documents.FORMS, template_page.PDF, template_page.HTML, stripe_json.FORM, *ledgers.FORMS))
    return f"its content is of no format that is read ({known}); a table of your own is landed by a feed's mapping"


def _opened(path: Path) -> BinaryIO:
    """The file for reading; a pipe or device, which may never end, is refused."""
    if path.exists() and not path.is_file():
        raise DocumentUnreadable("it is no regular file")
    return path.open("rb")
