"""A rehearsal on a copy of the home: its newest days billed again by a new path that fails, and switched back in mid-cycle.

The copy has the home's customers, contracts, prices, policy and history; it is scratch, and nothing of it reaches the home. The
simulated company of simulate.rehearsal is for homes that have no such days yet.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.control import ControlStore
from billing_recon.control.rollout_records import RolloutEvent, StageVerdict, Verb
from billing_recon.core.errors import GateRefused
from billing_recon.core.schema import BREAKS, INVOICE_LINES, KEY_MAP, PAYMENTS, RENDERED_INVOICES, TableSpec
from billing_recon.core.schema.table import Kind
from billing_recon.core.verdict import Verdict
from billing_recon.day.expected_lines import expect
from billing_recon.day.gate import judge_day
from billing_recon.day.home import Home
from billing_recon.day.landing import land
from billing_recon.day.reconciliation import reconcile
from billing_recon.day.rollout.collection_rehearsal import charge_again, checked
from billing_recon.day.rollout.corrections import corrections
from billing_recon.day.rollout.gate import judge_rollout
from billing_recon.day.rollout.members import write_list
from billing_recon.day.rollout.rehearsal_checks import Check, flags, stopped
from billing_recon.day.rollout.state import State, state_of
from billing_recon.day.session import open_session, register_landed
from billing_recon.day.usage_rollup import roll_up
from billing_recon.warehouse import Warehouse

DAYS = 4
"""One before the exposure, two of it, and one after everybody was switched back."""
FEWEST = 6
"""Invoices of the exposed days that a rehearsal needs."""
TABLES = (INVOICE_LINES, RENDERED_INVOICES, PAYMENTS)
"""What is delivered otherwise than it was."""
RUN = "rehearsal"
_UNPICKED = "NOT EXISTS (SELECT 1 FROM picked WHERE picked.invoice_id = clean.invoice_id)"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal found. `on`: on what it was held."""

    checks: tuple[Check, ...]
    on: str = "a simulated company"

    @property
    def passed(self) -> bool:
        return all(check.holds for check in self.checks)


def record(home: Home, state: State, found: Rehearsal, actor: str) -> None:
    """Record what was found with the plan's version, in the audit chain."""
    faults = "; ".join(f"{check.name}: {check.says}" for check in found.checks if not check.holds)
    content = {
        "passed": found.passed,
        "on": found.on,
        "checks": [{"name": c.name, "holds": c.holds, "says": c.says} for c in found.checks],
    }
    home.control.rollouts.append(
        RolloutEvent(
            state.name, Verb.REHEARSED, plan=state.version.digest, content=json.dumps(content, sort_keys=True),
            reason=faults, actor=actor,
        )
    )  # fmt: skip


def days_for(home: Home) -> list[date]:
    """The newest days in a row that can be run again and have bills to expose; empty if the home has none yet."""
    landed = [day for day in home.control.landed_days() if not home.control.is_closed(day)][-DAYS:]
    in_a_row = len(landed) == DAYS and (landed[-1] - landed[0]).days == DAYS - 1
    if not in_a_row:
        return []
    with scratch() as con:
        scan = home.warehouse.scan(INVOICE_LINES, landed[1], landed[2])
        ((bills,),) = con.execute(f"SELECT count(DISTINCT invoice_id) FROM ({scan}) WHERE status = 'issued'").fetchall()
    return landed if bills >= FEWEST else []


def rehearse_on_copy(
    home: Home, name: str, days: Sequence[date], *, actor: str, progress: Callable[[str], None] = lambda said: None
) -> Rehearsal:
    """Rehearse the plan that was written down on a copy of the home and these days, and record what was found."""
    state = state_of(home, name)
    checks = checks_on_copy(home, state, days, progress)
    found = Rehearsal(checks, f"a copy of the home, {days[0]} to {days[-1]}")
    record(home, state, found, actor)
    return found


def checks_on_copy(
    home: Home, state: State, days: Sequence[date], progress: Callable[[str], None]
) -> tuple[Check, ...]:
    """Run the days again on a copy of the home, with a new path that fails under the plan; what held. The home is only read."""
    with tempfile.TemporaryDirectory(prefix="billing-recon-rehearsal-", dir=home.state) as folder:
        progress("copying the home")
        copy = _copied(home, Path(folder))
        checks = tuple(_run(home, copy, state, list(days), progress))
        copy.control.close()
    return checks


