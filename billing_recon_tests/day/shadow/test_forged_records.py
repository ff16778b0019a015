"""Approvals and decisions about a candidate that were written with SQL, on SQLite and on PostgreSQL: nothing is launched upon them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from billing_recon.control.database import URL_ENV, connect, control_url, writing
from billing_recon.core.errors import GateRefused
from billing_recon.day import Home
from billing_recon.day.shadow.cutover import cut_over
from billing_recon.day.shadow.decisions import approve, require_go
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_go_and_approvals_inserted_with_sql_launch_nothing(
    company: Callable[..., Path], backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_database")
        monkeypatch.setenv(URL_ENV, make())
    home = Home.open(company())
    with pytest.raises(GateRefused, match="nobody has decided"):
        require_go(home, "c")
    columns = "kind, name, version, content, decided_by, reason, actor, decided_at"
    go = json.dumps({"go": False, "launch": {}})
    engine = connect(control_url(home.state))
    with writing(engine) as connection:
        for kind, content in (("approval", '{"role": "finance"}'), ("decision", go)):
            connection.execute(
                text(
                    f"INSERT INTO shadow_records ({columns}) VALUES (:kind, 'c', 'v', :content, 'ana', 'w', 't', 'now')"
                ),
                {"kind": kind, "content": content},
            )
    engine.dispose()
    for ask in (
        lambda: require_go(home, "c"),
        lambda: cut_over(home, "c", "test"),
        lambda: approve(home, "c", home.policy.approvers[0].name, "test", code="000000"),
    ):
        with pytest.raises(GateRefused, match="shadow_records 1 has no audit event"):
            ask()
