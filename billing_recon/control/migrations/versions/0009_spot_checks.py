"""Checks of sampled lines by hand (append-only)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0009"
down_revision = "0008"

_TABLE = "spot_checks"
_TEXTS = (
    *("period", "invoice_id", "line_id", "currency", "billed", "seen"),
    *("note", "checked_by", "actor", "decided_at"),
)


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
    )
    op.create_index("spot_checks_period", _TABLE, ["period", "id"])
    keep_rows(_TABLE)