def _copied(home: Home, folder: Path) -> Home:
    """The home with its warehouse as links, its decisions but those about rollouts, and landing files of its own."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    shutil.copytree(home.state / "warehouse", state / "warehouse", copy_function=_linked)
    control = ControlStore.open(f"sqlite:///{state / 'control.db'}")
    kept = (line for line in home.control.dump() if not json.loads(line)["table"].startswith("rollout"))
    control.load(kept)
    (folder / "home").mkdir()
    return replace(
        home, path=folder / "home", state=state, company=home.company.model_copy(update={"feeds": {}}),
        warehouse=Warehouse(state / "warehouse"), control=control,
    )  # fmt: skip


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


def _run(home: Home, copy: Home, state: State, days: list[date], progress: Callable[[str], None]) -> Iterator[Check]:
    _, first, second, back = days
    with scratch() as con:
        _deliveries(con, home, days)
        _customers(con, home, days)
        con.execute("CREATE TABLE picked AS SELECT '' AS what, invoice_id, subscription_id FROM clean LIMIT 0")
        charged = charge_again(con, home, days) if state.of_payments else None
        if not state.of_payments:
            _fail(con, first, second, back)
        picked = {str(what): (str(invoice), str(sub or "")) for what, invoice, sub in _picked(con)}
        if state.of_payments and charged is None:
            yield Check(
                "payments",
                False,
                f"no invoice without a break was paid and settled by {back}; rehearse with --simulated",
            )
            return
        if not state.of_payments and not {"doubled", "against_flag"} <= set(picked):
            yield Check(
                "bills", False, f"too few bills of {first} and {second} without a break; rehearse on other days"
            )
            return
        exposed = "SELECT DISTINCT ours AS customer_id FROM cohort WHERE exposed"
        ((everybody,),) = con.execute("SELECT count(DISTINCT ours) FROM cohort").fetchall()
        write_down(con, copy, state.name, state.plan.model_dump(mode="json"), exposed, first, everybody)
        answers: list[StageVerdict] = []
        partial, cut = Verdict.INCONCLUSIVE, _cut(con, second)
        for day in days:
            progress(f"reconciling {day}")
            if day == first:
                switch(copy, state.name, day, on=True)
            if day == back:
                switch(copy, state.name, day, on=False)
            if day == second and cut:
                _write_files(con, copy, day, cut)
                partial = _judged(copy, day)
            _write_files(con, copy, day)
            _judged(copy, day)
            if first <= day < back:
                answers.append(judge_rollout(copy, state.name, day, RUN))
        if cut:
            yield Check(
                "partial write",
                partial is not Verdict.PASS,
                f"{second} with {cut:,} lines of its bills is {partial.value}; then the whole file was delivered",
            )
        codes = _found(con, copy, first, back)
        if charged is None:
            yield from _checked(con, home, copy, state, picked, codes, answers, (first, second, back))
            holds = "no other bill was doubled, sent twice, missing or wrong, nor a payment that came late or was refused once"
        else:
            yield from checked(copy, state_of(copy, state.name), charged, codes, answers, first)
            holds = "no other bill or payment has a break"
        yield _nothing_else(con, holds)


def _deliveries(con: duckdb.DuckDBPyConnection, home: Home, days: Sequence[date]) -> None:
    """What the home received on these days, a table each with `file_day`; every line by the old path."""
    for table in TABLES:
        con.execute(
            f"CREATE TABLE {table.name} AS SELECT *, day AS file_day FROM ({home.warehouse.scan(table, days[0], days[-1])})"
        )
    con.execute("UPDATE invoice_lines SET variant = 'control'")
    con.execute(f"CREATE TABLE known AS FROM ({home.warehouse.scan(BREAKS, days[0], days[-1])})")


def _customers(con: duckdb.DuckDBPyConnection, home: Home, days: Sequence[date]) -> None:
    """`cohort`: customers of these days under the engine's name and ours, every second one exposed; `clean`: bills without a break."""
    with open_session(home, days[-1]) as named:
        register_landed(named, home, KEY_MAP, days[-1], home.policy.windows.lookback_days)
        build(named, [one for one in ENGINE_OUTPUT if one.name == "mapped_keys"])
        names = "SELECT their_key, our_key FROM mapped_keys WHERE layer = 'invoice_lines'"
        con.register("keys", named.sql(names).to_arrow_table())
    # Every second customer of those billed on the same days, so that both sides have bills of each day.
    con.execute(
        """
        CREATE TABLE cohort AS
        SELECT theirs, ours, row_number() OVER (PARTITION BY days ORDER BY hash(ours), theirs) % 2 = 1 AS exposed
        FROM (
            SELECT
                line.customer_id AS theirs, coalesce(key.our_key, line.customer_id) AS ours,
                min(line.file_day) FILTER (WHERE line.issued_on >= $first) AS days
            FROM invoice_lines AS line
            LEFT JOIN keys AS key ON key.their_key = line.customer_id
            GROUP BY line.customer_id, coalesce(key.our_key, line.customer_id)
        )
        """,
        {"first": days[1]},
    )
    con.execute(
        """
        CREATE TABLE clean AS
        SELECT
            line.invoice_id, min(line.subscription_id) AS subscription_id, min(line.file_day) AS day, sum(line.total) AS total,
            bool_and(cohort.exposed) AS exposed, bool_and(line.kind IN ('subscription', 'usage')) AS plain
        FROM invoice_lines AS line
        JOIN cohort ON cohort.theirs = line.customer_id
        WHERE coalesce(line.status, 'issued') = 'issued' AND coalesce(line.invoice_kind, 'invoice') = 'invoice'
            AND NOT EXISTS (
                SELECT 1 FROM known WHERE known.invoice_id = line.invoice_id OR known.subscription_id = line.subscription_id
            )
        GROUP BY line.invoice_id HAVING sum(line.total) > 0 AND count(DISTINCT line.currency) = 1
        """
    )


