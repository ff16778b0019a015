"""What a session knows of the day, the policy and people's decisions. What fills the tables is day.parameters.

A window or a setting is declared once, in core.policy or core.profile: its column here, with type and meaning, follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from billing_recon.core.exact import Frozen
from billing_recon.core.policy import Drift, Windows
from billing_recon.core.profile import Profile
from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

A, R, D, N, SMALL, NAMES = Kind.AMOUNT, Kind.RATE, Kind.DATE, Kind.INTEGER, Kind.SMALL, Kind.NAMES

PROFILE_COLUMNS: dict[str, str] = {
    "issue_after_days": "issue_after_days",
    "rounding": "rounding",
    "credit": "credit_policy",
    "proration": "proration",
    "tax_point": "tax_point",
}
"""Settings of core.profile.Profile that `run_params` has, and what it calls them."""


WITHOUT_FIRST_DAY = date(1970, 1, 1)
"""The first day of a company that names none."""


class RunParams(Frozen):
    """The one row of `run_params`: the day, every window of the policy, and what the profile says of every bill."""

    day: date = Field(description="the day that is computed")
    since: date | None = Field(
        default=None, description="the first day of what is computed together, up to `day`; of one day, the day itself"
    )
    first_day: date = Field(
        default=WITHOUT_FIRST_DAY, description="the company's first partition; nothing is due before"
    )
    history_from: date = Field(
        default=WITHOUT_FIRST_DAY, description="usage of earlier days is not known; periods that need it are withheld"
    )
    windows: Windows = Windows()
    profile: Profile = Profile()
    company_timezone: str = Field(default="UTC", description="in which the company counts its days")

    def row(self) -> dict[str, Any]:
        """The row by column name."""
        settings = {column: getattr(self.profile, field) for field, column in PROFILE_COLUMNS.items()}
        own = {name: getattr(self, name) for name in ("day", "first_day", "history_from", "company_timezone")}
        return {**own, "since": self.since or self.day, **self.windows.model_dump(), **settings}


_UNITS = {"_days": "days", "_factor": "factor"}
"""The unit of a field, by the end of its name."""


def _columns(model: type[Frozen], names: Mapping[str, str] | None = None) -> Iterator[Column]:
    """A column for each field of a model (or for those named, under other names): type and meaning are the field's."""
    for field, info in model.model_fields.items():
        if names is None or field in names:
            kind = _kind(info)
            unit = next((unit for end, unit in _UNITS.items() if field.endswith(end)), "")
            empty = type(None) in get_args(info.annotation)
            yield Column(names[field] if names else field, kind, nullable=empty, doc=info.description or "", unit=unit)


def _kind(info: FieldInfo) -> Kind:
    """What a field holds; words unless it is a date, a whole number or a decimal."""
    union = get_origin(info.annotation) in (Union, UnionType)
    types = [get_args(t)[0] if get_origin(t) is Annotated else t for t in get_args(info.annotation) if union]
    kinds = {date: D, int: SMALL, Decimal: R}
    return next((kinds[t] for t in types or [info.annotation] if t in kinds), Kind.TEXT)


