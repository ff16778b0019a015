-- Which receipt books which money, and how much of it (`part`). `how`: one receipt for one payment; several, where a
-- target's remaining receipts and payments agree only in their sums, or one payment has several; deposit; customer;
-- copy: it repeats a receipt of the payment; left_out: the deposit of its day lacks the payment; rest: what a receipt
-- books beyond its payments, without one. A receipt without a row books money that nobody moved.
-- inputs: money_events, money_pairs, customer_pairs, deposits, moved_money, run_params
-- rows from: money_pairs; customer_pairs; deposits; money_events
WITH left_money AS (
    SELECT target, currency, amount, on_day, id
    FROM money_events
    ANTI JOIN (SELECT payment_id AS id FROM money_pairs) AS paired USING (id)
    WHERE side = 0 AND target IS NOT NULL
),
left_receipts AS (
    SELECT target, currency, amount, on_day, id
    FROM money_events ANTI JOIN (SELECT receipt_id AS id, currency FROM money_pairs) AS paired USING (id, currency)
    WHERE side = 1 AND target IS NOT NULL
),
copies AS (
    SELECT receipt.id, receipt.currency, receipt.amount, min(pair.payment_id) AS payment_id
    FROM left_receipts AS receipt
    JOIN money_pairs AS pair
        ON pair.target = receipt.target AND pair.currency = receipt.currency AND pair.amount = receipt.amount
    GROUP BY receipt.id, receipt.currency, receipt.amount
),
rest AS (
    SELECT target, currency, amount, id, row_number() OVER (PARTITION BY target, currency ORDER BY on_day, id) AS place
    FROM left_receipts ANTI JOIN copies USING (id, currency)
),
unbooked AS (
    SELECT
        target, currency, amount, id, row_number() OVER (PARTITION BY target, currency ORDER BY on_day, id) AS place
    FROM left_money
),
sums AS (
    SELECT
        money.target, money.currency, money.amount AS moved, receipt.amount AS booked, money.items AS payments,
        receipt.items AS receipts
    FROM (SELECT target, currency, sum(amount) AS amount, count(*) AS items FROM unbooked GROUP BY ALL) AS money
    JOIN (SELECT target, currency, sum(amount) AS amount, count(*) AS items FROM rest GROUP BY ALL) AS receipt
        ON receipt.target = money.target AND receipt.currency = money.currency
),
deposited AS (
    SELECT
        deposit.payment_id, deposit.currency, min(deposit.receipt_id) AS receipt_id,
        bool_or(deposit.is_left_out) AS is_left_out, bool_or(deposit.is_doubled) AS is_doubled
    FROM deposits AS deposit
    GROUP BY deposit.payment_id, deposit.currency
)
SELECT payment_id, receipt_id, currency, CAST(amount AS amount) AS part, 'one' AS how FROM money_pairs
UNION ALL
SELECT pair.payment_id, pair.receipt_id, pair.currency, pair.amount AS part, 'one' AS how
FROM customer_pairs AS pair
JOIN run_params AS params ON pair.posted_on BETWEEN pair.paid_on AND CAST(pair.paid_on + params.cash_lag_days AS DATE)
UNION ALL
SELECT payment_id, id AS receipt_id, currency, amount AS part, 'copy' AS how FROM copies
UNION ALL
SELECT
    money.id AS payment_id, receipt.id AS receipt_id, money.currency, receipt.amount AS part,
    CASE WHEN total.receipts = 1 THEN 'one' ELSE 'several' END AS how
FROM sums AS total
JOIN unbooked AS money ON money.target = total.target AND money.currency = total.currency
JOIN rest AS receipt ON receipt.target = total.target AND receipt.currency = total.currency
WHERE total.payments = 1
UNION ALL
SELECT
    money.id AS payment_id, receipt.id AS receipt_id, money.currency,
    CASE WHEN total.moved = total.booked THEN money.amount ELSE receipt.amount END AS part,
    CASE WHEN total.moved = total.booked THEN 'several' ELSE 'one' END AS how
FROM sums AS total
JOIN unbooked AS money ON money.target = total.target AND money.currency = total.currency
JOIN rest AS receipt
    ON receipt.target = total.target AND receipt.currency = total.currency
        AND receipt.place = CASE WHEN total.moved = total.booked THEN 1 ELSE money.place END
WHERE total.payments > 1
UNION ALL
SELECT NULL AS payment_id, receipt.id AS receipt_id, receipt.currency, CAST(0 AS amount) AS part, 'rest' AS how
FROM sums AS total
JOIN rest AS receipt ON receipt.target = total.target AND receipt.currency = total.currency
WHERE total.payments > 1 AND total.moved = total.booked AND receipt.place > 1
UNION ALL
SELECT
    booked.payment_id, booked.receipt_id, booked.currency,
    CAST(
        CASE WHEN booked.is_doubled THEN money.amount + money.amount WHEN NOT booked.is_left_out THEN money.amount END
        AS amount
    ) AS part,
    CASE WHEN booked.is_left_out THEN 'left_out' ELSE 'deposit' END AS how
FROM deposited AS booked
JOIN moved_money AS money ON money.payment_id = booked.payment_id
UNION ALL
SELECT
    NULL AS payment_id, receipt_id, currency,
    CAST(CASE WHEN receipt_id = min(receipt_id) OVER (PARTITION BY deposit, currency) THEN rest ELSE 0 END AS amount)
        AS part, 'rest' AS how
FROM (SELECT DISTINCT deposit, receipt_id, currency, rest FROM deposits) AS parts
