"""A break as SQL that an auditor runs again: the day's inputs as files and the relations that lead to the break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from billing_recon.compute.definitions import DEFINITIONS
from billing_recon.compute.reconcile import EXPLAINED
from billing_recon.compute.relation import Relation
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import BREAKS

if TYPE_CHECKING:
    from billing_recon.day.home import Home

SCRIPT = "break.sql"


def write_rerun(home: Home, day: date, break_id: str, folder: Path) -> Path:
    """Write `folder`/break.sql and its inputs as Parquet; run it inside the folder with: duckdb < break.sql

    The script creates types, money macros, inputs and each relation in order, and selects the break. The explanation is an
    input: SQL states the facts, and `explain` words them. ConfigurationError if the folder is not empty.
    """
    from billing_recon.day.history import not_known
    from billing_recon.day.reconciliation import prepared

    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; name a new folder for the inputs and the SQL")
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    with prepared(home, day, not_known(home, day)) as (con, relations):
        steps = leading_to("breaks", (*relations, *EXPLAINED))
        words = home.warehouse.scan(BREAKS, day, day)
        con.execute(f"CREATE TABLE explanations AS SELECT break_id, explanation FROM ({words}) AS stored")
        read = sorted({name for step in steps for name in step.inputs} - {step.name for step in steps})
        for name in read:
            file = str(inputs / f"{name}.parquet").replace("'", "''")
            con.execute(f"COPY (SELECT * FROM {name}) TO '{file}' (FORMAT parquet)")
    in_force = home.policy_on(day)
    text = [
        f"-- Break {break_id} of {day}, from the inputs in this folder. Run here: duckdb < {SCRIPT}",
        f"-- Policy version {in_force.number} ({in_force.digest[:12]}), catalog {home.catalog.digest[:12]}.",
        "SET TimeZone = 'UTC';",
        "",
        "-- Money is multiplied, divided and rounded by these macros only.",
        *(f"{definition};" for definition in DEFINITIONS),
        "",
        *(f"CREATE TABLE {name} AS SELECT * FROM 'inputs/{name}.parquet';" for name in read),
        *statements(steps),
    ]
    text += ["", f"SELECT {', '.join(BREAKS.names)} FROM breaks WHERE break_id = '{break_id}';", ""]
    (folder / SCRIPT).write_text("\n".join(text), encoding="utf-8")
    return folder / SCRIPT


def statements(steps: Iterable[Relation]) -> Iterator[str]:
    """Lines of SQL that create each relation, in order."""
    for step in steps:
        what = "TABLE" if step.kept else "VIEW"
        yield from ("", f"-- {step.doc}", f"CREATE {what} {step.name} AS {step.sql.strip()};")


def leading_to(name: str, relations: Iterable[Relation]) -> list[Relation]:
    """The relations that lead to `name`, in the order in which they are made; `name` is the last."""
    known = tuple(relations)
    wanted = {name}
    for relation in reversed(known):
        if relation.name in wanted:
            wanted |= set(relation.inputs)
    return [relation for relation in known if relation.name in wanted]


RELATION_OF_PAIR = {
    "expected_billed": "expected_billed_findings",
    "billed_rendered": "billed_rendered_findings",
    "billed_booked": "booked_findings",
    "rendered_booked": "booked_findings",
    "billed_paid": "paid_findings",
    "paid_booked": "cash_findings",
    "metered_used": "metered_findings",
}
"""The relation that finds the differences of each pair."""
