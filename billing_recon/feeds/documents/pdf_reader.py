"""Open PDFs of unknown senders in a child process with bounded memory and time. Their content is interpreted elsewhere."""

from __future__ import annotations

import json
import struct
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.child_process import ChildProcess, read_exactly

LARGEST_BYTES = 64 * 1024 * 1024
SECONDS = 6
"""Limit for one PDF. An invoice takes a few hundredths."""

MOST_ANSWERS = 400
"""Requests to one child, fewer than after which it would end by itself."""


@dataclass(frozen=True, slots=True)
class Pdf:
    """The text of a PDF's pages ("" for a scan without a text layer) and its embedded XML files."""

    page: str
    attachments: tuple[tuple[str, bytes], ...]


class Run(NamedTuple):
    """Characters next to each other on one base line, with their place on the page in points, y upwards."""

    text: str
    left: float
    right: float
    base: float
    height: float


Answer = tuple[dict[str, Any], tuple[tuple[str, bytes], ...]]
"""The header of an answer and the attachments after it."""

OPEN, PLACE = b"o", b"p"
"""The requests that the child knows: text and attachments, or text with positions."""


def open_pdf(data: bytes) -> Pdf:
    """Return the pages' text and the XML attachments of a PDF. The last two answers are cached.

    Raise DocumentUnreadable for what is not a PDF, is encrypted or damaged, or exceeds the child's limits (512 MB, 6 s).
    """
    header, attachments = _answered(OPEN, data)
    return Pdf(page=header["page"], attachments=attachments)


def placed(data: bytes) -> list[list[Run]]:
    """Return the runs of text of each page with their positions. Raise DocumentUnreadable like `open_pdf`."""
    header, _ = _answered(PLACE, data)
    return [[Run(*run) for run in page] for page in header["pages"]]


def _answered(wanted: bytes, data: bytes) -> Answer:
    answer = _asked(wanted, data)
    if isinstance(answer, str):
        raise DocumentUnreadable(answer)
    return answer


@lru_cache(maxsize=2)
def _asked(wanted: bytes, data: bytes) -> Answer | str:
    """Return the child's answer, or the reason why there is none as a sentence."""
    if len(data) > LARGEST_BYTES:
        return (
            f"the PDF has {len(data) // 1024 // 1024} MB, more than the limit of {LARGEST_BYTES // 1024 // 1024} MB; "
            "ask the sender for a smaller one"
        )
    return _CHILD.ask(
        lambda process: _exchange(process, wanted, data),
        SECONDS,
        late=f"the PDF could not be opened within {SECONDS} seconds; ask the sender for a simpler one",
        ended="the PDF needs more memory than any invoice, or crashed its reader; ask the sender for a simpler one",
    )


def _exchange(process: subprocess.Popen[bytes], wanted: bytes, data: bytes) -> Answer | str:
    assert process.stdin is not None
    process.stdin.write(wanted + struct.pack(">Q", len(data)))
    process.stdin.write(data)
    process.stdin.flush()
    header = json.loads(read_exactly(process, struct.unpack(">Q", read_exactly(process, 8))[0]))
    if "error" in header:
        return f"the PDF cannot be opened ({header['error']}); ask the sender for it again, without a password"
    return header, tuple((part["name"], read_exactly(process, part["size"])) for part in header.get("attachments", ()))


_CHILD = ChildProcess(str(Path(__file__).with_name("pdf_child.py")), answers_max=MOST_ANSWERS)
