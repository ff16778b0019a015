"""Unpack gzip, xz and bzip2 files, recognised by their first bytes, within bounds that no real file needs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path

from billing_recon.core.errors import LandingRefused

ENDINGS = ("", ".gz", ".xz", ".bz2")
"""Endings that may follow that of a format."""
_MAGIC: tuple[tuple[bytes, str], ...] = ((b"\x1f\x8b", "gz"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bz2"))
_CHUNK = 1 << 20
UNPACKED_BYTES_MAX = 1 << 30
"""A file may always unpack to this much (1 GiB) ..."""
UNPACKED_TIMES_MAX = 200
"""... and a larger one to this many times its own size. Text compresses to a twentieth, a bomb to a thousandth."""
_XZ_MEMORY_BYTES = 1 << 28


_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or a workbook (.xlsx)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (.xls)"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF-", "a PDF"),
)


def what_it_is(head: bytes) -> str | None:
    """Return in words what a file is that is no text, by its first bytes; None if they do not tell.

    >>> what_it_is(b"PK\\x03\\x04..."), what_it_is(b"id;amount")
    ('a ZIP archive or a workbook (.xlsx)', None)
    """
    return next((what for magic, what in _OTHERS if head.startswith(magic)), None)


def packing(head: bytes) -> str | None:
    """Return the compression by a file's first bytes: gz, xz or bz2; None for anything else."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def ending_within(name: str) -> str:
    """Return the ending of the format, without that of the compression: csv for `day.csv.gz`."""
    lowered = name.lower()
    packed = next((ending for ending in ENDINGS[1:] if lowered.endswith(ending)), "")
    return Path(lowered.removesuffix(packed)).suffix.removeprefix(".")


def unpack(name: str, path: Path, kind: str, out: Path) -> None:
    """Write the unpacked content of `path` to `out`. Raise LandingRefused if it is truncated, broken or a bomb."""
    most = max(UNPACKED_BYTES_MAX, UNPACKED_TIMES_MAX * path.stat().st_size)
    written = 0
    with out.open("wb") as target:
        try:
            for piece in _pieces(path, kind):
                written += len(piece)
                if written > most:
                    raise LandingRefused(
                        f"{name}: unpacks to more than {most:,} bytes, too many for a bill; ask what it is, or unpack it yourself"
                    )
                target.write(piece)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            raise LandingRefused(
                f"{name}: cannot be unpacked ({error}); it may have been cut off: ask for a resend"
            ) from None


def _pieces(path: Path, kind: str) -> Iterator[bytes]:
    """Yield the content of all streams in the file, in pieces of at most one chunk."""
    if kind == "xz":
        yield from _xz_pieces(path)
        return
    with gzip.open(path) if kind == "gz" else bz2.open(path) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


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
