"""Ed25519 signatures of heads of the audit chain and of evidence packs, by the keys of control.audit_keys."""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from billing_recon.control.audit_keys import PUBLIC_KEY_ENV, SIGNING_KEY_ENV, read_key


def sign(message: bytes) -> tuple[str, str] | None:
    """The public key and the signature of a message, as base64; None if no signing key is set."""
    secret = read_key(SIGNING_KEY_ENV)
    if secret is None:
        return None
    private = Ed25519PrivateKey.from_private_bytes(secret)
    return _text(private.public_key().public_bytes_raw()), _text(private.sign(message))


def trusted_public_key() -> str | None:
    """The public key that signatures must be of, as base64: the one set, else the signing key's; None if neither is set."""
    public = read_key(PUBLIC_KEY_ENV)
    if public is not None:
        return _text(public)
    secret = read_key(SIGNING_KEY_ENV)
    return (
        None if secret is None else _text(Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw())
    )


def signed_by(public: str, message: bytes, signature: str) -> bool:
    """Whether the signature of a message is of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
