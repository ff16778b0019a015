"""The engine's invoice against the money that came for it, by invoice."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import ASSESSED, FINDING, IN_DOUBT, columns, signed, source
from billing_recon.compute.relation import Relation

_PAIR = "'billed_paid'"

_PAYMENT = "payment_id, kind, customer_id, invoice_id, amount, currency, status, fee"
_INVOICE, _BY_INVOICE = mapped("payments", "c", "invoice_id")
_CUSTOMER, _BY_CUSTOMER = mapped("payments", "c", "customer_id")

MONEY = Relation(
    name="invoice_money",
    inputs=("payments", "mapped_keys", "payment_matches"),
    doc=(
        "Money that moved, per invoice and currency, the last word on each payment: payments less refunds and chargebacks. "
        "`known_on`: first success; `changed_on`: latest movement; `extras`: sums of repeated payments of one amount beyond the "
        "first; `least`, `most`: of a single payment. Payments that name no invoice pay those that payouts found for them, or stand under their own id."
    ),
    sql=f"""
WITH {last_word("payments", "payment_id", _PAYMENT)},
moved AS (
    SELECT c.payment_id, coalesce({_INVOICE}, 'payment ' || c.payment_id) AS invoice_id, {_CUSTOMER} AS customer_id, c.currency,
        c.amount, CASE WHEN c.kind = 'payment' THEN c.amount ELSE -c.amount END AS signed, c.kind = 'payment' AS is_payment,
        c.status = 'succeeded' AS moves, c.changed_on AS seen, c.fee
    FROM current AS c
    {_BY_INVOICE}
    {_BY_CUSTOMER}
    WHERE c.payment_id NOT IN (SELECT payment_id FROM payment_matches WHERE invoice_id IS NOT NULL)
    UNION ALL
    SELECT payment_id, invoice_id, customer_id, currency, part AS amount, part AS signed, true AS is_payment, true AS moves,
        changed_on AS seen, NULL AS fee
    FROM payment_matches WHERE invoice_id IS NOT NULL
),
repeats AS (
    SELECT invoice_id, currency, list(extra) AS extras, list(amount) AS amounts
    FROM (SELECT invoice_id, currency, amount, sum(amount) - amount AS extra
          FROM moved WHERE moves AND is_payment GROUP BY invoice_id, currency, amount HAVING count(*) > 1) AS again
    GROUP BY invoice_id, currency
)
SELECT m.invoice_id, m.currency, min(m.payment_id) AS payment_id, min(m.customer_id) FILTER (WHERE m.moves AND m.is_payment) AS customer_id,
    max(m.customer_id) FILTER (WHERE m.moves AND m.is_payment) AS last_customer_id,
    min(m.seen) FILTER (WHERE m.moves AND m.is_payment) AS known_on, max(m.seen) FILTER (WHERE m.moves) AS changed_on,
    count(*) AS attempts, count(*) FILTER (WHERE m.moves AND m.is_payment) AS payments,
    CAST(coalesce(sum(m.signed) FILTER (WHERE m.moves), 0) AS {AMOUNT}) AS paid,
    CAST(coalesce(-sum(m.signed) FILTER (WHERE m.moves AND NOT m.is_payment), 0) AS {AMOUNT}) AS returned,
    CAST(coalesce(sum(m.fee) FILTER (WHERE m.moves AND m.is_payment), 0) AS {AMOUNT}) AS fees,
    any_value(r.extras) AS extras, any_value(r.amounts) AS amounts,
    min(m.amount) FILTER (WHERE m.moves AND m.is_payment) AS least, max(m.amount) FILTER (WHERE m.moves AND m.is_payment) AS most
FROM moved AS m
LEFT JOIN repeats AS r ON r.invoice_id = m.invoice_id AND r.currency = m.currency
GROUP BY m.invoice_id, m.currency""",
)

_NET = "CASE WHEN m.fees <> 0 AND m.paid <> e.total AND m.paid + m.fees = e.total THEN m.fees ELSE 0 END"
"""What a provider kept where it reports what it paid out: only where the fees are exactly what is missing."""

PLACED = Relation(
    name="paid_placed",
    inputs=("invoice_money", "engine_invoices", "payments", "payment_matches", "set_aside", "run_params"),
    doc=(
        "Invoices and their money on the day that decides: the first success plus the days to settle, and any later day with "
        "new money; or the end of the terms without any attempt. Where no payment names an invoice or finds one nothing can be compared. "
        "An invoice of which the engine's own rows are in quarantine waits for them. `paid_again`: one of two payments is the invoice, "
        "and the other is nearer to it than to nothing."
    ),
    sql=f"""
