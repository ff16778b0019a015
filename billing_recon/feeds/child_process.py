"""A child process that answers requests through pipes, one at a time, within a time limit. It protects us from parsers that crash.

What is asked and how it is answered belongs to the caller.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Answer = TypeVar("Answer")


class ChildProcess:
    """One child of this process: started when first needed, and again after it ended. Python runs it with `arguments`.

    After `answers_max` requests the next one gets a new child.
    """

    def __init__(self, *arguments: str, answers_max: int | None = None) -> None:
        self._arguments = arguments
        self._answers_max = answers_max
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._answers = 0
        atexit.register(self.stop)

    def ask(
        self, exchange: Callable[[subprocess.Popen[bytes]], Answer], seconds: float, *, late: str, ended: str
    ) -> Answer | str:
        """Return the result of one `exchange`; `late` or `ended` if the child exceeded its time or ended without an answer."""
        with self._lock:
            process = self._running()
            expired = threading.Event()

            def end() -> None:
                expired.set()
                process.kill()

            timer = threading.Timer(seconds, end)
            timer.start()
            try:
                return exchange(process)
            except (OSError, EOFError):
                self.stop()
                return late if expired.is_set() else ended
            finally:
                timer.cancel()
                timer.join()
                if expired.is_set():  # it may have answered at the same moment; it is ended all the same
                    self.stop()

    def stop(self) -> None:
        """End the child, if this process started it."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # unwritten data has no reader any more
                    pipe.close()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        """Return a live child of this process: a fork shares its parent's pipes and must not use them."""
        ended = self._process is not None and (self._owner != os.getpid() or self._process.poll() is not None)
        if ended or (self._answers_max is not None and self._answers >= self._answers_max):
            self.stop()
        if self._process is None:
            self._owner, self._answers = os.getpid(), 0
            self._process = subprocess.Popen(
                [sys.executable, "-P", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self._answers += 1
        return self._process


def read_exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Read `size` bytes of the child's answer. Raise EOFError if it ended before."""
    assert process.stdout is not None
    data = process.stdout.read(size)
    if len(data) < size:
        raise EOFError
    return data
