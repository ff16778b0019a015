"""What a shadow session knows of the candidate: the contracts that move, and the differences that somebody agreed to."""

from __future__ import annotations

from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

CONTRACT_MAPPING = TableSpec(
    "contract_mapping",
    (
        Column("position", Kind.SMALL, doc="the first mapping that fits applies"),
        nullable("plan_id", doc="of the contracts that move; empty: any, as for the columns up to `subscriptions`"),
        nullable("plan_version"),
        nullable("currency"),
        nullable("segment"),
        Column("customers", Kind.NAMES),
        Column("subscriptions", Kind.NAMES),
        nullable("to_plan_id", doc="empty: as it is"),
        nullable("to_version", doc="empty: as it is"),
        nullable("patch", Kind.JSON, doc="terms merged into the contract"),
    ),
    key=("position",),
    doc="Shadow billing: contracts that move to other terms.",
    part=Part.PARAMETERS,
)
ACCEPTED_DIFFERENCES = TableSpec(
    "accepted_differences",
    (
        Column("id"),
        Column("codes", Kind.NAMES, doc="every cause of the difference is among these"),
        Column("currency", Kind.CURRENCY),
        Column("max_per_line", Kind.AMOUNT, doc="the largest difference of a line"),
        nullable("max_total", Kind.AMOUNT, doc="gross; beyond it none is accepted"),
    ),
    key=("id",),
    doc="Shadow billing: differences of the new engine that somebody agreed to.",
    part=Part.PARAMETERS,
)
CHANGED_PLANS = TableSpec(
    "changed_plans",
    (Column("plan_id"), Column("plan_version")),
    key=("plan_id", "plan_version"),
    doc="Shadow billing: plans that the candidate changes, adds or removes, in any currency.",
    part=Part.PARAMETERS,
)
SHADOW: tuple[TableSpec, ...] = (CONTRACT_MAPPING, ACCEPTED_DIFFERENCES, CHANGED_PLANS)
