"""How breaks are resolved, what proves it, and whether the customer was told; who approved a version of the policy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for name in ("resolution", "evidence", "told"):
        op.add_column("break_decisions", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("policies", sa.Column("approved_by", sa.Text, nullable=False, server_default=""))
