"""The keys of the audit chain, from the environment: one that records are keyed with, and one that heads are signed with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass

from billing_recon.core.errors import ConfigurationError

RECORD_KEY_ENV = "BILLING_RECON_AUDIT_KEY"
"""32 bytes as base64: records are then keyed (HMAC-SHA256), so that nobody without it can write the chain anew."""
SIGNING_KEY_ENV = "BILLING_RECON_SIGNING_KEY"
"""An Ed25519 private key, 32 bytes as base64: heads of the chain and evidence packs are then signed."""
PUBLIC_KEY_ENV = "BILLING_RECON_PUBLIC_KEY"
"""Its public key, for a machine that only verifies."""


def new_key() -> str:
    """A key for either of the first two."""
    return base64.b64encode(os.urandom(32)).decode()


def read_key(name: str) -> bytes | None:
    """The 32 bytes of a variable; None if it is not set. ConfigurationError if it is not a key."""
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ConfigurationError(f"{name} is not a key: give 32 bytes as base64; a new one: billing-recon audit key")
    return key


@dataclass(frozen=True, slots=True)
class RecordKey:
    """The key of the chain's records. `id` says which one it is, and gives nothing away."""

    secret: bytes

    @property
    def id(self) -> str:
        """The first half of the key's digest."""
        return hashlib.sha256(b"billing-recon record key" + self.secret).hexdigest()[:16]

    def link(self, message: bytes) -> str:
        """The keyed hash of an event."""
        return hmac.digest(self.secret, message, "sha256").hex()


def record_key() -> RecordKey | None:
    """The key for records; None if none is set. ConfigurationError if it is not a key."""
    secret = read_key(RECORD_KEY_ENV)
    return RecordKey(secret) if secret else None
