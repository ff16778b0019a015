"""Find and open the files of a table's day: hash, unpack and decode them. Their content is read later."""

from __future__ import annotations

import codecs
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.feeds.tables.archive import ENDINGS, ending_within, packing, unpack
from billing_recon.feeds.tables.raw_rows import text as sql_text

EXTENSIONS: dict[str, str] = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet"}
"""File extension -> format."""
TEXT_FORMATS = ("csv", "jsonl")
_CHUNK = 1 << 20
_UTF8 = ("utf-8", "utf-8-sig", "utf8")
_DOCUMENTS = "landing/documents/{day}/*"
"""The default path of documents."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file. `name` is relative to the home, `sha256` is of its bytes as delivered.

    `readable` is the file, or a copy that is unpacked and in UTF-8; size and last line end are those of `readable`.
    """

    name: str
    format: str
    sha256: str
    readable: Path
    size: int
    ends_with_newline: bool


def find_files(home: Path, table: str, feed: Feed, day: date) -> list[Path]:
    """Return the files of a table's day, sorted by name; none if nothing was delivered.

    Without a configured path: landing/<table>/<day>.csv, .jsonl or .parquet, each also compressed. A configured path may
    contain `{day}` and wildcards. Raise LandingRefused for two formats of one day, because one of them must be wrong.
    """
    pattern = path_of(table, feed)
    if pattern:
        # Hidden files belong to the file system or an editor.
        matching = home.glob(pattern.replace("{day}", str(day)))
        return sorted(path for path in matching if path.is_file() and not path.name.startswith("."))
    folder = home / "landing" / table
    found = [path for ext in EXTENSIONS for end in ENDINGS if (path := folder / f"{day}.{ext}{end}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise LandingRefused(f"landing/{table} holds {names} for one day; keep the right one")
    return found


def path_of(table: str, feed: Feed) -> str | None:
    """Return the path pattern of a feed's files; None for the default path of its table."""
    if feed.path and Path(feed.path).is_absolute():
        raise LandingRefused(f"feeds.{table}.path must be relative to the home; {feed.path} is not")
    return feed.path or (_DOCUMENTS if feed.is_documents else None)


def is_delivered_empty(home: Path, table: str, feed: Feed, day: date) -> bool:
    """Whether a day's folder of documents exists and is empty: nothing was sent that day."""
    path = path_of(table, feed) if feed.is_documents else None
    return (
        path is not None
        and "{day}" in Path(path).parent.as_posix()
        and any(folder.is_dir() for folder in home.glob(Path(path).parent.as_posix().replace("{day}", str(day))))
    )


def open_file(home: Path, path: Path, feed: Feed, scratch: Path) -> DayFile:
    """Hash a file, and copy it to `scratch` if it is compressed, in another encoding than UTF-8, or to be shortened.

    Raise LandingRefused for an unknown extension or encoding, bytes that are not in the encoding, or a broken archive.
    """
    name = path.relative_to(home).as_posix()
    form = feed.format or EXTENSIONS.get(ending_within(path.name))
    if form is None:
        raise LandingRefused(
            f"{name}: the file name does not show the format; declare format: csv, jsonl or parquet in the feed"
        )
    digest, readable = hashed(name, path, scratch)
    if form in TEXT_FORMATS and feed.encoding.lower() not in _UTF8:
        readable = _recoded(name, readable, feed.encoding, scratch)
    if form in TEXT_FORMATS and feed.skip_last:
        readable = _shortened(name, readable, feed.skip_last, scratch)
    size = readable.stat().st_size
    return DayFile(name, form, digest, readable, size, _ends_a_line(readable, size))


def hashed(name: str, path: Path, scratch: Path) -> tuple[str, Path]:
    """Return the SHA-256 of a file's bytes as delivered, and the path of its unpacked content."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        packed = packing(stream.read(8))
    if packed is None:
        return digest, path
    copy = _copy_of(name, scratch, "unpacked")
    unpack(name, path, packed, copy)
    return digest, copy


def file_name(files: Sequence[DayFile], number: str = "file_no") -> str:
    """Return SQL for the name of the file with the number `number`; the first is 1."""
    if len(files) == 1:
        return sql_text(files[0].name)  # a constant is faster than a list for millions of rows
    return f"[{', '.join(sql_text(file.name) for file in files)}][{number}]" if files else "''"


def _copy_of(name: str, scratch: Path, what: str) -> Path:
    return scratch / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.{what}"


def _ends_a_line(path: Path, size: int) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(size - 1, 0))
        return stream.read() in (b"\n", b"\r")


def _recoded(name: str, path: Path, encoding: str, scratch: Path) -> Path:
    """Return a UTF-8 copy. Bytes outside the declared encoding mean that the declaration is wrong for the whole file."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        raise LandingRefused(f"{name}: encoding '{encoding}' is unknown; for example utf-8, cp1252, utf-16") from None
    copy = _copy_of(name, scratch, "utf8")
    lines = 1
    with path.open("rb") as stream, copy.open("w", encoding="utf-8", newline="") as out:
        try:
            while chunk := stream.read(_CHUNK):
                text = decoder.decode(chunk)
                lines += text.count("\n")
                out.write(text)
            out.write(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            at = lines + error.object[: error.start].count(b"\n")
            byte = error.object[error.start]
            raise LandingRefused(
                f"{name}: line {at} has a byte (0x{byte:02x}) that is not {encoding} text; "
                "ask how the file is encoded and correct the feed's encoding"
            ) from None
    return copy


def _shortened(name: str, path: Path, lines: int, scratch: Path) -> Path:
    """Return a copy without the last lines; blank lines are not counted."""
    starts: deque[int] = deque(maxlen=lines)
    at = 0
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                starts.append(at)
            at += len(line)
    copy = _copy_of(name, scratch, "shortened")
    shutil.copyfile(path, copy)
    os.truncate(copy, starts[0] if starts else 0)
    return copy
