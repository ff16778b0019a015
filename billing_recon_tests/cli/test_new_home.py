"""Each option that the files of a new home show as a comment is one that works: without its '#', the file is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.exact import Frozen
from billing_recon.core.operations import Operations
from billing_recon.core.policy import Policy
from billing_recon.core.yaml_text import read_yaml

NAMES = ["company.yaml", "operations.yaml", "policies/policy.yaml", "catalog/plans.yaml", "catalog/taxes.yaml"]
OPTION = re.compile(r"( *)# (- \{)?([a-z_]+):(?(2).*\}|(?: +(?:\S+|[\"\[{].*))?(?: +#.*)?)")
"""A commented line that holds one option: a key (or a list entry), then nothing, one word, or a value in brackets or quotes."""
WITH = {"history_from": "first_day: 2026-01-01\n"}
"""What an option cannot be without."""


def text_of(name: str) -> str:
    return (files("billing_recon.cli") / "new_home" / name).read_text(encoding="utf-8")


def read(name: str, text: str) -> None:
    if name.startswith("catalog"):
        load_catalog([(name, text)])
    else:
        read_yaml({"company.yaml": Company, "operations.yaml": Operations}.get(name, Policy), text, name)


def options(name: str) -> Iterator[tuple[str, str]]:
    """Each option with the text of the file in which it alone is taken in, in place of what the file says of it."""
    lines = text_of(name).splitlines()
    for at, line in enumerate(lines):
        found = OPTION.fullmatch(line)
        if not found:
            continue
        indent, key = found[1], found[3]
        end = at + 1
        while end < len(lines) and lines[end].startswith((f"{indent}#   ", f"{indent}# - ")):
            end += 1
        option = [indent + part.removeprefix(f"{indent}# ") for part in lines[at:end]]
        before = [part for part in lines[:at] if not part.startswith(f"{indent}{key}:")]
        yield key, WITH.get(key, "") + "\n".join([*before, *option, *lines[end:]]) + "\n"


OPTIONS = {name: dict(options(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_a_new_home_are_read_as_they_are(name: str) -> None:
    read(name, text_of(name))


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in NAMES for key in OPTIONS[name]])
def test_an_option_that_is_shown_as_a_comment_is_read_once_it_is_taken_in(name: str, key: str) -> None:
    text = OPTIONS[name][key]
    assert text != text_of(name)
    read(name, text)


def test_the_options_are_found_where_they_stand() -> None:
    assert {"first_day", "decimals", "feeds", "price_lists"} <= OPTIONS["company.yaml"].keys()
    assert {"limits", "parts", "expected_changes", "close"} <= OPTIONS["policies/policy.yaml"].keys()
    assert "charge_id" in OPTIONS["catalog/plans.yaml"]


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Operations, "paging:\nschedule:\n  # daily_at: '03:00'\n"),
        (Policy, "tolerances:\ngate:\n  limits:\n"),
        (Policy, "owners:\n"),
    ],
)
def test_a_section_of_which_all_is_commented_out_is_one_that_was_not_given(model: type[Frozen], text: str) -> None:
    assert read_yaml(model, text, "a file") == model()


def test_a_figure_that_is_left_out_after_its_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.max_breaks"):
        read_yaml(Policy, "gate: {max_breaks: }", "policy.yaml")
