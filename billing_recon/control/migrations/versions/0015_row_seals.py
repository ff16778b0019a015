"""Seals on what is registered of partitions and landings, and where an audit event is looked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0015"
down_revision = "0014"

_TABLE = "row_seals"


def upgrade() -> None:
    for table, name in (("partition_states", "seal"), ("landing_reports", "seal"), ("audit_events", "about")):
        op.add_column(table, sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_index("audit_events_about", "audit_events", ["about", "seq"])
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("rows", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("digest", "decided_by", "reason", "actor", "decided_at")
        ),
    )
    keep_rows(_TABLE)
