"""Which files hold a partition, and withdrawals of releases (append-only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0006"
down_revision = "0005"

_TABLE = "withdrawals"


def upgrade() -> None:
    op.add_column("partition_states", sa.Column("files", sa.Text, nullable=False, server_default=""))
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("partition", "evidence_hash", "reason", "decided_at")),
    )
    op.create_index("withdrawals_latest", _TABLE, ["partition", "id"])
    keep_rows(_TABLE)