WITH sides AS (
    SELECT coalesce(e.invoice_id, m.invoice_id) AS invoice_id, coalesce(e.currency, m.currency) AS currency,
        e.invoice_id IS NOT NULL AS has_left, m.invoice_id IS NOT NULL AND m.known_on IS NOT NULL AS has_right,
        coalesce(e.customer_id, m.customer_id) AS customer_id, e.subscription_id, coalesce(e.cohort, 'all') AS cohort, e.state,
        e.issued_on, e.known_on AS billed_on, e.changed_on AS rebilled_on, CASE WHEN e.invoice_id IS NOT NULL THEN e.total END AS billed,
        CASE WHEN m.changed_on IS NOT NULL THEN m.paid + {_NET} END AS paid, m.returned, m.extras, m.amounts, m.payments, m.attempts,
        m.known_on, m.changed_on, m.payment_id,
        CASE WHEN m.customer_id <> e.customer_id THEN m.customer_id WHEN m.last_customer_id <> e.customer_id THEN m.last_customer_id
            END AS other_customer,
        CAST(coalesce(m.paid + {_NET}, 0) - coalesce(e.total, 0) AS {AMOUNT}) AS off,
        coalesce(m.payments = 2 AND e.total IN (m.least, m.most) AND m.paid - e.total > e.total - (m.paid - e.total), false) AS paid_again
    FROM engine_invoices AS e
    FULL JOIN invoice_money AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
    WHERE coalesce(e.state, 'issued') <> 'draft'
        AND (EXISTS (SELECT 1 FROM payments WHERE invoice_id IS NOT NULL) OR NOT EXISTS (SELECT 1 FROM payments)
            OR EXISTS (SELECT 1 FROM payment_matches WHERE invoice_id IS NOT NULL))
),
crossed AS (
    SELECT invoice_id, max(CASE WHEN has_right THEN greatest(known_on, changed_on) END) AS changed_on,
        min(known_on) AS known_on, max(billed_on) AS billed_on, sum(attempts) AS attempts
    FROM sides
    WHERE invoice_id IN (SELECT invoice_id FROM sides WHERE has_left) AND invoice_id IN (SELECT invoice_id FROM sides WHERE attempts > 0)
    GROUP BY invoice_id HAVING bool_or(NOT has_left)
),
dated AS (
    SELECT s.invoice_id, s.currency, s.has_left, s.has_right, s.customer_id, s.subscription_id, s.cohort, s.state, s.issued_on,
        s.billed, s.paid, s.returned, s.extras, s.amounts, s.payments, s.attempts, s.payment_id, s.other_customer, s.off,
        s.paid_again, p.day, x.invoice_id IS NOT NULL AND NOT (s.has_left AND s.has_right) AS crosses,
        CASE
            WHEN x.invoice_id IS NOT NULL AND NOT (s.has_left AND s.has_right)
                THEN greatest(CAST(x.known_on + p.payment_settle_days AS DATE), x.billed_on)
            WHEN s.has_right THEN greatest(CAST(s.known_on + p.payment_settle_days AS DATE), s.billed_on)
            WHEN s.has_left AND coalesce(s.attempts, 0) = 0 THEN CAST(s.billed_on + p.payment_terms_days AS DATE)
        END AS decided_on,
        greatest(s.changed_on, CASE WHEN s.known_on IS NOT NULL THEN s.rebilled_on END) AS changed_on
    FROM sides AS s
    CROSS JOIN run_params AS p
    LEFT JOIN crossed AS x ON x.invoice_id = s.invoice_id
),
aside AS (
    SELECT DISTINCT q.table_name, d.invoice_id
    FROM dated AS d JOIN set_aside AS q ON q.named = d.invoice_id
    WHERE d.decided_on <= d.day AND d.off <> 0
)
SELECT d.invoice_id, d.currency, d.customer_id, d.subscription_id, d.cohort, d.state, d.issued_on, d.billed, d.paid,
    d.returned, d.payments, d.attempts, d.payment_id, d.other_customer, d.off, d.has_left, d.has_right,
    CASE WHEN d.decided_on > d.day OR d.decided_on IS NULL OR (d.off <> 0 AND i.invoice_id IS NOT NULL) THEN 'pending'
        ELSE 'compared' END AS status,
    CASE
        WHEN d.decided_on > d.day OR d.decided_on IS NULL THEN NULL
        WHEN d.crosses THEN CASE WHEN d.off <> 0 THEN 'CURRENCY_FX' END
        WHEN d.off <> 0 AND i.invoice_id IS NOT NULL THEN NULL
        WHEN d.off <> 0 AND y.invoice_id IS NOT NULL THEN 'RECORD_QUARANTINED'
        WHEN NOT d.has_left THEN 'PAYMENT_MISAPPLIED'
        WHEN NOT d.has_right THEN CASE WHEN d.billed > 0 THEN 'PAYMENT_MISSING' END
        WHEN d.other_customer IS NOT NULL THEN 'PAYMENT_MISAPPLIED'
        WHEN d.off = 0 THEN NULL
        WHEN d.state = 'void' THEN 'REVERSAL_NOT_PROPAGATED'
        WHEN d.off < 0 AND -d.off = d.returned THEN 'REFUND_DISPUTE'
        WHEN d.off > 0 AND (coalesce(list_contains(d.extras, d.off), false) OR coalesce(list_contains(d.amounts, d.off), false)
            OR d.paid_again)
            THEN 'PAYMENT_DUPLICATE'
        ELSE 'PAYMENT_AMOUNT'
    END AS code
