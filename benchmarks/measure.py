"""Running a command as a process of its own and reading its wall time and peak memory from the operating system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

WORK = Path(__file__).parent / ".work"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the table."""

    what: str
    seconds: float
    peak_mb: float
    note: str = ""
    cpu_seconds: float = 0


def measure(
    what: str, argv: list[str], note: str = "", env: dict[str, str] | None = None, ok: tuple[int, ...] = (0,)
) -> Measurement:
    """Run `argv` once; RuntimeError with its output unless its exit code is expected."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in ok:
        raise RuntimeError(f"{' '.join(argv)} exited {code}:\n{output[-4000:]}")
    return Measurement(what, seconds, usage.ru_maxrss / 1024, note, usage.ru_utime + usage.ru_stime)


def python(code: str) -> list[str]:
    """The argv of a Python one-liner under this interpreter."""
    return [sys.executable, "-c", code]


def recon(*args: str) -> list[str]:
    """The argv of a billing-recon command."""
    return [str(Path(sys.executable).with_name("billing-recon")), *args]


def table(rows: list[Measurement]) -> str:
    """An aligned table for a terminal."""
    width = max(len(row.what) for row in rows)
    lines = [f"{'':{width}}  {'seconds':>8}  {'of CPU':>8}  {'peak MB':>8}"]
    lines += [
        f"{row.what:{width}}  {row.seconds:8.2f}  {row.cpu_seconds:8.2f}  {row.peak_mb:8.0f}  {row.note}"
        for row in rows
    ]
    return "\n".join(lines)


__all__ = ["WORK", "Measurement", "measure", "python", "recon", "table"]
