-- Compared differences within the tolerance of their own level, and which sum takes the acceptance back (`exceeds` is
-- NULL: they stay accepted). What is accepted in all of one customer (`account`) and of the whole pair and currency
-- (`total`) has bounds of its own; beyond a bound none of it is accepted. A relative bound is a share of the first
-- layer's amount and applies in addition to the absolute one.
-- inputs: findings, policy_tolerances, expected_changes_met, assessments
-- rows from: policy_tolerances AS tolerance JOIN findings AS finding ON finding.pair = tolerance.pair
WITH bounds AS (
    SELECT tolerance.pair, tolerance.level, money.currency, tolerance.absolute, tolerance.relative
    FROM policy_tolerances AS tolerance
    JOIN (SELECT DISTINCT coalesce(currency, '') AS currency FROM findings) AS money
        ON tolerance.currency = money.currency OR tolerance.currency = '*'
    QUALIFY rank() OVER (
            PARTITION BY tolerance.pair, tolerance.level, money.currency
            ORDER BY CASE WHEN tolerance.currency = money.currency THEN 0 ELSE 1 END
        ) = 1
),
within AS (
    SELECT
        finding.break_id, finding.pair, finding.level, finding.currency, finding.variant, finding.customer_id,
        finding.delta, bound.absolute, bound.relative
    FROM findings AS finding
    JOIN bounds AS bound
        ON bound.pair = finding.pair AND bound.level = finding.level AND bound.currency = coalesce(finding.currency, '')
    ANTI JOIN (SELECT break_id FROM expected_changes_met WHERE exceeds IS NULL) AS expected
        ON expected.break_id = finding.break_id
    WHERE finding.compared AND finding.delta <> 0 AND abs(finding.delta) <= bound.absolute
        AND (bound.relative IS NULL OR abs(finding.delta) <= apply_rate(abs(CASE finding.pair
            WHEN 'expected_billed' THEN finding.expected WHEN 'rendered_booked' THEN finding.rendered
            WHEN 'metered_used' THEN finding.expected WHEN 'paid_booked' THEN finding.paid ELSE finding.billed
        END), bound.relative))
),
account_amounts AS (
    SELECT pair, currency, variant, customer_id, CAST(sum(abs(coalesce(left_amount, 0))) AS amount) AS amount
    FROM assessments WHERE status <> 'pending' GROUP BY pair, currency, variant, customer_id
),
accounts AS (
    SELECT
        accepted.pair, accepted.currency, accepted.variant, accepted.customer_id, accepted.gross, bound.absolute,
        accepted.gross > bound.absolute
        OR coalesce(accepted.gross > apply_rate(coalesce(compared.amount, 0), bound.relative), false) AS beyond
    FROM (
        SELECT pair, currency, variant, customer_id, CAST(sum(abs(delta)) AS amount) AS gross
        FROM within GROUP BY pair, currency, variant, customer_id
    ) AS accepted
    JOIN bounds AS bound
        ON bound.pair = accepted.pair AND bound.level = 'account' AND bound.currency = coalesce(accepted.currency, '')
    LEFT JOIN account_amounts AS compared
        ON compared.pair = accepted.pair AND compared.currency IS NOT DISTINCT FROM accepted.currency
            AND compared.variant = accepted.variant AND compared.customer_id IS NOT DISTINCT FROM accepted.customer_id
),
held AS (
    SELECT
        within.break_id, within.pair, within.level, within.currency, within.variant, within.delta, within.absolute,
        within.relative, coalesce(account.beyond, false) AS beyond, account.gross, account.absolute AS account_bound
    FROM within
    LEFT JOIN accounts AS account
        ON account.pair = within.pair AND account.currency IS NOT DISTINCT FROM within.currency
            AND account.variant = within.variant AND account.customer_id IS NOT DISTINCT FROM within.customer_id
),
totals AS (
    SELECT
        accepted.pair, accepted.currency, accepted.variant, accepted.gross, bound.absolute,
        accepted.gross > bound.absolute
        OR coalesce(accepted.gross > apply_rate(coalesce(compared.amount, 0), bound.relative), false) AS beyond
    FROM (
        SELECT pair, currency, variant, CAST(sum(abs(delta)) AS amount) AS gross
        FROM held WHERE NOT beyond GROUP BY pair, currency, variant
    ) AS accepted
    JOIN bounds AS bound
        ON bound.pair = accepted.pair AND bound.level = 'total' AND bound.currency = coalesce(accepted.currency, '')
    LEFT JOIN (
        SELECT pair, currency, variant, CAST(sum(amount) AS amount) AS amount
        FROM account_amounts GROUP BY pair, currency, variant
    ) AS compared
        ON compared.pair = accepted.pair AND compared.currency IS NOT DISTINCT FROM accepted.currency
            AND compared.variant = accepted.variant
)
SELECT
    held.break_id, held.level, held.absolute, held.relative,
    CASE WHEN held.beyond THEN 'account' WHEN total.beyond THEN 'total' END AS exceeds,
    CASE WHEN held.beyond THEN held.gross WHEN total.beyond THEN total.gross END AS sum_gross,
    CASE WHEN held.beyond THEN held.account_bound WHEN total.beyond THEN total.absolute END AS sum_bound
FROM held
LEFT JOIN totals AS total
    ON total.pair = held.pair AND total.currency IS NOT DISTINCT FROM held.currency AND total.variant = held.variant
