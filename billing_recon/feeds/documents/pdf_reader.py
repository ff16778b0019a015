"""Opening PDFs of unknown senders in a child process with bounded memory and time. What is inside is not judged here."""

from __future__ import annotations

import atexit
import json
import os
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from billing_recon.core.document import DocumentUnreadable

LARGEST_BYTES = 64 * 1024 * 1024
SECONDS = 6
"""For one PDF. An invoice takes a few hundredths."""

MOST_ANSWERS = 400
"""Then the next PDF has another child: fewer than after which the child would end by itself."""


@dataclass(frozen=True, slots=True)
class Pdf:
    """What is read of a PDF: the text of its pages ("" for a scan without a text layer) and the XML files inside."""

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
"""The header of an answer, and the attachments that follow it."""

OPEN, PLACE = b"o", b"p"
"""What is wanted of a PDF; the child has the same two."""


def open_pdf(data: bytes) -> Pdf:
    """The pages' text and the XML attachments of a PDF. The last two are remembered, so asking twice costs once.

    Raises DocumentUnreadable for what is no PDF, is encrypted or damaged, or needs more than the child may use (512 MB, 6 s).
    """
    header, attachments = _answered(OPEN, data)
    return Pdf(page=header["page"], attachments=attachments)


def placed(data: bytes) -> list[list[Run]]:
    """The runs of text of each page with their places. Raises DocumentUnreadable as `open_pdf`."""
    header, _ = _answered(PLACE, data)
    return [[Run(*run) for run in page] for page in header["pages"]]


def _answered(wanted: bytes, data: bytes) -> Answer:
    answer = _asked(wanted, data)
    if isinstance(answer, str):
        raise DocumentUnreadable(answer)
    return answer


@lru_cache(maxsize=2)
def _asked(wanted: bytes, data: bytes) -> Answer | str:
    """The child's answer, or the sentence why there is none."""
    if len(data) > LARGEST_BYTES:
        return (
            f"the PDF has {len(data) // 1024 // 1024} MB, more than the {LARGEST_BYTES // 1024 // 1024} MB that are read; "
            "ask the sender for a smaller one"
        )
    return _CHILD.ask(wanted, data)


class _Child:
    """The one child of this process, started when first needed, and again after it ended or was ended."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._answers = 0

    def ask(self, wanted: bytes, data: bytes) -> Answer | str:
        with self._asking:
            process = self._running()
            late = threading.Event()

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(SECONDS, end)
            timer.start()
            try:
                return _exchange(process, wanted, data)
            except (OSError, EOFError):
                self.stop()
                if late.is_set():
                    return f"the PDF could not be opened within {SECONDS} seconds; ask the sender for a plainer one"
                return (
                    "the PDF needs more memory than any invoice, or ended its reader; ask the sender for a plainer one"
                )
            finally:
                timer.cancel()
                timer.join()
                if late.is_set():  # it may have answered in the same moment, and is ended all the same
                    self.stop()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was left to write has no reader any more
                    pipe.close()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        """The child, if it is alive and this process's own: a fork shares its parent's pipes and must not use them."""
        if self._process is not None and (self._owner != os.getpid() or self._process.poll() is not None):
            self.stop()
        if self._answers >= MOST_ANSWERS:  # before it ends by itself, which a question could cross
            self.stop()
        if self._process is None:
            self._owner, self._answers = os.getpid(), 0
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("pdf_child.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self._answers += 1
        return self._process


def _exchange(process: subprocess.Popen[bytes], wanted: bytes, data: bytes) -> Answer | str:
    assert process.stdin is not None
    process.stdin.write(wanted + struct.pack(">Q", len(data)))
    process.stdin.write(data)
    process.stdin.flush()

    def exactly(size: int) -> bytes:
        assert process.stdout is not None
        got = process.stdout.read(size)
        if len(got) < size:
            raise EOFError
        return got

    header = json.loads(exactly(struct.unpack(">Q", exactly(8))[0]))
    if "error" in header:
        return f"the PDF cannot be opened ({header['error']}); ask the sender for it again, without a password"
    return header, tuple((part["name"], exactly(part["size"])) for part in header.get("attachments", ()))


_CHILD = _Child()
atexit.register(_CHILD.stop)
