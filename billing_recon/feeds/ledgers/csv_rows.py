"""Rows of a delimited text file with the line on which each begins. Each format interprets them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from billing_recon.core.journal import LedgerUnreadable

_CHUNK = 1 << 20
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(path: Path, declared: str | None, otherwise: str | None) -> str:
    """Return the declared encoding; else that of a byte order mark; else UTF-8 if the file is valid; else `otherwise`.

    Raise LedgerUnreadable, naming the line, if the file is in none of them.
    """
    if declared is not None:
        try:
            found = codecs.lookup(declared).name
        except LookupError:
            raise LedgerUnreadable(
                f"{path.name}: encoding '{declared}' is unknown; for example utf-8, cp1252"
            ) from None
        found = "utf-8-sig" if found == "utf-8" else found
        _decode(path, found)
        return found
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, name in _BOMS:
        if head.startswith(mark):
            _decode(path, name)
            return name
    if otherwise is None:
        _decode(path, "utf-8")
        return "utf-8"
    try:
        _decode(path, "utf-8")
    except LedgerUnreadable:
        _decode(path, otherwise)
        return otherwise
    return "utf-8"


def _decode(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    with path.open("rb") as stream:
        try:
            while chunk := stream.read(_CHUNK):
                lines += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            at = lines + error.object[: error.start].count(b"\n")
            raise LedgerUnreadable(
                f"{path.name}: line {at} has a byte (0x{error.object[error.start]:02x}) that is not {encoding} text; "
                "ask how the file is encoded and declare its encoding"
            ) from None
        except UnicodeError as error:
            raise LedgerUnreadable(f"{path.name}: it is not {encoding} text ({error}); declare its encoding") from None


def rows_of(path: Path, encoding: str, delimiter: str, *, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of each row; if not `quoted`, a quote is a character as any. Raise LedgerUnreadable naming the line."""
    with path.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(
            stream, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        )
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise LedgerUnreadable(
                    f"{path.name}: line {line} is not a row ({error}); a quote may be open: ask for a resend"
                ) from None
            yield line, cells
            line = reader.line_num + 1


def delimiter_of(line: str) -> str:
    """Return the most frequent delimiter in a header line; a comma if it has none."""
    return max((",", ";", "\t"), key=line.count)
