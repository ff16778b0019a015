"""Landing, partitions, policies, verdicts, baselines, releases, sign-offs, months and the audit chain; append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY = (
    "policies",
    "verdicts",
    "baselines",
    "baseline_values",
    "releases",
    "sign_offs",
    "month_events",
    "audit_events",
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def upgrade() -> None:
    """Written out rather than taken from control.schema: a revision must keep its meaning when the schema moves on."""
    op.create_table(
        "landing_reports",
        _id(),
        *_text("table_name"),
        sa.Column("day", sa.Date, nullable=False),
        *_text("status"),
        *_whole("rows_in", "accepted", "quarantined", "duplicates"),
        *_text("files", "message", "reasons", "run_id"),
    )
    op.create_index("landing_reports_day", "landing_reports", ["day", "table_name", "id"])
    op.create_table(
        "partition_states",
        sa.Column("table_name", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        *_whole("rows"),
        *_text("digest"),
        sa.Column("complete", sa.Boolean, nullable=False),
        *_text("run_id"),
    )
    op.create_table(
        "policies",
        _id(),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        *_text("digest", "text", "actor", "note", "decided_at"),
    )
    op.create_table(
        "verdicts",
        _id(),
        *_text("gate", "partition", "verdict", "evidence_hash"),
        *_whole("policy_version"),
        *_text("code_version", "conditions", "run_id", "decided_at"),
    )
    op.create_index("verdicts_latest", "verdicts", ["gate", "partition", "id"])
    op.create_table(
        "baselines",
        _id(),
        *_text("name"),
        *_whole("version"),
        sa.Column("first", sa.Date, nullable=False),
        sa.Column("last", sa.Date, nullable=False),
        *_text("digest", "actor", "decided_at"),
        sa.UniqueConstraint("name", "version", name="baselines_version"),
    )
    op.create_table(
        "baseline_values",
        _id(),
        sa.Column("baseline_id", sa.Integer, sa.ForeignKey("baselines.id"), nullable=False, index=True),
        *_text("metric"),
        sa.Column("currency", sa.Text),
        *_text("cohort", "variant"),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("value", sa.Text),
    )
    op.create_table("releases", _id(), *_text("partition", "evidence_hash", "run_id", "decided_at"))
    op.create_index("releases_latest", "releases", ["partition", "id"])
    op.create_table(
        "sign_offs",
        _id(),
        *_text("month"),
        *_whole("round"),
        *_text("approver", "role", "evidence_hash", "actor", "note", "decided_at"),
    )
    op.create_index("sign_offs_month", "sign_offs", ["month", "id"])
    op.create_table("month_events", _id(), *_text("month", "state", "evidence_hash", "reason", "actor", "decided_at"))
    op.create_index("month_events_latest", "month_events", ["month", "id"])
    op.create_table(
        "audit_events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *_text("payload", "prev_hash", "hash"),
    )
    _forbid_changes()


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION control_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION '% is append-only: record a new decision instead', TG_TABLE_NAME; END $$"
        )
        for table in _APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION control_append_only()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_table_stays BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION control_append_only()"
            )
        return
    for table in _APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, '{table} is append-only: record a new decision instead'); END"
            )
