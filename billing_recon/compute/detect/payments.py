"""The detector of payments whose status contradicts the money: what succeeded, failed or was returned, and what moved."""

from __future__ import annotations

from billing_recon.compute.detect.shape import DETECTED, amount
from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import SOURCES, columns, source
from billing_recon.compute.relation import Relation

_INVOICE, _BY_INVOICE = mapped("payments", "c", "invoice_id")
_PAYMENT = "payment_id, kind, customer_id, invoice_id, amount, currency, status"

PAYMENTS = Relation(
    name="payment_detections",
    inputs=(
        "payments",
        "mapped_keys",
        "engine_invoices",
        "invoice_money",
        "ledger_entries",
        "currencies",
        "run_params",
    ),
    rows_from=(
        "payments AS y JOIN run_params AS p ON p.day = y.observed_on WHERE y.status = 'succeeded' AND y.amount = 0",
        "payments AS y JOIN run_params AS p ON y.observed_on = p.day - p.ledger_lag_days WHERE y.status <> 'succeeded'",
        "ledger_entries AS k JOIN run_params AS p ON k.observed_on = p.day - p.ledger_lag_days "
        "JOIN payments AS y ON y.invoice_id = k.invoice_id WHERE k.role = 'cash' AND y.status <> 'succeeded'",
        "mapped_keys AS k WHERE k.layer = 'payments'",
        "invoice_money AS m JOIN run_params AS p ON p.day = m.changed_on WHERE m.paid < 0",
        "engine_invoices AS e JOIN invoice_money AS m ON m.invoice_id = e.invoice_id WHERE e.state <> 'issued' AND m.paid > 0",
    ),
    doc=(
        "Payments that succeeded over nothing; failed or pending ones whose money the ledger's cash has (once posting lag has "
        "passed); money kept for an invoice that is void or a draft (once payments must tie); more returned than was ever paid."
    ),
    sql=f"""
WITH {last_word("payments", "payment_id", _PAYMENT)},
paid AS (
    SELECT c.payment_id, c.kind, c.customer_id, {
        _INVOICE
    } AS invoice_id, c.amount, c.currency, c.status, c.known_on, c.changed_on,
        c.source_file, c.source_row
    FROM current AS c
    {_BY_INVOICE}
),
empty AS (
    SELECT y.payment_id, y.customer_id, y.invoice_id, y.currency, y.amount, y.source_file, y.source_row,
        'succeeded, but its amount is 0' AS says
    FROM paid AS y JOIN run_params AS p ON p.day = y.changed_on
    WHERE y.status = 'succeeded' AND y.amount = 0
),
moved AS (
    SELECT invoice_id, currency, coalesce(sum(CASE WHEN kind = 'payment' THEN amount ELSE -amount END)
        FILTER (WHERE status = 'succeeded'), 0) AS net
    FROM paid WHERE invoice_id IS NOT NULL GROUP BY invoice_id, currency
),
cash AS (
    SELECT invoice_id, currency, sum(coalesce(debit, 0) - coalesce(credit, 0)) AS net, max(observed_on) AS known_on
    FROM ledger_entries WHERE role = 'cash' AND invoice_id IS NOT NULL GROUP BY invoice_id, currency
),
unpaid AS (
    SELECT y.payment_id, y.customer_id, y.invoice_id, y.currency, y.amount, y.source_file, y.source_row,
        'is ' || y.status || ', but the ledger''s cash has its money' AS says
    FROM paid AS y
    JOIN moved AS m ON m.invoice_id = y.invoice_id AND m.currency = y.currency
    JOIN cash AS k ON k.invoice_id = y.invoice_id AND k.currency = y.currency
    JOIN run_params AS p ON greatest(y.changed_on, k.known_on) = p.day - p.ledger_lag_days
    WHERE y.status <> 'succeeded' AND y.kind = 'payment' AND y.amount > 0 AND k.net = m.net + y.amount
),
invoices AS (
    SELECT m.invoice_id, m.currency, m.payment_id, coalesce(m.customer_id, e.customer_id) AS customer_id, m.paid,
        CASE WHEN m.paid < 0 THEN 'has had more returned than was ever paid for it'
            ELSE 'is ' || e.state || ', but its money was kept' END AS says
    FROM invoice_money AS m
    CROSS JOIN run_params AS p
    LEFT JOIN engine_invoices AS e ON e.invoice_id = m.invoice_id AND e.currency = m.currency
    WHERE (m.paid < 0 AND m.changed_on = p.day)
        OR (m.paid > 0 AND e.state <> 'issued' AND greatest(m.changed_on, e.changed_on) = p.day - p.payment_settle_days)
),
single AS (
    SELECT payment_id, customer_id, invoice_id, currency, amount, source_file, source_row, says FROM empty
    UNION ALL
    SELECT payment_id, customer_id, invoice_id, currency, amount, source_file, source_row, says FROM unpaid
)
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'PAYMENT_STATUS'",
                "identity": "concat_ws('|', i.payment_id, i.says)",
                "customer_id": "i.customer_id",
                "invoice_id": "i.invoice_id",
                "payment_id": "i.payment_id",
                "currency": "i.currency",
                "amount": "i.amount",
                "finding": "'Payment ' || i.payment_id || ' of ' || i.customer_id || ', ' || "
                + amount("i.amount")
                + " || ' ' || i.currency || ', ' || i.says || '.'",
                "next_step": "'Ask the payment provider what happened; correct the status there or the posting in the ledger.'",
                "sources": f"[{source('payments', 'i.source_file', 'i.source_row')}]",
            },
        )
    }
FROM single AS i
LEFT JOIN currencies AS c ON c.currency = i.currency
UNION ALL
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'PAYMENT_STATUS'",
                "identity": "concat_ws('|', i.invoice_id, i.currency, i.says)",
                "customer_id": "i.customer_id",
                "invoice_id": "i.invoice_id",
                "payment_id": "i.payment_id",
                "currency": "i.currency",
                "amount": f"CAST(i.paid AS {AMOUNT})",
                "finding": "'Invoice ' || i.invoice_id || ' ' || i.says || ': ' || "
                + amount("i.paid")
                + " || ' ' || i.currency || '.'",
                "next_step": "'Ask treasury whether a refund is under way or a payment is booked to the wrong invoice.'",
                "sources": f"CAST(NULL AS {SOURCES})",
            },
        )
    }
FROM invoices AS i
LEFT JOIN currencies AS c ON c.currency = i.currency""",
)

RELATIONS: tuple[Relation, ...] = (PAYMENTS,)
