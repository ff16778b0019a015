"""What sessions know of the stage that is judged, and of how the plan corrects issued bills. The members are those of the rollout."""

from __future__ import annotations

from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

D = Kind.DATE

STAGE_PARAMS = TableSpec(
    "stage_params",
    (
        Column("rollout"),
        Column("stage"),
        Column("day", D, doc="as of its end the stage is judged"),
        Column("since", D, doc="first day of the stage"),
        Column(
            "exposed_since",
            D,
            doc="first day on which the rollout is exposed in one go, in this stage or one before it",
        ),
        Column("before_first", D, doc="first day of the time before the launch that the stage is compared with"),
        Column("before_last", D, doc="last day of it: the day before the first exposure ever"),
        Column(
            "of_payments", Kind.FLAG, doc="the rollout switches how payments are collected, whichever engine billed"
        ),
        Column("issue_grace_days", Kind.SMALL, doc="as the policy's window"),
        Column("settle_days", Kind.SMALL, doc="from a bill until a document or posting that it lacks is known"),
        Column("cycle_days", Kind.SMALL, doc="days from the first attempt to collect until retries are over"),
        Column("retry_days", Kind.NAMES, doc="days after the first attempt on which the plan retries; empty: not said"),
    ),
    doc="One row: the stage of a rollout and the days that are compared.",
    part=Part.PARAMETERS,
)
CORRECTION_PARAMS = TableSpec(
    "correction_params",
    (
        Column("rollout"),
        Column("since", D, doc="first day of exposure ever"),
        Column("day", D, doc="as of its end the list is made"),
        Column("unpaid", doc="closed set, see core.rollout.Way; as the columns up to `below`"),
        Column("paid"),
        Column("below"),
        Column("issue_grace_days", Kind.SMALL, doc="as the policy's window"),
        Column("ledger_lag_days", Kind.SMALL, doc="as the policy's window"),
        Column("of_payments", Kind.FLAG, doc="the rollout switches how payments are collected"),
    ),
    doc="One row: how the plan of a rollout corrects issued bills.",
    part=Part.PARAMETERS,
)
CORRECTION_BOUNDS = TableSpec(
    "correction_bounds",
    (
        Column("currency", Kind.CURRENCY),
        nullable("small", Kind.AMOUNT, doc="a difference up to it is corrected by `below`; empty: none is small"),
        nullable("nothing_below", Kind.AMOUNT, doc="a smaller difference is not corrected; empty: each is"),
    ),
    key=("currency",),
    doc="Which differences of issued bills are small, by currency.",
    part=Part.PARAMETERS,
)
STAGES: tuple[TableSpec, ...] = (STAGE_PARAMS, CORRECTION_PARAMS, CORRECTION_BOUNDS)
