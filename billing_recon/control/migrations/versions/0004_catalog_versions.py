"""Versions of the catalog, append-only: which plan versions and tax rates were added or corrected, by whom and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TABLE = "catalog_versions"


def upgrade() -> None:
    """The trigger's function on PostgreSQL is revision 0001's."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("changes", "actor", "note", "decided_at")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {_TABLE}_rows_stay BEFORE UPDATE OR DELETE ON {_TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION control_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {_TABLE}_table_stays BEFORE TRUNCATE ON {_TABLE} "
            "FOR EACH STATEMENT EXECUTE FUNCTION control_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {_TABLE}_no_{change.lower()} BEFORE {change} ON {_TABLE} BEGIN "
            f"SELECT RAISE(ABORT, '{_TABLE} is append-only: record a new decision instead'); END"
        )
