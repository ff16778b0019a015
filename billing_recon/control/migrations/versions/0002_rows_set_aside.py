"""Decisions on rows that landing set aside, append-only; and how many of a landing's rows are there by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TABLE = "quarantine_decisions"


def upgrade() -> None:
    """The trigger's function on PostgreSQL is revision 0001's."""
    for name in ("released", "discarded"):
        op.add_column("landing_reports", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("row_id", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("verb", "corrections", "reason", "decided_by", "role", "actor", "came", "decided_at")
        ),
    )
    op.create_index("quarantine_decisions_day", _TABLE, ["day", "table_name", "id"])
    op.create_index("quarantine_decisions_row", _TABLE, ["row_id", "id"])
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