RUN_PARAMS = TableSpec(
    "run_params",
    (
        *(
            replace(c, nullable=False)
            for c in _columns(RunParams, {name: name for name in ("day", "since", "first_day", "history_from")})
        ),
        *_columns(Windows),
        *_columns(Profile, PROFILE_COLUMNS),
        *_columns(RunParams, {"company_timezone": "company_timezone"}),
    ),
    doc="One row: the day, the policy's windows, and what the profile says of every bill (RunParams).",
    part=Part.PARAMETERS,
)
POLICY_OWNERS = TableSpec(
    "policy_owners",
    (Column("code", doc="reason code; every code has a row"), Column("owner", doc="team")),
    key=("code",),
    doc="Which team a break goes to.",
    part=Part.PARAMETERS,
)
POLICY_TOLERANCES = TableSpec(
    "policy_tolerances",
    (
        Column("pair", doc="closed set, see core.reason.Pair"),
        Column("level", doc="closed set, see core.policy.ToleranceLevel"),
        Column("currency", doc="ISO 4217 code, or * for those without an entry"),
        Column("absolute", A, doc="the largest difference accepted"),
        nullable("relative", R, doc="and at most this share of the first layer's amount"),
    ),
    key=("pair", "level", "currency"),
    doc="Differences that the policy accepts.",
    part=Part.PARAMETERS,
)
POLICY_EXPECTED_CHANGES = TableSpec(
    "policy_expected_changes",
    (
        Column("id"),
        Column("codes", NAMES, doc="reason codes covered"),
        nullable("pair", doc="only this pair; empty: all"),
        nullable("currency", doc="of the bounds; empty: units"),
        Column("customers", NAMES, doc="empty: any"),
        Column("subscriptions", NAMES, doc="empty: any"),
        Column("plans", NAMES, doc="empty: any"),
        Column("invoices", NAMES, doc="empty: any"),
        Column("cohorts", NAMES, doc="empty: any"),
        Column("meters", NAMES, doc="empty: any"),
        Column("max_per_break", A, doc="the largest difference of one break"),
        nullable("max_per_day", A, doc="and of all breaks covered on one day, gross"),
        Column("starts", D, doc="first day covered"),
        Column("expires", D, doc="last day covered"),
    ),
    key=("id",),
    doc="The registry of expected changes.",
    part=Part.PARAMETERS,
)
POLICY_DRIFT = TableSpec(
    "policy_drift",
    tuple(_columns(Drift)),
    doc="One row: which days are like a day, and how far from them it may lie.",
    part=Part.PARAMETERS,
)
POLICY_DETECTORS = TableSpec(
    "policy_detectors",
    (
        Column("owner", doc="team that works on the findings"),
        Column("turned_off", NAMES, doc="detectors that do not run"),
        nullable("max_discount", R, doc="a discount above this share of gross is unusual"),
        Column("discount_history", SMALL, doc="fewer earlier invoices than this are not a history"),
        Column("discount_spread", R, doc="a share this far from the history's median is not unusual yet"),
        Column("series_of", SMALL, doc="fewer invoices than this are not a numbered series"),
    ),
    doc="One row: what the detectors take for unusual.",
    part=Part.PARAMETERS,
)
LAYER_SOURCES = TableSpec(
    "layer_sources",
    (Column("table_name", doc="landed table"), Column("source_system", doc="the system that it comes from")),
    key=("table_name",),
    doc="Where each landed table comes from, by company.yaml.",
    part=Part.PARAMETERS,
)
LANDING_REPORTS = TableSpec(
    "landing_reports",
    (
        Column("table_name", doc="landed table"),
        Column("status", doc="closed set, see core.landing.LandingStatus"),
        Column("rows_in", N, doc="rows of the day's files"),
        Column("accepted", N, doc="rows landed"),
        Column("quarantined", N, doc="rows in quarantine that are not discarded"),
        Column("duplicates", N, doc="rows collapsed"),
    ),
    key=("table_name",),
    doc="The day's landing, counted.",
    part=Part.PARAMETERS,
)
BREAK_DECISIONS = TableSpec(
    "break_decisions",
    (
        Column("break_id"),
        Column("disposition", doc="closed set, see core.reason.Disposition"),
        Column("delta", A, doc="the difference that was decided about", unit="currency; units for metered_used"),
        nullable("currency", doc="empty: units"),
        Column("reason"),
        Column("decided_by"),
        Column("decided_at", doc="instant, as text"),
    ),
    key=("break_id",),
    doc="What people decided about the day's breaks, the decision in force.",
    part=Part.PARAMETERS,
)
BREAK_ANSWERS = TableSpec(
    "break_answers",
    (
        Column("break_id"),
        Column("day", D),
        Column("pair"),
        Column("code"),
        nullable("subscription_id"),
        nullable("currency", doc="empty: units"),
        Column("delta", A, doc="the difference at the last decision", unit="currency; units for metered_used"),
        Column("corrected", Kind.FLAG, doc="another document corrects it (core.resolution.Resolution.is_correction)"),
    ),
    key=("break_id",),
    doc="Breaks that somebody decided about, as of their last decision (compute.leaks).",
    part=Part.PARAMETERS,
)
LAST_CLOSE = TableSpec(
    "last_close",
    (Column("days", SMALL, doc="from the end of the month to its close", unit="days"),),
    doc="When the month before the day's was closed; no row while it is open.",
    part=Part.PARAMETERS,
)
PAIRS_COMPARED = TableSpec(
    "pairs_compared",
    (Column("pair"),),
    doc="The pairs that the day compares: those whose layers exist and whose files could be read.",
    part=Part.PARAMETERS,
)
CLOSE_PARAMS = TableSpec(
    "close_params",
    (
        Column("first_day", D, doc="the company's first partition; what the ledger had before is its opening balance"),
        Column("month_start", D),
        Column("month_end", D, doc="the last day of the month"),
    ),
    doc="One row: the month whose books are added up (compute.close).",
    part=Part.PARAMETERS,
)
SPOT_PARAMS = TableSpec(
    "spot_params",
    (
        Column("seed", doc="of the lot: a digest of the period's invoice lines"),
        Column("first_day", D),
        Column("last_day", D),
        Column("lines", SMALL, doc="how many to draw"),
    ),
    doc="One row: the sample that is to be checked by hand.",
    part=Part.PARAMETERS,
)
CLOSE_ACCEPTED = TableSpec(
    "close_accepted",
    (Column("kind", doc="invoice or money"), Column("item", doc="invoice_id or payment_id")),
    doc="Items with a break in the ledger that somebody, the policy or a tolerance accepted.",
    part=Part.PARAMETERS,
)
BASELINE_VALUES = TableSpec(
    "baseline_values",
    (
        Column("metric"),
        nullable("currency"),
        Column("cohort"),
        Column("variant"),
        Column("day", D),
        nullable("value", A, doc="empty: NO DATA", unit="as the metric: currency, count or ratio"),
    ),
    key=("metric", "currency", "cohort", "variant", "day"),
    doc="Daily metrics of the baseline that the policy names; empty if it names none.",
    part=Part.PARAMETERS,
)

PARAMETERS: tuple[TableSpec, ...] = (
    RUN_PARAMS,
    POLICY_OWNERS,
    POLICY_TOLERANCES,
    POLICY_EXPECTED_CHANGES,
    POLICY_DRIFT,
    POLICY_DETECTORS,
    LAYER_SOURCES,
    LANDING_REPORTS,
    BREAK_DECISIONS,
    BREAK_ANSWERS,
    LAST_CLOSE,
    PAIRS_COMPARED,
    BASELINE_VALUES,
    CLOSE_PARAMS,
    CLOSE_ACCEPTED,
    SPOT_PARAMS,
)
