"""Time stamps of a service outside the company (RFC 3161) on heads of the audit chain: that a head existed then, and not only since.

Without one, whoever holds every key and every copy of the heads could write a history anew and date it back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from billing_recon.core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

SERVICE_ENV = "BILLING_RECON_TSA_URL"
"""The address of the time stamping service, which heads are sent to (their digest only)."""
CERTIFICATES_ENV = "BILLING_RECON_TSA_CERTIFICATES"
"""A PEM file with the service's root certificate, and others of its chain: tokens are checked with it."""
_WAIT_SECONDS = 20
_LONGEST = 1_000_000
"""Bytes of an answer, at most; tokens have some thousand."""


def stamp(message: bytes) -> str:
    """The service's answer for a message, as base64; empty if no service is set.

    ConfigurationError if the service does not answer, refuses, or gives what does not hold.
    """
    address = os.environ.get(SERVICE_ENV, "").strip()
    if not address:
        return ""
    import httpx
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = httpx.post(address, content=request.as_bytes(), headers=headers, timeout=_WAIT_SECONDS)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ConfigurationError(f"the time stamping service {address} did not answer: {error}") from None
    token = base64.b64encode(answer.content[:_LONGEST]).decode()
    try:
        _stamped(token, message, request.nonce)
    except ValueError as error:
        raise ConfigurationError(f"the time stamping service {address} gave no time stamp: {error}") from None
    return token


def stamped_at(token: str, message: bytes) -> datetime:
    """When the message was stamped. ValueError if the token does not hold, by the certificates that are set, if any are."""
    return _stamped(token, message, None)


def checked() -> bool:
    """Whether tokens can be checked here: certificates of a service are set."""
    return bool(os.environ.get(CERTIFICATES_ENV, "").strip())


def _stamped(token: str, message: bytes, nonce: int | None) -> datetime:
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        answer = decode_timestamp_response(base64.b64decode(token, validate=True))
        if answer.status != 0:
            raise ValueError(
                f"the service refused with status {answer.status} {' '.join(answer.status_string)}".strip()
            )
        made = answer.tst_info
        if nonce is not None and made.nonce != nonce:
            raise ValueError("the answer is not to this request")
        if made.message_imprint.message != hashlib.sha256(message).digest():
            raise ValueError("it is of something else")
        certificates = _certificates()
        if certificates:
            roots = [one for one in certificates if one.issuer == one.subject]
            others = [one for one in certificates if one.issuer != one.subject]
            VerifierBuilder(roots=roots, intermediates=others).build().verify_message(answer, message)
        return made.gen_time
    except (VerificationError, binascii.Error) as error:
        raise ValueError(str(error) or "it is no time stamp") from None


def _certificates() -> list[x509.Certificate]:
    name = os.environ.get(CERTIFICATES_ENV, "").strip()
    if not name:
        return []
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(Path(name).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{CERTIFICATES_ENV}: {name} cannot be read: {error.strerror or error}") from None
    except ValueError:
        found = []
    if not any(one.issuer == one.subject for one in found):
        raise ConfigurationError(f"{CERTIFICATES_ENV}: {name} has no root certificate in PEM form")
    return found
