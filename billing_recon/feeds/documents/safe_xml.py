"""Parse untrusted bytes into an XML tree: no DTD, entities, network or files; bounded size and depth."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Literal

from lxml import etree

from billing_recon.core.document import DocumentUnreadable

LARGEST_BYTES = 32 * 1024 * 1024
LARGEST_TAGS = 1_500_000
"""Start and end tags: 30,000 lines of a usual invoice. Bounds memory and time for a file of tags without text."""

_ATTACHMENT = re.compile(rb"(BinaryObject\b[^<>]*>)[A-Za-z0-9+/=\s]{4096,}+(?=</)")
"""A file embedded in an invoice (timesheets, drawings) as base64. It is not read, and may be 20 MB in one text."""

_BEFORE_ROOT = re.compile(rb"(?:[^<]++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse(data: bytes) -> etree._Element:
    """Return the root element of an XML document in its declared encoding; comments and instructions are dropped.

    Raise DocumentUnreadable for what is not well-formed, has a document type (the only place where entities can be
    declared), or is larger, has more tags or is nested deeper (256) than any invoice.
    """
    if _declares_a_type(data):
        raise DocumentUnreadable(_TYPED)
    data = _ATTACHMENT.sub(rb"\1", _trimmed(data))
    if len(data) > LARGEST_BYTES:
        raise DocumentUnreadable(
            f"the XML has {len(data) // 1024 // 1024} MB without attachments, more than the {LARGEST_BYTES // 1024 // 1024} MB "
            "that are read; ask the sender to split it"
        )
    if data.count(b"<") > LARGEST_TAGS:
        raise DocumentUnreadable(
            f"the XML has more than {LARGEST_TAGS:,} tags, too many for an invoice; ask the sender to split it"
        )
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise DocumentUnreadable(f"not well-formed XML ({_first(error)}); ask the sender for the whole file") from error
    except (ValueError, LookupError) as error:
        raise DocumentUnreadable(f"the XML cannot be decoded ({error}); ask the sender for it in UTF-8") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentUnreadable(_TYPED)
    return root


def root_tag(data: bytes, envelope: str = "") -> str | None:
    """Return the root tag in Clark notation ({namespace}name), reading only the beginning; None if it is not XML.

    For a document in an envelope, whose elements have the namespace `envelope`, return the tag of the document inside.
    """
    parser, head = _parser("start"), _trimmed(data[:_HEAD_BYTES])
    with suppress(etree.XMLSyntaxError, ValueError, LookupError):
        for start in range(0, len(head), _BITE_BYTES):  # piecewise: an error further on must not hide the root
            parser.feed(head[start : start + _BITE_BYTES])
            if tag := _started(parser, envelope):
                return tag
        parser.close()
        return _started(parser, envelope)
    return None


def _started(parser: etree.XMLPullParser, envelope: str) -> str | None:
    for _, found in parser.read_events():
        if isinstance(found, etree._Element) and not (envelope and str(found.tag).startswith(envelope)):
            return str(found.tag)
    return None


_TYPED = (
    "the XML declares a document type (<!DOCTYPE>), which no invoice format uses; "
    "ask the sender for the invoice without it"
)
_BEFORE_DECLARATION = {
    b"\xff\xfe": re.compile(rb"(?:\xff\xfe|[ \t\r\n]\x00)+"),
    b"\xfe\xff": re.compile(rb"(?:\xfe\xff|\x00[ \t\r\n])+"),
    b"": re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*"),
}
"""Byte order mark -> what may be left out before the XML declaration: some senders leave blank lines there."""
_HEAD_BYTES = 64 * 1024
_BITE_BYTES = 512


def _parser(*events: Literal["start"]) -> etree.XMLPullParser:
    """Return a parser that reports only the given events; parsing a whole document needs none."""
    return etree.XMLPullParser(
        events=events,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _trimmed(data: bytes) -> bytes:
    """Return the bytes from the XML declaration or root on, after a UTF-16 byte order mark if it had one."""
    mark, blanks = next((mark, blanks) for mark, blanks in _BEFORE_DECLARATION.items() if data.startswith(mark))
    found = blanks.match(data)
    return data if found is None or found.end() == len(mark) else mark + data[found.end() :]


def _declares_a_type(data: bytes) -> bool:
    """Whether <!DOCTYPE precedes the root, checked before any parser runs; covers two- and four-byte encodings."""
    return _BEFORE_ROOT.match(data[: 4 * _HEAD_BYTES].replace(b"\0", b"")) is not None


def _first(error: etree.XMLSyntaxError) -> str:
    """Return the parser's message on one line, without its name for the input."""
    return re.sub(r", (use|try) XML_PARSE_HUGE( option)?", "", " ".join(str(error.msg).split()))[:200]
