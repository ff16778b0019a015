"""The child process that opens PDFs, one at a time from stdin to stdout, under limits that it sets for itself.

It imports nothing else of this project, so that it starts quickly. A request is a kind (one byte, OPEN or PLACE),
a length (8 bytes) and a PDF. An answer is a length and a JSON header: {"error"}, or to OPEN {"page", "attachments":
[{"name", "size"}]} and then the attachments' bytes, or to PLACE {"pages": [[[text, left, right, base, height], ...], ...]}.
"""

from __future__ import annotations

import ctypes
import json
import math
import resource
import struct
import sys
from io import BytesIO
from typing import BinaryIO

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw  # type: ignore[import-untyped]

OPEN, PLACE = b"o", b"p"
MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of the process, libraries included. A stream that inflates beyond it ends the process and nothing else."""
LARGEST_ATTACHMENT_BYTES = 64 * 1024 * 1024
MOST_PAGES = 1000
MOST_CHARACTERS = 4_000_000
MOST_REQUESTS = 500
"""Requests after which the process ends and is replaced, so that leaks of a library are bounded."""


MOST_PLACED = 400_000
"""Characters whose positions are looked up: about two seconds."""

Run = tuple[str, float, float, float, float]
"""Text, left, right, base line, height."""


def main() -> None:
    """Answer requests until stdin closes."""
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY_BYTES if allowed == resource.RLIM_INFINITY else min(MEMORY_BYTES, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for _ in range(MOST_REQUESTS):
        request = sys.stdin.buffer.read(9)
        if len(request) < 9:
            return
        answer(request[:1], sys.stdin.buffer.read(struct.unpack(">Q", request[1:])[0]), sys.stdout.buffer)


def answer(wanted: bytes, pdf: bytes, out: BinaryIO) -> None:
    """Write the answer for one PDF."""
    attachments: list[tuple[str, bytes]] = []
    header: dict[str, object]
    try:
        if wanted == PLACE:
            header = {"pages": placed(pdf)}
        else:
            page, attachments = opened(pdf)
            header = {"page": page, "attachments": [{"name": name, "size": len(data)} for name, data in attachments]}
    except pypdfium2.PdfiumError as error:
        header = {"error": str(error)}
    except MemoryError:
        header = {"error": "out of memory"}
    text = json.dumps(header).encode()
    out.write(struct.pack(">Q", len(text)) + text)
    for _, data in attachments:
        out.write(data)
    out.flush()


def opened(pdf: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the text of the pages, separated by form feeds, and the embedded XML files as (name, bytes)."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        attachments = _listed(document)
        page = _text(document)
    finally:
        document.close()
    if not attachments and b"/AF" in pdf:
        attachments = _associated(pdf)
    return page, attachments


def placed(pdf: bytes) -> list[list[Run]]:
    """Return the runs of characters of each page with their positions, in points: x to the right, y upwards, as read.

    A run is adjacent characters on one base line. Text that is rotated relative to the rest of its page (a note along the
    margin) is left out.
    """
    document = pypdfium2.PdfDocument(pdf)
    pages: list[list[Run]] = []
    characters = 0
    try:
        for index in range(min(len(document), MOST_PAGES)):
            try:
                page = document[index]
            except pypdfium2.PdfiumError:
                pages.append([])
                continue
            layer = page.get_textpage()
            count = min(layer.count_chars(), MOST_PLACED - characters)
            pages.append(_runs(layer, count))
            characters += count
            layer.close()
            page.close()
    finally:
        document.close()
    return pages


def _runs(layer: pypdfium2.PdfTextPage, count: int) -> list[Run]:
    x, y = ctypes.c_double(), ctypes.c_double()
    turned: dict[int, list[Run]] = {}
    for index in range(count):
        code = pypdfium2.raw.FPDFText_GetUnicode(layer, index)
        if code < 32 or 0xD800 <= code <= 0xDFFF or pypdfium2.raw.FPDFText_IsGenerated(layer, index) == 1:
            continue
        try:
            corners = layer.get_charbox(index, loose=True)
        except pypdfium2.PdfiumError:
            continue
        (left, right), (bottom, top) = sorted(corners[::2]), sorted(corners[1::2])
        pypdfium2.raw.FPDFText_GetCharOrigin(layer, index, x, y)
        base_x, base_y = x.value, y.value
        turn = round(pypdfium2.raw.FPDFText_GetCharAngle(layer, index) / (math.pi / 2)) % 4
        if turn:  # seen with the page turned so that the text is level
            left, right, base, height = (
                (-top, -bottom, base_x, right - left),
                (-right, -left, -base_y, top - bottom),
                (bottom, top, -base_x, right - left),
            )[turn - 1]
        else:
            base, height = base_y, top - bottom
        _append(turned.setdefault(turn, []), chr(code), left, right, base, height)
    return max(turned.values(), key=lambda runs: sum(len(run[0]) for run in runs), default=[])


def _append(runs: list[Run], character: str, left: float, right: float, base: float, height: float) -> None:
    """Continue the last run, or begin another if the character is elsewhere."""
    if runs:
        text, first, last, line, size = runs[-1]
        if abs(line - base) < 0.5 and -0.3 * size < left - last < 0.12 * size and abs(size - height) < 0.2 * size:
            runs[-1] = (text + character, first, max(last, right), line, size)
            return
    runs.append((character, round(left, 2), round(right, 2), round(base, 2), round(height, 2)))


def _listed(document: pypdfium2.PdfDocument) -> list[tuple[str, bytes]]:
    """XML files in the document's list of embedded files."""
    found = []
    for index in range(document.count_attachments()):
        attachment = document.get_attachment(index)
        name = attachment.get_name()
        if not name.lower().endswith(".xml"):
            continue
        try:
            data = bytes(attachment.get_data())
        except pypdfium2.PdfiumError:  # listed, but its stream is missing or broken
            data = b""
        if len(data) > LARGEST_ATTACHMENT_BYTES:
            raise pypdfium2.PdfiumError(f"the file {name[:80]} inside it has {len(data) // 1024 // 1024} MB")
        found.append((name, data))
    return found


def _associated(pdf: bytes) -> list[tuple[str, bytes]]:
    """XML files that the document's catalog only associates (/AF), which some writers leave out of the list."""
    import pypdf  # imported for the few that need it
    from pypdf.errors import PyPdfError

    found = []
    try:
        reader = pypdf.PdfReader(BytesIO(pdf))
        for reference in reader.root_object.get("/AF", ()):
            specification = reference.get_object()
            name = str(specification.get("/UF") or specification.get("/F"))
            if name.lower().endswith(".xml"):
                data = specification["/EF"]["/F"].get_object().get_data()
                found.append((name, data[: LARGEST_ATTACHMENT_BYTES + 1]))
    except (PyPdfError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return found  # pdfium could open it; what pypdf cannot follow cannot be read
    return found


def _text(document: pypdfium2.PdfDocument) -> str:
    """Return the text layer in page order. A page that cannot be loaded has none."""
    texts: list[str] = []
    for index in range(min(len(document), MOST_PAGES)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            continue
        layer = page.get_textpage()
        texts.append(layer.get_text_range())
        layer.close()
        page.close()
        if sum(map(len, texts)) > MOST_CHARACTERS:
            break
    return "\f".join(texts)[:MOST_CHARACTERS]


if __name__ == "__main__":
    main()
