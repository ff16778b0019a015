"""Unpack gzip, xz, bzip2, zstd and ZIP files, recognised by their first bytes, within bounds that no real file needs."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from billing_recon.core.errors import LandingRefused

ENDINGS = ("", ".gz", ".xz", ".bz2", ".zst", ".zstd", ".zip")
"""Endings that may follow that of a format."""
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gz"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bz2"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
ZIP = "zip"
_MEMBERS_MAX = 50_000
_CHUNK = 1 << 20
UNPACKED_BYTES_MAX = 1 << 30
"""A file may always unpack to this much (1 GiB) ..."""
UNPACKED_TIMES_MAX = 200
"""... and a larger one to this many times its own size. Text compresses to a twentieth, a bomb to a thousandth."""
_XZ_MEMORY_BYTES = 1 << 28


_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive, or a workbook (declare format: xlsx)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (send .zip or .gz)"),
    (b"Rar!", "a RAR archive (send .zip or .gz)"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (.xls; save it as .xlsx)"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF-", "a PDF"),
)


_BANK = "ask the bank for camt.053, MT940 or CSV"
_TEXTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\s{0,40}OFXHEADER:|.{0,200}<\?OFX |.{0,200}<OFX>", re.DOTALL), f"an OFX file ({_BANK})"),
    (
        re.compile(rb"01,[^,\r\n]*,[^,\r\n]*,[0-9]{6},[^\r\n]*[\r\n]+(?:88,[^\r\n]*[\r\n]+)*+02,"),
        f"a BAI2 file ({_BANK})",
    ),
    (re.compile(rb"!(?:Type:|Account\b|Option:)"), f"a QIF file ({_BANK})"),
    (
        re.compile(rb"!(?:TRNS|HDR|ACCNT|CUST|INVITEM|TIMERHDR)\t"),
        "a QuickBooks IIF file (export the Journal report as CSV: format: quickbooks)",
    ),
    (re.compile(rb"(?:.{0,400}\n)?\s{0,40}#(?:FLAGGA|SIETYP)\b", re.DOTALL), "a SIE file (export the journal as CSV)"),
    (re.compile(rb".{0,400}<gnc-v2\b", re.DOTALL), "a GnuCash file (export its transactions as CSV)"),
    (re.compile(rb"version https://git-lfs\.github\.com/"), "a pointer of Git LFS (fetch the file: git lfs pull)"),
    (re.compile(rb"(?:UNA.{6}\s*)?UNB\+", re.DOTALL), "an EDIFACT message (ask for the invoice as XML)"),
    (re.compile(rb"ISA(.)[0-9]{2}\1.{10}\1[0-9]{2}\1", re.DOTALL), "an X12 message (ask for the invoice as XML)"),
)
"""Forms of other programs that are text, and none that a table, a statement or a ledger is read from."""


def what_it_is(head: bytes) -> str | None:
    """Return in words what a file is that is not read, by its first bytes; None if they do not tell.

    >>> what_it_is(b"Rar!..."), what_it_is(b"id;amount"), what_it_is(b"!Type:Bank")
    ('a RAR archive (send .zip or .gz)', None, 'a QIF file (ask the bank for camt.053, MT940 or CSV)')
    """
    return next((what for magic, what in _OTHERS if head.startswith(magic)), None) or foreign(head)


def foreign(head: bytes) -> str | None:
    """Return in words what a text is that other programs read, and what to ask for; None for anything else."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    return next((what for pattern, what in _TEXTS if pattern.match(text)), None)


