"""The inputs that a computed partition was made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Partitions of an earlier version do not say it; they are taken as they are."""
    op.add_column("partition_states", sa.Column("made_from", sa.Text, nullable=False, server_default=""))