def _fail(con: duckdb.DuckDBPyConnection, first: date, second: date, back: date) -> None:
    """Have the new path bill the cohort on the exposed days, and fail: one bill each is `picked` for what goes wrong with it."""
    documents = "EXISTS (SELECT 1 FROM rendered_invoices AS document WHERE document.invoice_id = clean.invoice_id)"
    for what, condition in (
        ("doubled", f"day = '{first}' AND exposed AND plain"),
        ("left_out", f"day = '{first}' AND exposed AND plain"),
        ("sent_twice", f"day = '{first}' AND exposed AND {documents}"),
        ("against_flag", f"day = '{second}' AND exposed"),
        ("against_flag_on", f"day = '{second}' AND NOT exposed"),
    ):
        con.execute(
            f"INSERT INTO picked SELECT '{what}', invoice_id, subscription_id FROM clean WHERE {condition} AND {_UNPICKED} "
            "ORDER BY hash(invoice_id) LIMIT 1"
        )
    of = "(SELECT invoice_id FROM picked WHERE what = '{}')".format
    con.execute(
        f"UPDATE invoice_lines SET variant = 'candidate' WHERE issued_on >= '{first}' AND issued_on < '{back}' "
        "AND customer_id IN (SELECT theirs FROM cohort WHERE exposed)"
    )
    con.execute(
        f"UPDATE invoice_lines SET variant = CASE variant WHEN 'control' THEN 'candidate' ELSE 'control' END "
        f"WHERE invoice_id IN {of('against_flag')} OR invoice_id IN {of('against_flag_on')}"
    )
    con.execute(
        "INSERT INTO invoice_lines SELECT * REPLACE (line_id || '-again' AS line_id) FROM invoice_lines "
        f"WHERE invoice_id IN {of('doubled')}"
    )
    con.execute(f"DELETE FROM invoice_lines WHERE invoice_id IN {of('left_out')}")
    con.execute(
        "INSERT INTO rendered_invoices SELECT * REPLACE (document_id || '-again' AS document_id) FROM rendered_invoices "
        f"WHERE invoice_id IN {of('sent_twice')}"
    )
    # The processor refuses each payment of the first day once; those of the second day are heard of a day late.
    con.execute(
        "INSERT INTO payments SELECT * REPLACE (payment_id || '-refused' AS payment_id, 'failed' AS status, 1 AS attempt) FROM payments "
        f"WHERE file_day = '{first}' AND kind = 'payment' AND status = 'succeeded'"
    )
    con.execute(
        f"UPDATE payments SET attempt = coalesce(attempt, 1) + 1 WHERE file_day = '{first}' AND kind = 'payment' "
        "AND status = 'succeeded'"
    )
    con.execute(f"UPDATE payments SET file_day = '{back}' WHERE file_day = '{second}'")


