"""A home with two judged days, and the command as a person types it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from billing_recon.cli.app import app
from billing_recon_tests.report.books import keep_books


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company's books, written once."""
    path = tmp_path_factory.mktemp("books") / "home"
    keep_books(path)
    return path


@pytest.fixture
def books(kept: Path, tmp_path: Path) -> Path:
    """A copy of the books for a test that changes something."""
    return Path(shutil.copytree(kept, tmp_path / "home"))


@pytest.fixture
def typed() -> Callable[..., Result]:
    """`typed("breaks", "--day", "2026-03-02")`: exit code, stdout and stderr. Output is no terminal."""

    def type_in(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return type_in
