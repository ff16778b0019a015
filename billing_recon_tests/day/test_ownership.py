"""Who owns what, and which trails have gaps: a change of the home is seen in the audit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.reason import Code
from billing_recon.day import Home
from billing_recon.day.ownership import CODE, CONFIGURATION, duties, gaps, parts
from billing_recon_tests.conftest import FIRST


@pytest.fixture
def path(company: Callable[..., Path]) -> Path:
    return company(days=1, customers=3)


def gap_of(path: Path, where: str) -> str:
    return next(one.gap for one in parts(Home.open(path), FIRST) if one.where == where)


def test_every_reason_code_has_one_owner_in_the_handoff_contract(path: Path) -> None:
    listed = [
        code for one in duties(Home.open(path)) for code in Code if code.value in one.about.replace(",", "").split()
    ]
    assert sorted(listed) == sorted(Code)


def test_a_code_without_a_named_owner_falls_to_the_default_and_is_a_gap(path: Path) -> None:
    home = Home.open(path)
    named = home.policy.model_copy(update={"owners": {code.value: "billing" for code in Code} | {"default": "ops"}})
    home.policy = named
    assert {one.owner for one in duties(home) if one.about.startswith("usage:")} == {"billing"}
    home.policy = named.model_copy(update={"owners": {"default": "ops"}})
    agreed = duties(home)
    assert {(one.owner, one.named) for one in agreed if one.about.startswith("usage:")} == {("ops", False)}
    assert any("fall to the default owner ops" in sentence for sentence in gaps(parts(home, FIRST), agreed))


def test_an_edit_of_the_policy_that_nobody_applied_is_a_gap(path: Path) -> None:
    Home.open(path).control.close()
    assert gap_of(path, "policies/*.yaml") == ""
    (policy,) = (path / "policies").glob("*.yaml")
    policy.write_text(policy.read_text("utf-8") + "\n# looser, some day\n", "utf-8")
    assert "differs from the version in force" in gap_of(path, "policies/*.yaml")


def test_a_catalog_that_was_never_recorded_is_a_gap(path: Path) -> None:
    assert "not recorded yet" in gap_of(path, "catalog/*.yaml")


def test_whoever_delivers_no_source_system_is_named_nobody(path: Path) -> None:
    home = Home.open(path)
    home.company = home.company.model_copy(update={"sources": {}})
    assert "deliveries of invoice_lines: nobody is named." in gaps(parts(home, FIRST), duties(home))


def test_what_judges_is_code_and_what_limits_is_configuration(path: Path) -> None:
    kinds = {one.where: one.kind for one in parts(Home.open(path), FIRST)}
    assert kinds["policies/*.yaml"] == kinds["catalog/*.yaml"] == kinds["company.yaml"] == CONFIGURATION
    assert kinds["billing_recon/core, compute, day"] == CODE
