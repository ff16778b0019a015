"""Decisions about breaks, append-only: who looks at one, and what it turned out to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0003"
down_revision = "0002"

_TABLE = "break_decisions"


def upgrade() -> None:
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
    keep_rows(_TABLE)
