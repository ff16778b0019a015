"""Rollouts (append-only): versions of plans, and the log of lists, promotions, pauses, rollbacks and the stage gate's verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("digest", "text", "actor", "reason", "decided_at")),
        sa.UniqueConstraint("name", "number", name="rollouts_version"),
    )
    op.create_table(
        "rollout_events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in (
                "rollout",
                "verb",
                "stage",
                "plan",
                "day",
                "evidence_hash",
                "content",
                "decided_by",
                "reason",
                "actor",
                "decided_at",
            )
        ),
    )
    op.create_index("rollout_events_rollout", "rollout_events", ["rollout", "verb", "id"])
    keep_rows("rollouts")
    keep_rows("rollout_events")
