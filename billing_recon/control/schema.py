"""The control database's tables as they are now. How a database gets there is in control.migrations.

Amounts are text decimals, days are dates, instants are ISO 8601 text in UTC. DECISIONS are append-only, held by triggers,
and each of their rows has its counterpart in the audit chain.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _later(name: str) -> Column[str]:
    """A text that rows of earlier versions lack: while it is empty it is no part of what the audit chain has of a row."""
    return Column(name, Text, nullable=False, server_default="", info={"later": True})


def _seal() -> Column[str]:
    """What shows that the program wrote a row that is no decision (control.row_seals)."""
    return Column("seal", Text, nullable=False, server_default="")


landing_reports = Table(
    "landing_reports",
    metadata,
    _id(),
    _text("table_name"),
    Column("day", Date, nullable=False),
    _text("status"),
    Column("rows_in", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("released", Integer, nullable=False, server_default="0"),
    Column("discarded", Integer, nullable=False, server_default="0"),
    _text("files"),
    _text("message"),
    _text("reasons"),
    _text("run_id"),
    _seal(),
    Index("landing_reports_day", "day", "table_name", "id"),
)
partition_states = Table(
    "partition_states",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("rows", Integer, nullable=False),
    _text("digest"),
    Column("complete", Boolean, nullable=False),
    _text("run_id"),
    Column("made_from", Text, nullable=False, server_default=""),
    Column("files", Text, nullable=False, server_default=""),
    _seal(),
)
policies = Table(
    "policies",
    metadata,
    _id(),
    Column("number", Integer, nullable=False, unique=True),
    _text("digest"),
    _text("text"),
    _text("actor"),
    _text("note"),
    _text("decided_at"),
    _later("approved_by"),
)
catalog_versions = Table(
    "catalog_versions",
    metadata,
    _id(),
    Column("number", Integer, nullable=False, unique=True),
    _text("changes"),
    _text("actor"),
    _text("note"),
    _text("decided_at"),
)
verdicts = Table(
    "verdicts",
    metadata,
    _id(),
    _text("gate"),
    _text("partition"),
    _text("verdict"),
    _text("evidence_hash"),
    Column("policy_version", Integer, nullable=False),
    _text("code_version"),
    _text("conditions"),
    _text("run_id"),
    _text("decided_at"),
    Index("verdicts_latest", "gate", "partition", "id"),
)
baselines = Table(
    "baselines",
    metadata,
    _id(),
    _text("name"),
    Column("version", Integer, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    _text("digest"),
    _text("actor"),
    _text("decided_at"),
    UniqueConstraint("name", "version", name="baselines_version"),
)
baseline_values = Table(
    "baseline_values",
    metadata,
    _id(),
    Column("baseline_id", Integer, ForeignKey("baselines.id"), nullable=False, index=True),
    _text("metric"),
    _text("currency", nullable=True),
    _text("cohort"),
    _text("variant"),
    Column("day", Date, nullable=False),
    _text("value", nullable=True),
)
releases = Table(
    "releases",
    metadata,
    _id(),
    _text("partition"),
    _text("evidence_hash"),
    _text("run_id"),
    _text("decided_at"),
    Index("releases_latest", "partition", "id"),
)
withdrawals = Table(
    "withdrawals",
    metadata,
    _id(),
    _text("partition"),
    _text("evidence_hash"),
    _text("reason"),
    _text("decided_at"),
    Index("withdrawals_latest", "partition", "id"),
)
sign_offs = Table(
    "sign_offs",
    metadata,
    _id(),
    _text("month"),
    Column("round", Integer, nullable=False),
    _text("approver"),
    _text("role"),
    _text("evidence_hash"),
    _text("actor"),
    _text("note"),
    _text("decided_at"),
    Index("sign_offs_month", "month", "id"),
)
enrolments = Table(
    "enrolments",
    metadata,
    _id(),
    _text("person"),
    _text("name"),
    _text("verb"),
    _text("approved_by"),
    _text("actor"),
    _text("reason"),
    _text("secret_digest"),
    _text("decided_at"),
    Index("enrolments_person", "person", "id"),
)
approver_secrets = Table(
    "approver_secrets",
    metadata,
    _id(),
    Column("enrolment_id", Integer, ForeignKey("enrolments.id"), nullable=False, unique=True),
    _text("secret"),
)
code_uses = Table(
    "code_uses",
    metadata,
    _id(),
    _text("person"),
    Column("step", Integer, nullable=False),
    Column("good", Boolean, nullable=False),
    _text("purpose"),
    _text("tried_at"),
    Index("code_uses_person", "person", "id"),
)
month_events = Table(
    "month_events",
    metadata,
    _id(),
    _text("month"),
    _text("state"),
    _text("evidence_hash"),
    _text("reason"),
    _text("actor"),
    _text("decided_at"),
    Index("month_events_latest", "month", "id"),
)
month_closes = Table(
    "month_closes",
    metadata,
    _id(),
    _text("month"),
    Column("round", Integer, nullable=False),
    _text("evidence_hash"),
    _text("figures"),
    _text("actor"),
    _text("decided_at"),
    Index("month_closes_month", "month", "id"),
)
landing_seals = Table(
    "landing_seals",
    metadata,
    _id(),
    _text("partition"),
    _text("reports"),
    _text("digest"),
    _text("decided_at"),
    Index("landing_seals_latest", "partition", "id"),
)
spot_checks = Table(
    "spot_checks",
    metadata,
    _id(),
    _text("period"),
    _text("invoice_id"),
    _text("line_id"),
    _text("currency"),
    _text("billed"),
    _text("seen"),
    _text("note"),
    _text("checked_by"),
    _text("actor"),
    _text("decided_at"),
    Index("spot_checks_period", "period", "id"),
)
quarantine_decisions = Table(
    "quarantine_decisions",
    metadata,
    _id(),
    _text("row_id"),
    _text("table_name"),
    Column("day", Date, nullable=False),
    _text("verb"),
    _text("corrections"),
    _text("reason"),
    _text("decided_by"),
    _text("role"),
    _text("actor"),
    _text("came"),
    _text("decided_at"),
    Index("quarantine_decisions_day", "day", "table_name", "id"),
    Index("quarantine_decisions_row", "row_id", "id"),
)
break_decisions = Table(
    "break_decisions",
    metadata,
    _id(),
    _text("break_id"),
    Column("day", Date, nullable=False),
    _text("verb"),
    _text("disposition"),
    _text("assignee"),
    _text("delta"),
    _text("currency", nullable=True),
    _text("reason"),
    _text("decided_by"),
    _text("role"),
    _text("actor"),
    _text("came"),
    _text("decided_at"),
    *(_later(name) for name in ("resolution", "evidence", "told")),
    Index("break_decisions_day", "day", "id"),
    Index("break_decisions_break", "break_id", "id"),
)
shadow_records = Table(
    "shadow_records",
    metadata,
    _id(),
    _text("kind"),
    _text("name"),
    _text("version"),
    _text("content"),
    _text("decided_by"),
    _text("reason"),
    _text("actor"),
    _text("decided_at"),
    Index("shadow_records_name", "name", "kind", "id"),
)
rollouts = Table(
    "rollouts",
    metadata,
    _id(),
    _text("name"),
    Column("number", Integer, nullable=False),
    _text("digest"),
    _text("text"),
    _text("actor"),
    _text("reason"),
    _text("decided_at"),
    UniqueConstraint("name", "number", name="rollouts_version"),
)
rollout_events = Table(
    "rollout_events",
    metadata,
    _id(),
    _text("rollout"),
    _text("verb"),
    _text("stage"),
    _text("plan"),
    _text("day"),
    _text("evidence_hash"),
    _text("content"),
    _text("decided_by"),
    _text("reason"),
    _text("actor"),
    _text("decided_at"),
    Index("rollout_events_rollout", "rollout", "verb", "id"),
)
row_seals = Table(
    "row_seals",
    metadata,
    _id(),
    Column("rows", Integer, nullable=False),
    _text("digest"),
    _text("decided_by"),
    _text("reason"),
    _text("actor"),
    _text("decided_at"),
)
audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _text("payload"),
    _text("prev_hash"),
    _text("hash"),
    # Where to look for the events of a day or a month (audit.about); empty for events of earlier versions.
    Column("about", Text, nullable=False, server_default=""),
    Index("audit_events_about", "about", "seq"),
)
incidents = Table(
    "incidents",
    metadata,
    Column("key", Text, primary_key=True),
    _text("cause"),
    _text("day"),
    _text("state"),
    _text("paged_as"),
    _text("severity"),
    Column("step", Integer, nullable=False),
    _text("version"),
    _text("notice"),
    _text("opened_at"),
    _text("resolved_at"),
    _text("taken_by"),
    _text("taken_at"),
    Column("escalated", Boolean, nullable=False),
    Column("reminded", Integer, nullable=False),
    Index("incidents_state", "state", "cause"),
)
pages = Table(
    "pages",
    metadata,
    _id(),
    _text("incident"),
    _text("channel"),
    _text("action"),
    _text("severity"),
    _text("notice"),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    _text("due_at"),
    _text("error"),
    _text("created_at"),
    _text("sent_at"),
    Index("pages_state", "state", "id"),
    Index("pages_incident", "incident", "channel", "id"),
)
paging_marks = Table("paging_marks", metadata, Column("name", Text, primary_key=True), _text("value"))

DECISIONS: tuple[Table, ...] = (
    policies,
    catalog_versions,
    verdicts,
    baselines,
    releases,
    withdrawals,
    sign_offs,
    enrolments,
    month_events,
    month_closes,
    spot_checks,
    landing_seals,
    quarantine_decisions,
    break_decisions,
    shadow_records,
    rollouts,
    rollout_events,
    row_seals,
)
APPEND_ONLY: tuple[Table, ...] = (*DECISIONS, baseline_values, approver_secrets, code_uses, audit_events)
