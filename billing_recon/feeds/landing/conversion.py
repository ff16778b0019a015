"""Convert a day's documents or ledgers to rows: one relation per day, however many files."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Lock

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.core.errors import ConfigurationError, LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.schema import LEDGER_ENTRIES
from billing_recon.feeds.documents.document_rows import COLUMNS, DocumentRows, rows_of
from billing_recon.feeds.tables.archive import what_it_is
from billing_recon.feeds.tables.converted_rows import (
    CONVERTED,
    Conversion,
    ConvertedRows,
    ConvertedRowsWriter,
    RowWarning,
)
from billing_recon.feeds.tables.day_files import Content, DayFile, contents

DOCUMENT_BYTES_MAX = 1 << 26
"""A larger file (64 MiB) is no invoice and is not read."""
_HEAD_BYTES = 1 << 16
_CACHED_FILES = 5_000
_NAMED = 10
"""Documents that a note names."""
Read = tuple[DocumentRows, ...] | str
"""The documents of a file, or the reason why it cannot be read."""


def convert_documents(
    home: Path, paths: list[Path], table: str, feed: Feed, scratch: Path, *, quarantines: bool = True
) -> Conversion:
    """Convert documents to rows of `table`. A document that cannot be read is one broken row with the reader's message.

    So is one whose effect is not known. A document that bills nothing has no row; notes count and name them. If several
    tables read the same documents, only the one that `quarantines` has a row for a broken document, and these notes.
    Arithmetic findings are reported with the invoice.
    """
    invoices = table == "rendered_invoices"
    columns = COLUMNS[table]
    read = _reader(home, feed)
    files: list[DayFile] = []
    warnings: list[RowWarning] = []
    unread = 0
    nothing: list[str] = []
    out = scratch / f"{table}.parquet"
    with ConvertedRowsWriter(out, columns) as target:
        for number, (content, path, named) in enumerate(_contents(home, paths, scratch), 1):
            name, sha256, unpacked = content.name, content.sha256, content.readable
            files.append(DayFile(name, CONVERTED, sha256, unpacked, 0, True))
            of_file: dict[str, str | None] = {"file": name, "stem": path.name.partition(".")[0], "sha256": sha256}
            found = _CACHE.get((sha256, path.suffix, read.key), partial(_rows_of, unpacked, path.name, read))
            if unpacked.is_relative_to(scratch):
                unpacked.unlink()
            if isinstance(found, str):
                unread += 1
                if quarantines:
                    target.add(number, 1, [of_file.get(column) for column in columns], broken=found)
                continue
            row = 0
            for document in found:
                of_file["row_document_id"] = _document_id(document, named)
                if document.nothing is not None:
                    nothing.append(f"{name} ({document.number or 'without number'}: {document.nothing})")
                    continue
                if document.unknown is not None:
                    unread += 1
                    row += 1
                    if quarantines:
                        known = dict.fromkeys(columns) | of_file | document.header
                        target.add(number, row, [known[column] for column in columns], broken=document.unknown)
                    continue
                for texts in document.of(table, feed):
                    row += 1
                    known = of_file | texts
                    target.add(number, row, [known[column] for column in columns])
                if invoices:
                    warnings += [
                        RowWarning(number, row, code, f"{name}: {sentence}") for code, sentence in document.findings
                    ]
    notes = []
    if nothing and quarantines:
        notes.append(_bill_nothing(nothing))
    if unread and not quarantines:
        notes.append(f"{unread} document{'' if unread == 1 else 's'} cannot be read: see rendered_invoices")
    return Conversion(
        tuple(files),
        _converted(out, feed, Reason.BROKEN_DOCUMENT, "'cannot be read: ' || broken"),
        tuple(warnings),
        tuple(notes),
    )


def _bill_nothing(named: list[str]) -> str:
    """Return a note that counts and names documents without rows."""
    many = len(named) > 1
    rest = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{len(named)} document{'s bill' if many else ' bills'} nothing and ha{'ve' if many else 's'} no row: " + (
        "; ".join(named[:_NAMED]) + rest
    )


def _converted(out: Path, feed: Feed, reason: Reason, says: str) -> ConvertedRows:
    return ConvertedRows(
        feed.path or "landing/documents", CONVERTED, "", out, out.stat().st_size, True, broken=(reason, says)
    )


def _contents(home: Path, paths: list[Path], scratch: Path) -> Iterator[tuple[Content, PurePosixPath, str]]:
    """Yield each file of the day, those in ZIP archives one by one, with its path and the name of its document."""
    found = [content for path in paths for content in contents(home, path, scratch)]
    within = [PurePosixPath(content.name) for content in found]
    yield from zip(found, within, _names(within), strict=True)


def _names(paths: list[PurePosixPath]) -> list[str]:
    """Name each document of a day: the file name without its ending; with the ending, or the folder too, if names clash."""
    stems = [path.stem for path in paths]
    same_stem, same_name = Counter(stems), Counter(path.name for path in paths)
    return [
        stem if same_stem[stem] == 1 else path.name if same_name[path.name] == 1 else f"{path.parent.name}/{path.name}"
        for stem, path in zip(stems, paths, strict=True)
    ]


def _document_id(document: DocumentRows, named: str) -> str:
    """Return the file's name, preceded by the invoice number unless the name contains it."""
    number = document.number
    return named if number is None or number in named else f"{number}/{named}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """How a feed's documents are read. `key` identifies the way of reading in the cache."""

    key: tuple[object, ...]
    read: Callable[[bytes, str], Iterable[Document]]


