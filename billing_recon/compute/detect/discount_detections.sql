-- Invoices of today with a discount that is a larger share of gross than the policy allows, or that lies far above the
-- customer's earlier invoices (the plan's if there are too few) and is not what the contract gives. Far: more than six
-- MADs above the median, and at least the policy's spread.
-- inputs: fresh_invoices, engine_lines, expected_lines, policy_detectors, run_params
-- rows from: fresh_invoices WHERE discount > 0 AND gross > 0
WITH shares AS (
    SELECT
        line.invoice_id, line.variant, line.currency, min(line.customer_id) AS customer_id,
        min(line.plan_id) AS plan_id, ratio(sum(line.discount), sum(line.gross)) AS share
    FROM engine_lines AS line
    CROSS JOIN run_params AS params
    WHERE line.status = 'issued' AND line.invoice_kind = 'invoice' AND line.observed_on < params.day
    GROUP BY line.invoice_id, line.variant, line.currency HAVING sum(line.gross) > 0
),
today AS (
    SELECT
        invoice_id, currency, variant, customer_id, subscription_id, plan_id, gross, discount, first_day, last_day,
        ratio(discount, gross) AS share
    FROM fresh_invoices WHERE discount > 0 AND gross > 0 AND invoice_kind = 'invoice'
),
earlier AS (SELECT customer_id, plan_id, variant, share FROM shares ANTI JOIN today USING (invoice_id, variant)),
histories AS (
    SELECT 0 AS place, invoice.customer_id AS owner, invoice.variant, invoice.share
    FROM earlier AS invoice
    SEMI JOIN today ON today.customer_id = invoice.customer_id AND today.variant = invoice.variant
    UNION ALL
    SELECT 1 AS place, invoice.plan_id AS owner, invoice.variant, invoice.share
    FROM earlier AS invoice
    SEMI JOIN today ON today.plan_id = invoice.plan_id AND today.variant = invoice.variant
),
medians AS (
    SELECT place, owner, variant, count(*) AS invoices, quantile_disc(share, 0.5) AS middle
    FROM histories GROUP BY place, owner, variant
),
judged AS (
    SELECT
        median.place, median.owner, median.variant, median.invoices, median.middle,
        quantile_disc(abs(history.share - median.middle), 0.5) AS mad
    FROM medians AS median
    JOIN histories AS history
        ON history.place = median.place AND history.owner = median.owner AND history.variant = median.variant
    GROUP BY median.place, median.owner, median.variant, median.invoices, median.middle
),
chosen AS (
    SELECT
        today.invoice_id, today.currency, today.variant,
        arg_min(struct_pack(
            plan := CASE judged.place WHEN 1 THEN judged.owner END, invoices := judged.invoices,
            middle := judged.middle,
            bound := judged.middle + greatest(apply_rate(judged.mad, 6), policy.discount_spread)
        ), judged.place) AS usual
    FROM today
    JOIN judged
        ON judged.variant = today.variant
            AND judged.owner = CASE judged.place WHEN 0 THEN today.customer_id ELSE today.plan_id END
    JOIN policy_detectors AS policy ON judged.invoices >= policy.discount_history
    GROUP BY today.invoice_id, today.currency, today.variant
),
given AS (
    SELECT today.invoice_id, today.variant
    FROM today
    JOIN expected_lines AS line
        ON line.subscription_id = today.subscription_id AND line.currency = today.currency
            AND line.period_start < today.last_day AND today.first_day < line.period_end
    GROUP BY today.invoice_id, today.variant, today.discount, today.share
    HAVING sum(line.discount) >= today.discount OR ratio(sum(line.discount), sum(line.gross)) >= today.share
)
SELECT
    'UNUSUAL_DISCOUNT' AS detector, concat_ws('|', today.invoice_id, today.currency, today.variant) AS identity,
    today.customer_id, today.subscription_id, today.invoice_id, today.currency, today.discount AS amount,
    CASE WHEN today.share > policy.max_discount THEN 'discount_above_policy'
        WHEN chosen.usual.plan IS NULL THEN 'discount_above_customer' ELSE 'discount_above_plan'
    END AS sentence,
    to_json(struct_pack(
        gross := today.gross, share := today.share, max_discount := policy.max_discount, plan := chosen.usual.plan,
        invoices := chosen.usual.invoices, median := chosen.usual.middle, bound := chosen.usual.bound
    )) AS facts,
    struct_pack(invoice_id := today.invoice_id, currency := today.currency, variant := today.variant) AS cites
FROM today
CROSS JOIN policy_detectors AS policy
LEFT JOIN chosen
    ON chosen.invoice_id = today.invoice_id AND chosen.currency = today.currency AND chosen.variant = today.variant
LEFT JOIN given ON given.invoice_id = today.invoice_id AND given.variant = today.variant
WHERE coalesce(today.share > policy.max_discount, false)
    OR (given.invoice_id IS NULL AND coalesce(today.share > chosen.usual.bound, false))
