"""Bytes into an XML tree, without trusting them: no DTD, no entity, no network, no file, bounded size and depth."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Literal

from lxml import etree

from billing_recon.core.document import DocumentUnreadable

LARGEST_BYTES = 32 * 1024 * 1024
LARGEST_TAGS = 1_500_000
"""Start and end tags: 30,000 lines of a usual invoice. They bound memory and time where a file is all tags and no text."""

_ATTACHMENT = re.compile(rb"(BinaryObject\b[^<>]*>)[A-Za-z0-9+/=\s]{4096,}+(?=</)")
"""A file carried inside an invoice (timesheets, drawings) as base64. Nobody here reads it, and it can be 20 MB in one text."""

_BEFORE_ROOT = re.compile(rb"(?:[^<]++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse(data: bytes) -> etree._Element:
    """The root element of an XML document in any encoding that it declares; comments and instructions are dropped.

    Raises DocumentUnreadable for what is not well-formed, has a document type (the only place where entities can be
    declared), or is larger, has more tags or is nested deeper (256) than any invoice.
    """
    if _declares_a_type(data):
        raise DocumentUnreadable(_TYPED)
    data = _ATTACHMENT.sub(rb"\1", data.lstrip(_BLANKS))
    if len(data) > LARGEST_BYTES:
        raise DocumentUnreadable(
            f"the XML has {len(data) // 1024 // 1024} MB without attachments, more than the {LARGEST_BYTES // 1024 // 1024} MB "
            "that are read; ask the sender to split it"
        )
    if data.count(b"<") > LARGEST_TAGS:
        raise DocumentUnreadable(
            f"the XML has more than {LARGEST_TAGS:,} tags, more than any invoice; ask the sender to split it"
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
    """The root element's tag in Clark notation ({namespace}name), read from the beginning only; None if it is not XML.

    Of a document in an envelope, whose elements all lie in the namespace `envelope`, the tag of what it carries.
    """
    parser, head = _parser("start"), data[:_HEAD_BYTES].lstrip(_BLANKS)
    with suppress(etree.XMLSyntaxError, ValueError, LookupError):
        for start in range(0, len(head), _BITE_BYTES):  # in bites: what is broken further on must not hide the root
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
    "the XML declares a document type (<!DOCTYPE>), which no invoice format has and which is not followed; "
    "ask the sender for the invoice without it"
)
_BLANKS = b" \t\r\n"
"""Before the XML declaration nothing may stand; senders leave blank lines there all the same."""
_HEAD_BYTES = 64 * 1024
_BITE_BYTES = 512


def _parser(*events: Literal["start"]) -> etree.XMLPullParser:
    """A parser that reports no event but those asked for; parsing a whole document needs none."""
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


def _declares_a_type(data: bytes) -> bool:
    """Whether <!DOCTYPE stands before the root, seen before any parser sees it; two- and four-byte encodings included."""
    return _BEFORE_ROOT.match(data[: 4 * _HEAD_BYTES].replace(b"\0", b"")) is not None


def _first(error: etree.XMLSyntaxError) -> str:
    """The parser's message on one line, without its own name for the input."""
    return re.sub(r", (use|try) XML_PARSE_HUGE( option)?", "", " ".join(str(error.msg).split()))[:200]
