"""Every command that a message, a page, a report or the documentation prints can be typed as it is printed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import billing_recon
from billing_recon.cli.app import app
from billing_recon.core.printed_command import REASON, home_option, reopen_command

PACKAGE = Path(billing_recon.__file__).parent
DOCS = (*(PACKAGE.parent / "docs").glob("*.md"), PACKAGE.parent / "README.md")
WRITES_DOCS = ("terms_page.py",)
COMMAND = re.compile(r"billing-recon (?P<words>[a-z][^`;\"\n]*)")
ENDS = re.compile(
    r"[,.:;)]$|^[(|]|^(and|then|or|shows|says|of|again|names|opens|asks|with|first|by|once|which|looks|if|is|has)$"
)
FILLED = "X"


@cache
def root() -> Any:
    return typer.main.get_command(app)


def printed() -> Iterator[tuple[str, str]]:
    """Where, and the words after `billing-recon`; what is filled in later is one word, and a hint of the home is none."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            for found in COMMAND.finditer(text):
                if path.name not in WRITES_DOCS:
                    yield f"{path.relative_to(PACKAGE)}:{line}", found["words"]
    for path in sorted((*PACKAGE.rglob("*.html"), *DOCS)):
        text = re.sub(r"\{\{.*?\}\}", FILLED, path.read_text(encoding="utf-8"))
        for found in re.finditer(r"(?:<code>|`|^)(?:\$ )?billing-recon ([a-z][^`<\n]*)", text, re.MULTILINE):
            for words in re.split(r"billing-recon |; ", found[1]):
                if path.suffix == ".html" or "--" in words:  # elsewhere a page may just name a command
                    yield path.name, words


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The texts of a module, with their lines; no docstrings."""
    if isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(_shown(part) for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _shown(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    source = ast.unparse(part)[1:-1] if isinstance(part, ast.FormattedValue) else ""
    if "hint" in source or source.startswith("home_option("):
        return ""
    return REASON if source == "REASON" else FILLED


def problem(words: str) -> str:
    """Why a printed command cannot be typed; empty if it can, or if no command is meant."""
    group, left = root(), _until_prose(words)
    if not left or left[0] not in group.commands:
        return ""
    name = left.pop(0)
    command = group.commands[name]
    if hasattr(command, "commands"):
        if not left or left[0] not in command.commands:
            return "" if not left else f"'{name}' has no '{left[0]}'"
        command = command.commands[left.pop(0)]
    options = {form: one for one in command.params for form in one.opts if form.startswith("-")}
    given, places = set(), 0
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            if word not in options:
                return f"it has no option {word}"
            given.add(options[word].name)
            if not options[word].is_flag:
                if not left:
                    return f"{word} has no value"
                left.pop(0)
        else:
            places += 1
    needed = [
        one.opts[0] for one in command.params if one.required and one.opts[0].startswith("-") and one.name not in given
    ]
    arguments = sum(one.required for one in command.params if not one.opts[0].startswith("-"))
    if any(options[word].is_eager for word in words.split() if word in options):
        return ""
    if needed or places < arguments:
        return f"it lacks {', '.join(needed) or 'an argument'}"
    return ""


def _until_prose(words: str) -> list[str]:
    found: list[str] = []
    try:
        split = shlex.split(words.replace("'", "") if words.count("'") % 2 else words)
    except ValueError:
        return []
    for word in split:
        if ENDS.search(word) and word != "...":
            if not re.match(r"[(|]|(and|then|or)$", word) and ENDS.sub("", word):
                found.append(ENDS.sub("", word))
            break
        if word.startswith(("#", "(")):
            break
        found.append(word)
    return found


def test_every_printed_command_exists_and_has_what_it_needs() -> None:
    offenders = [f"{where}: billing-recon {words}: {why}" for where, words in printed() if (why := problem(words))]
    assert offenders == []


@pytest.mark.parametrize("words", ["status --dya 2026-03-02", "policy aply", "page take", "reopen 2026-03"])
def test_a_command_that_cannot_be_typed_is_found(words: str) -> None:
    assert problem(words)


def test_a_command_names_the_home_so_that_a_shell_takes_it(tmp_path: Path, typed: Any) -> None:
    home = tmp_path / "Müller & Söhne's books"
    assert shlex.split(home_option(home)) == ["--home", str(home)]
    made = typed("init", home)
    for command in (line for line in made.stdout.splitlines() if "billing-recon run" in line):
        assert shlex.split(command.partition("billing-recon ")[2])[:3] == ["run", "--home", str(home)]
    status = typed("status", "--home", home)
    assert shlex.split(status.stdout.partition("next: billing-recon ")[2])[:3] == ["run", "--home", str(home)]


def test_a_reopening_is_printed_with_the_approver_and_the_code_that_it_asks_for() -> None:
    assert reopen_command("2026-03") == "billing-recon reopen 2026-03 --as NAME --code NNNNNN --reason TEXT"
