"""beancount files: told by their content, read in a child process. No plugin runs and no include is followed unless declared.

beancount's parser is C code that some texts end with a fault of memory (a division by zero in an amount is one), so it works in
a child process with bounded memory and time. One child serves many files.
"""

from __future__ import annotations

import atexit
import os
import pickle
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from billing_recon.core.journal import LedgerOptions, LedgerUnreadable
from billing_recon.feeds.ledgers.ledger_items import Item

FORM = "beancount"

SECONDS = 8
"""For a small file; a large one may take a second more for every BYTES_A_SECOND."""
BYTES_A_SECOND = 50_000

_ENDINGS = (".beancount", ".bean")
_DIRECTIVE = re.compile(
    r"^(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[ \t]+(?:open|close|balance|pad|note|document|price|commodity|event|query|custom)"
    r"[ \t]+[A-Z\"]|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[ \t]+(?:txn|[*!])[ \t]+\"|(?:option|plugin|include)[ \t]+\")",
    re.MULTILINE,
)


def recognise(head: bytes, name: str) -> bool:
    """Text with a directive as beancount writes it: a keyword after the day, or quotes. An hledger ending says otherwise."""
    if (
        name.casefold().endswith((".journal", ".hledger", ".j"))
        or b"\0" in head
        or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{", b"%")
    ):
        return False
    return name.casefold().endswith(_ENDINGS) or _DIRECTIVE.search(head.decode("utf-8", errors="replace")) is not None


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Opened accounts, then transactions in the order of days, and each balance assertion that fails."""
    if find_spec("beancount") is None:
        raise LedgerUnreadable(
            f"{path.name}: reading beancount files needs the package beancount, which is not installed (its licence is the "
            "GPL): install billing-recon[beancount]"
        )
    answer = _CHILD.ask(path, options)
    if isinstance(answer, str):
        raise LedgerUnreadable(answer)
    yield from answer


class _Child:
    """The one child of this process, started when first needed, and again after it ended or was ended."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, path: Path, options: LedgerOptions) -> list[Item] | str:
        """The items of a file, or the sentence why there are none."""
        allowed = SECONDS + path.stat().st_size // BYTES_A_SECOND
        with self._asking:
            process = self._running()
            late = threading.Event()

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(allowed, end)
            timer.start()
            try:
                return _exchange(process, path, options)
            except (OSError, EOFError):
                self.stop()
                if late.is_set():
                    return f"{path.name}: it could not be read within {allowed} seconds; ask for a plainer file"
                return (
                    f"{path.name}: beancount's parser broke off on it; a calculation without a result, such as 1/0, does that: "
                    "check the file with bean-check"
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
        if self._process is None:
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "billing_recon.feeds.ledgers.beancount_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process


def _exchange(process: subprocess.Popen[bytes], path: Path, options: LedgerOptions) -> list[Item] | str:
    assert process.stdin is not None
    request = pickle.dumps((str(path.absolute()), options))
    process.stdin.write(struct.pack(">Q", len(request)) + request)
    process.stdin.flush()

    def exactly(size: int) -> bytes:
        assert process.stdout is not None
        got = process.stdout.read(size)
        if len(got) < size:
            raise EOFError
        return got

    # The child is our own code; a pickle keeps Decimals and dates as they are.
    return cast("list[Item] | str", pickle.loads(exactly(struct.unpack(">Q", exactly(8))[0])))


_CHILD = _Child()
atexit.register(_CHILD.stop)