def packing(head: bytes) -> str | None:
    """Return the compression by a file's first bytes: gz, xz, bz2, zst or zip; None for anything else."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def ending_within(name: str) -> str:
    """Return the ending of the format, without that of the compression: csv for `day.csv.gz`."""
    lowered = name.lower()
    packed = next((ending for ending in ENDINGS[1:] if lowered.endswith(ending)), "")
    return Path(lowered.removesuffix(packed)).suffix.removeprefix(".")


def is_workbook(path: Path) -> bool:
    """Whether a ZIP archive is an .xlsx workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist() or "[Content_Types].xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def unpack(name: str, path: Path, kind: str, out: Path) -> None:
    """Write the unpacked content of `path` to `out`. Raise LandingRefused if it is truncated, broken or a bomb."""
    most = max(UNPACKED_BYTES_MAX, UNPACKED_TIMES_MAX * path.stat().st_size)
    try:
        _write(name, _pieces(path, kind), out, most)
    except _DAMAGED as error:
        raise LandingRefused(
            f"{name}: cannot be unpacked ({error}); it may have been cut off: ask for a resend"
        ) from None


_DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError, zipfile.BadZipFile, NotImplementedError)


def _write(name: str, pieces: Iterator[bytes], out: Path, most: int) -> int:
    """Write the pieces to `out`, at most so many bytes, and return what is left of them."""
    with out.open("wb") as target:
        for piece in pieces:
            most -= len(piece)
            if most < 0:
                raise LandingRefused(
                    f"{name}: unpacks to more than any bill has; ask what it is, or unpack it yourself"
                )
            target.write(piece)
    return most


def members(name: str, path: Path, out: Path) -> list[tuple[str, Path]]:
    """Unpack the files of a ZIP archive into the folder `out`. Return their names within it and where they are, sorted.

    Raise LandingRefused if it is damaged, a bomb, or protected by a password. Files of the operating system are left out.
    """
    most = max(UNPACKED_BYTES_MAX, UNPACKED_TIMES_MAX * path.stat().st_size)
    found: list[tuple[str, Path]] = []
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [part for part in archive.infolist() if not part.is_dir() and not _is_hidden(part.filename)]
            if not parts or len(parts) > _MEMBERS_MAX:
                raise LandingRefused(f"{name}: the ZIP archive holds {len(parts)} files; ask for a resend")
            names = [part.filename for part in parts]
            if len(set(names)) < len(names):
                raise LandingRefused(f"{name}: the ZIP archive holds two files of one name; ask for a resend")
            for part in sorted(parts, key=lambda one: one.filename):
                if part.flag_bits & 1:
                    raise LandingRefused(f"{name}: {part.filename} is protected by a password; ask for it without one")
                copy = (
                    out
                    / f"{hashlib.sha256(f'{name}/{part.filename}'.encode('utf-8', 'replace')).hexdigest()[:16]}.member"
                )
                with archive.open(part) as stream:
                    most = _write(name, _chunks(stream), copy, most)
                found.append((part.filename, copy))
    except _DAMAGED as error:
        raise LandingRefused(
            f"{name}: cannot be unpacked ({error}); it may have been cut off: ask for a resend"
        ) from None
    return found


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".")


def _chunks(stream: IO[bytes] | gzip.GzipFile | bz2.BZ2File) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK):
        yield piece


def _pieces(path: Path, kind: str) -> Iterator[bytes]:
    """Yield the content of all streams in the file, in pieces of at most one chunk."""
    if kind == "xz":
        yield from _xz_pieces(path)
        return
    if kind == "zst":
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as packed:
            while piece := packed.read(_CHUNK):
                yield piece
        return
    with gzip.open(path) if kind == "gz" else bz2.open(path) as stream:
        yield from _chunks(stream)


def _xz_pieces(path: Path) -> Iterator[bytes]:
    """Yield the content of xz streams. Python's file object would take as much memory as the file requests."""
    unpacker, held = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES), b""
    with path.open("rb") as source:
        while True:
            if not held and (unpacker.eof or unpacker.needs_input) and not (held := source.read(_CHUNK)):
                break
            if unpacker.eof:
                held = held.lstrip(b"\0")
                if not held:
                    continue
                unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)
            yield unpacker.decompress(held, _CHUNK)
            held = unpacker.unused_data
    if not unpacker.eof:
        raise EOFError("the end is missing")
