"""The evidence hash identifies everything that a verdict depends on. Equal evidence gives an equal hash on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def evidence_hash(
    partition: str,
    partition_digests: Mapping[str, str],
    policy_digest: str,
    catalog_digest: str,
    company_digest: str,
    code_version: str,
) -> str:
    """SHA-256 over the partition, the content digest of every input (name -> digest), the settings, and the code.

    Inputs have unique names (`invoice_lines/2026-03-02`); their order does not matter. Time and person are not part of
    the hash, so a rerun on the same data gives the same hash.

    >>> evidence_hash("2026-03-02", {"b": "2", "a": "1"}, "p", "c", "co", "1") == evidence_hash(
    ...     "2026-03-02", {"a": "1", "b": "2"}, "p", "c", "co", "1")
    True
    """
    evidence = {
        "partition": partition,
        "digests": dict(partition_digests),
        "policy": policy_digest,
        "catalog": catalog_digest,
        "company": company_digest,
        "code": code_version,
    }
    canonical = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
