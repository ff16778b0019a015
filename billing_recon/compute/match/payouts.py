"""Payments that name no invoice: which invoices they pay, by amount, split over several payments, or paid out together."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

_PAYMENT = "payment_id, kind, customer_id, invoice_id, amount, currency, status, fee, processed_at"
_CUSTOMER, _BY_CUSTOMER = mapped("payments", "c", "customer_id")

NAMELESS = Relation(
    name="nameless_payments",
    inputs=("payments", "mapped_keys"),
    rows_from=("payments WHERE invoice_id IS NULL AND status = 'succeeded' AND kind = 'payment'",),
    doc="Payments that succeeded and name no invoice. `worth`: with the fees that the provider kept.",
    sql=f"""
WITH {last_word("payments", "payment_id", _PAYMENT)}
SELECT c.payment_id, {_CUSTOMER} AS customer_id, c.currency, c.amount, CAST(c.amount + coalesce(c.fee, 0) AS {AMOUNT}) AS worth,
    CAST(c.processed_at AS DATE) AS paid_on, c.changed_on
FROM current AS c
{_BY_CUSTOMER}
WHERE c.invoice_id IS NULL AND c.status = 'succeeded' AND c.kind = 'payment'""",
)

MATCHES = Relation(
    name="payment_matches",
    inputs=("nameless_payments", "engine_invoices", "payments", "run_params"),
    rows_from=("nameless_payments",),
    doc=(
        "Which invoices a nameless payment pays and with how much of it, each used once, strictest first. Pass 3: customer, "
        "amount (or amount and fee) and a date within the terms, where as many payments as invoices are alike. Pass 4: one "
        "payment for a run of a customer's open invoices, or a run of a customer's payments for one invoice. Pass 5: a payout "
        "for all open invoices of a day, whoever owes them. What fits in more than one way is left alone: pass 0, without an invoice."
    ),
    sql=f"""