FROM dated AS d
LEFT JOIN aside AS i ON i.invoice_id = d.invoice_id AND i.table_name = 'invoice_lines'
LEFT JOIN aside AS y ON y.invoice_id = d.invoice_id AND y.table_name = 'payments'
WHERE d.decided_on = d.day OR (d.decided_on < d.day AND d.changed_on = d.day)
    OR ((d.decided_on > d.day OR d.decided_on IS NULL) AND d.billed > 0 AND d.state = 'issued')""",
)

_finding = columns(
    FINDING,
    {
        "pair": _PAIR,
        "level": "'invoice'",
        "code": "b.code",
        "invoice_id": "CASE WHEN b.has_left OR NOT starts_with(b.invoice_id, 'payment ') THEN b.invoice_id END",
        "customer_id": "b.customer_id",
        "subscription_id": "b.subscription_id",
        "currency": "b.currency",
        "cohort": "b.cohort",
        "variant": "'control'",
        "billed": "b.billed",
        "paid": "b.paid",
        "delta": "b.off",
        "identity": "b.currency || CASE WHEN b.has_left THEN '' ELSE '|' || b.payment_id END",
        "compared": "b.has_left AND b.has_right AND b.code <> 'PAYMENT_DUPLICATE'",
        "template": "CASE b.code WHEN 'CURRENCY_FX' THEN b.invoice_id || CASE WHEN b.has_left THEN ' is billed in ' || b.currency "
        "|| ' {1} and paid in another currency.' ELSE ' is paid with ' || b.currency || ' {2} and billed in another currency.' END "
        "WHEN 'RECORD_QUARANTINED' THEN b.invoice_id || ': billed ' || b.currency || ' {1}, paid ' || b.currency || ' {2}, and rows of it "
        "are in quarantine.' "
        "WHEN 'PAYMENT_MISSING' THEN b.invoice_id || ' over ' || b.currency || ' {1}, issued on ' || CAST(b.issued_on AS VARCHAR) "
        "|| ', was never collected: no attempt in ' || CAST(p.payment_terms_days AS VARCHAR) || ' days.' "
        "WHEN 'PAYMENT_MISAPPLIED' THEN CASE WHEN b.has_left THEN 'Customer ' || b.other_customer || ' paid ' || b.currency || ' {2} on ' "
        "|| b.invoice_id || ', which is customer ' || b.customer_id || '''s and over ' || b.currency || ' {1}.' "
        "WHEN starts_with(b.invoice_id, 'payment ') THEN 'Payment ' || b.payment_id || ' of ' || b.currency || ' {2} names no invoice' "
        "|| CASE WHEN EXISTS (SELECT 1 FROM payment_matches AS q WHERE q.payment_id = b.payment_id AND q.invoice_id IS NULL) "
        f"THEN '{IN_DOUBT}' ELSE '.' END "
        "ELSE 'Payment ' || b.payment_id || ' of ' || b.currency || ' {2} is for ' || b.invoice_id || ', which the billing engine does not have.' END "
        "WHEN 'REVERSAL_NOT_PROPAGATED' THEN b.invoice_id || ' is void, and ' || b.currency || ' {2} paid for it is still kept.' "
        "WHEN 'REFUND_DISPUTE' THEN b.invoice_id || ' over ' || b.currency || ' {1} keeps ' || b.currency || ' {2}: ' || b.currency "
        "|| ' {3} was refunded or charged back.' "
        "WHEN 'PAYMENT_DUPLICATE' THEN b.invoice_id || ' over ' || b.currency || ' {1} was paid ' || CAST(b.payments AS VARCHAR) "
        f"|| ' times, ' || b.currency || ' {{2}} in all: ' || b.currency || ' ' || {signed('b.off', 4)} || '.' "
        "ELSE b.invoice_id || ' over ' || b.currency || ' {1} was paid with ' || b.currency || ' {2}: ' || b.currency || ' ' || "
        f"{signed('b.off', 4)} || '.' END",
        "figures": "[coalesce(b.billed, 0), coalesce(b.paid, 0), coalesce(b.returned, 0), b.off]",
        "layer": "'payments'",
        "sources": "s.sources",
        "evidence": "CAST(json_object('attempts', coalesce(b.attempts, 0), 'successful_payments', coalesce(b.payments, 0), "
        "'returned', CAST(b.returned AS VARCHAR)) AS VARCHAR)",
    },
)

FINDINGS = Relation(
    name="paid_findings",
    inputs=("paid_placed", "payments", "payment_matches", "run_params"),
    rows_from=("paid_placed WHERE code IS NOT NULL",),
    doc="Invoices that were paid with another amount, twice, by somebody else or not at all; and money for no known invoice.",
    sql=f"""
