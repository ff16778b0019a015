"""Detectors of what an invoice says of itself: nothing or less to pay, no tax where there is one, an unusual discount."""

from __future__ import annotations

from billing_recon.compute.detect.shape import DETECTED, SHOWN, amount, cited
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import columns, source
from billing_recon.compute.relation import Relation

_INVOICE = {
    "customer_id": "i.customer_id",
    "subscription_id": "i.subscription_id",
    "invoice_id": "i.invoice_id",
    "currency": "i.currency",
    "sources": "i.sources",
}

_CITED = "s ON s.invoice_id = i.invoice_id AND s.currency = i.currency AND s.variant = i.variant"

TOTALS = Relation(
    name="total_detections",
    inputs=("fresh_invoices", "engine_lines", "expected_lines", "currencies"),
    rows_from=("fresh_invoices AS i WHERE i.total <= 0 AND i.invoice_kind = 'invoice'",),
    doc=(
        "Invoices of today over nothing or less. A zero that a credit explains is none, nor is what our own rating expects of the "
        "subscription and days (as where a change gives back more than it charges); a credit note may be negative."
    ),
    sql=f"""
WITH free AS (
    SELECT subscription_id, min(period_start) AS first_day, max(period_end) AS last_day, sum(total) AS total
    FROM expected_lines GROUP BY subscription_id, due_on HAVING sum(total) <= 0
),
odd AS (
    SELECT i.invoice_id, i.currency, i.variant, i.customer_id, i.subscription_id, i.gross, i.total, i.lines,
        CASE WHEN i.total < 0 THEN 'NEGATIVE_INVOICE' ELSE 'ZERO_INVOICE' END AS detector
    FROM fresh_invoices AS i
    ANTI JOIN free AS f ON f.subscription_id = i.subscription_id AND f.first_day < i.last_day AND i.first_day < f.last_day
        AND i.total = f.total
    WHERE i.invoice_kind = 'invoice' AND (i.total < 0 OR (i.total = 0 AND i.credit = 0))
)
SELECT {
        columns(
            DETECTED,
            {
                **_INVOICE,
                "sources": "s.sources",
                "detector": "i.detector",
                "identity": "concat_ws('|', i.invoice_id, i.currency, i.variant)",
                "amount": "i.total",
                "finding": "CASE WHEN i.total < 0 THEN 'Invoice ' || i.invoice_id || ' of ' || i.customer_id || ' comes to ' || "
                + amount("i.total")
                + " || ' ' || i.currency || ' and is no credit note.' ELSE 'Invoice ' || i.invoice_id || ' of ' || "
                "i.customer_id || ' comes to ' || "
                + amount("i.total")
                + " || ' ' || i.currency || ' from a gross of ' || "
                + amount("i.gross")
                + " || '; neither a credit nor the contract says so.' END",
                "next_step": "CASE WHEN i.total < 0 THEN 'Ask billing whether it should be a credit note; void and reissue it "
                "if so.' ELSE 'Ask billing why nothing is charged; usage or price may be missing.' END",
            },
        )
    }
FROM odd AS i
LEFT JOIN {cited("odd")} AS {_CITED}
LEFT JOIN currencies AS c ON c.currency = i.currency""",
)