def _reader(home: Path, feed: Feed) -> _Reader:
    """Return the reader of a feed's documents. Raise LandingRefused if the home's templates cannot be used."""
    # Imported here: a company without documents loads no XML library.
    from billing_recon.feeds import saft_invoices
    from billing_recon.feeds.documents import formats as documents
    from billing_recon.feeds.documents import stripe_json, template_page
    from billing_recon.feeds.documents.template import read_templates
    from billing_recon.feeds.file_reader import documents_in

    folder = home / "templates"
    try:
        templates = read_templates(folder)
    except ConfigurationError as error:
        raise LandingRefused("; ".join(error.problems)) from None
    if feed.template is not None:
        templates = tuple(template for template in templates if template.name == feed.template)
        if not templates:
            raise LandingRefused(
                f"templates/{feed.template}.yaml does not exist; correct the feed's template, or add the file"
            )
    texts = b"\0".join(path.read_bytes() for path in sorted(folder.glob("*.yaml")))
    key = (feed.format, feed.template, hashlib.sha256(texts).hexdigest())

    def read(data: bytes, name: str) -> Iterable[Document]:
        match feed.format:
            case "documents":
                return documents_in(data, name, templates)
            case template_page.PDF:
                return (template_page.read_pdf(data, name, templates),)
            case template_page.HTML:
                return (template_page.read_html(data, name, templates),)
            case stripe_json.FORM:
                return stripe_json.read(data, name)
            case saft_invoices.FORM:
                return saft_invoices.read(data, name)
            case _:
                form = str(feed.format)
                found = documents.recognise(data, name)
                if found != form:
                    raise DocumentUnreadable(
                        f"it is {found or 'no electronic invoice'}, but the feed's format is {form}"
                    )
                return documents.read_all(data, name, form)

    return _Reader(key, read)


def _rows_of(path: Path, name: str, reader: _Reader) -> Read:
    """Read the documents of a file. Return the reason as a sentence if it cannot be read."""
    if path.stat().st_size > DOCUMENT_BYTES_MAX:
        return f"it has more than {DOCUMENT_BYTES_MAX:,} bytes, too many for an invoice; ask the sender what it is"
    try:
        return tuple(rows_of(document) for document in reader.read(path.read_bytes(), name))
    except DocumentUnreadable as error:
        return str(error)


class _DocumentCache:
    """Documents that were read. Both tables of a day read the same files, in two threads at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[object, Future[Read]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object, read: Callable[[], Read]) -> Read:
        """Return the result of `read`, called once per key; concurrent callers wait for it."""
        with self._lock:
            found = self._known.get(key)
            mine = found is None
            if found is None:
                found = self._known[key] = Future()
                while len(self._known) > _CACHED_FILES:
                    self._known.popitem(last=False)
        if mine:
            try:
                found.set_result(read())
            except BaseException as error:
                with self._lock:
                    self._known.pop(key, None)
                found.set_exception(error)
                raise
        return found.result()


_CACHE = _DocumentCache()


def convert_ledger(home: Path, paths: list[Path], feed: Feed, scratch: Path) -> Conversion:
    """Convert ledger files to rows, with their findings. Raise LandingRefused for a file that cannot be read."""
    from billing_recon.feeds import ledgers
    from billing_recon.feeds.ledgers.ledger_audit import Audit

    columns = tuple(name for name in LEDGER_ENTRIES.names)
    files: list[DayFile] = []
    warnings: list[RowWarning] = []
    out = scratch / "ledger_entries.parquet"
    with ConvertedRowsWriter(out, columns) as target:
        for number, (content, path, _) in enumerate(_contents(home, paths, scratch), 1):
            name, unpacked = content.name, content.readable
            files.append(DayFile(name, CONVERTED, content.sha256, unpacked, 0, True))
            with unpacked.open("rb") as stream:
                head = stream.read(_HEAD_BYTES)
            form = feed.format if feed.format != "ledger" else ledgers.recognise(head, path.name)
            if form is None:
                known = f"it is {what}, " if (what := what_it_is(head)) else ""
                raise LandingRefused(
                    f"{name}: {known}not a ledger in a supported format ({', '.join(ledgers.FORMS)}); export it as CSV and map its columns: "
                    "format: csv"
                )
            audit = Audit()
            for row in ledgers.rows(unpacked, form, feed.ledger, audit):
                target.add(number, int(row["source_row"] or 0), [row[column] for column in columns])
            warnings += [RowWarning(number, 0, f.code.value, f"{name}: {f.sentence}") for f in audit.findings()]
    return Conversion(tuple(files), _converted(out, feed, Reason.BROKEN_ROW, "broken"), tuple(warnings))


def convert_statements(home: Path, paths: list[Path], feed: Feed, scratch: Path) -> Conversion:
    """Convert bank statements to rows, with remarks on their balances. Raise LandingRefused for a file that cannot be read."""
    from billing_recon.feeds import statements

    files: list[DayFile] = []
    warnings: list[RowWarning] = []
    encoding = feed.encoding if "encoding" in feed.model_fields_set else None
    out = scratch / "payments.parquet"
    with ConvertedRowsWriter(out, statements.COLUMNS) as target:
        for number, (content, _, _) in enumerate(_contents(home, paths, scratch), 1):
            name = content.name
            files.append(DayFile(name, CONVERTED, content.sha256, content.readable, 0, True))
            for item in statements.read(name, content.readable, str(feed.format), encoding):
                if isinstance(item, statements.Entry):
                    target.add(number, item.row, item.texts(), broken=item.broken)
                else:
                    warnings.append(RowWarning(number, item.row, item.code, f"{name}: {item.sentence}"))
    return Conversion(tuple(files), _converted(out, feed, Reason.BROKEN_ROW, "broken"), tuple(warnings))
