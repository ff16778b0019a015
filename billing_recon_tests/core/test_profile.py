"""Engine profiles: shipped conventions with their sources, and a company's own on top."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.money import Rounding
from billing_recon.core.profile import ENGINES, Profile, engine_profile
from billing_recon.core.yaml_text import read_yaml

REPOSITORIES = {
    "lago": "getlago/lago-api ",
    "openmeter": "openmeterio/openmeter ",
    "flexprice": "flexprice/flexprice ",
    "killbill": "killbill/killbill ",
    "stripe": "docs.stripe.com/",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_setting_of_a_shipped_profile_says_where_it_is_taken_from(engine: str) -> None:
    shipped = engine_profile(engine)
    assert len(shipped.settings) >= 3
    for name, setting in shipped.settings.items():
        assert setting.source.startswith(REPOSITORIES[engine]), name
        assert re.search(r": \S", setting.source), f"{name}: the source says what is stated there"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_companys_profile_is_an_engines_with_overrides(engine: str) -> None:
    plain = Profile.model_validate({"engine": engine})
    own = Profile.model_validate({"engine": engine, "rounding": "down", "issue_after_days": 9})
    assert (own.rounding, own.issue_after_days) == (Rounding.DOWN, 9)
    assert own.model_dump(exclude={"rounding", "issue_after_days"}) == plain.model_dump(
        exclude={"rounding", "issue_after_days"}
    )


def test_a_profile_without_an_engine_is_plain_overrides() -> None:
    text = "name: n\ncurrencies: [USD]\nprofile: {rounding: half_even, tax_point: invoice}\n"
    profile = read_yaml(Company, text, "company.yaml").profile
    assert (profile.engine, profile.rounding, profile.tax_point) == (None, Rounding.HALF_EVEN, "invoice")


def test_company_yaml_names_an_engine_and_what_differs_from_it() -> None:
    text = "name: n\ncurrencies: [USD]\nprofile: {engine: lago, rounding: half_even}\n"
    profile = read_yaml(Company, text, "company.yaml").profile
    assert (profile.no_usage, profile.rounding) == ("first_tier", Rounding.HALF_EVEN)


def test_written_out_a_profile_reads_back_as_itself() -> None:
    for engine in ENGINES:
        profile = Profile.model_validate({"engine": engine, "decimals": 4})
        assert Profile.model_validate(profile.model_dump(mode="json", exclude_none=True)) == profile


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"engine": "zuora"}, "lago"),
        ({"engine": "lago", "rouding": "down"}, "Extra inputs"),
        ({"adjustments": ["discount", "maximum"]}, "discount, maximum and minimum once each"),
        ({"ratio_decimals": 5}, "8"),
    ],
)
def test_a_profile_that_does_not_exist_or_contradicts_itself_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Profile.model_validate(given)


def test_an_engine_without_a_shipped_profile_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigurationError, match="the shipped ones are lago, openmeter, flexprice, killbill, stripe"):
        engine_profile("zuora")
