"""Audit records are hashed over canonical JSON as RFC 8785 has it, so that others can check the hashes."""

from __future__ import annotations

import json

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.control import ControlStore
from billing_recon.control.audit import canonical
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon_tests.control.test_audit import DAY, engine

__all__ = ["engine"]
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
VALUES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(NAMES, VALUES, max_size=3)))
def test_what_records_hold_has_the_bytes_of_the_standard(content: dict[str, object]) -> None:
    assert canonical(content).encode() == rfc8785.dumps(content)  # type: ignore[arg-type]


def test_every_record_of_a_chain_has_the_bytes_of_the_standard(control: ControlStore, engine: object) -> None:
    from decimal import Decimal

    odd = '50 € \u2028 \x7f \t \U0001f4b6 "quoted" \\ </script> \u00e9 e\u0301'
    control.decide_breaks([BreakDecision("B2", DAY, BreakVerb.COMMENT, "Ana", Decimal("1.50"), "EUR", reason=odd)])
    for event in control.audit_events():
        assert event.payload.encode() == rfc8785.dumps(json.loads(event.payload))
