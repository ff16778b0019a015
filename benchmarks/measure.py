"""Run a command as a separate process and read its wall time and peak memory from the operating system."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
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
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "usage.json"
        done = subprocess.run(
            [sys.executable, __file__, str(answer), *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            text=True,
            check=False,
        )
        if done.returncode not in ok:
            raise RuntimeError(f"{' '.join(argv)} exited {done.returncode}:\n{done.stdout[-4000:]}")
        used = json.loads(answer.read_text("utf-8"))
    return Measurement(what, used["seconds"], used["peak_mb"], note, used["cpu_seconds"])


def _run(answer: str, *argv: str) -> int:
    """Run `argv` and write what it used. An intermediate process starts it, since Linux includes the parent's peak in that of
    a command."""
    begin = time.perf_counter()
    code = subprocess.run(argv, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "seconds": time.perf_counter() - begin,
        "peak_mb": used.ru_maxrss / 1024,
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
    return code


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

if __name__ == "__main__":
    sys.exit(_run(*sys.argv[1:]))
