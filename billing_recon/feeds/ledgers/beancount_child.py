"""The child process that reads beancount files, one at a time from stdin to stdout, under limits that it sets for itself.

A request is a length (8 bytes) and a pickle of (path, options); an answer is a length and a pickle of the items, or of the
reason why the file cannot be read as a sentence.
"""

from __future__ import annotations

import os
import pickle
import resource
import struct
import sys
from pathlib import Path

from billing_recon.core.journal import LedgerUnreadable
from billing_recon.feeds.ledgers.beancount_entries import items
from billing_recon.feeds.ledgers.ledger_items import Item

MEMORY_BYTES = 4 << 30
"""Address space of the process, libraries included."""


def main() -> None:
    """Answer requests until stdin closes. Output of a declared plugin goes to stderr, not into the answers."""
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY_BYTES if allowed == resource.RLIM_INFINITY else min(MEMORY_BYTES, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while len(head := sys.stdin.buffer.read(8)) == 8:
        path, options = pickle.loads(sys.stdin.buffer.read(struct.unpack(">Q", head)[0]))
        answer: list[Item] | str
        try:
            answer = items(Path(path), options)
        except LedgerUnreadable as error:
            answer = str(error)
        data = pickle.dumps(answer)
        out.write(struct.pack(">Q", len(data)) + data)
        out.flush()


if __name__ == "__main__":
    main()
