"""Broken and hostile files of every format: each ends as a document, a ledger or a clear error, soon, in bounded memory,
without opening another file or a connection. BILLING_RECON_FUZZ=1000 tries a thousand of each."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from billing_recon_tests.feeds.hostile import SECONDS_MAX, samples

pytestmark = pytest.mark.long

COUNT = int(os.environ.get("BILLING_RECON_FUZZ") or 40)
"""Files of each format. Seeds begin at 0, so that a larger number tries these too."""
PEAK_MB = 700
"""Of the process that reads; a quarter of it are its libraries."""
CHILD_PEAK_MB = 1100
"""Of the process that opens PDFs, whose limit is a gigabyte."""
IN_OPEN = 0x20


@contextmanager
def unopened(path: Path) -> Iterator[None]:
    """Fails where anyone opens the file meanwhile, in whatever library. Where the system cannot tell, nothing is checked."""
    if not sys.platform.startswith("linux"):
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, os.fsencode(path), IN_OPEN) > 0
    try:
        yield
        with pytest.raises(BlockingIOError):  # nothing happened to it
            os.read(watch, 4096)
    finally:
        os.close(watch)


@contextmanager
def uncalled() -> Iterator[int]:
    """A port on which nobody connects meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
        server.setblocking(False)
        try:
            connection, _ = server.accept()
        except BlockingIOError:
            return
        connection.close()
        pytest.fail("someone connected")


@pytest.mark.parametrize("form", list(samples()))
def test_a_hostile_file_is_a_document_a_ledger_or_a_clear_error(form: str, tmp_path: Path) -> None:
    if form == "beancount" and importlib.util.find_spec("beancount") is None:
        pytest.skip("beancount is not installed")
    folder, secret = tmp_path / "files", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    canary = secret / "canary.txt"
    canary.write_text("2026-01-01 open Assets:Canary\n")
    command = [sys.executable, "-m", "billing_recon_tests.feeds.hostile"]
    with unopened(canary), uncalled() as port:
        done = subprocess.run(
            [*command, form, "0", str(COUNT), str(folder), str(canary), str(port)],
            capture_output=True,
            text=True,
            timeout=60 + COUNT * SECONDS_MAX,
            check=False,
        )
    assert done.returncode == 0, f"ended with {done.returncode} after seed {done.stderr[-300:]}"
    told = json.loads(done.stdout)
    print(form, {key: value for key, value in told.items() if key != "crashes"})
    assert told["crashes"] == []
    assert told["read"] + told["refused"] == COUNT
    assert told["slowest"] < SECONDS_MAX
    assert told["peak_mb"] < PEAK_MB
    assert told["child_peak_mb"] < CHILD_PEAK_MB


def test_the_canary_and_the_port_notice(tmp_path: Path) -> None:
    """The watch itself works: opening and connecting are seen."""
    canary = tmp_path / "canary.txt"
    canary.write_text("x")
    if sys.platform.startswith("linux"):
        with pytest.raises(pytest.fail.Exception), unopened(canary):
            canary.read_text()
    with pytest.raises(pytest.fail.Exception), uncalled() as port:
        socket.create_connection(("127.0.0.1", port)).close()
