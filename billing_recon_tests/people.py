"""Enrolled approvers in tests, and the codes that their authenticators show."""

from __future__ import annotations

from datetime import datetime

import pyotp

from billing_recon.control.one_time_codes import STEP_SECONDS
from billing_recon.control.store import utc_now
from billing_recon.day import Home
from billing_recon.day.approvers import enrol


def code_of(secret: str, at: datetime | None = None, later: int = 0) -> str:
    """What the authenticator shows at `at`, or `later` steps after it."""
    return pyotp.TOTP(secret).generate_otp(int((at or utc_now()).timestamp()) // STEP_SECONDS + later)


def enrol_everyone(home: Home) -> dict[str, str]:
    """Enrol every approver of the policy, each confirmed by one before; return their secrets by name.

    A code is good once: the person who confirms uses the earliest of the three that are taken now.
    """
    secrets: dict[str, str] = {}
    for name in dict.fromkeys(a.name for a in home.policy.approvers):
        by = list(secrets)[-1] if secrets else ""
        code = code_of(secrets[by], later=-1) if by else ""
        secrets[name], _ = enrol(home, name, by=by, code=code, actor="test")
    return secrets
