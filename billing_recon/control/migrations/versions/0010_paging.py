"""Incidents, the outbox of their pages, and how far paging has read. Bookkeeping: its rows change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("key", sa.Text, primary_key=True),
        *_texts("cause", "day", "state", "paged_as", "severity"),
        sa.Column("step", sa.Integer, nullable=False),
        *_texts("version", "notice", "opened_at", "resolved_at", "taken_by", "taken_at"),
        sa.Column("escalated", sa.Boolean, nullable=False),
        sa.Column("reminded", sa.Integer, nullable=False),
    )
    op.create_index("incidents_state", "incidents", ["state", "cause"])
    op.create_table(
        "pages",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *_texts("incident", "channel", "action", "severity", "notice", "state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        *_texts("due_at", "error", "created_at", "sent_at"),
    )
    op.create_index("pages_state", "pages", ["state", "id"])
    op.create_index("pages_incident", "pages", ["incident", "channel", "id"])
    op.create_table("paging_marks", sa.Column("name", sa.Text, primary_key=True), *_texts("value"))
