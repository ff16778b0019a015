"""1,000 open days of history: what `status`, a tick of the pager and one of `catch_up` cost, next to the same at 100 days.

The days are copies of one that was run: their rows in the warehouse, their landings, partitions, verdicts and releases in the
control database, each verdict with the evidence that it would have had. So every day is a current PASS.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import WORK, Measurement, measure, python, recon

FIRST, RUN = date(2026, 1, 28), 4
COMPANY = ["--seed", "7", "--from", str(FIRST), "--to", str(FIRST + timedelta(days=RUN - 1)), "--customers", "5"]
TICK = """
import json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from billing_recon.core.operations import Channel, Operations, Paging
from billing_recon.day import Home
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.instance import open_instance
from billing_recon.defs.paging import page_days
from billing_recon.defs.schedules import next_run
path, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC)
operations = Operations(paging=Paging(channels=(Channel(name="x", kind="webhook", env="NOT_SET"),)))
found = {}
with open_instance(path / ".state") as instance:
    for tick in range(3):
        for name, what in (
            ("page_on_breach", lambda home: page_days(home, operations, instance, now)),
            ("catch_up", lambda home: next_run(read_calendar(path), home, instance, now)),
        ):
            begun, clock = time.process_time(), time.monotonic()
            home = Home.open(path)
            what(home)
            home.control.close()
            found[name] = time.monotonic() - clock, time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({name: [*one, peak] for name, one in found.items()}))
"""


def run() -> list[Measurement]:
    """Status as a process, and warm ticks as the daemon sees them, at both lengths."""
    found = []
    for days in (100, 1000):
        home = stretched(days)
        last = FIRST + timedelta(days=days - 1)
        for when in ("first", "again"):
            found.append(measure(f"status, {days} days, {when}", recon("status", "--home", str(home)), ok=(0, 1)))
        now = f"{last + timedelta(days=1)} 03:30"
        answer = subprocess.run([*python(TICK), str(home), now], check=True, capture_output=True, text=True).stdout
        for name, (seconds, cpu, peak) in json.loads(answer.splitlines()[-1]).items():
            found.append(Measurement(f"a warm tick of {name}, {days} days", seconds, peak, cpu_seconds=cpu))
    return found


def stretched(days: int) -> Path:
    """A home with so many days, made once."""
    from billing_recon.day.settings import code_version

    home, done = WORK / f"history-{days}", WORK / f"history-{days}" / "done"
    if done.is_file():
        if done.read_text() != code_version():
            measure("judge", [*python(f"from benchmarks.history import judge; judge({str(home)!r}, {days})")])
            done.write_text(code_version())
        return home
    shutil.rmtree(home, ignore_errors=True)
    measure("simulate", recon("simulate", *COMPANY, "--out", str(home)))
    to = str(FIRST + timedelta(days=RUN - 1))
    measure("run", recon("run", "--home", str(home), "--day", str(FIRST), "--to", to), ok=(0, 1))
    measure("stretch", [*python(f"from benchmarks.history import stretch; stretch({str(home)!r}, {days})")])
    measure("judge", [*python(f"from benchmarks.history import judge; judge({str(home)!r}, {days})")])
    done.write_text(code_version())
    return home


def stretch(path: str, days: int) -> None:
    """Copy the last day that was run to the days after it."""
    from deltalake import DeltaTable, write_deltalake
    from sqlalchemy import insert, select, update

    from billing_recon.compute.engine import session
    from billing_recon.control.schema import landing_reports, partition_states
    from billing_recon.day import Home
    from billing_recon.day.history import rollup_inputs
    from billing_recon.day.stored import TABLES

    home = Home.open(Path(path))
    model = FIRST + timedelta(days=RUN - 1)
    new = [FIRST + timedelta(days=n) for n in range(RUN, days)]
    for name in TABLES:
        files = home.warehouse.files(name, model, model)
        if not files:
            continue
        con = session()
        listed = ", ".join(f"DATE '{day}'" for day in new)
        rows = con.sql(
            f"SELECT day, r.* FROM read_parquet({files!r}, hive_partitioning = false) r, "
            f"(SELECT unnest([{listed}]) AS day) ORDER BY day"
        )
        delta = DeltaTable(str(home.state / "warehouse" / name))
        write_deltalake(delta, rows.to_arrow_reader(), mode="append", partition_by=["day"])
        con.close()
    for folder in (home.path / "landing").iterdir():
        for file in folder.glob(f"{model}.*"):
            for day in new:
                shutil.copyfile(file, file.with_name(f"{day}{file.suffix}"))
    home = Home.open(Path(path))
    with home.control._engine.begin() as connection:

        def copies(table: Any, **where: object) -> list[dict[str, object]]:
            query = select(table)
            for name, value in where.items():
                query = query.where(table.c[name] == value)
            return [
                {name: value for name, value in dict(row).items() if name != "id"}
                for row in connection.execute(query).mappings()
            ]

        for table in (landing_reports, partition_states):
            model_rows = copies(table, day=model)
            connection.execute(insert(table), [row | {"day": day} for day in new for row in model_rows])
        for name in TABLES:
            for day, mark in home.warehouse.fingerprints(name, new[0], new[-1]).items():
                held = f"{mark.written} {home.warehouse.bytes_digest(name, day)}"
                connection.execute(
                    update(partition_states)
                    .where(partition_states.c.table_name == name, partition_states.c.day == day)
                    .values(files=held)
                )
    with home.control._engine.begin() as connection:
        for day, made_from in rollup_inputs(home, new).items():
            connection.execute(
                update(partition_states)
                .where(partition_states.c.table_name == "usage_rollup", partition_states.c.day == day)
                .values(made_from=made_from)
            )
    home.control.close()


def judge(path: str, days: int) -> None:
    """Give every day the verdict and the release that the copied one has, on its own evidence."""
    from copy import copy

    from sqlalchemy import insert, select

    from billing_recon.control.read_once import ReadOnce
    from billing_recon.control.schema import releases, verdicts
    from billing_recon.day import Home
    from billing_recon.day.gate import evidence_now

    home = Home.open(Path(path))
    asked = copy(home)
    asked.control = ReadOnce(home.control)
    judged = {day: evidence_now(asked, day) for day in (FIRST + timedelta(days=n) for n in range(days))}
    with home.control._engine.begin() as connection:
        for table in (verdicts, releases):
            query = select(table).where(table.c.partition == str(FIRST + timedelta(days=RUN - 1))).limit(1)
            row = {name: value for name, value in connection.execute(query).mappings().one().items() if name != "id"}
            connection.execute(
                insert(table),
                [row | {"partition": str(day), "evidence_hash": digest} for day, digest in judged.items()],
            )
    home.control.close()
