"""A signed statement about files: in-toto Statement v1 in a DSSE envelope, as text. Keys: control.audit_keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from billing_recon.control.signatures import sign, signed_by, trusted_public_key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"


def statement(files: Mapping[str, bytes], predicate_type: str, predicate: Mapping[str, Any]) -> str:
    """An envelope over the digests of files and what is said of them; signed if a signing key is set."""
    content = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
            for name, data in sorted(files.items())
        ],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    payload = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = sign(_encoded(payload))
    signatures = [] if signature is None else [{"keyid": signature[0], "sig": signature[1]}]
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": signatures,
    }
    return json.dumps(envelope, indent=1, sort_keys=True) + "\n"


def read_statement(text: str) -> tuple[dict[str, Any], list[str], bool]:
    """The statement in an envelope, what is wrong with its signatures, and whether it is signed.

    ValueError if it is no such envelope.
    """
    try:
        envelope = json.loads(text)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [(str(one["keyid"]), str(one["sig"])) for one in envelope["signatures"]]
        content = json.loads(payload)
        known = envelope["payloadType"] == PAYLOAD_TYPE and content["_type"] == STATEMENT
    except (KeyError, TypeError, binascii.Error, UnicodeDecodeError, json.JSONDecodeError):
        known = False
    if not known:
        raise ValueError("it is no in-toto statement in a DSSE envelope")
    trusted = trusted_public_key()
    problems = [
        f"the signature of key {key} does not hold: the statement was changed"
        for key, signature in signatures
        if not signed_by(key, _encoded(payload), signature)
    ]
    if trusted is not None and trusted not in [key for key, _ in signatures]:
        problems.append(
            "it is not signed with the key that is set" if signatures else "it is not signed, and a key is set"
        )
    return content, problems, bool(signatures)


def _encoded(payload: bytes) -> bytes:
    """What DSSE signs: the type and the payload, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
