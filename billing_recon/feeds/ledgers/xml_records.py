"""Stream the records of a large XML file, releasing each before the next: memory is bounded by one record.

Document types, entities, external references and the network are off: a file with a DOCTYPE is refused before anything in
it is expanded, and libxml2's limits on depth and text size stay on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from billing_recon.core.journal import LedgerUnreadable
from billing_recon.feeds.ledgers.ledger_figures import excerpt

_CHUNK = 1 << 16
RECORD_BYTES_MAX = 64 << 20
"""Limit for a single record."""
_PROLOG = re.compile(rb"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def records(path: Path, wanted: Mapping[str, frozenset[str]]) -> Iterator[etree._Element]:
    """Yield elements named in `wanted` below a parent that it lists, when they end, in file order.

    Before the next one, an element and its preceding siblings of the same name are removed; other children of the parent
    stay. Raise LedgerUnreadable.
    """
    parser = etree.XMLPullParser(
        events=("end",),
        tag=[f"{{*}}{name}" for name in wanted],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    since = 0
    try:
        with path.open("rb") as stream:
            first = True
            while chunk := stream.read(_CHUNK):
                if first:
                    _refuse_doctype(path, chunk)
                    first = False
                parser.feed(chunk)
                since += len(chunk)
                for _, element in parser.read_events():
                    assert isinstance(element, etree._Element)
                    parent = element.getparent()
                    above = "" if parent is None else local(parent)
                    if above in wanted.get(local(element), ()):
                        since = 0
                        _refuse_declared(path, element)
                        yield element
                        _release(element)
                if since > RECORD_BYTES_MAX:
                    raise LedgerUnreadable(
                        f"{path.name}: {RECORD_BYTES_MAX >> 20} MB without the end of a record; this is not a ledger"
                    )
        parser.close()
    except etree.XMLSyntaxError as error:
        line = f"line {error.lineno}" if error.lineno else "its start"
        message = excerpt(error.msg or "it is not XML")
        raise LedgerUnreadable(
            f"{path.name}: the XML is truncated or broken at {line} ({message}); ask for a resend"
        ) from None


def _release(element: etree._Element) -> None:
    """Empty the element and remove its preceding siblings of the same name."""
    element.clear()
    before = element.getprevious()
    while before is not None and before.tag == element.tag:
        parent = before.getparent()
        assert parent is not None
        parent.remove(before)
        before = element.getprevious()


def _refuse_doctype(path: Path, head: bytes) -> None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:2] in (b"<\0", b"\0<"):
        head = head.replace(b"\0", b"")
        head = head.lstrip(b"\xff\xfe")
    rest = head.removeprefix(b"\xef\xbb\xbf")
    while match := _PROLOG.match(rest):
        rest = rest[match.end() :]
    if rest.lstrip()[:9].upper() == b"<!DOCTYPE":
        raise LedgerUnreadable(
            f"{path.name}: it declares a DOCTYPE, which no ledger file needs and which can hide entities; ask for a file without it"
        )


def _refuse_declared(path: Path, element: etree._Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise LedgerUnreadable(f"{path.name}: it declares a DOCTYPE; ask for a file without it")
