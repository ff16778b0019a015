"""Fixtures of the Dagster tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing_recon_tests.defs.plant import Plant, plant
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def works(
    request: pytest.FixtureRequest, company: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plant]:
    """A clean small company, everything about it kept in SQLite, or in PostgreSQL."""
    path = company(days=4, customers=30)
    if request.param == "sqlite":
        with plant(path) as made:
            yield made
        return
    make: Callable[[], str] = request.getfixturevalue("new_database")
    url = make()
    monkeypatch.setenv("BILLING_RECON_CONTROL_URL", url)
    dagster_home = tmp_path / "dagster_home"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{url}'}}}}\n", encoding="utf-8"
    )
    with plant(path, dagster_home) as made:
        yield made
