"""The figures of each month's close (append-only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0008"
down_revision = "0007"

_TABLE = "month_closes"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("evidence_hash", "figures", "actor", "decided_at")),
    )
    op.create_index("month_closes_month", _TABLE, ["month", "id"])
    keep_rows(_TABLE)
