"""How a session gets its tables: a window is read into memory, or stays a view over its files, with the same rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.schema import INVOICE_LINES
from billing_recon.day import Home, land, session
from billing_recon.day.session import open_session, register_landed
from billing_recon_tests.conftest import FIRST


def test_a_window_that_is_read_once_stays_on_its_files_with_the_same_rows(
    simulated: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(simulated(days=1, customers=40), tmp_path / "home")
    home = Home.open(tmp_path / "home")
    land(home, "invoice_lines", FIRST, "test")
    monkeypatch.setattr(session, "MIRRORED_ROWS", 0)
    found = []
    for in_memory, what in ((None, "BASE TABLE"), (0, "VIEW")):
        with open_session(home, FIRST) as con:
            register_landed(con, home, INVOICE_LINES, FIRST, 0, in_memory=in_memory)
            kinds = con.execute(
                "SELECT DISTINCT table_type FROM information_schema.tables WHERE table_name = 'invoice_lines' "
                "AND table_schema = current_schema()"
            )
            assert kinds.fetchall() == [(what,)]
            found.append(con.execute("FROM invoice_lines ORDER BY ALL").fetchall())
    assert found[0]
    assert found[0] == found[1]
