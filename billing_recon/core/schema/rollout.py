"""Rollouts as a session's tables: who is billed by which path and when, and the rules by which members are chosen."""

from __future__ import annotations

from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

D, TS, A, N, FLAG, NAMES = Kind.DATE, Kind.TIMESTAMP, Kind.AMOUNT, Kind.INTEGER, Kind.FLAG, Kind.NAMES

ROLLOUT_MEMBERS = TableSpec(
    "rollout_members",
    (
        Column("rollout"),
        Column("customer_id", doc="* is every customer without a row of the rollout"),
        Column("stage"),
        Column("variant", doc="what the flag gives: candidate"),
        Column("since_day", D, doc="first day of exposure"),
        nullable("until_day", D, doc="first day without exposure; empty: exposed still"),
        nullable("since_at", TS, doc="instant on since_day; empty: the whole day"),
        nullable("until_at", TS, doc="instant on until_day until which it was exposed; empty: not on that day"),
    ),
    key=("rollout", "customer_id", "since_day"),
    doc="Customers whom a rollout bills by the new path, from the lists that were written down; others have control.",
    part=Part.PARAMETERS,
)
ROLLOUTS_WATCHED = TableSpec(
    "rollouts_watched",
    (
        Column("rollout"),
        Column("since_day", D, doc="first day on which any stage was exposed"),
        nullable("until_day", D, doc="first day on which lines need no flag any more; empty: they still do"),
        Column("by_line", Kind.FLAG, doc="whether it switches how lines are made, so that lines have a variant"),
    ),
    key=("rollout",),
    doc="Rollouts that were ever exposed, and the days on which lines are held to their flags.",
    part=Part.PARAMETERS,
)
COHORT_RULES = TableSpec(
    "cohort_rules",
    (
        Column("place", Kind.SMALL, doc="of the stage, from 0"),
        Column("stage"),
        nullable("bound", N, doc="customers with a smaller bucket are in; empty: all"),
        Column("customers", NAMES),
        Column("segments", NAMES),
        Column("plans", NAMES),
        Column("regions", NAMES),
        Column("currencies", NAMES),
        Column("single_tax", FLAG),
        Column("pays", FLAG),
        Column("capped", FLAG, doc="whether cohort_revenue bounds what its customers were billed"),
        Column("largest", FLAG, doc="whether largest accounts may be in it"),
        Column("complex", FLAG, doc="whether complex contracts may be in it"),
    ),
    key=("place",),
    doc="How each stage of a plan chooses its customers.",
    part=Part.PARAMETERS,
)
COHORT_REVENUE = TableSpec(
    "cohort_revenue",
    (
        Column("place", Kind.SMALL, doc="of the stage"),
        Column("currency", Kind.CURRENCY),
        Column("most", A, doc="billed in the lookback at most"),
    ),
    key=("place", "currency"),
    doc="What customers of a stage were billed at most; one billed in another currency is not in it.",
    part=Part.PARAMETERS,
)
COHORT_CHOICE = TableSpec(
    "cohort_choice",
    (
        Column("salt"),
        Column("largest_share", Kind.RATE, doc="of customers that count as largest accounts"),
        Column("day", D),
    ),
    doc="One row: what else the choice of customers depends on.",
    part=Part.PARAMETERS,
)
COHORT_TAKEN = TableSpec(
    "cohort_taken",
    (Column("customer_id"), Column("place", Kind.SMALL, doc="of the stage whose list names them")),
    key=("customer_id",),
    doc="Customers who are on a list already: they stay.",
    part=Part.PARAMETERS,
)

ROLLOUTS: tuple[TableSpec, ...] = (
    ROLLOUT_MEMBERS,
    ROLLOUTS_WATCHED,
    COHORT_RULES,
    COHORT_REVENUE,
    COHORT_CHOICE,
    COHORT_TAKEN,
)
