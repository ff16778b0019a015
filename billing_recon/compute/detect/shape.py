"""What every detector hands in, column by column, and the invoices that they look at. What is unusual is theirs."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import SOURCES, source
from billing_recon.compute.relation import Relation

DETECTED: dict[str, str] = {
    "detector": "VARCHAR",
    "identity": "VARCHAR",
    "customer_id": "VARCHAR",
    "subscription_id": "VARCHAR",
    "invoice_id": "VARCHAR",
    "payment_id": "VARCHAR",
    "currency": "VARCHAR",
    "amount": AMOUNT,
    "finding": "VARCHAR",
    "next_step": "VARCHAR",
    "sources": SOURCES,
}
"""Column -> type. `identity`: what the finding's id needs beyond the detector, never an amount."""

SHOWN = 10
"""Source rows that a finding names at most; the invoice_id finds the rest."""


def amount(figure: str, alias: str = "c") -> str:
    """An amount for a sentence, by thousands at its currency's decimals."""
    return f"group_thousands(say({figure}, coalesce({alias}.decimals, 0)))"


FRESH = Relation(
    name="fresh_invoices",
    inputs=("engine_lines", "run_params"),
    rows_from=("engine_lines AS l JOIN run_params AS p ON p.day = l.observed_on WHERE l.status = 'issued'",),
    doc=(
        "Invoices of which an issued line came today, with the sums of all their issued lines, and the first and last of their "
        "customers, days of issue and days."
    ),
    sql=f"""
SELECT l.invoice_id, l.currency, l.variant, min(l.customer_id) AS customer_id, min(l.subscription_id) AS subscription_id,
    max(l.customer_id) AS other_customer_id, min(l.issued_on) AS first_issue, max(l.issued_on) AS last_issue,
    min(l.plan_id) AS plan_id, min(l.invoice_kind) AS invoice_kind, count(*) AS lines, min(l.period_start) AS first_day,
    max(l.period_end) AS last_day, CAST(sum(l.gross) AS {AMOUNT}) AS gross, CAST(sum(l.discount) AS {AMOUNT}) AS discount,
    CAST(sum(l.credit) AS {AMOUNT}) AS credit, CAST(sum(l.tax) AS {AMOUNT}) AS tax, CAST(sum(l.total) AS {AMOUNT}) AS total
FROM engine_lines AS l
SEMI JOIN (
    SELECT f.invoice_id FROM engine_lines AS f JOIN run_params AS p ON p.day = f.observed_on WHERE f.status = 'issued'
) AS n ON n.invoice_id = l.invoice_id
WHERE l.status = 'issued'
GROUP BY l.invoice_id, l.currency, l.variant""",
)


def cited(found: str) -> str:
    """SQL for the source rows of the invoices in `found` (invoice_id, currency, variant), one row an invoice: `sources`."""
    return f"""(
    SELECT l.invoice_id, l.currency, l.variant, list_slice(list(
            {source("invoice_lines", "l.source_file", "l.source_row")} ORDER BY l.source_file, l.source_row), 1, {SHOWN}) AS sources
    FROM engine_lines AS l
    SEMI JOIN {found} AS f ON f.invoice_id = l.invoice_id AND f.currency = l.currency AND f.variant = l.variant
    WHERE l.status = 'issued'
    GROUP BY l.invoice_id, l.currency, l.variant
)"""
