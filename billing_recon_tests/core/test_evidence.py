"""Equal evidence gives an equal hash, any change another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_recon.core.evidence import evidence_hash

EVIDENCE: dict[str, Any] = {
    "partition": "2026-03-02",
    "partition_digests": {"breaks/2026-03-02": "aa", "payments/2026-03-01": "bb"},
    "policy_digest": "p",
    "catalog_digest": "c",
    "company_digest": "co",
    "code_version": "0.1.0",
}


@given(st.permutations([("a", "1"), ("b", "2"), ("c", "3")]))
def test_the_order_of_inputs_does_not_matter(digests: list[tuple[str, str]]) -> None:
    assert evidence_hash("d", dict(digests), "p", "c", "co", "1") == evidence_hash(
        "d", {"a": "1", "b": "2", "c": "3"}, "p", "c", "co", "1"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"partition": "2026-03-03"},
        {"partition_digests": {"breaks/2026-03-02": "aa"}},
        {"partition_digests": {"breaks/2026-03-02": "bb", "payments/2026-03-01": "aa"}},
        {"policy_digest": "c", "catalog_digest": "p"},
        {"company_digest": "other"},
        {"code_version": "0.2.0"},
    ],
)
def test_every_part_of_the_evidence_counts(change: dict[str, Any]) -> None:
    assert evidence_hash(**{**EVIDENCE, **change}) != evidence_hash(**EVIDENCE)


def test_the_hash_does_not_move_between_releases_and_machines() -> None:
    assert evidence_hash(**EVIDENCE) == "ebfd5fdff8b9eacfa4fc57f5136ec0a673946a94196101a99077ed19a2dc6419"
