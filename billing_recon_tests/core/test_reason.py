"""Every reason code belongs to exactly one stage, and the set is the fixed one."""

from __future__ import annotations

from billing_recon.core.reason import STAGE_CODES, STAGE_OF, Code, Disposition


def test_each_code_has_exactly_one_stage() -> None:
    listed = [code for codes in STAGE_CODES.values() for code in codes]
    assert sorted(listed) == sorted(Code)
    assert set(STAGE_OF) == set(Code)


def test_what_nobody_decided_counts_against_the_gate_and_what_was_accepted_does_not() -> None:
    assert Disposition.OPEN.counts_against_gate
    assert not Disposition.ACCEPTED_TOLERANCE.counts_against_gate
