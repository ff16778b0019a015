"""Decisions about breaks, append-only: who looks at one, and what it turned out to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLE = "break_decisions"


def upgrade() -> None:
    """The trigger's function on PostgreSQL is revision 0001's."""
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("break_id", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("verb", "disposition", "assignee", "delta")),
        sa.Column("currency", sa.Text, nullable=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("reason", "decided_by", "role", "actor", "came", "decided_at")
        ),
    )
    op.create_index("break_decisions_day", _TABLE, ["day", "id"])
    op.create_index("break_decisions_break", _TABLE, ["break_id", "id"])
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
