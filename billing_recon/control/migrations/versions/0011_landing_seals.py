"""Digests of the landing reports that a verdict rests on (append-only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0011"
down_revision = "0010"

_TABLE = "landing_seals"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("partition", "reports", "digest", "decided_at")),
    )
    op.create_index("landing_seals_latest", _TABLE, ["partition", "id"])
    keep_rows(_TABLE)
