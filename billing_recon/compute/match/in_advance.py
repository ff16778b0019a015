"""Which expected and issued lines bill a charge in advance: their period begins where that of their invoice's others ends."""

from __future__ import annotations

from billing_recon.compute.relation import Relation
from billing_recon.compute.terms import SOLD_AHEAD

_SOLD = f"term_charges WHERE {SOLD_AHEAD}"

EXPECTED = Relation(
    name="expected_ahead",
    inputs=("expected_lines", "term_charges"),
    rows_from=(_SOLD,),
    doc="Expected lines of charges that are billed in advance.",
    sql=f"""
SELECT e.expected_line_id
FROM expected_lines AS e
SEMI JOIN (SELECT plan_id, plan_version, currency, charge_id FROM {_SOLD}) AS c
    ON c.plan_id = e.plan_id AND c.plan_version = e.plan_version AND c.currency = e.currency AND c.charge_id = e.charge_id
WHERE e.kind IN ('subscription', 'proration')""",
)

ISSUED = Relation(
    name="issued_ahead",
    inputs=("issued_lines", "subscriptions", "term_charges"),
    rows_from=(_SOLD,),
    doc=(
        "Issued lines of charges that are billed in advance: by the meter, and the plan where the line names one of the "
        "subscription's, since no bill says so itself. A line of a plan that the subscription never had stands where its own would."
    ),
    sql=f"""
WITH holders AS (
    SELECT DISTINCT s.subscription_id, s.plan_id, coalesce(c.meter, '') AS meter_key
    FROM subscriptions AS s
    JOIN (SELECT plan_id, plan_version, currency, meter FROM {_SOLD}) AS c
        ON c.plan_id = s.plan_id AND c.plan_version = s.plan_version AND c.currency = s.currency
)
SELECT DISTINCT l.line_key
FROM issued_lines AS l
JOIN holders AS h ON h.subscription_id = l.sub AND h.meter_key = l.meter_key
LEFT JOIN (SELECT DISTINCT subscription_id, plan_id FROM subscriptions) AS o ON o.subscription_id = l.sub AND o.plan_id = l.plan_id
WHERE l.kind IN ('subscription', 'proration') AND (h.plan_id = coalesce(l.plan_id, h.plan_id) OR o.plan_id IS NULL)""",
)

RELATIONS: tuple[Relation, ...] = (EXPECTED, ISSUED)
"""After the issued lines. Empty where no plan bills in advance."""
