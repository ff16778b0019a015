"""Migration of a control database to the current schema. The steps are in control.migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from billing_recon.control import row_seals
from billing_recon.control.database import URL_ENV, reading, writing
from billing_recon.core.errors import ConfigurationError

HEAD = "0015"
"""The newest revision; a test compares it with migrations/versions."""
VERSION_TABLE = "control_version"
"""Not Alembic's default name, which Dagster uses and may have in the same database."""
_NO_PRIVILEGE = "42501"
_SEALED_SINCE = "0015"
SCRIPTS = Path(__file__).parent / "migrations"


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None for a new one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    return found


def upgrade(engine: Engine) -> None:
    """Migrate to HEAD in one transaction; quick if it is current. Of two processes, the second waits and finds it done.

    ConfigurationError if a newer release wrote the database.
    """
    with reading(engine) as connection:
        if revision(connection) == HEAD:
            return
    # Alembic takes a quarter of a second to import, and a current database does not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    with writing(engine) as connection:
        found = revision(connection)
        if found == HEAD:
            return
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise ConfigurationError(
                f"the control database is at revision {found}, which this release does not know; "
                "a newer billing-recon wrote it, so install that release"
            )
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", "") != _NO_PRIVILEGE:
                raise
            raise ConfigurationError(
                f"the control database is at revision {found}, this release needs {HEAD}, and the role that it connects as may not "
                f"migrate it; set {URL_ENV} to the owner's URL, run billing-recon state verify once, then grant the role its rights "
                "again: billing-recon state roles ROLE"
            ) from None
        if found is not None and found < _SEALED_SINCE:
            row_seals.seal_unsealed(connection)
