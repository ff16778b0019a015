"""People who approve: their enrolment with a one-time password, and the proof that a decision is theirs."""

from __future__ import annotations

from shlex import quote

from billing_recon.control import one_time_codes
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.person import person_name, same_person
from billing_recon.core.policy import Approver
from billing_recon.day import reasons
from billing_recon.day.home import Home


def approver(home: Home, name: str) -> Approver:
    """The policy's approver of this name, however it is written. ConfigurationError if it names nobody of that name."""
    try:
        asked = same_person(name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    for one in home.policy.approvers:
        if same_person(one.name) == asked:
            return one
    known = ", ".join(f"{a.name} ({a.role})" for a in home.policy.approvers) or "nobody"
    raise ConfigurationError(f"'{person_name(name)}' may not sign; policy names {known}")


def prove(home: Home, name: str, code: str, purpose: str) -> str:
    """Use up a person's code and return their name as the policy writes it. CloseRefused if the code is not good."""
    known = approver(home, name).name
    if not code.strip():
        raise CloseRefused(
            [
                f"{known} proves who they are with the code of their authenticator: --code NNNNNN; to get one: billing-recon "
                f"approvers enrol {quote(known)}"
            ]
        )
    home.control.use_code(known, code, purpose)
    return known


def enrol(home: Home, name: str, *, by: str, code: str, actor: str, reason: str = "") -> tuple[str, str]:
    """Enrol an approver, or again with a new secret; return the secret and what a QR code says.

    Somebody else who is enrolled confirms it with their code. Only the first person of a home needs nobody: whoever sets a
    home up is trusted with that, and the audit chain shows it.
    """
    known, why = approver(home, name).name, reasons.remark(reason, "an enrolment")
    approved_by = _second_person(home, known, by, code, f"enrol {known}")
    secret = one_time_codes.new_secret()
    home.control.enrol(known, secret, approved_by=approved_by, actor=actor, reason=why)
    return secret, one_time_codes.uri(secret, known, home.company.name)


def remove(home: Home, name: str, *, by: str, code: str, actor: str, reason: str) -> None:
    """Remove an enrolled person; somebody else who is enrolled confirms it with their code. A reason is required."""
    enrolled = {same_person(one.name): one.name for one in home.control.enrolled()}
    known = enrolled.get(same_person(name))
    if known is None:
        raise ConfigurationError(f"'{name}' is not enrolled; enrolled are {', '.join(enrolled.values()) or 'nobody'}")
    why = reasons.reason(reason, "removing an approver")
    approved_by = _second_person(home, known, by, code, f"remove {known}")
    home.control.remove_approver(known, approved_by=approved_by, actor=actor, reason=why)


def _second_person(home: Home, name: str, by: str, code: str, purpose: str) -> str:
    enrolled = [one.name for one in home.control.enrolled()]
    if not enrolled:
        return ""
    others = [one for one in enrolled if one != name]
    if not by:
        raise CloseRefused(
            [f"somebody else confirms it: --by NAME --code NNNNNN; enrolled are {', '.join(others) or 'nobody else'}"]
        )
    if same_person(by) == same_person(name):
        raise CloseRefused([f"{name} cannot confirm it themselves; --by names another approver"])
    return prove(home, by, code, purpose)
