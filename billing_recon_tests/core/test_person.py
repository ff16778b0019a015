"""One person has one name, and no two people have names that look the same."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from billing_recon.core.person import confusable, person_name, same_person
from billing_recon.core.policy import Policy


@pytest.mark.parametrize("name", ["", "  ", "A" * 101, "Ana\u202eRuiz", "Ana\x07", "\u0410na", "Bo\u200bLind"])
def test_names_that_deceive_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|control|mixes"):
        person_name(name)


@pytest.mark.parametrize("name", ["Ana Ruiz", "Жанна Петрова", "Łukasz Żak", "Müller-O’Neill", "李 小龙"])
def test_names_of_one_script_are_fine(name: str) -> None:
    assert person_name(name) == name


def test_spellings_of_one_name_are_the_same_person() -> None:
    assert same_person("Zoe\u0308 Ruiz") == same_person("zoë  RUIZ")


def test_a_whole_name_in_look_alike_letters_is_found() -> None:
    assert confusable(["Ana", "ana"]) == [("Ana", "ana")]
    assert confusable(["сос", "coc"]) == [("сос", "coc")]


def test_a_policy_refuses_approvers_that_look_like_one_person() -> None:
    with pytest.raises(ValidationError, match="look like one person"):
        Policy.model_validate({"approvers": [{"name": "Oca", "role": "finance"}, {"name": "Оса", "role": "product"}]})
