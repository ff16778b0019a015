"""The audit chain of a home: verified with the heads that were written outside the database, and new heads written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from billing_recon.control import audit_heads
from billing_recon.control.audit_heads import Head
from billing_recon.control.audit_keys import RECORD_KEY_ENV, record_key
from billing_recon.control.schema import month_closes, month_events
from billing_recon.core.errors import ConfigurationError
from billing_recon.day import reasons
from billing_recon.day.approvers import prove
from billing_recon.day.home import Home


def close_purpose(month: str, number: int) -> str:
    """What the head of a month's close is for; `number` counts its reopenings before."""
    return f"close {month}" + (f" after reopening {number}" if number else "")


class NotStamped(ConfigurationError):
    """A head was written, and the time stamping service gave no stamp for it."""


def write_head(home: Home, purpose: str, out: Path | None = None, *, stamp: bool = True) -> Head:
    """Write the chain's head as it is now to the home's file, to those of the environment, and to `out`.

    ConfigurationError if a file cannot be written. NotStamped if a time stamping service is set and gives no stamp: then it is
    written without. Not `stamp`: none is asked for.
    """
    seq, head = home.control.audit_head()
    made = audit_heads.signed(home.company.name, purpose, home.control.now(), seq, head)
    failed: ConfigurationError | None = None
    try:
        made = audit_heads.stamped(made) if stamp else made
    except ConfigurationError as error:
        failed = error
    audit_heads.write(made, [*audit_heads.heads_files(home.state), *([out] if out else [])])
    if failed is not None:
        raise NotStamped(
            f"{failed}. What was decided stands, and its head is written without a time stamp; once the service answers: "
            "billing-recon audit head"
        )
    return made


def close_head(home: Home, month: str) -> Head | None:
    """The first head of the latest close of a month in the home's own file; None if it is not there."""
    purpose = close_purpose(month, home.control.month_closes(month)[-1].round)
    heads = audit_heads.read(audit_heads.heads_files(home.state)[0])[0]
    return next((head for head in heads if head.purpose == purpose), None)


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


def seal_registered(home: Home, by: str, code: str, reason: str, actor: str) -> int:
    """Seal what was registered before the key of records was set; return how many rows.

    Whoever does it answers for these rows: once anybody is enrolled, an approver with a code.
    """
    if record_key() is None:
        raise ConfigurationError(
            f"rows are sealed with {RECORD_KEY_ENV}, which is not set; a new one: billing-recon audit key"
        )
    why = reasons.reason(reason, "sealing")
    who = prove(home, by, code, "seal what is registered") if by or home.control.enrolled() else actor
    return home.control.seal_registered(who, why, actor)
