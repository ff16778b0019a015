"""Detectors over several invoices: one thing charged twice to a customer, gaps and repeats in invoice numbering."""

from __future__ import annotations

from billing_recon.compute.detect.shape import DETECTED, SHOWN, amount, cited
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import columns, source
from billing_recon.compute.relation import Relation

_SAME = (
    "o.customer_id = l.customer_id AND o.variant = l.variant AND o.currency = l.currency AND o.kind = l.kind "
    "AND coalesce(o.meter, '') = coalesce(l.meter, '') AND o.period_start = l.period_start AND o.period_end = l.period_end "
    "AND o.total = l.total AND o.quantity IS NOT DISTINCT FROM l.quantity AND o.invoice_id <> l.invoice_id"
)

_CHARGED = (
    "hash(customer_id, variant, currency, kind, coalesce(meter, ''), period_start, period_end, total, "
    "CAST(coalesce(quantity, 0) AS DECIMAL(28,10)))"
)
"""What two lines of one charge have in common, by hash: few lines share it, and only they are joined."""
_CHARGES_AGAIN = (
    f"(SELECT {_CHARGED} AS h FROM engine_lines WHERE status = 'issued' AND total > 0 GROUP BY h HAVING count(*) > 1)"
)

CHARGES = Relation(
    name="charge_detections",
    inputs=("engine_lines", "subscriptions", "currencies", "run_params"),
    rows_from=(f"{_CHARGES_AGAIN} AS again",),
    doc=(
        "Lines of today that charge a customer for what another invoice charges already: the same kind, meter, period, quantity "
        "and amount, for the same subscription, or where the contract does not know one of the two subscriptions. "
        "`invoice_id` is the later one."
    ),
    sql=f"""
WITH again AS MATERIALIZED {_CHARGES_AGAIN},
charged AS (
    SELECT customer_id, subscription_id, their_sub, currency, variant, kind, meter, period_start, period_end, quantity, total, status,
        invoice_kind, invoice_id, line_key, observed_on, source_file, source_row
    FROM engine_lines SEMI JOIN again AS a ON a.h = {_CHARGED}
),
twice AS (
    SELECT l.customer_id, l.subscription_id, l.currency, l.variant, l.total, l.source_file, l.source_row, l.period_start, l.period_end,
        l.invoice_id, l.line_key, min(o.invoice_id) AS other_invoice, min(o.source_file) AS other_file,
        arg_min(o.source_row, struct_pack(file := o.source_file, place := o.source_row)) AS other_row
    FROM charged AS l
    JOIN run_params AS p ON p.day = l.observed_on
    JOIN charged AS o ON {_SAME}
        AND (o.observed_on < l.observed_on OR (o.observed_on = l.observed_on AND o.invoice_id < l.invoice_id))
    LEFT JOIN (SELECT DISTINCT subscription_id FROM subscriptions) AS mine ON mine.subscription_id = l.subscription_id
    LEFT JOIN (SELECT DISTINCT subscription_id FROM subscriptions) AS other ON other.subscription_id = o.subscription_id
    WHERE l.status = 'issued' AND o.status = 'issued' AND l.total > 0 AND l.invoice_kind = 'invoice'
        AND o.invoice_kind = 'invoice' AND l.kind IN ('subscription', 'usage', 'minimum', 'proration')
        AND ((o.subscription_id IS NOT DISTINCT FROM l.subscription_id AND o.their_sub = l.their_sub)
            OR mine.subscription_id IS NULL OR other.subscription_id IS NULL)
    GROUP BY l.customer_id, l.subscription_id, l.currency, l.variant, l.total, l.source_file, l.source_row, l.period_start,
        l.period_end, l.invoice_id, l.line_key
),
i AS (
    SELECT customer_id, min(subscription_id) AS subscription_id, invoice_id, other_invoice, currency, variant, count(*) AS lines,
        CAST(sum(total) AS {AMOUNT}) AS total, min(period_start) AS first_day, max(period_end) AS last_day,
        list_slice(list_concat(list({
        source("invoice_lines", "source_file", "source_row")
    } ORDER BY source_file, source_row),
            list({source("invoice_lines", "other_file", "other_row")} ORDER BY other_file, other_row)), 1, {
        SHOWN
    }) AS sources
    FROM twice GROUP BY customer_id, invoice_id, other_invoice, currency, variant
)
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'DUPLICATE_CHARGE'",
                "identity": "concat_ws('|', i.invoice_id, i.other_invoice, i.currency, i.variant)",
                "customer_id": "i.customer_id",
                "subscription_id": "i.subscription_id",
                "invoice_id": "i.invoice_id",
                "currency": "i.currency",
                "amount": "i.total",
                "finding": "'Customer ' || i.customer_id || ' is charged twice for ' || CAST(i.first_day AS VARCHAR) || ' to ' || "
                "CAST(i.last_day AS VARCHAR) || ': ' || "
                + amount("i.total")
                + " || ' ' || i.currency || ' on invoice ' || i.invoice_id || ' is on ' || i.other_invoice || ' too (' || "
                "CAST(i.lines AS VARCHAR) || CASE WHEN i.lines = 1 THEN ' line' ELSE ' lines' END || ').'",
                "next_step": "'Ask billing which of the two holds; credit or void the other before it is collected.'",
                "sources": "i.sources",
            },
        )
    }
FROM i
LEFT JOIN currencies AS c ON c.currency = i.currency""",
)

