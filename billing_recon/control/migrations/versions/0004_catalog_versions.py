"""Versions of the catalog, append-only: which plan versions and tax rates were added or corrected, by whom and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0004"
down_revision = "0003"

_TABLE = "catalog_versions"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("changes", "actor", "note", "decided_at")),
    )
    keep_rows(_TABLE)
