"""Texts of others, as they may be shown: nothing in them acts on a terminal, a page or a spreadsheet."""

from __future__ import annotations

import re

_FORMATTING = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff"
_INVISIBLE = re.compile(f"[\x00-\x08\x0b\x0d-\x1f\x7f-\x9f{_FORMATTING}]")
"""Control characters other than tab, line and form feed, and characters that reorder or hide what stands next to them."""
_IN_A_CELL = re.compile(f"[\x00-\x1f\x7f-\x9f{_FORMATTING}]")
_OUTSIDE_JSON_ESCAPES = re.compile(f"[\x7f-\x9f{_FORMATTING}]")
_RUN = re.compile(r"\s*[=+\-@]\s*\S|[\t\r]")
_FIGURE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)


def visible(text: str, *, cell: bool = False) -> str:
    """Escape control and bidirectional characters; in a `cell` of a table, tabs and line feeds too.

    >>> visible("INV-\u202e1\x1b[2J")
    'INV-\\\\u202e1\\\\u001b[2J'
    """
    return (_IN_A_CELL if cell else _INVISIBLE).sub(_escaped, text)


def visible_json(text: str) -> str:
    """Escape the same characters in the text of JSON, whose values stay as they are.

    >>> visible_json('{"id": "\u202e1"}')
    '{"id": "\\\\u202e1"}'
    """
    return _OUTSIDE_JSON_ESCAPES.sub(_escaped, text)


def inert(text: str) -> str:
    """Return a text that a spreadsheet does not run: with an apostrophe before =, +, - and @. Figures stay as they are.

    >>> inert("=HYPERLINK(1)"), inert("-12.50"), inert("-")
    ("'=HYPERLINK(1)", '-12.50', '-')
    """
    return f"'{text}" if _RUN.match(text) and not _FIGURE.fullmatch(text) else text


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
