"""Who must sign a month, and whether all have: three roles, three people, one evidence hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing_recon.core.policy import Approver


class Role(StrEnum):
    """What a signature confirms. Every month needs one of each."""

    FINANCE = "finance"
    """The amounts are what should be reported."""
    PRODUCT = "product"
    """The prices and terms are what was sold."""
    ENGINEERING = "engineering"
    """The systems did what they were built to do."""


@dataclass(frozen=True, slots=True)
class SignOff:
    """One person's signature of a month with a certain evidence hash. `actor` is who entered it."""

    month: str
    approver: str
    role: Role
    evidence_hash: str
    actor: str = ""
    note: str = ""
    decided_at: str = ""


def roles_of(approver: str, approvers: Iterable[Approver]) -> tuple[Role, ...]:
    """The roles in which the policy lets a person sign; empty if the policy does not name them."""
    return tuple(role for role in Role if any(a.name == approver and a.role == role.value for a in approvers))


def missing_sign_offs(
    signoffs: Sequence[SignOff], evidence_hash: str, approvers: Sequence[Approver]
) -> tuple[str, ...]:
    """One sentence for each signature that a month still lacks; empty if it is signed.

    A signature counts if it is for the current evidence and the policy still names its approver in its role. Each role
    needs one, and no person counts for two: of a person who signed in several roles one signature is used, chosen so that
    as many roles as possible are covered.
    """
    counted: dict[Role, set[str]] = {role: set() for role in Role}
    problems: dict[Role, str] = {}
    for signoff in signoffs:
        if signoff.evidence_hash != evidence_hash:
            problems[signoff.role] = (
                f"{signoff.approver} signed for {signoff.role.value} at evidence {signoff.evidence_hash[:12]}, and the "
                f"month's evidence is now {evidence_hash[:12]}; it has to be signed again"
            )
        elif signoff.role not in roles_of(signoff.approver, approvers):
            problems[signoff.role] = f"{signoff.approver} signed for {signoff.role.value}, but policy does not allow it"
        else:
            counted[signoff.role].add(signoff.approver)
    chosen = _assign(counted)
    sentences: list[str] = []
    for role in Role:
        if role in chosen:
            continue
        if counted[role]:
            people = ", ".join(sorted(counted[role]))
            sentences.append(f"{role.value}: {people} already signs for another role; three different people must sign")
        elif role in problems:
            sentences.append(f"{role.value}: {problems[role]}")
        else:
            able = sorted({a.name for a in approvers if a.role == role.value})
            who = f"policy names {', '.join(able)}" if able else "policy names nobody; add an approver to it"
            sentences.append(f"{role.value}: not signed yet; {who}")
    return tuple(sentences)


def _assign(counted: dict[Role, set[str]]) -> dict[Role, str]:
    """Assign different people to as many roles as possible, by trying every combination."""
    best: dict[Role, str] = {}

    def extend(roles: tuple[Role, ...], chosen: dict[Role, str]) -> None:
        nonlocal best
        if not roles:
            best = chosen if len(chosen) > len(best) else best
            return
        for person in sorted(counted[roles[0]] - set(chosen.values())):
            extend(roles[1:], {**chosen, roles[0]: person})
        extend(roles[1:], chosen)

    extend(tuple(Role), {})
    return best
