"""One-time passwords (RFC 6238: six digits, 30 seconds) and their secrets, encrypted under a key from the environment."""

from __future__ import annotations

import hmac
import os
from datetime import datetime

import pyotp
from cryptography.fernet import Fernet, InvalidToken

from billing_recon.core.errors import ConfigurationError

KEY_ENV = "BILLING_RECON_APPROVER_KEY"
STEP_SECONDS = 30
_AROUND = (0, -1, 1)
"""Steps that a code may be early or late: clocks differ, and people take time to type."""


def new_key() -> str:
    """A key for `BILLING_RECON_APPROVER_KEY`."""
    return Fernet.generate_key().decode()


def new_secret() -> str:
    """A person's secret, as an authenticator app takes it."""
    return pyotp.random_base32()


def uri(secret: str, name: str, company: str) -> str:
    """What a QR code says to an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"billing-recon {company}")


def encrypt(secret: str) -> str:
    """A secret as it is stored. ConfigurationError without a usable key."""
    return _cipher().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """A stored secret. ConfigurationError if the key is another one than it was encrypted with."""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise ConfigurationError(
            f"{KEY_ENV} is not the key that the approvers were enrolled with; set that one, or enrol them again"
        ) from None


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, if it is the current one or next to it; else None."""
    if not code.isascii():
        return None
    totp, current = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    found = [
        step for step in (current + n for n in _AROUND) if hmac.compare_digest(totp.generate_otp(step), code.strip())
    ]
    return found[0] if found else None


def _cipher() -> Fernet:
    key = os.environ.get(KEY_ENV, "")
    try:
        return Fernet(key.encode())
    except ValueError:
        said = "is not set" if not key else "is no key"
        raise ConfigurationError(
            f"{KEY_ENV} {said}; the secrets of approvers are encrypted under it. Make one with: billing-recon approvers key, "
            "and keep it where the control database is not"
        ) from None
