"""Who is enrolled with a one-time password, and the checking of codes: each is good once, and guesses are few."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote

from sqlalchemy import Connection, insert, select

from billing_recon.control import audit, recorded_decision
from billing_recon.control.schema import approver_secrets, code_uses, enrolments
from billing_recon.core.errors import CloseRefused
from billing_recon.core.person import same_person

GUESSES, WITHIN = 5, timedelta(minutes=10)
"""So many wrong codes in so long a time lock a name until that time is over."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A person's latest enrolment or removal. `approved_by` is empty for the first person of a home."""

    name: str
    verb: str
    approved_by: str
    actor: str
    reason: str
    decided_at: str


def enrolled(connection: Connection) -> list[Enrolment]:
    """Those who are enrolled now, by name. CloseRefused if an enrolment was removed or written without us: then nobody is."""
    latest: dict[str, Enrolment] = {}
    t = enrolments
    if forged := recorded_decision.problems(connection, t):
        raise CloseRefused([f"nobody counts as enrolled: {forged[0]}; billing-recon audit verify"])
    for row in connection.execute(select(t).order_by(t.c.id)):
        latest[row.person] = Enrolment(row.name, row.verb, row.approved_by, row.actor, row.reason, row.decided_at)
    return sorted((one for one in latest.values() if one.verb == "enrol"), key=lambda one: one.name)


def record(connection: Connection, enrolment: Enrolment, secret: str = "") -> None:
    """Append an enrolment with its encrypted secret, or a removal. The audit chain has the secret's digest only."""
    # Imported here and below: nobody who only looks waits for what encrypts.
    from billing_recon.control import one_time_codes

    stored = one_time_codes.encrypt(secret) if secret else ""
    row = {
        "person": same_person(enrolment.name),
        "name": enrolment.name,
        "verb": enrolment.verb,
        "approved_by": enrolment.approved_by,
        "actor": enrolment.actor,
        "reason": enrolment.reason,
        "secret_digest": hashlib.sha256(stored.encode()).hexdigest() if stored else "",
        "decided_at": enrolment.decided_at,
    }
    identity = audit.decide(connection, enrolments, row)
    connection.execute(insert(approver_secrets).values(enrolment_id=identity, secret=stored))


def try_code(connection: Connection, name: str, code: str, purpose: str, now: datetime) -> str | None:
    """Use a person's code; return why it is refused, or None if it is good. Either is recorded; the caller commits."""
    from billing_recon.control import one_time_codes

    person = same_person(name)
    t = enrolments
    row = connection.execute(select(t).where(t.c.person == person).order_by(t.c.id.desc()).limit(1)).first()
    if row is None or row.verb != "enrol":
        return f"{name} is not enrolled; billing-recon approvers enrol {quote(name)}"
    if forged := recorded_decision.problems(connection, t):
        return f"nobody's code is taken for {name}: {forged[0]}; billing-recon audit verify"
    s = approver_secrets
    secret = connection.execute(select(s.c.secret).where(s.c.enrolment_id == row.id)).scalar_one_or_none() or ""
    if hashlib.sha256(secret.encode()).hexdigest() != row.secret_digest:
        return f"the secret of {name} is not the one of the enrolment; billing-recon audit verify"
    uses = code_uses
    since = (now - WITHIN).isoformat(timespec="milliseconds")
    tried = connection.execute(select(uses.c.step, uses.c.tried_at, uses.c.good).where(uses.c.person == person)).all()
    if sum(not use.good and use.tried_at >= since for use in tried) >= GUESSES:
        return f"{name} is locked after {GUESSES} wrong codes; wait {int(WITHIN.total_seconds() // 60)} minutes"
    step = one_time_codes.matching_step(one_time_codes.decrypt(secret), code, now)
    last = max((use.step for use in tried if use.good), default=-1)
    good = step is not None and step > last
    connection.execute(
        insert(uses).values(
            person=person,
            step=step if step is not None else -1,
            good=good,
            purpose=purpose,
            tried_at=now.isoformat(timespec="milliseconds"),
        )
    )
    if step is None:
        return f"the code is not that of {name} now; take the one that the authenticator shows"
    return None if good else f"the code of {name} was used before; wait for the next one"