TAXES = Relation(
    name="tax_detections",
    inputs=("engine_lines", "subscriptions", "term_taxes", "currencies", "run_params"),
    rows_from=(
        "engine_lines AS l JOIN run_params AS p ON p.day = l.observed_on JOIN subscriptions AS s "
        "ON s.subscription_id = l.subscription_id JOIN term_taxes AS t ON t.tax_region = s.tax_region AND t.rate > 0 "
        "WHERE l.tax = 0 AND l.taxable <> 0 AND l.status = 'issued'",
    ),
    doc=(
        "Invoices with lines of today that carry no tax although their subscription's region was taxed on the period's last day "
        "and the tax would not round to zero. Invoices that bill their tax as a line of its own are none."
    ),
    sql=f"""
WITH untaxed AS (
    SELECT l.line_key, l.invoice_id, l.customer_id, l.subscription_id, l.currency, l.variant, l.taxable, l.period_end,
        l.source_file, l.source_row
    FROM engine_lines AS l
    JOIN run_params AS p ON p.day = l.observed_on
    ANTI JOIN (SELECT invoice_id FROM engine_lines WHERE kind = 'adjustment' AND taxable = 0 AND tax <> 0) AS t
        ON t.invoice_id = l.invoice_id
    WHERE l.status = 'issued' AND l.tax = 0 AND l.taxable <> 0
),
regions AS (
    SELECT u.line_key, arg_max(s.tax_region, struct_pack(since := s.valid_from, seen := s.observed_on, place := s.source_row)) AS tax_region
    FROM untaxed AS u
    JOIN subscriptions AS s ON s.subscription_id = u.subscription_id AND CAST(s.valid_from AS DATE) <= u.period_end
    GROUP BY u.line_key
),
missing AS (
    SELECT u.invoice_id, u.customer_id, u.subscription_id, u.currency, u.variant, u.taxable, u.source_file, u.source_row,
        r.tax_region, t.rate, apply_rate(u.taxable, t.rate) AS tax
    FROM untaxed AS u
    JOIN regions AS r ON r.line_key = u.line_key
    JOIN term_taxes AS t ON t.tax_region = r.tax_region AND t.rate > 0 AND t.effective_from <= u.period_end
        AND (t.effective_to IS NULL OR u.period_end < t.effective_to)
    JOIN currencies AS c ON c.currency = u.currency
    WHERE abs(apply_rate(u.taxable, t.rate)) >= minor_unit(c.decimals)
),
i AS (
    SELECT invoice_id, currency, variant, min(customer_id) AS customer_id, min(subscription_id) AS subscription_id,
        count(*) AS lines, CAST(sum(taxable) AS {AMOUNT}) AS taxable, CAST(sum(tax) AS {AMOUNT}) AS tax,
        min(tax_region) AS tax_region, min(rate) AS rate,
        list_slice(list({source("invoice_lines", "source_file", "source_row")} ORDER BY source_file, source_row), 1, {
        SHOWN
    }) AS sources
    FROM missing GROUP BY invoice_id, currency, variant
)
SELECT {
        columns(
            DETECTED,
            {
                **_INVOICE,
                "detector": "'MISSING_TAX'",
                "identity": "concat_ws('|', i.invoice_id, i.currency, i.variant)",
                "amount": "i.tax",
                "finding": "'Invoice ' || i.invoice_id || ' of ' || i.customer_id || ' has no tax on ' || "
                + amount("i.taxable")
                + " || ' ' || i.currency || ' in ' || CAST(i.lines AS VARCHAR) || CASE WHEN i.lines = 1 THEN ' line' ELSE "
                "' lines' END || '; ' || i.tax_region || ' is taxed at ' || say_quantity(apply_rate(i.rate, 100)) || '%.'",
                "next_step": "'Ask tax whether the customer is exempt; if not, correct the tax region or table in the engine and "
                "reissue.'",
            },
        )
    }
FROM i
LEFT JOIN currencies AS c ON c.currency = i.currency""",
)