def _picked(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str | None]]:
    return con.execute("SELECT what, invoice_id, subscription_id FROM picked ORDER BY what").fetchall()


def _cut(con: duckdb.DuckDBPyConnection, day: date) -> int:
    """After how many of a day's lines a write is cut off: in the middle of the bill nearest to the half; 0 if each has one line."""
    found = con.execute(
        "SELECT min(n), any_value(lines) FROM (SELECT invoice_id, row_number() OVER (ORDER BY source_file, source_row, line_id) AS n, "
        "count(*) OVER () AS lines FROM invoice_lines WHERE file_day = $day) GROUP BY invoice_id HAVING count(*) > 1 "
        "ORDER BY abs(2 * min(n) - any_value(lines)), min(n) LIMIT 1",
        {"day": day},
    ).fetchall()
    return int(found[0][0]) if found else 0


def _write_files(con: duckdb.DuckDBPyConnection, copy: Home, day: date, cut: int = 0) -> None:
    """The day's landing files. `cut`: of the bills only so many lines, as of a write that was cut off."""
    for table in TABLES:
        folder = copy.path / "landing" / table.name
        folder.mkdir(parents=True, exist_ok=True)
        con.execute("SET VARIABLE day = CAST($day AS DATE)", {"day": day})
        con.execute(
            f"COPY (SELECT {', '.join(_texts(table))} FROM {table.name} WHERE file_day = getvariable('day') "
            f"ORDER BY source_file, source_row, {table.columns[1].name}"
            f"{f' LIMIT {cut}' if cut and table is INVOICE_LINES else ''}) "
            f"TO '{str(folder / f'{day}.csv').replace(chr(39), chr(39) * 2)}' (HEADER)"
        )


def _texts(table: TableSpec) -> Iterator[str]:
    for column in table.columns:
        if column.kind is Kind.TIMESTAMP:
            yield f"strftime({column.name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS {column.name}"
        else:
            yield column.name


def _judged(copy: Home, day: date) -> Verdict:
    for table in TABLES:
        report = land(copy, table.name, day, RUN)
        if report.quarantined:
            raise GateRefused(
                f"rehearsal: {table.name} of {day} could not be delivered again as it was: {report.message}"
            )
    roll_up(copy, day, RUN)
    expect(copy, day, RUN)
    reconcile(copy, day, RUN)
    return judge_day(copy, day, RUN).verdict


def _found(con: duckdb.DuckDBPyConnection, copy: Home, first: date, back: date) -> dict[str, set[str]]:
    """`found`: the breaks of the rehearsed days; the codes of each invoice."""
    con.execute(f"CREATE TABLE found AS FROM ({copy.warehouse.scan(BREAKS, first - timedelta(days=1), back)})")
    rows = con.execute("SELECT invoice_id, list(DISTINCT code) FROM found GROUP BY invoice_id").fetchall()
    return {row[0]: set(row[1]) for row in rows}


def _nothing_else(con: duckdb.DuckDBPyConnection, holds: str) -> Check:
    others = con.execute(
        "SELECT code, coalesce(invoice_id, subscription_id, break_id) FROM found ANTI JOIN known USING (break_id) "
        "WHERE NOT EXISTS (SELECT 1 FROM picked WHERE picked.invoice_id = found.invoice_id OR picked.subscription_id = found.subscription_id) "
        "ORDER BY ALL LIMIT 5"
    ).fetchall()
    said = "; ".join(f"{code} {where}" for code, where in others)
    return Check(
        "nothing else",
        not others,
        f"new breaks of other bills: {said}" if others else holds,
    )


