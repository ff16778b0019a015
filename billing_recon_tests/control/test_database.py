"""Opening the control database: once, twice at the same time, from many processes, and not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from billing_recon.control import ControlStore, control_url
from billing_recon.control.database import connect, writing
from billing_recon.control.migrate import HEAD, SCRIPTS, VERSION_TABLE
from billing_recon.control.schema import metadata
from billing_recon.core.errors import ConfigurationError

SIGNING = """
import sys
from billing_recon.control import ControlStore
from billing_recon.core.signoff import Role
store = ControlStore.open(sys.argv[1])
for number in range(20):
    store.sign_off("2026-03", f"{sys.argv[2]} {number}", Role.FINANCE, "e1")
"""


@pytest.mark.long
def test_processes_that_open_a_new_database_at_once_share_one_unbroken_chain(new_url: str) -> None:
    running = [subprocess.Popen([sys.executable, "-c", SIGNING, new_url, name]) for name in ("Ana", "Bo", "Cy")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    store = ControlStore.open(new_url)
    assert len(store.signoffs("2026-03")) == 60
    assert store.verify_audit() == []
    store.close()


def test_the_migrations_give_the_schema_that_the_code_uses(new_url: str) -> None:
    ControlStore.open(new_url).close()
    engine = connect(new_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD == ScriptDirectory(str(SCRIPTS)).get_current_head()
    engine.dispose()


def test_a_database_of_a_newer_release_is_refused(new_url: str) -> None:
    ControlStore.open(new_url).close()
    engine = connect(new_url)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"revision 9999.*newer"):
        ControlStore.open(new_url)


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "not a url"])
def test_a_url_that_cannot_work_is_refused_with_how_to_write_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"BILLING_RECON_CONTROL_URL cannot be used.*postgresql\+psycopg2://"):
        connect(url)


def test_the_control_database_lies_in_the_state_folder_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert control_url(tmp_path) == f"sqlite:///{tmp_path}/control.db"
    monkeypatch.setenv("BILLING_RECON_CONTROL_URL", "postgresql+psycopg2://db/control")
    assert control_url(tmp_path) == "postgresql+psycopg2://db/control"


def test_the_folder_of_state_is_its_users_alone(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'home/.state/control.db'}").dispose()
    assert (tmp_path / "home/.state").stat().st_mode & 0o777 == 0o700
