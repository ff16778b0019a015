"""beancount files, read in a child process. No plugin runs and no include is followed unless declared.

beancount's parser is C code that crashes on some texts (a division by zero in an amount is one), so it runs in a child
process with bounded memory and time. One child serves many files.
"""

from __future__ import annotations

import pickle
import re
import struct
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from billing_recon.core.journal import LedgerOptions, LedgerUnreadable
from billing_recon.feeds.child_process import ChildProcess, read_exactly
from billing_recon.feeds.ledgers.ledger_items import Item

SECONDS = 8
"""Limit for a small file; a large one may take a second more per BYTES_A_SECOND."""
BYTES_A_SECOND = 50_000

_ENDINGS = (".beancount", ".bean")
_DIRECTIVE = re.compile(
    r"^(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[ \t]+(?:open|close|balance|pad|note|document|price|commodity|event|query|custom)"
    r"[ \t]+[A-Z\"]|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[ \t]+(?:txn|[*!])[ \t]+\"|(?:option|plugin|include)[ \t]+\")",
    re.MULTILINE,
)


def recognise(head: bytes, name: str) -> bool:
    """Recognise a beancount directive: a keyword after the day, or quotes. A file name of hledger's rules it out."""
    if (
        name.casefold().endswith((".journal", ".hledger", ".j"))
        or b"\0" in head
        or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{", b"%")
    ):
        return False
    return name.casefold().endswith(_ENDINGS) or _DIRECTIVE.search(head.decode("utf-8", errors="replace")) is not None


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield opened accounts, then transactions by day, and each balance assertion that fails."""
    if find_spec("beancount") is None:
        raise LedgerUnreadable(
            f"{path.name}: reading beancount files needs the package beancount, which is not installed (its licence is the "
            "GPL): install billing-recon[beancount]"
        )
    allowed = SECONDS + path.stat().st_size // BYTES_A_SECOND
    answer = _CHILD.ask(
        lambda process: _exchange(process, path, options),
        allowed,
        late=f"{path.name}: it could not be read within {allowed} seconds; ask for a simpler file",
        ended=f"{path.name}: beancount's parser crashed on it; a calculation without a result, such as 1/0, does that: "
        "check the file with bean-check",
    )
    if isinstance(answer, str):
        raise LedgerUnreadable(answer)
    yield from answer


def _exchange(process: subprocess.Popen[bytes], path: Path, options: LedgerOptions) -> list[Item] | str:
    assert process.stdin is not None
    request = pickle.dumps((str(path.absolute()), options))
    process.stdin.write(struct.pack(">Q", len(request)) + request)
    process.stdin.flush()
    size = struct.unpack(">Q", read_exactly(process, 8))[0]
    # The child is our own code; a pickle keeps Decimals and dates as they are.
    return cast("list[Item] | str", pickle.loads(read_exactly(process, size)))


_CHILD = ChildProcess("-m", "billing_recon.feeds.ledgers.beancount_child")
