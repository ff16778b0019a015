"""Which files a table's day came in, and whether they are the bytes of what they claim to be. What is in them comes later."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.core.company import Feed
from billing_recon.core.errors import LandingRefused

EXTENSIONS: dict[str, str] = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet"}
"""File extension -> format."""
_CHUNK = 1 << 20
_UTF8 = ("utf-8", "utf-8-sig")


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file. `name` is relative to the home, `sha256` of its bytes as they came.

    `readable` is where it lies with its text as UTF-8: itself, or a copy. Size and last line end are that one's.
    """

    name: str
    format: str
    sha256: str
    readable: Path
    size: int
    ends_with_newline: bool


def find_files(home: Path, table: str, feed: Feed, day: date) -> list[Path]:
    """The files of a table's day, sorted by name; none when nothing came.

    Without a configured path: landing/<table>/<day>.csv, .jsonl or .parquet. A configured path may hold `{day}` and
    wildcards. Raises LandingRefused when one day came in two formats, since one of them must be wrong.
    """
    if feed.path and Path(feed.path).is_absolute():
        raise LandingRefused(f"feeds.{table}.path must be relative to the home; {feed.path} is not")
    if feed.path:
        pattern = feed.path.replace("{day}", day.isoformat())
        return sorted(path for path in home.glob(pattern) if path.is_file())
    folder = home / "landing" / table
    found = [path for ext in EXTENSIONS if (path := folder / f"{day}.{ext}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise LandingRefused(f"landing/{table} holds {names} for one day; keep the one that counts")
    return found


def open_file(home: Path, path: Path, feed: Feed, scratch: Path) -> DayFile:
    """A file's hash and size, and a UTF-8 copy of it in `scratch` when it is in another encoding.

    Raises LandingRefused for an unknown extension, an unknown encoding, or bytes that are not in it.
    """
    name = path.relative_to(home).as_posix()
    form = feed.format or EXTENSIONS.get(path.suffix.removeprefix(".").lower())
    if form is None:
        raise LandingRefused(
            f"{name}: its ending does not say what it is; give format: csv, jsonl or parquet in the feed"
        )
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    recode = form != "parquet" and feed.encoding.lower() not in _UTF8
    readable = _recoded(name, path, feed.encoding, scratch) if recode else path
    size = readable.stat().st_size
    return DayFile(name, form, digest, readable, size, _ends_a_line(readable, size))


def _ends_a_line(path: Path, size: int) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(size - 1, 0))
        return stream.read() in (b"\n", b"\r")


def _recoded(name: str, path: Path, encoding: str, scratch: Path) -> Path:
    """A UTF-8 copy. Bytes that are not in the declared encoding mean that the declaration is wrong for the whole file."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        raise LandingRefused(f"{name}: encoding '{encoding}' is unknown; for example utf-8, cp1252, utf-16") from None
    copy = scratch / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}{path.suffix}"
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
                f"{name}: line {at} has a byte (0x{byte:02x}) that is no {encoding} text; "
                "ask how the file is encoded and correct the feed's encoding"
            ) from None
    return copy
