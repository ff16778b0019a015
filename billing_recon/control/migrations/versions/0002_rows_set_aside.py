"""Decisions on rows that landing set aside, append-only; and how many of a landing's rows are there by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0002"
down_revision = "0001"

_TABLE = "quarantine_decisions"


def upgrade() -> None:
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
    keep_rows(_TABLE)
