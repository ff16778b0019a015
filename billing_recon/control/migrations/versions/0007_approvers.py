"""Enrolments of approvers (append-only), their encrypted secrets, and every code that was tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from billing_recon.control.append_only import keep_rows

revision = "0007"
down_revision = "0006"

_KEPT = ("enrolments", "approver_secrets", "code_uses")


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("person", "name", "verb", "approved_by", "actor", "reason", "secret_digest", "decided_at")
        ),
    )
    op.create_index("enrolments_person", "enrolments", ["person", "id"])
    op.create_table(
        "approver_secrets",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("enrolment_id", sa.Integer, sa.ForeignKey("enrolments.id"), nullable=False, unique=True),
        sa.Column("secret", sa.Text, nullable=False),
    )
    op.create_table(
        "code_uses",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("good", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("purpose", "tried_at")),
    )
    op.create_index("code_uses_person", "code_uses", ["person", "id"])
    for table in _KEPT:
        keep_rows(table)
