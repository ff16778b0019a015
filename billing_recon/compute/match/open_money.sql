-- Money without a receipt of its own, with its fees and without them.
-- inputs: unplaced_money, customer_pairs, run_params
-- rows from: unplaced_money
WITH left_over AS (
    SELECT money.payment_id, money.currency, money.paid_on, money.amount, money.fee
    FROM unplaced_money AS money
    ANTI JOIN (
        SELECT pair.payment_id
        FROM customer_pairs AS pair
        JOIN run_params AS params
            ON pair.posted_on BETWEEN pair.paid_on AND CAST(pair.paid_on + params.cash_lag_days AS DATE)
    ) AS placed ON placed.payment_id = money.payment_id
)
SELECT 'with fees' AS basis, payment_id, currency, paid_on, amount AS worth FROM left_over
UNION ALL
SELECT 'less fees' AS basis, payment_id, currency, paid_on, CAST(amount - fee AS amount) AS worth
FROM left_over
WHERE EXISTS (SELECT 1 FROM left_over WHERE fee <> 0)
