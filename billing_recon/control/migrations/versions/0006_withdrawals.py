"""Which files hold a partition, and withdrawals of releases (append-only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLE = "withdrawals"


def upgrade() -> None:
    """The trigger's function on PostgreSQL is revision 0001's."""
    op.add_column("partition_states", sa.Column("files", sa.Text, nullable=False, server_default=""))
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("partition", "evidence_hash", "reason", "decided_at")),
    )
    op.create_index("withdrawals_latest", _TABLE, ["partition", "id"])
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
