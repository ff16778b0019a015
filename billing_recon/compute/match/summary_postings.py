"""Journals that name no invoice: which invoices they book, by reference, by amount, or as a sum. Ids are in billed_booked."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

_ENTRY = "entry_id, journal_id, posted_on, role, debit, credit, currency, invoice_id, customer_id, memo"
_NAMELESS = "ledger_entries WHERE invoice_id IS NULL AND role IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable')"
_CUSTOMER, _BY_CUSTOMER = mapped("ledger_entries", "c", "customer_id")

NAMELESS = Relation(
    name="nameless_journals",
    inputs=("ledger_entries", "mapped_keys"),
    rows_from=(_NAMELESS,),
    doc=(
        "Journals that book a sale and name no invoice: their sums by role, and the words of their memos. `sells`: to an account of "
        "sales or tax; one with a memo may also book a receivable against an account of no such role."
    ),
    sql=f"""
WITH {last_word("ledger_entries", "entry_id", _ENTRY)},
placed AS (
    SELECT c.journal_id, c.currency, c.posted_on, c.role, coalesce(c.debit, 0) - coalesce(c.credit, 0) AS debited, c.invoice_id,
        {_CUSTOMER} AS customer_id, c.memo, c.known_on, c.changed_on
    FROM current AS c
    {_BY_CUSTOMER}
)
SELECT journal_id, currency, CASE WHEN min(customer_id) = max(customer_id) THEN min(customer_id) END AS customer_id,
    min(posted_on) AS posted_on, min(known_on) AS known_on, max(changed_on) AS changed_on,
    string_agg(DISTINCT memo, ' ') AS memo, CAST(coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS {AMOUNT}) AS ar,
    CAST(coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS {AMOUNT}) AS revenue,
    CAST(coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS {AMOUNT}) AS tax,
    CAST(coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS {AMOUNT}) AS credits,
    CAST(coalesce(sum(debited) FILTER (WHERE role NOT IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable', 'customer_credit')), 0)
        AS {AMOUNT}) AS others, bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AS sells
FROM placed
GROUP BY journal_id, currency
HAVING count(invoice_id) = 0 AND (bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable'))
    OR (bool_or(role = 'ar') AND count(memo) > 0)) AND NOT bool_or(role IN ('cash', 'refund', 'write_off'))""",
)

REFERENCES = Relation(
    name="journal_references",
    inputs=("nameless_journals", "engine_invoices", "ledger_entries", "run_params"),
    rows_from=("nameless_journals WHERE memo IS NOT NULL",),
    doc=(
        "Pass by reference: the invoices whose numbers stand as words in a journal's memo. A journal that sells nothing books "
        "the one whose total it has in AR within the lag, where nothing else books that invoice."
    ),
    sql="""
WITH words AS (
    SELECT DISTINCT journal_id, currency, ar, posted_on, sells,
        trim(unnest(regexp_split_to_array(memo, '\\s+')), '.,;:!?()[]"''#') AS word
    FROM nameless_journals WHERE memo IS NOT NULL
),
named AS (
    SELECT w.journal_id, w.currency, e.invoice_id, w.sells,
        w.ar = e.total AND w.posted_on >= e.issued_on AND w.posted_on <= CAST(e.issued_on + p.ledger_lag_days AS DATE) AS fits
    FROM words AS w
    CROSS JOIN run_params AS p
    JOIN engine_invoices AS e ON e.invoice_id = w.word AND e.currency = w.currency
)
SELECT journal_id, currency, invoice_id FROM named WHERE sells
UNION ALL
SELECT n.journal_id, n.currency, n.invoice_id
FROM named AS n
ANTI JOIN (SELECT invoice_id FROM named WHERE sells) AS s ON s.invoice_id = n.invoice_id
ANTI JOIN (SELECT invoice_id FROM ledger_entries WHERE role IN ('revenue', 'deferred_revenue', 'tax_payable')) AS l
    ON l.invoice_id = n.invoice_id
WHERE n.fits AND NOT n.sells""",
)

MATCHES = Relation(
    name="journal_matches",
    inputs=("nameless_journals", "journal_references", "engine_invoices", "ledger_entries", "run_params"),
    rows_from=("nameless_journals",),
    doc=(
        "Which invoices a nameless journal books, each invoice and journal used once, strictest first. Pass 2: by reference. "
        "Pass 3: customer, amount and a date within the lag, where as many journals as invoices are alike, or all journals alike "
        "in every figure fit one invoice alone, which is then posted more than once. Pass 4: the sum of "
        "a customer's open invoices that follow each other, or of a day's, where only one such run comes to the amount. Pass "
        "5: a day's invoices and the one journal left for them, which is off by less than half. What fits in more than one "
        "way is left alone: pass 0, without an invoice."
    ),
    sql="""
WITH named AS (
    SELECT DISTINCT l.invoice_id
    FROM ledger_entries AS l
    ANTI JOIN (SELECT DISTINCT journal_id FROM ledger_entries WHERE role IN ('cash', 'refund', 'write_off')) AS s
        ON s.journal_id = l.journal_id
    WHERE l.invoice_id IS NOT NULL AND l.role IN ('revenue', 'deferred_revenue', 'ar') AND l.debit IS DISTINCT FROM l.credit
    UNION
    SELECT invoice_id FROM journal_references
),
open_invoices AS (
    SELECT e.invoice_id, e.currency, e.customer_id, e.issued_on, e.total
    FROM engine_invoices AS e
    ANTI JOIN named AS n ON n.invoice_id = e.invoice_id
    WHERE e.state = 'issued' AND e.total <> 0
),
open_journals AS (
    SELECT j.journal_id, j.currency, j.customer_id, j.posted_on, j.ar, j.revenue, j.tax, j.credits
    FROM nameless_journals AS j
    ANTI JOIN journal_references AS r ON r.journal_id = j.journal_id AND r.currency = j.currency
    WHERE j.ar <> 0 AND j.sells
),
alike AS (
    SELECT j.journal_id, j.currency, e.invoice_id, count(*) OVER (PARTITION BY j.journal_id, j.currency) AS invoices,
        count(*) OVER (PARTITION BY e.invoice_id, e.currency) AS journals,
        dense_rank() OVER (
            PARTITION BY e.customer_id, e.currency, e.total ORDER BY e.issued_on, e.invoice_id
        ) AS invoice_place,
        dense_rank() OVER (
            PARTITION BY e.customer_id, e.currency, e.total ORDER BY j.posted_on, j.journal_id
        ) AS journal_place,
        count(*) OVER (PARTITION BY e.invoice_id, e.currency, j.revenue, j.tax, j.credits) AS copies
    FROM open_journals AS j
    CROSS JOIN run_params AS p
    JOIN open_invoices AS e ON e.customer_id = j.customer_id AND e.currency = j.currency AND e.total = j.ar
        AND j.posted_on >= e.issued_on - p.ledger_lag_days AND j.posted_on <= e.issued_on + p.ledger_lag_days
),
by_amount AS (
    SELECT journal_id, currency, invoice_id FROM alike
    WHERE (invoices = journals AND invoice_place = journal_place) OR (invoices = 1 AND journals > 1 AND copies = journals)
),
left_invoices AS (
    SELECT e.invoice_id, e.currency, e.customer_id, e.issued_on, e.total,
        sum(e.total) OVER (PARTITION BY e.customer_id, e.currency ORDER BY e.issued_on, e.invoice_id) AS upto
    FROM open_invoices AS e ANTI JOIN by_amount AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
),
left_journals AS (
    SELECT j.journal_id, j.currency, j.customer_id, j.posted_on, j.ar
    FROM open_journals AS j ANTI JOIN by_amount AS m ON m.journal_id = j.journal_id AND m.currency = j.currency
),
runs AS (
    SELECT j.journal_id, j.currency, a.customer_id, CAST(NULL AS DATE) AS issued_on, a.upto - a.total AS before, b.upto AS after
    FROM left_journals AS j
    CROSS JOIN run_params AS p
    JOIN left_invoices AS a ON a.customer_id = j.customer_id AND a.currency = j.currency
        AND a.issued_on >= j.posted_on - 31 AND a.issued_on <= j.posted_on + p.ledger_lag_days
    JOIN left_invoices AS b ON b.customer_id = a.customer_id AND b.currency = a.currency AND b.upto - a.upto + a.total = j.ar
        AND b.issued_on >= a.issued_on AND b.issued_on <= j.posted_on + p.ledger_lag_days
),
days AS (
    SELECT issued_on, currency, sum(total) AS total FROM left_invoices GROUP BY issued_on, currency
),
near AS (
    SELECT j.journal_id, j.currency, j.ar, d.issued_on, d.total
    FROM left_journals AS j
    CROSS JOIN run_params AS p
    JOIN days AS d ON d.currency = j.currency AND j.posted_on >= d.issued_on AND j.posted_on <= d.issued_on + p.ledger_lag_days
),
exact_days AS (
    SELECT journal_id, currency, CAST(NULL AS VARCHAR) AS customer_id, issued_on, 0 AS before, 0 AS after
    FROM near WHERE total = ar
),
sums AS (
    SELECT journal_id, currency, customer_id, issued_on, before, after,
        count(*) OVER (PARTITION BY journal_id, currency) AS ways
    FROM (
        SELECT journal_id, currency, customer_id, issued_on, before, after FROM runs
        UNION ALL
        SELECT d.journal_id, d.currency, d.customer_id, d.issued_on, d.before, d.after
        FROM exact_days AS d ANTI JOIN runs AS r ON r.journal_id = d.journal_id AND r.currency = d.currency
    ) AS found
),
by_sum AS (
    SELECT s.journal_id, s.currency, e.invoice_id, count(*) OVER (PARTITION BY e.invoice_id, e.currency) AS claims
    FROM sums AS s
    JOIN left_invoices AS e ON e.currency = s.currency AND CASE WHEN s.customer_id IS NULL THEN e.issued_on = s.issued_on
        ELSE e.customer_id = s.customer_id AND e.upto > s.before AND e.upto <= s.after END
    WHERE s.ways = 1
),
booked_in_sum AS (
    SELECT journal_id, currency, invoice_id FROM by_sum WHERE claims = 1
),
rest_days AS (
    SELECT e.issued_on, e.currency, sum(e.total) AS total
    FROM left_invoices AS e ANTI JOIN booked_in_sum AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
    GROUP BY e.issued_on, e.currency
),
off_days AS (
    SELECT j.journal_id, j.currency, j.ar, d.issued_on, d.total, count(*) OVER (PARTITION BY j.journal_id, j.currency) AS fits,
        count(*) OVER (PARTITION BY d.issued_on, d.currency) AS rivals
    FROM left_journals AS j
    CROSS JOIN run_params AS p
    JOIN rest_days AS d ON d.currency = j.currency AND j.posted_on >= d.issued_on AND j.posted_on <= d.issued_on + p.ledger_lag_days
    ANTI JOIN sums AS s ON s.journal_id = j.journal_id AND s.currency = j.currency
),
by_day AS (
    SELECT n.journal_id, n.currency, e.invoice_id
    FROM off_days AS n
    JOIN left_invoices AS e ON e.currency = n.currency AND e.issued_on = n.issued_on
    ANTI JOIN booked_in_sum AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
    WHERE n.fits = 1 AND n.rivals = 1 AND n.ar <> n.total AND abs(n.ar - n.total) + abs(n.ar - n.total) < abs(n.total)
)
SELECT journal_id, currency, invoice_id, 2 AS pass FROM journal_references
UNION ALL
SELECT journal_id, currency, invoice_id, 3 AS pass FROM by_amount
UNION ALL
SELECT journal_id, currency, invoice_id, 4 AS pass FROM booked_in_sum
UNION ALL
SELECT journal_id, currency, invoice_id, 5 AS pass FROM by_day
UNION ALL
SELECT DISTINCT s.journal_id, s.currency, CAST(NULL AS VARCHAR) AS invoice_id, 0 AS pass
FROM sums AS s
ANTI JOIN booked_in_sum AS m ON m.journal_id = s.journal_id AND m.currency = s.currency""",
)

SHARES = Relation(
    name="journal_shares",
    inputs=("journal_matches", "nameless_journals", "engine_invoices"),
    rows_from=("journal_matches",),
    doc=(
        "What a matched journal books each of its invoices. A journal of one invoice books it all that it has. One of several "
        "books each what is billed, and what is left over stands under the journal's own id: in AR its `rest`, in other roles "
        "with the first invoice."
    ),
    sql=f"""
WITH parts AS (
    SELECT m.journal_id, m.currency, m.invoice_id, e.customer_id, e.total, e.gross - e.discount AS net, e.tax, e.credit,
        count(*) OVER journal AS invoices, row_number() OVER (PARTITION BY m.journal_id, m.currency ORDER BY m.invoice_id) AS place,
        sum(e.total) OVER journal AS totals, sum(e.gross - e.discount) OVER journal AS nets, sum(e.tax) OVER journal AS taxes,
        sum(e.credit) OVER journal AS credits
    FROM journal_matches AS m
    JOIN engine_invoices AS e ON e.invoice_id = m.invoice_id AND e.currency = m.currency
    WINDOW journal AS (PARTITION BY m.journal_id, m.currency)
)
SELECT p.journal_id, p.invoice_id, p.currency, p.invoices, coalesce(j.customer_id, p.customer_id) AS customer_id, j.posted_on,
    j.known_on, j.changed_on, CAST(CASE WHEN p.invoices = 1 THEN j.ar ELSE p.total END AS {AMOUNT}) AS ar,
    CAST(p.net + CASE WHEN p.place = 1 AND (j.ar = p.totals OR p.invoices = 1) THEN j.revenue - p.nets ELSE 0 END AS {AMOUNT}) AS revenue,
    CAST(p.tax + CASE WHEN p.place = 1 AND (j.ar = p.totals OR p.invoices = 1) THEN j.tax - p.taxes ELSE 0 END AS {AMOUNT}) AS tax,
    CAST(p.credit + CASE WHEN p.place = 1 AND (j.ar = p.totals OR p.invoices = 1) THEN j.credits - p.credits ELSE 0 END AS {AMOUNT})
        AS credits,
    CAST(CASE WHEN p.place = 1 AND (j.ar = p.totals OR p.invoices = 1) THEN j.others ELSE 0 END AS {AMOUNT}) AS others, false AS is_rest
FROM parts AS p
JOIN nameless_journals AS j ON j.journal_id = p.journal_id AND j.currency = p.currency
UNION ALL
SELECT p.journal_id, 'journal ' || p.journal_id AS invoice_id, p.currency, p.invoices, j.customer_id, j.posted_on, j.known_on,
    j.changed_on, CAST(j.ar - p.totals AS {AMOUNT}) AS ar, CAST(j.revenue - p.nets AS {AMOUNT}) AS revenue,
    CAST(j.tax - p.taxes AS {AMOUNT}) AS tax, CAST(j.credits - p.credits AS {AMOUNT}) AS credits, j.others,
    true AS is_rest
FROM parts AS p
JOIN nameless_journals AS j ON j.journal_id = p.journal_id AND j.currency = p.currency
WHERE p.place = 1 AND p.invoices > 1 AND j.ar <> p.totals""",
)

RELATIONS: tuple[Relation, ...] = (NAMELESS, REFERENCES, MATCHES, SHARES)
