"""Fixtures of the Dagster tests: a small company that never ran, or whose first two days are green.

Each is prepared once a session and backend, and copied for every test: the folder as files, PostgreSQL as a template.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.plant import Plant, failures, plant
from billing_recon_tests.postgres import copy_database, new_database, postgres_server

__all__ = ["copy_database", "new_database", "postgres_server"]

_prepared: dict[str, tuple[Path, str | None]] = {}


def _dagster_home(folder: Path, url: str | None) -> Path | None:
    if url is None:
        return None
    folder.mkdir()
    (folder / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{url}'}}}}\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def backend(request: pytest.FixtureRequest) -> str:
    """Where decisions and runs are kept."""
    return str(request.param)


@pytest.fixture
def works(
    backend: str,
    company: Callable[..., Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Plant]:
    """A clean small company that never ran."""
    url: str | None = None
    if backend == "postgresql":
        url = request.getfixturevalue("new_database")()
        monkeypatch.setenv("BILLING_RECON_CONTROL_URL", url)
    with plant(company(days=7, customers=30), _dagster_home(tmp_path / "dagster_home", url)) as made:
        yield made


@pytest.fixture
def green(
    backend: str,
    simulated: Callable[..., Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Plant]:
    """The same company with its first two days run, green and released."""
    url: str | None = None
    if backend not in _prepared:
        folder = tmp_path_factory.mktemp("green") / "home"
        shutil.copytree(simulated(days=7, customers=30), folder)
        if backend == "postgresql":
            url = request.getfixturevalue("new_database")()
            monkeypatch.setenv("BILLING_RECON_CONTROL_URL", url)
        with plant(folder, _dagster_home(folder.parent / "dagster_home", url)) as made:
            for day in (FIRST, FIRST.replace(day=FIRST.day + 1)):
                assert failures(made.run(day)) == []
        _prepared[backend] = (folder, url)
    folder, template = _prepared[backend]
    shutil.copytree(folder, tmp_path / "home")
    if template is not None:
        url = request.getfixturevalue("copy_database")(template)
        monkeypatch.setenv("BILLING_RECON_CONTROL_URL", url)
    with plant(tmp_path / "home", _dagster_home(tmp_path / "dagster_home", url)) as made:
        yield made
