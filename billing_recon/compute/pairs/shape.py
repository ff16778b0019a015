"""What every pair hands in: its findings and its assessed items, column by column. How a finding becomes a break is in breaks."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT

STAGES = "STRUCT(code VARCHAR, amount DECIMAL(38,12))[]"
SOURCES = 'STRUCT("table" VARCHAR, file VARCHAR, "row" BIGINT)[]'

FINDING: dict[str, str] = {
    "pair": "VARCHAR",
    "level": "VARCHAR",
    "code": "VARCHAR",
    "invoice_id": "VARCHAR",
    "line_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "subscription_id": "VARCHAR",
    "meter": "VARCHAR",
    "currency": "VARCHAR",
    "cohort": "VARCHAR",
    "variant": "VARCHAR",
    "expected": AMOUNT,
    "billed": AMOUNT,
    "rendered": AMOUNT,
    "booked": AMOUNT,
    "paid": AMOUNT,
    "delta": AMOUNT,
    "stages": STAGES,
    "identity": "VARCHAR",
    "again": "DATE",
    "compared": "BOOLEAN",
    "sentence": "VARCHAR",
    "facts": "JSON",
    "layer": "VARCHAR",
    "sources": SOURCES,
    "evidence": "JSON",
}
"""Column -> type of a pair's findings.

`identity`: what the break's id needs beyond the ids in the other columns, never the day and never an amount. `again`: the day, if
the second layer had the item before (expected_billed leaves it empty): if the first had it too, it was compared before, and this is
a break of its own. `stages`: parts
of the delta by code, empty for one part of the finding's own code. `compared`: both layers have the item, so that a
tolerance may apply. `sentence`: which sentence of `explain` states the finding, with the figures in `facts`
(to_json of a struct, amounts exact). `layer`: the table at fault. `evidence`: what the break keeps as evidence, an object.
"""

ASSESSED: dict[str, str] = {
    "pair": "VARCHAR",
    "left_key": "VARCHAR",
    "right_key": "VARCHAR",
    "currency": "VARCHAR",
    "cohort": "VARCHAR",
    "variant": "VARCHAR",
    "customer_id": "VARCHAR",
    "meter": "VARCHAR",
    "status": "VARCHAR",
    "left_amount": AMOUNT,
    "right_amount": AMOUNT,
    "left_count": "BIGINT",
    "right_count": "BIGINT",
}
"""Column -> type of a pair's assessed items: one row an item of either layer, or of both where they were matched.

`meter` where the amounts are units of it, which have no currency."""


def _empty(name: str, shape: dict[str, str]) -> str:
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in shape.items())
    return f"CREATE MACRO {name}() AS TABLE SELECT {columns} WHERE false"


SHAPES: tuple[str, ...] = (_empty("no_finding", FINDING), _empty("no_assessed", ASSESSED))
"""Table macros without rows that end a pair's statement: `UNION ALL BY NAME SELECT * FROM no_finding()`. They give it every
column of the shape with its type, so that each branch states only what it has."""