def _checked(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    copy: Home,
    state: State,
    picked: dict[str, tuple[str, str]],
    codes: Mapping[str, set[str]],
    answers: Sequence[StageVerdict],
    days: tuple[date, date, date],
) -> Iterator[Check]:
    first, _, back = days
    doubled, sub = picked["doubled"]
    yield Check(
        "doubled",
        bool(codes.get(doubled)),
        f"{doubled} has every line twice: {', '.join(sorted(codes.get(doubled, ()))) or 'not found'}",
    )
    yield from stopped(answers, doubled, first)
    if "sent_twice" in picked:
        invoice = picked["sent_twice"][0]
        yield Check(
            "sent twice",
            "RENDER_DUPLICATE" in codes.get(invoice, ()),
            f"{invoice} was sent twice: {', '.join(sorted(codes.get(invoice, ()))) or 'not found'}",
        )
    ignored = {picked[what][0] for what in ("against_flag", "against_flag_on") if what in picked}
    told = {row[0] for row in con.execute("SELECT DISTINCT invoice_id FROM found WHERE code = 'EXPOSURE'").fetchall()}
    yield flags(told, ignored)
    ((late,),) = con.execute(
        f"SELECT count(DISTINCT invoice_id) FROM ({copy.warehouse.scan(INVOICE_LINES, back, back)}) "
        f"WHERE variant = 'candidate' AND issued_on >= '{back}'"
    ).fetchall()
    yield Check("switched back", not late, f"{late} bills of the new path from {back} on")
    wrong = [one for one in corrections(copy, state_of(copy, state.name)) if one.invoice_id in (doubled, None)]
    listed = {one.invoice_id: one.billed_minus_owed for one in wrong}
    ((total,),) = con.execute("SELECT total FROM clean WHERE invoice_id = $invoice", {"invoice": doubled}).fetchall()
    yield Check(
        "worklist",
        listed.get(doubled) == total,
        f"{doubled} is billed {listed.get(doubled, 'as owed')} too much on the worklist, and was by {total}",
    )
    if "left_out" in picked and home.policy.windows.issue_grace_days <= (back - first).days:
        invoice, sub = picked["left_out"]
        unbilled = [one for one in wrong if one.invoice_id is None and sub in (one.subscription_id, "")]
        missing = con.execute(
            "SELECT count(*) FROM found ANTI JOIN known USING (break_id) WHERE invoice_id = $invoice OR code = 'INVOICE_MISSING'",
            {"invoice": invoice},
        ).fetchall()[0][0]
        yield Check(
            "none missing", bool(missing), f"{invoice} was left out: {len(unbilled)} on the worklist, {missing} breaks"
        )


def write_down(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    name: str,
    plan: Mapping[str, Any],
    query: str,
    first: date,
    everybody: int,
) -> None:
    """The plan with its first stage alone, and as its list from `first` on the customers whom the query exposes."""
    ((one,),) = con.execute(f"SELECT min(customer_id) FROM ({query})").fetchall()
    stage = plan["stages"][0] | {"share": None, "cohort": {"customers": [one]}}
    text = yaml.safe_dump({**plan, "stages": [stage], "candidate": None})
    version = home.control.rollouts.write_plan(name, text, RUN, RUN)
    rows, digest = write_list(con, home, name, stage["name"], query)
    facts = {"rows": rows, "digest": digest, "customers": everybody}
    home.control.rollouts.append(
        RolloutEvent(name, Verb.MEMBERS, stage["name"], version.digest, str(first), content=json.dumps(facts))
    )


def switch(home: Home, name: str, day: date, *, on: bool) -> None:
    """Expose the stage from a day on, or nobody any more, in the records of a home that is thrown away."""
    state = state_of(home, name)
    stages = list(state.plan.names) if on else []
    facts = {"stages": stages, "at": "", "why": RUN, "before": list(state.exposed), "intent": 0, "flags": ""}
    home.control.rollouts.append(
        RolloutEvent(
            name, Verb.SWITCHED, stages[-1] if stages else "", state.version.digest, str(day), content=json.dumps(facts)
        )
    )
