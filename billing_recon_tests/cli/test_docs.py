"""What the documentation tells people to type exists: commands, their subcommands, and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from billing_recon.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
_TYPED = re.compile(r"billing-recon((?: [^`\n|,;)]+)?)")
ROOT = typer.main.get_command(app)


def typed_in(text: str) -> Iterator[list[str]]:
    """The words after `billing-recon` in spans and blocks of code."""
    for block in re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL):
        for words in _TYPED.findall(block):
            yield words.split("#")[0].split()


def problem(words: list[str]) -> str:
    """Why a command cannot be typed; empty if it can."""
    command: Any = ROOT
    options = {name for one in ROOT.params for name in one.opts}
    for word in words:
        if word.startswith("-"):
            if word.split("=")[0] not in options | {"--help", "-h"}:
                return f"{word} is no option of it"
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"there is no command {word}" if word.islower() else ""
            command = command.commands[word]
            options |= {name for one in command.params for name in one.opts}
    return ""


@pytest.mark.parametrize(
    "page", ["for-finance", "for-billing-operations", "for-engineers", "for-auditors", "first-hour", "deployment"]
)
def test_every_command_of_the_paths_can_be_typed(page: str) -> None:
    found = list(typed_in((DOCS / f"{page}.md").read_text("utf-8")))
    assert found
    assert {" ".join(words): why for words in found if (why := problem(words))} == {}


def test_a_command_or_an_option_that_is_not_there_is_noticed() -> None:
    assert problem(["leeks"]) == "there is no command leeks"
    assert problem(["run", "--dya", "D"]) == "--dya is no option of it"


def test_the_site_needs_no_network_and_names_only_pages_that_are_there() -> None:
    site = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text("utf-8"))
    assert site["theme"]["font"] is False
    named = set(re.findall(r"[\w/-]+\.md", str(site["nav"])))
    assert {name for name in named if not (DOCS / name).is_file()} == set()