_PARTS = "regexp_extract(invoice_id, '^(.*?)([0-9]+)([^0-9]*)$', {})"

NUMBERS = Relation(
    name="number_detections",
    inputs=("engine_invoices", "engine_lines", "fresh_invoices", "set_aside", "policy_detectors", "run_params"),
    rows_from=(
        "fresh_invoices AS i WHERE i.customer_id <> i.other_customer_id OR i.first_issue <> i.last_issue",
        f"(SELECT 1 FROM engine_invoices GROUP BY upper({_PARTS.format(1)}), upper({_PARTS.format(3)}) "
        f"HAVING max(TRY_CAST({_PARTS.format(2)} AS BIGINT)) - min(TRY_CAST({_PARTS.format(2)} AS BIGINT)) + 1 <> "
        f"count(DISTINCT TRY_CAST({_PARTS.format(2)} AS BIGINT)) "
        f"OR count(*) <> count(DISTINCT TRY_CAST({_PARTS.format(2)} AS BIGINT))) AS uneven",
    ),
    doc=(
        "Gaps in a series of invoice numbers (what stands before and after the last digits is the series; it must hold at least "
        "half of its numbers), said once the invoices on both sides are as old as the grace for issuing; rows in quarantine and "
        "void invoices use their numbers. Repeats: one number for several customers or days of issue, or written in two ways."
    ),
    sql=f"""
WITH named AS (
    SELECT invoice_id, min(known_on) AS known_on, min(customer_id) AS customer_id FROM engine_invoices GROUP BY invoice_id
    UNION ALL
    SELECT DISTINCT s.named AS invoice_id, CAST(NULL AS DATE) AS known_on, CAST(NULL AS VARCHAR) AS customer_id
    FROM set_aside AS s
    WHERE s.table_name = 'invoice_lines' AND s.named NOT IN (SELECT invoice_id FROM engine_invoices)
),
numbered AS (
    SELECT invoice_id, known_on, customer_id, {_PARTS.format(1)} AS prefix, {_PARTS.format(3)} AS suffix,
        {_PARTS.format(2)} AS digits, TRY_CAST({_PARTS.format(2)} AS BIGINT) AS number
    FROM named
),
series AS (
    SELECT prefix, suffix
    FROM numbered WHERE number IS NOT NULL AND known_on IS NOT NULL GROUP BY prefix, suffix
    HAVING count(DISTINCT number) >= (SELECT series_of FROM policy_detectors)
        AND count(DISTINCT number) + count(DISTINCT number) > max(number) - min(number)
),
places AS (
    SELECT n.prefix, n.suffix, n.number, min(n.invoice_id) AS invoice_id, min(n.known_on) AS known_on
    FROM numbered AS n
    JOIN series AS s ON s.prefix = n.prefix AND s.suffix = n.suffix
    GROUP BY n.prefix, n.suffix, n.number
),
steps AS (
    SELECT prefix, suffix, number, invoice_id, known_on, lead(number) OVER w AS next_number, lead(invoice_id) OVER w AS next_id,
        lead(known_on) OVER w AS next_known
    FROM places WINDOW w AS (PARTITION BY prefix, suffix ORDER BY number)
),
gaps AS (
    SELECT s.invoice_id, s.next_id, s.next_number - s.number - 1 AS missing
    FROM steps AS s
    JOIN run_params AS p ON greatest(s.known_on, s.next_known) = p.day - p.issue_grace_days
    WHERE s.next_number - s.number > 1
),
fresh AS (SELECT DISTINCT invoice_id FROM fresh_invoices WHERE variant = 'control'),
repeats AS (
    SELECT f.invoice_id, f.currency, f.variant, min(f.customer_id) AS one, min(f.other_customer_id) AS another,
        count(DISTINCT l.customer_id) AS customers, count(DISTINCT l.issued_on) AS days
    FROM fresh_invoices AS f
    JOIN engine_lines AS l ON l.invoice_id = f.invoice_id AND l.currency = f.currency AND l.variant = f.variant AND l.status = 'issued'
    WHERE f.variant = 'control' AND (f.customer_id <> f.other_customer_id OR f.first_issue <> f.last_issue)
    GROUP BY f.invoice_id, f.currency, f.variant
),
alike AS (
    SELECT n.invoice_id, min(o.invoice_id) AS other_id
    FROM numbered AS n
    JOIN fresh AS f ON f.invoice_id = n.invoice_id
    JOIN numbered AS o ON upper(o.prefix) = upper(n.prefix) AND upper(o.suffix) = upper(n.suffix) AND o.number = n.number
        AND o.invoice_id <> n.invoice_id
    WHERE o.known_on < n.known_on OR (o.known_on = n.known_on AND o.invoice_id < n.invoice_id)
    GROUP BY n.invoice_id
)
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'NUMBER_GAP'",
                "identity": "concat_ws('|', g.invoice_id, g.next_id)",
                "invoice_id": "g.next_id",
                "finding": "CAST(g.missing AS VARCHAR) || CASE WHEN g.missing = 1 THEN ' number is' ELSE ' numbers are' END || "
                "' missing between invoices ' || g.invoice_id || ' and ' || g.next_id || '.'",
                "next_step": "'Ask billing whether they were never issued, voided or lost on the way; a missing invoice is "
                "missing revenue, and auditors ask for every number.'",
            },
        )
    }
FROM gaps AS g
UNION ALL
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'NUMBER_REPEAT'",
                "identity": "concat_ws('|', r.invoice_id, r.currency, 'same')",
                "invoice_id": "r.invoice_id",
                "customer_id": "r.one",
                "finding": "'Invoice number ' || r.invoice_id || ' stands for ' || CASE WHEN r.customers > 1 THEN "
                "CAST(r.customers AS VARCHAR) || ' customers, ' || r.one || ' and ' || r.another ELSE CAST(r.days AS VARCHAR) || "
                "' days of issue' END || '.'",
                "next_step": "'Ask billing to give one of them a number of its own; documents, postings and payments cannot tell "
                "them apart.'",
                "sources": "s.sources",
            },
        )
    }
FROM repeats AS r
LEFT JOIN {cited("repeats")} AS s ON s.invoice_id = r.invoice_id AND s.currency = r.currency AND s.variant = r.variant
UNION ALL
SELECT {
        columns(
            DETECTED,
            {
                "detector": "'NUMBER_REPEAT'",
                "identity": "concat_ws('|', a.invoice_id, a.other_id)",
                "invoice_id": "a.invoice_id",
                "finding": "'Invoice numbers ' || a.other_id || ' and ' || a.invoice_id || ' are one number written in two ways.'",
                "next_step": "'Ask billing whether it is one invoice that was issued twice.'",
            },
        )
    }
FROM alike AS a""",
)

RELATIONS: tuple[Relation, ...] = (CHARGES, NUMBERS)
