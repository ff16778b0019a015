-- Which boundaries of billing the new engine's bills of the stage have crossed, how often, on which day first, and when
-- each is next due for the cohort, as far as its contracts tell (core.rollout.Boundary). A bill counts once a document
-- or posting that it lacks would be known (`settle_days`).
-- inputs: stage_invoices, stage_payments, stage_customers, engine_lines, subscriptions, term_taxes, stage_params
WITH counted AS (
    SELECT bill.invoice_id, bill.currency, bill.issued_on
    FROM stage_invoices AS bill
    JOIN stage_params AS params ON bill.issued_on + params.settle_days <= params.day
    WHERE bill.arm = 'cohort' AND bill.phase = 'stage'
),
bills AS (
    SELECT
        line.invoice_id, line.currency, min(line.subscription_id) AS subscription_id,
        any_value(bill.issued_on) AS issued_on, min(line.period_start) AS period_start,
        max(line.period_end) AS period_end, bool_or(line.kind = 'proration') AS prorated
    FROM engine_lines AS line
    JOIN counted AS bill ON bill.invoice_id = line.invoice_id AND bill.currency = line.currency
    WHERE line.status = 'issued'
    GROUP BY line.invoice_id, line.currency
),
others AS (SELECT arm = 'cohort' AS exposed FROM stage_customers WHERE customer_id = '*'),
members AS (
    SELECT contract.subscription_id, contract.customer_id
    FROM subscriptions AS contract
    LEFT JOIN stage_customers AS own ON own.customer_id = contract.customer_id
    CROSS JOIN others AS other
    WHERE CASE WHEN own.customer_id IS NULL THEN other.exposed ELSE own.arm = 'cohort' END
),
concerned AS (
    SELECT subscription_id FROM bills
    UNION
    SELECT subscription_id FROM members
),
contracts AS (
    SELECT
        subscription_id, customer_id, status, billing_anchor, billing_interval, tax_region, plan_id, valid_from,
        contract
    FROM subscriptions
    SEMI JOIN concerned ON concerned.subscription_id = subscriptions.subscription_id
    QUALIFY row_number() OVER (PARTITION BY subscription_id ORDER BY valid_from DESC, observed_on DESC) = 1
),
mine AS (
    SELECT contract.*
    FROM contracts AS contract
    SEMI JOIN members AS member ON member.customer_id = contract.customer_id
    WHERE contract.status = 'active'
),
ends AS (
    SELECT
        subscription_id, customer_id, tax_region, CAST(unnest(list_filter([
            json_extract_string(contract, '$.discount.valid_to'),
            json_extract_string(contract, '$.coupons[0].valid_to'),
            json_extract_string(contract, '$.coupons[1].valid_to')
        ], LAMBDA one: one IS NOT NULL)) AS DATE) AS ends_on
    FROM mine WHERE nullif(contract, '') IS NOT NULL
),
turns AS (
    SELECT
        mine.subscription_id,
        period_of(mine.billing_anchor, mine.billing_interval, NULL, NULL, params.day).ends AS turns_on
    FROM mine CROSS JOIN stage_params AS params
    WHERE mine.billing_interval <> 'once' AND mine.billing_anchor <= params.day
),
rates AS (
    SELECT tax_region, effective_from FROM term_taxes WHERE effective_from IS NOT NULL
),
crossed AS (
    SELECT 'month_end' AS boundary, bill.invoice_id, bill.issued_on AS day
    FROM bills AS bill
    CROSS JOIN stage_params AS params
    WHERE (
        day(bill.issued_on) = 1 AND bill.issued_on > params.exposed_since
    ) OR bill.issued_on = last_day(bill.issued_on) OR (
        day(bill.period_end) = 1 AND bill.period_end > params.exposed_since AND bill.period_end <= bill.issued_on
    )
    UNION ALL
    SELECT 'renewal' AS boundary, bill.invoice_id, bill.issued_on AS day
    FROM bills AS bill
    JOIN contracts AS contract ON contract.subscription_id = bill.subscription_id
    WHERE NOT bill.prorated AND contract.billing_anchor < bill.period_start
    UNION ALL
    SELECT 'plan_change' AS boundary, bill.invoice_id, bill.issued_on AS day FROM bills AS bill WHERE bill.prorated
    UNION ALL
    SELECT 'retry_cycle' AS boundary, payment.invoice_id, payment.day
    FROM stage_payments AS payment
    WHERE payment.arm = 'cohort' AND payment.phase = 'stage' AND payment.attempt > 1
    UNION ALL
    SELECT 'coupon_expiry' AS boundary, bill.invoice_id, bill.issued_on AS day
    FROM bills AS bill
    JOIN ends ON ends.subscription_id = bill.subscription_id
    WHERE ends.ends_on BETWEEN bill.period_start AND bill.issued_on
    UNION ALL
    SELECT 'tax_change' AS boundary, bill.invoice_id, bill.issued_on AS day
    FROM bills AS bill
    JOIN contracts AS contract ON contract.subscription_id = bill.subscription_id
    JOIN rates ON rates.tax_region = contract.tax_region
    WHERE rates.effective_from BETWEEN bill.period_start AND bill.issued_on
    UNION ALL
    SELECT 'reissue' AS boundary, line.invoice_id, line.observed_on AS day
    FROM engine_lines AS line
    CROSS JOIN stage_params AS params
    WHERE line.variant = 'candidate' AND (line.status = 'void' OR line.invoice_kind = 'credit_note')
        AND line.observed_on BETWEEN params.since AND params.day
),
next_due AS (
    SELECT
        'month_end'
            AS boundary, CASE WHEN params.day = last_day(params.day) THEN params.day + 1
            ELSE last_day(params.day)
        END AS due_on
    FROM stage_params AS params
    UNION ALL
    SELECT 'renewal' AS boundary, min(turns_on) AS due_on FROM turns
    UNION ALL
    SELECT 'plan_change' AS boundary, min(turns.turns_on) AS due_on
    FROM turns
    JOIN mine ON mine.subscription_id = turns.subscription_id
    CROSS JOIN stage_params AS params
    WHERE CAST(mine.valid_from AS DATE) > mine.billing_anchor AND turns.turns_on - CAST(mine.valid_from AS DATE) < 32
    UNION ALL
    SELECT 'coupon_expiry' AS boundary, min(ends.ends_on) AS due_on
    FROM ends JOIN stage_params AS params ON ends.ends_on > params.day
    UNION ALL
    SELECT 'tax_change' AS boundary, min(rates.effective_from) AS due_on
    FROM rates
    JOIN mine ON mine.tax_region = rates.tax_region
    JOIN stage_params AS params ON rates.effective_from > params.day
),
summed AS (
    SELECT boundary, count(DISTINCT invoice_id) AS events, min(day) AS first_day FROM crossed GROUP BY boundary
),
boundaries AS (
    SELECT unnest([
        'month_end', 'renewal', 'retry_cycle', 'coupon_expiry', 'tax_change', 'reissue', 'plan_change'
    ]) AS boundary
)
SELECT one.boundary, coalesce(summed.events, 0) AS events, summed.first_day, next_due.due_on
FROM boundaries AS one
LEFT JOIN summed ON summed.boundary = one.boundary
LEFT JOIN next_due ON next_due.boundary = one.boundary
