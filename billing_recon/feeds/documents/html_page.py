"""An HTML page of an unknown sender: visible text, CSS selection, and tables as grids. Nothing is fetched or executed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from lxml import etree, html

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.documents.css_selectors import Selection
from billing_recon.feeds.documents.pdf_text import normalised

LARGEST_BYTES = 16 * 1024 * 1024
MOST_TAGS = 200_000
MOST_CELLS = 200_000
WIDEST_SPAN = 100

_UNSEEN = ("script", "style", "template", "noscript", "svg", "object", "iframe")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form",
     "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody",
     "tfoot", "thead", "tr", "ul", "body", "caption")
)  # fmt: skip
_CELLS = frozenset(("td", "th"))
_START = re.compile(
    rb"\s*(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ENCODINGS = ("utf-8", "cp125", "iso8859", "ascii", "shift_jis", "euc", "gb", "big5", "koi8", "mac")
"""Prefixes of encodings that pages use; Python's other codecs are not encodings of pages, and some are slow."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class HtmlPage:
    """A parsed page without invisible parts (scripts, styles, hidden elements)."""

    def __init__(self, root: html.HtmlElement) -> None:
        self.root = root
        body = root.find("body")
        self.text = text_of(root if body is None else body)
        self._selection = Selection(root)

    def selected(self, selector: str, inside: html.HtmlElement | None = None) -> list[html.HtmlElement]:
        """Return the elements that a selector matches, on the page or inside an element, in page order."""
        return self._selection.select(self.root if inside is None else inside, selector)


def is_html(data: bytes, name: str = "") -> bool:
    """Whether bytes begin like a web page; a fragment without that beginning is recognised by the file's name."""
    return _START.match(data[:4096].replace(b"\0", b"")) is not None or name.lower().endswith(
        (".html", ".htm", ".xhtml")
    )


def parse(data: bytes) -> HtmlPage:
    """Parse a page in its declared encoding, else UTF-8, else Windows-1252. Raise DocumentUnreadable."""
    if len(data) > LARGEST_BYTES:
        raise DocumentUnreadable(f"the page has {len(data) // 1024 // 1024} MB, too many for an invoice")
    if data.count(b"<") > MOST_TAGS:
        raise DocumentUnreadable(f"the page has more than {MOST_TAGS:,} tags, more than any invoice")
    text = _CONTROLS.sub(" ", data.decode(_encoding(data), errors="replace"))
    parser = html.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False, recover=True
    )
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
        for element in list(root.iter()):
            if _is_unseen(element) and element.getparent() is not None:
                _drop(element)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise DocumentUnreadable(
            f"the web page cannot be parsed ({' '.join(str(error).split())[:200]}); ask for it again"
        ) from error
    return HtmlPage(root)


def text_of(element: html.HtmlElement) -> str:
    """Return the visible text: a line per block or table row, two spaces between cells, runs of blanks as one."""
    if not len(element):
        return _line(_plain(element.text))
    pieces: list[str] = []
    for event, part in etree.iterwalk(element, events=("start", "end")):
        block = part.tag in _BLOCKS
        if event == "start":
            pieces.append("\n" if block else "")
            pieces.append(_plain(part.text))
        else:
            pieces.append("\n" if block else "  \0" if part.tag in _CELLS else "")
            pieces.append(_plain(part.tail) if part is not element else "")
    lines = (_line(line) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def grid(table: html.HtmlElement) -> list[list[str]]:
    """Return the rows of a table as cell texts, one per column; a spanning cell fills the first of its columns.

    Rows of nested tables are not included.
    """
    rows: list[list[str]] = []
    below: dict[int, int] = {}
    cells = 0
    for row in _rows(table):
        places = (column for column in count() if not below.get(column, 0))
        taken = {column: left - 1 for column, left in below.items() if left > 1}
        texts: dict[int, str] = {}
        for cell in row:
            if cell.tag not in _CELLS:
                continue
            column = next(places)
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            texts[column] = " ".join(text_of(cell).split())
            cells += wide
            if cells > MOST_CELLS:
                raise DocumentUnreadable(
                    f"a table of the page has more than {MOST_CELLS:,} cells, more than any invoice"
                )
            for place in range(column, column + wide):
                texts.setdefault(place, "")
                if high > 1:
                    taken[place] = high - 1
                if place > column:
                    next(places)
        below = taken
        rows.append([texts.get(column, "") for column in range(max(texts, default=-1) + 1)])
    return rows


def _rows(table: html.HtmlElement) -> Iterator[html.HtmlElement]:
    for part in table:
        if part.tag == "tr":
            yield part
        elif part.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in part if row.tag == "tr")


def _span(cell: html.HtmlElement, name: str) -> int:
    stated = cell.get(name, "1").strip()
    return min(max(int(stated), 1), WIDEST_SPAN) if stated.isascii() and stated.isdigit() and len(stated) < 6 else 1


def _encoding(data: bytes) -> str:
    """Return the encoding by byte order mark, else as declared, else UTF-8 if valid, else Windows-1252."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    declared = _DECLARED.search(data[:4096])
    if declared is not None:
        with suppress(LookupError):
            encoding = codecs.lookup(declared[1].decode("ascii")).name
            if encoding.startswith(_ENCODINGS):
                return "cp1252" if encoding in ("iso8859-1", "ascii") else encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _is_unseen(element: html.HtmlElement) -> bool:
    return element.tag in _UNSEEN or "hidden" in element.attrib or _HIDDEN.search(element.get("style", "")) is not None


def _drop(element: etree._Element) -> None:
    """Remove an element from the page, but not the text after it."""
    if isinstance(element, html.HtmlElement):
        element.drop_tree()


def _plain(text: str | None) -> str:
    return re.sub(r"[\n\f\0]", " ", normalised(text)) if text else ""


def _line(line: str) -> str:
    """Return one line with single blanks, and two after each cell."""
    return "  ".join(part for cell in line.split("\0") if (part := " ".join(cell.split())))
