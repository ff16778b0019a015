"""What the stage gate's session knows of the stage that it judges. The members are those of the rollout."""

from __future__ import annotations

from billing_recon.core.schema.table import Column, Kind, Part, TableSpec

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
    ),
    doc="One row: the stage of a rollout and the days that are compared.",
    part=Part.PARAMETERS,
)