WITH cited AS (
    SELECT b.invoice_id, b.currency, list({source("payments", "y.source_file", "y.source_row")}
        ORDER BY y.source_file, y.source_row) AS sources
    FROM paid_placed AS b
    JOIN payments AS y ON coalesce(y.invoice_id, 'payment ' || y.payment_id) = b.invoice_id AND y.currency = b.currency
    WHERE b.code IS NOT NULL
    GROUP BY b.invoice_id, b.currency
)
SELECT {_finding}
FROM paid_placed AS b
CROSS JOIN run_params AS p
LEFT JOIN cited AS s ON s.invoice_id = b.invoice_id AND s.currency = b.currency
WHERE b.code IS NOT NULL""",
)

_assessed = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "CASE WHEN b.has_left THEN b.invoice_id END",
        "right_key": "CASE WHEN b.has_right THEN b.invoice_id END",
        "currency": "b.currency",
        "cohort": "b.cohort",
        "variant": "'control'",
        "customer_id": "b.customer_id",
        "status": "CASE WHEN b.status = 'pending' THEN 'pending' WHEN b.code IS NULL THEN 'matched' ELSE 'break' END",
        "left_amount": "coalesce(b.billed, 0)",
        "right_amount": "coalesce(b.paid, 0)",
        "left_count": "CASE WHEN b.has_left THEN 1 ELSE 0 END",
        "right_count": "coalesce(b.payments, 0)",
    },
)

ASSESSMENTS = Relation(
    name="paid_assessed",
    inputs=("paid_placed",),
    kept=False,
    doc=(
        "Every invoice whose money is decided on today, and those still open: in their terms, settling, or only failed so far. "
        "What a negative invoice owes the customer waits on the account for the next bill: no payment is missing, and none is compared."
    ),
    sql=f"""
SELECT {_assessed}
FROM paid_placed AS b WHERE b.status = 'pending' OR b.code IS NOT NULL OR b.has_right OR b.billed = 0""",
)

RELATIONS: tuple[Relation, ...] = (MONEY, PLACED, FINDINGS, ASSESSMENTS)
