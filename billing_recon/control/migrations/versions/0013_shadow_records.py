"""What was recorded of shadow billing (append-only): snapshots, runs, understood causes, samples, approvals, decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "shadow_records",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("kind", "name", "version", "content", "decided_by", "reason", "actor", "decided_at")
        ),
    )
    op.create_index("shadow_records_name", "shadow_records", ["name", "kind", "id"])
    keep_rows("shadow_records")