DISCOUNTS = Relation(
    name="discount_detections",
    inputs=("fresh_invoices", "engine_lines", "expected_lines", "policy_detectors", "currencies", "run_params"),
    rows_from=("fresh_invoices AS i WHERE i.discount > 0 AND i.gross > 0",),
    doc=(
        "Invoices of today whose discount is a larger share of gross than the policy allows, or lies far above the customer's "
        "earlier invoices (the plan's where there are too few) and is not what the contract gives. Far: more than six MADs "
        "above the median, and at least the policy's spread."
    ),
    sql=f"""
WITH shares AS (
    SELECT l.invoice_id, l.variant, l.currency, min(l.customer_id) AS customer_id, min(l.plan_id) AS plan_id,
        ratio(sum(l.discount), sum(l.gross)) AS share
    FROM engine_lines AS l
    CROSS JOIN run_params AS p
    WHERE l.status = 'issued' AND l.invoice_kind = 'invoice' AND l.observed_on < p.day
    GROUP BY l.invoice_id, l.variant, l.currency HAVING sum(l.gross) > 0
),
today AS (
    SELECT i.invoice_id, i.currency, i.variant, i.customer_id, i.subscription_id, i.plan_id, i.gross, i.discount, i.first_day,
        i.last_day, ratio(i.discount, i.gross) AS share
    FROM fresh_invoices AS i WHERE i.discount > 0 AND i.gross > 0 AND i.invoice_kind = 'invoice'
),
earlier AS (
    SELECT customer_id, plan_id, variant, share FROM shares ANTI JOIN today USING (invoice_id, variant)
),
histories AS (
    SELECT 0 AS place, e.customer_id AS whose, e.variant, e.share
    FROM earlier AS e SEMI JOIN today AS t ON t.customer_id = e.customer_id AND t.variant = e.variant
    UNION ALL
    SELECT 1 AS place, e.plan_id AS whose, e.variant, e.share
    FROM earlier AS e SEMI JOIN today AS t ON t.plan_id = e.plan_id AND t.variant = e.variant
),
medians AS (
    SELECT place, whose, variant, count(*) AS invoices, quantile_disc(share, 0.5) AS middle
    FROM histories GROUP BY place, whose, variant
),
judged AS (
    SELECT m.place, m.whose, m.variant, m.invoices, m.middle, quantile_disc(abs(h.share - m.middle), 0.5) AS mad
    FROM medians AS m
    JOIN histories AS h ON h.place = m.place AND h.whose = m.whose AND h.variant = m.variant
    GROUP BY m.place, m.whose, m.variant, m.invoices, m.middle
),
chosen AS (
    SELECT t.invoice_id, t.currency, t.variant, arg_min(struct_pack(
            whose := CASE j.place WHEN 0 THEN 'this customer' ELSE 'plan ' || j.whose END, invoices := j.invoices, middle := j.middle,
            spread := greatest(apply_rate(j.mad, 6), q.discount_spread)), j.place) AS usual
    FROM today AS t
    JOIN judged AS j ON j.variant = t.variant AND j.whose = CASE j.place WHEN 0 THEN t.customer_id ELSE t.plan_id END
    JOIN policy_detectors AS q ON j.invoices >= q.discount_history
    GROUP BY t.invoice_id, t.currency, t.variant
),
given AS (
    SELECT t.invoice_id, t.variant FROM today AS t
    JOIN expected_lines AS e ON e.subscription_id = t.subscription_id AND e.currency = t.currency
        AND e.period_start < t.last_day AND t.first_day < e.period_end
    GROUP BY t.invoice_id, t.variant, t.discount, t.share
    HAVING sum(e.discount) >= t.discount OR ratio(sum(e.discount), sum(e.gross)) >= t.share
),
i AS (
    SELECT t.invoice_id, t.currency, t.variant, t.customer_id, t.subscription_id, t.gross, t.discount, t.share,
        h.usual, q.max_discount, coalesce(t.share > q.max_discount, false) AS above
    FROM today AS t
    CROSS JOIN policy_detectors AS q
    LEFT JOIN chosen AS h ON h.invoice_id = t.invoice_id AND h.currency = t.currency AND h.variant = t.variant
    LEFT JOIN given AS g ON g.invoice_id = t.invoice_id AND g.variant = t.variant
    WHERE coalesce(t.share > q.max_discount, false)
        OR (g.invoice_id IS NULL AND coalesce(t.share - h.usual.middle > h.usual.spread, false))
)
SELECT {
        columns(
            DETECTED,
            {
                **_INVOICE,
                "sources": "s.sources",
                "detector": "'UNUSUAL_DISCOUNT'",
                "identity": "concat_ws('|', i.invoice_id, i.currency, i.variant)",
                "amount": "i.discount",
                "finding": "'Invoice ' || i.invoice_id || ' of ' || i.customer_id || ' gives ' || "
                + amount("i.discount")
                + " || ' of ' || "
                + amount("i.gross")
                + " || ' ' || i.currency || ', ' || say_quantity(apply_rate(i.share, 100)) || '%; ' || CASE WHEN i.above THEN "
                "'the policy allows ' || say_quantity(apply_rate(i.max_discount, 100)) || '%.' ELSE 'the median of ' || "
                "CAST(i.usual.invoices AS VARCHAR) || ' earlier invoices of ' || i.usual.whose || ' is ' || "
                "say_quantity(apply_rate(i.usual.middle, 100)) || '%, up to ' || "
                "say_quantity(apply_rate(i.usual.middle + i.usual.spread, 100)) || '% is usual.' END",
                "next_step": "'Ask who granted it; if it is agreed, put it into the contract, otherwise correct the invoice.'",
            },
        )
    }
FROM i
LEFT JOIN {cited("i")} AS {_CITED}
LEFT JOIN currencies AS c ON c.currency = i.currency""",
)

RELATIONS: tuple[Relation, ...] = (TOTALS, TAXES, DISCOUNTS)
