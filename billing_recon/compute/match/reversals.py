"""Which earlier charge a credit note takes back: same customer, product and unit price, first in first out, each unit once.

These relations are no step of the day: they are asked over all lines known by a day (day.reversing).
"""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, QUANTITY
from billing_recon.compute.relation import Relation

_KEY = ("customer_id", "product", "unit_price", "currency")
_OF_KEY = ", ".join(_KEY)
_SAME = " AND ".join(f"c.{name} = p.{name}" for name in _KEY)

REVERSIBLE = Relation(
    name="reversible_lines",
    inputs=("engine_lines",),
    doc=(
        "Issued lines of credit notes, and the charges that they may take back: those of the same customer, product (meter), "
        "unit price and currency. `quantity` has no sign; it is empty where a credit note names no units or no price, and "
        "`credited` is what the credit note gives back before discount and tax."
    ),
    sql=f"""
WITH issued AS (
    SELECT line_key, invoice_id, line_id, customer_id, coalesce(meter, '') AS product, unit_price, currency, issued_on,
        invoice_kind = 'credit_note' AS is_credit,
        CASE WHEN unit_price IS NOT NULL AND quantity <> 0 THEN CAST(abs(quantity) AS {QUANTITY}) END AS quantity,
        CAST(-gross AS {AMOUNT}) AS credited
    FROM engine_lines
    WHERE status = 'issued' AND variant = 'control' AND CASE WHEN invoice_kind = 'credit_note'
        THEN gross <> 0 OR coalesce(quantity <> 0, false) ELSE quantity > 0 AND unit_price IS NOT NULL END
)
SELECT line_key, invoice_id, line_id, {_OF_KEY}, issued_on, is_credit, quantity, credited
FROM issued
WHERE is_credit OR ({_OF_KEY}) IN (SELECT ({_OF_KEY}) FROM issued WHERE is_credit AND quantity IS NOT NULL)""",
)

INTERVALS = Relation(
    name="reversal_intervals",
    inputs=("reversible_lines",),
    doc=(
        "Where each line lies on the scale of its key's units, from `since` to `upto`: charges one after the other by day, "
        "invoice and line; credit notes in the same order on the units that were charged by their day and not taken back "
        "before. Of N credited units after which C are credited in all and P charged, the least of P - C so far, where that "
        "is below zero, has found no charge: what was too much stays so, whatever is charged later."
    ),
    sql=f"""
WITH running AS (
    SELECT line_key, invoice_id, line_id, {_OF_KEY}, issued_on, is_credit, quantity,
        sum(CASE WHEN is_credit THEN 0 ELSE quantity END) OVER so_far AS charged,
        sum(CASE WHEN is_credit THEN quantity ELSE 0 END) OVER so_far AS credited
    FROM reversible_lines WHERE quantity IS NOT NULL
    WINDOW so_far AS (
        PARTITION BY {_OF_KEY} ORDER BY issued_on, is_credit, invoice_id, line_id ROWS UNBOUNDED PRECEDING
    )
),
served AS (
    SELECT line_key, invoice_id, line_id, {_OF_KEY}, issued_on, credited + least(0, min(charged - credited) OVER (
            PARTITION BY {_OF_KEY} ORDER BY issued_on, invoice_id, line_id ROWS UNBOUNDED PRECEDING)) AS upto
    FROM running WHERE is_credit
)
SELECT line_key, {_OF_KEY}, true AS is_credit, CAST(lag(upto, 1, 0) OVER (
        PARTITION BY {_OF_KEY} ORDER BY issued_on, invoice_id, line_id) AS {QUANTITY}) AS since, CAST(upto AS {QUANTITY}) AS upto
FROM served
UNION ALL
SELECT line_key, {_OF_KEY}, false AS is_credit, CAST(charged - quantity AS {QUANTITY}) AS since,
    CAST(charged AS {QUANTITY}) AS upto
FROM running WHERE NOT is_credit""",
)

REVERSALS = Relation(
    name="reversals",
    inputs=("reversal_intervals",),
    doc="Credit note's line, charge's line, and the units that the one takes back of the other: where their intervals overlap.",
    sql=f"""
SELECT c.line_key AS credit_key, p.line_key AS charge_key,
    CAST(least(c.upto, p.upto) - greatest(c.since, p.since) AS {QUANTITY}) AS quantity
FROM reversal_intervals AS c
JOIN reversal_intervals AS p ON {_SAME} AND NOT p.is_credit AND p.since < c.upto AND c.since < p.upto
WHERE c.is_credit""",
)

COVERAGE = Relation(
    name="credit_coverage",
    inputs=("reversible_lines", "reversals", "currencies", "run_params"),
    doc=(
        "One row a credit note's line: how much of it takes back an earlier charge. `state` is covered, partly or uncovered; "
        "`covered` is the money of the covered units, and with `uncovered` it is all that is credited. `charges` names the "
        "charges, the earliest first."
    ),
    sql=f"""
WITH taken AS (
    SELECT r.credit_key, CAST(sum(r.quantity) AS {QUANTITY}) AS quantity, list(struct_pack(invoice_id := p.invoice_id,
            line_id := p.line_id, issued_on := p.issued_on, quantity := r.quantity)
            ORDER BY p.issued_on, p.invoice_id, p.line_id) AS charges
    FROM reversals AS r
    JOIN reversible_lines AS p ON p.line_key = r.charge_key
    GROUP BY r.credit_key
),
covered AS (
    SELECT c.invoice_id, c.line_id, c.customer_id, c.product, c.unit_price, c.currency, c.issued_on, c.quantity, c.credited,
        coalesce(t.quantity, 0) AS covered_quantity, t.charges,
        CASE WHEN t.quantity = c.quantity THEN c.credited WHEN t.quantity IS NULL THEN 0
            ELSE settle(extend(t.quantity, c.unit_price), coalesce(m.decimals, 2), p.rounding) END AS covered
    FROM reversible_lines AS c
    CROSS JOIN run_params AS p
    LEFT JOIN taken AS t ON t.credit_key = c.line_key
    LEFT JOIN currencies AS m ON m.currency = c.currency
    WHERE c.is_credit
)
SELECT invoice_id, line_id, customer_id, nullif(product, '') AS meter, unit_price, currency, issued_on, quantity,
    CAST(covered_quantity AS {QUANTITY}) AS covered_quantity,
    CASE WHEN covered_quantity = 0 THEN 'uncovered' WHEN covered_quantity = quantity THEN 'covered' ELSE 'partly' END AS state,
    credited, CAST(covered AS {AMOUNT}) AS covered, CAST(credited - covered AS {AMOUNT}) AS uncovered, charges
FROM covered""",
)

RELATIONS: tuple[Relation, ...] = (REVERSIBLE, INTERVALS, REVERSALS, COVERAGE)
"""Inputs: engine_lines (compute.reconcile.engine_output), currencies and run_params. Result: credit_coverage."""
