"""Doors through which people write something that is kept: what says nothing, or hides something, is refused at each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.quarantine import Verb
from billing_recon.day import Home
from billing_recon.day.approvers import enrol
from billing_recon.day.catalog_versions import apply_catalog
from billing_recon.day.month_close import reopen_month
from billing_recon.day.policies import apply, propose
from billing_recon.day.quarantine import decide
from billing_recon.day.shadow import decisions
from billing_recon.day.spot_checks import record_check
from billing_recon_tests.conftest import FIRST

Door = Callable[[Home, str], object]
MONTH = f"{FIRST:%Y-%m}"


def _enrol(home: Home, text: str) -> object:
    return enrol(home, home.policy.approvers[0].name, by="", code="", actor="test", reason=text)


def _policy(home: Home, text: str) -> object:
    return apply(home, propose(home, f"{home.policy_versions[-1].text}\n# other\n"), text, "test")


def _spot(home: Home, text: str) -> object:
    return record_check(home, MONTH, "INV-1", "1", seen=Decimal(1), note=text, by="Ana Ruiz", actor="test")


def _spot_by(home: Home, text: str) -> object:
    return record_check(home, MONTH, "INV-1", "1", seen=Decimal(1), note="", by=text, actor="test")


REASONS: Mapping[str, Door] = {
    "reopening": lambda home, text: reopen_month(home, MONTH, "Ana Ruiz", code="000000", reason=text, actor="test"),
    "quarantine": lambda home, text: decide(home, Verb.RELEASE, ["x"], by="Ana Ruiz", reason=text),
    "catalog": lambda home, text: apply_catalog(home, "test", text),
    "company": lambda home, text: apply_catalog(home, "test", text, company=True),
    "policy": _policy,
    "go or no-go": lambda home, text: decisions.decide(home, "c", True, "Ana Ruiz", "test", code="000000", reason=text),
    "a cause": lambda home, text: decisions.mark_cause(home, "c", "1", "understood", by="Ana", actor="test", note=text),
    "a wrong row": lambda home, text: decisions.check_row(home, "c", "I", False, by="Ana", actor="test", note=text),
}
REMARKS: Mapping[str, Door] = {
    "enrolment": _enrol,
    "spot check": _spot,
    "a row": lambda home, text: decisions.check_row(home, "c", "I", True, by="Ana", actor="test", note=text),
    "an owner": lambda home, text: decisions.mark_cause(
        home, "c", "1", "assign", by="Ana", actor="test", note="", owner=text
    ),
}
NAMES: Mapping[str, Door] = {
    "spot check": _spot_by,
    "quarantine": lambda home, text: decide(home, Verb.RELEASE, ["x"], by=text, reason="sent again by the bank"),
    "a cause": lambda home, text: decisions.mark_cause(
        home, "c", "1", "comment", by=text, actor="test", note="looks odd"
    ),
    "a row": lambda home, text: decisions.check_row(home, "c", "I", True, by=text, actor="test", note=""),
}


@pytest.fixture(scope="module")
def home(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.open(simulated(days=1, customers=40), state=tmp_path_factory.mktemp("written"))


@pytest.mark.parametrize("door", REASONS)
@pytest.mark.parametrize("text", ["", " . ", "ok", "x" * 40, "\u200b\u200b\u200b\u200b"])
def test_what_says_nothing_is_no_reason(home: Home, door: str, text: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"needs a reason: .*write why, in words|has control characters|takes a name .* and a reason",
    ):
        REASONS[door](home, text)


@pytest.mark.parametrize(
    "text",
    ["agreed \x1b[2J with finance", "agreed with \u202eecnanif", "agreed with finance\x00", "agreed " * 400],
    ids=["terminal", "bidirectional", "null", "long"],
)
def test_what_hides_something_is_refused_at_every_door(home: Home, text: str) -> None:
    for door in (*REASONS.values(), *REMARKS.values()):
        with pytest.raises(ConfigurationError, match=r"has control characters|characters; at most 2000"):
            door(home, text)


@pytest.mark.parametrize("name", ["", "Ana\x1b[2J", "\u0410na Ruiz", "Ana \u202ezuiR", "A" * 101])
def test_a_name_that_is_none_or_only_looks_like_another_is_refused_at_every_door(home: Home, name: str) -> None:
    for door in NAMES.values():
        with pytest.raises(
            ConfigurationError, match=r"a name has 1 to 100|takes a name|control characters|mixes letters"
        ):
            door(home, name)
