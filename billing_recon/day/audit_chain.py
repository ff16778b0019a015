"""The audit chain of a home: verified with the heads that were written outside the database, and new heads written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from billing_recon.control import audit_heads
from billing_recon.control.audit_heads import Head
from billing_recon.control.schema import month_closes, month_events
from billing_recon.day.home import Home


def close_purpose(month: str, number: int) -> str:
    """What the head of a month's close is for; `number` counts its reopenings before."""
    return f"close {month}" + (f" after reopening {number}" if number else "")


def write_head(home: Home, purpose: str, out: Path | None = None) -> Head:
    """Write the chain's head as it is now to the home's file, to those of the environment, and to `out`."""
    seq, head = home.control.audit_head()
    made = audit_heads.signed(home.company.name, purpose, home.control.now(), seq, head)
    audit_heads.write(made, [*audit_heads.heads_files(home.state), *([out] if out else [])])
    return made


def complete_close(home: Home, month: str, out: Path | None = None) -> None:
    """Write the head of a month's close if its process died before it could: nothing was decided since, and none is there.

    Once anything was decided, a head that is missing may have been removed, so it is left to people.
    """
    closes = home.control.month_closes(month)
    if not closes:
        return  # closed by an earlier version, which kept no figures and wrote no head
    table, row = home.control.newest_decision()
    purpose = close_purpose(month, closes[-1].round)
    heads = [head for file in audit_heads.heads_files(home.state) for head in audit_heads.read(file)[0]]
    of_it = table in (month_closes.name, month_events.name) and row["month"] == month
    if of_it and purpose not in {head.purpose for head in heads}:
        write_head(home, purpose, out)


def audit_problems(home: Home, further: Sequence[Path] = ()) -> tuple[list[str], int]:
    """Every problem of the chain, of the decisions, and of the heads in all known files; and how many heads agree.

    Each close that the chain records must have a head.
    """
    files = [*audit_heads.heads_files(home.state), *further]
    problems = [f"{file}: there is no such file" for file in further if not file.is_file()]
    last, _ = home.control.audit_head()
    found, agreed = audit_heads.compare(
        home.company.name,
        files,
        home.control.audit_hashes,
        last,
        [close_purpose(one.month, one.round) for one in home.control.month_closes()],
    )
    return [*home.control.verify_audit(), *problems, *found], agreed