WITH open_invoices AS (
    SELECT e.invoice_id, e.currency, e.customer_id, e.issued_on, e.total
    FROM engine_invoices AS e
    ANTI JOIN (SELECT DISTINCT invoice_id FROM payments WHERE invoice_id IS NOT NULL) AS n ON n.invoice_id = e.invoice_id
    WHERE e.state = 'issued' AND e.total > 0
),
alike AS (
    SELECT j.payment_id, j.currency, e.invoice_id, e.total, count(*) OVER (PARTITION BY j.payment_id) AS invoices,
        count(*) OVER (PARTITION BY e.invoice_id, e.currency) AS payments,
        dense_rank() OVER (PARTITION BY e.customer_id, e.currency, e.total ORDER BY e.issued_on, e.invoice_id) AS invoice_place,
        dense_rank() OVER (PARTITION BY e.customer_id, e.currency, e.total ORDER BY j.paid_on, j.payment_id) AS payment_place
    FROM nameless_payments AS j
    CROSS JOIN run_params AS p
    JOIN open_invoices AS e ON e.customer_id = j.customer_id AND e.currency = j.currency AND e.total IN (j.amount, j.worth)
        AND j.paid_on >= e.issued_on AND j.paid_on <= e.issued_on + p.payment_terms_days + p.payment_settle_days
),
by_amount AS (
    SELECT payment_id, currency, invoice_id, total AS part FROM alike
    WHERE invoices = payments AND invoice_place = payment_place
),
left_invoices AS (
    SELECT e.invoice_id, e.currency, e.customer_id, e.issued_on, e.total,
        sum(e.total) OVER (PARTITION BY e.customer_id, e.currency ORDER BY e.issued_on, e.invoice_id) AS upto
    FROM open_invoices AS e ANTI JOIN by_amount AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
),
left_payments AS (
    SELECT j.payment_id, j.currency, j.customer_id, j.paid_on, j.amount, j.worth,
        sum(j.amount) OVER (PARTITION BY j.customer_id, j.currency ORDER BY j.paid_on, j.payment_id) AS upto
    FROM nameless_payments AS j ANTI JOIN by_amount AS m ON m.payment_id = j.payment_id
),
together AS (
    SELECT j.payment_id, j.currency, a.customer_id, a.upto - a.total AS before, b.upto AS after,
        count(*) OVER (PARTITION BY j.payment_id) AS ways
    FROM left_payments AS j
    JOIN left_invoices AS a ON a.customer_id = j.customer_id AND a.currency = j.currency AND a.issued_on <= j.paid_on
    JOIN left_invoices AS b ON b.customer_id = a.customer_id AND b.currency = a.currency AND b.issued_on <= j.paid_on
        AND b.upto > a.upto AND b.upto - a.upto + a.total IN (j.amount, j.worth)
),
by_run AS (
    SELECT t.payment_id, t.currency, e.invoice_id, e.total AS part
    FROM together AS t
    JOIN left_invoices AS e ON e.customer_id = t.customer_id AND e.currency = t.currency AND e.upto > t.before AND e.upto <= t.after
    WHERE t.ways = 1
),
split AS (
    SELECT e.invoice_id, e.currency, a.customer_id, a.upto - a.amount AS before, b.upto AS after,
        count(*) OVER (PARTITION BY e.invoice_id, e.currency) AS ways
    FROM left_invoices AS e
    JOIN left_payments AS a ON a.customer_id = e.customer_id AND a.currency = e.currency AND a.paid_on >= e.issued_on
    JOIN left_payments AS b ON b.customer_id = a.customer_id AND b.currency = a.currency AND b.paid_on >= a.paid_on
        AND b.upto > a.upto AND b.upto - a.upto + a.amount = e.total
),
by_split AS (
    SELECT j.payment_id, s.currency, s.invoice_id, j.amount AS part
    FROM split AS s
    JOIN left_payments AS j ON j.customer_id = s.customer_id AND j.currency = s.currency AND j.upto > s.before AND j.upto <= s.after
    WHERE s.ways = 1
),
days AS (
    SELECT issued_on, currency, sum(total) AS total FROM left_invoices GROUP BY issued_on, currency
),
paid_out AS (
    SELECT j.payment_id, j.currency, d.issued_on, count(*) OVER (PARTITION BY j.payment_id) AS ways,
        count(*) OVER (PARTITION BY d.issued_on, d.currency) AS rivals
    FROM left_payments AS j
    CROSS JOIN run_params AS p
    JOIN days AS d ON d.currency = j.currency AND d.total IN (j.amount, j.worth) AND j.paid_on >= d.issued_on
        AND j.paid_on <= d.issued_on + p.payment_terms_days
    WHERE j.customer_id NOT IN (SELECT customer_id FROM open_invoices)
),
by_day AS (
    SELECT o.payment_id, o.currency, e.invoice_id, e.total AS part
    FROM paid_out AS o
    JOIN left_invoices AS e ON e.issued_on = o.issued_on AND e.currency = o.currency
    WHERE o.ways = 1 AND o.rivals = 1
),
found AS (
    SELECT payment_id, currency, invoice_id, part, 3 AS pass FROM by_amount
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 4 AS pass FROM by_run
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 4 AS pass FROM by_split
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 5 AS pass FROM by_day
),
claimed AS (
    SELECT f.payment_id, f.currency, f.invoice_id, f.part, f.pass, e.total,
        min(f.pass) OVER (PARTITION BY f.invoice_id, f.currency) AS for_invoice, min(f.pass) OVER (PARTITION BY f.payment_id) AS for_payment,
        sum(f.part) OVER (PARTITION BY f.invoice_id, f.currency) AS paid
    FROM found AS f
    JOIN open_invoices AS e ON e.invoice_id = f.invoice_id AND e.currency = f.currency
),
exclusive AS (
    SELECT payment_id, currency, invoice_id, part, pass FROM claimed
    WHERE pass = for_invoice AND pass = for_payment AND paid = total
),
doubtful AS (
    SELECT payment_id FROM alike
    UNION
    SELECT payment_id FROM together
    UNION
    SELECT payment_id FROM paid_out
    UNION
    SELECT j.payment_id
    FROM split AS s
    JOIN left_payments AS j ON j.customer_id = s.customer_id AND j.currency = s.currency AND j.upto > s.before AND j.upto <= s.after
)
SELECT c.payment_id, c.currency, c.invoice_id, CAST(c.part AS {AMOUNT}) AS part, c.pass, e.customer_id, j.changed_on
FROM exclusive AS c
JOIN nameless_payments AS j ON j.payment_id = c.payment_id
JOIN open_invoices AS e ON e.invoice_id = c.invoice_id AND e.currency = c.currency
UNION ALL
SELECT d.payment_id, j.currency, NULL AS invoice_id, CAST(0 AS {AMOUNT}) AS part, 0 AS pass, j.customer_id, j.changed_on
FROM doubtful AS d
JOIN nameless_payments AS j ON j.payment_id = d.payment_id
ANTI JOIN exclusive AS c ON c.payment_id = d.payment_id""",
)

RELATIONS: tuple[Relation, ...] = (NAMELESS, MATCHES)
