"""What a close waits for: a bulk decision, the whole audit chain verified, and the gate of a large day asked.

`python -m benchmarks.close resolve|audit|gate [SIZE]` runs one of them.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pyotp

from benchmarks.big_day import DAY, build_home
from benchmarks.measure import WORK, Measurement, table
from billing_recon.compute.engine import scratch
from billing_recon.control import VerdictRecord
from billing_recon.control.audit_keys import RECORD_KEY_ENV
from billing_recon.control.audit_keys import new_key as new_record_key
from billing_recon.control.one_time_codes import KEY_ENV, new_key
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.resolution import Resolution, Told
from billing_recon.core.schema import (
    BREAKS,
    CONTROL_TOTALS,
    EXPECTED_LINES,
    INVOICE_LINES,
    LEDGER_ENTRIES,
    RENDERED_LINES,
    TableSpec,
)
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.approvers import enrol
from billing_recon.day.exceptions import exceptions
from billing_recon.day.gate import DAY_GATE, evidence_now, require_pass
from billing_recon.day.history import computed_from, made_from_with_decisions, not_known
from billing_recon.day.resolutions import Answer, resolve

DATE = date.fromisoformat(DAY)
BREAKS_IN_BULK, RECORDS, LINES = 10_000, 1_000_000, 5_000_000
APPROVER = "Ana Ruiz"
_AT_ONCE = 10_000
_GIVEN = {
    "break_id": "'B' || i",
    "disposition": "'OPEN'",
    "pair": "'billed_booked'",
    "level": "'invoice'",
    "code": "'LEDGER_AMOUNT'",
    "currency": "'USD'",
    "delta": "-1.25",
    "stage_deltas": "'{}'",
    "evidence": "'{}'",
    "owner": "'finance-operations'",
}


def _home(name: str) -> Home:
    os.environ.setdefault(KEY_ENV, new_key())
    os.environ.setdefault(RECORD_KEY_ENV, new_record_key())
    path = WORK / name
    shutil.rmtree(path, ignore_errors=True)
    build_home(path, 1)
    approver = f"approvers:\n  - {{name: {APPROVER}, role: finance}}\n"
    with (path / "policies" / "policy.yaml").open("a", encoding="utf-8") as file:
        file.write(approver)
    return Home.open(path)


def _write(home: Home, spec: TableSpec, rows: int, made_from: str = "") -> None:
    """Rows of which the texts differ from row to row, as ids do, and the rest little."""
    typed = []
    for column in spec.stored:
        if column.name in _GIVEN and spec is BREAKS:
            value = _GIVEN[column.name]
        elif column.sql_type == "VARCHAR":
            value = f"'{column.name[:3]}-' || (i * 7919 + hash('{column.name}', i) % 1000)"
        elif column.sql_type.startswith("DECIMAL"):
            value = f"CAST(CAST(hash('{column.name}', i) % 1000 AS BIGINT) AS {column.sql_type})"
        elif column.sql_type in ("DATE", "BIGINT", "INTEGER", "BOOLEAN"):
            value = {"DATE": f"DATE '{DAY}'", "BOOLEAN": "true"}.get(column.sql_type, "i")
        else:
            value = "NULL"
        typed.append(f'CAST({value} AS {column.sql_type}) AS "{column.name}"')
    with scratch() as con:
        con.execute(f'CREATE VIEW "source_{spec.name}" AS SELECT {", ".join(typed)} FROM range({rows}) r(i)')
        home.write(con, spec, DATE, "benchmark", source=f"source_{spec.name}", made_from=made_from)


@contextmanager
def _timed(what: str, into: list[Measurement], note: str = "") -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    taken = time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    into.append(Measurement(what, taken, peak, note, time.process_time() - cpu))


def bulk(size: int) -> list[Measurement]:
    """Accept breaks of one code by one command: find them, prove who decides, append every decision."""
    home, found = _home("close-resolve"), list[Measurement]()
    _write(home, BREAKS, size)
    secret, _ = enrol(home, APPROVER, by="", code="", actor="benchmark")
    answer = Answer(
        Resolution.ADJUST_NEXT_CYCLE,
        APPROVER,
        "the next invoice corrects the posting",
        evidence="JRN-17",
        told=Told.NOT_NEEDED,
        code=pyotp.TOTP(secret).now(),
        actor="benchmark",
    )
    with _timed(f"{size:,} breaks resolved in bulk", found, "goal: under 5 s"):
        made = resolve(home, exceptions(home, DATE, DATE, DATE), answer)
    assert len(made) == size
    return found


def audit(size: int) -> list[Measurement]:
    """Verify a chain of keyed records, as `audit verify` and every close do."""
    home, found = _home("close-audit"), list[Measurement]()
    one = BreakDecision("", DATE, BreakVerb.ASSIGN, APPROVER, Decimal("-1.25"), "USD", assignee="Bo", reason="theirs")
    with _timed(f"{size:,} records appended", found):
        for begin in range(0, size, _AT_ONCE):
            day = DATE + timedelta(days=begin // _AT_ONCE)
            batch = [replace(one, break_id=f"B{n:016x}", day=day) for n in range(begin, begin + _AT_ONCE)]
            home.control.decide_breaks(batch)
    with _timed(f"audit verify of {size:,} records", found, "goal: under 30 s"):
        problems = home.control.verify_audit()
    assert not problems, problems[:3]
    return found


def gate(size: int) -> list[Measurement]:
    """Ask the gate of a day with this many engine, document and expected lines, as the release and `release verify` do."""
    home, found = _home("close-gate"), list[Measurement]()
    for spec, rows in ((INVOICE_LINES, size), (RENDERED_LINES, size), (LEDGER_ENTRIES, size * 3 // 5)):
        _write(home, spec, rows)
        home.control.record_landing(
            LandingReport(spec.name, DATE, LandingStatus.PRESENT, rows, rows, 0, 0), "benchmark"
        )
    made_from = computed_from(home, DATE, not_known(home, DATE))
    _write(home, EXPECTED_LINES, size, made_from)
    _write(home, CONTROL_TOTALS, 20, made_from)
    _write(home, BREAKS, 1000, made_from_with_decisions(home, DATE, made_from))
    evidence = evidence_now(home, DATE)
    assert evidence is not None
    home.control.record_verdict(VerdictRecord(DAY_GATE, DAY, Verdict.PASS, evidence, 1, "c", (), "benchmark"))
    size_mb = sum(file.stat().st_size for file in (home.state / "warehouse").rglob("*.parquet")) >> 20
    with _timed(f"the gate of a day of {size:,} lines asked", found, f"goal: under 2 s; {size_mb:,} MB of files"):
        require_pass(home, DAY_GATE, DAY)
    return found


MEASURES: dict[str, tuple[Callable[[int], list[Measurement]], int]] = {
    "resolve": (bulk, BREAKS_IN_BULK),
    "audit": (audit, RECORDS),
    "gate": (gate, LINES),
}


def run() -> list[Measurement]:
    """All three."""
    return [row for measure, size in MEASURES.values() for row in measure(size)]


if __name__ == "__main__":
    measured, usual = MEASURES[sys.argv[1]]
    print(table(measured(int(sys.argv[2]) if len(sys.argv) > 2 else usual)))
    shutil.rmtree(WORK / f"close-{sys.argv[1]}", ignore_errors=True)
