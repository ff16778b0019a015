"""Whose bill it is: invoices made out to another customer than the one whose contract they bill."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import FINDING, columns
from billing_recon.compute.relation import Relation

_CUSTOMER, _BY_CUSTOMER = mapped("invoice_lines", "l", "customer_id")

WRONG = Relation(
    name="wrong_customers",
    inputs=("engine_invoices", "issued_lines", "bills", "subscriptions", "mapped_keys", "run_params"),
    rows_from=("engine_invoices AS e JOIN run_params AS p ON p.day = e.known_on",),
    doc=(
        "Invoices first seen today that answer a due period, and bill it to a customer who has other contracts and never had this one "
        "(`holder` is who has it now). A customer whom no contract knows is the engine's own name for somebody, and tells nothing. "
        "Whole invoices are looked at first; only those that stand out, line by line."
    ),
    sql=f"""
WITH held AS (
    SELECT subscription_id, customer_id, max(valid_from) AS since FROM subscriptions GROUP BY subscription_id, customer_id
),
suspects AS (
    SELECT e.invoice_id
    FROM engine_invoices AS e
    JOIN run_params AS p ON p.day = e.known_on
    ANTI JOIN held AS h ON h.subscription_id = e.subscription_id AND h.customer_id = e.customer_id
    WHERE e.state = 'issued'
),
named AS (
    SELECT l.variant, l.invoice_id, l.sub, l.currency, l.cohort, l.total, {_CUSTOMER} AS customer_id
    FROM issued_lines AS l
    SEMI JOIN suspects AS s ON s.invoice_id = l.invoice_id
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id AND b.due_on IS NOT NULL
        AND b.repeats IS NULL
    {_BY_CUSTOMER}
    WHERE l.fresh
)
SELECT n.variant, n.invoice_id, n.sub, n.currency, n.customer_id, o.holder, min(n.cohort) AS cohort,
    CAST(sum(n.total) AS {AMOUNT}) AS total
FROM named AS n
SEMI JOIN held AS c ON c.customer_id = n.customer_id
ANTI JOIN held AS h ON h.subscription_id = n.sub AND h.customer_id = n.customer_id
JOIN (SELECT subscription_id, arg_max(customer_id, struct_pack(since := since, customer_id := customer_id)) AS holder
      FROM held GROUP BY subscription_id) AS o ON o.subscription_id = n.sub
GROUP BY n.variant, n.invoice_id, n.sub, n.currency, n.customer_id, o.holder""",
)

FINDING_OF = columns(
    FINDING,
    {
        "pair": "'expected_billed'",
        "level": "'invoice'",
        "code": "'SUBSCRIPTION_STATE'",
        "invoice_id": "h.invoice_id",
        "customer_id": "h.holder",
        "subscription_id": "h.sub",
        "currency": "h.currency",
        "cohort": "h.cohort",
        "variant": "h.variant",
        "billed": "h.total",
        "delta": "0",
        "identity": "'customer|' || h.customer_id || '|' || h.currency || '|' || h.variant",
        "compared": "false",
        "template": "h.invoice_id || ' bills ' || h.sub || ' to customer ' || h.customer_id || ', whose contract it is not: it is customer ' "
        "|| h.holder || '''s, ' || h.currency || ' {1} in total.'",
        "figures": "[h.total]",
        "layer": "'invoice_lines'",
        "evidence": "CAST(json_object('billed_to', h.customer_id, 'contract_of', h.holder) AS VARCHAR)",
    },
)
"""What each of them is as a finding, of wrong_customers AS h. The amount is right, so the difference is none."""

RELATIONS: tuple[Relation, ...] = (WRONG,)
