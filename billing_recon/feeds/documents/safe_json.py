"""Parse untrusted bytes into JSON values: bounded size, digits and depth; no duplicate keys, NaN or floats."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.documents.xml_element import LONGEST_FIGURE

LARGEST_BYTES = 32 * 1024 * 1024
_BLANKS = " \t\r\n\ufeff"


def values(data: bytes) -> list[Any]:
    """Return every JSON value of a text: one, or one per line. Numbers are int or Decimal.

    Raise DocumentUnreadable for what is not JSON, and for duplicate keys, whose meaning depends on the reader.
    """
    if len(data) > LARGEST_BYTES:
        raise DocumentUnreadable(
            f"the JSON has {len(data) // 1024 // 1024} MB, more than the {LARGEST_BYTES // 1024 // 1024} MB that are read; split it"
        )
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise DocumentUnreadable(
            f"the JSON is not UTF-8 text ({error.reason} at byte {error.start}); ask for it again"
        ) from error
    found: list[Any] = []
    place = _skip(text, 0)
    while place < len(text):
        try:
            value, place = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise DocumentUnreadable(f"not JSON: {error.msg} in line {error.lineno}; ask for the whole file") from error
        except RecursionError as error:
            raise DocumentUnreadable("the JSON is nested deeper than any invoice; ask for another export") from error
        found.append(value)
        place = _skip(text, place)
    return found


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DocumentUnreadable(f"the JSON gives '{twice[:80]}' twice in one object; ask for another export")
    return value


def _integer(digits: str) -> int:
    return int(_short(digits))


def _decimal(digits: str) -> Decimal:
    value = Decimal(_short(digits))
    if value and abs(value.adjusted()) > LONGEST_FIGURE:
        raise DocumentUnreadable(
            f"the JSON has the number {digits}, which is not an amount; ask for it to be corrected"
        )
    return value


def _short(digits: str) -> str:
    if len(digits) > LONGEST_FIGURE:
        raise DocumentUnreadable(f"the JSON has a number of {len(digits)} characters, which is not an amount")
    return digits


def _constant(name: str) -> None:
    raise DocumentUnreadable(f"the JSON has {name}, which is not a number; ask for another export")


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_decimal, parse_constant=_constant, object_pairs_hook=_object, strict=True
)
