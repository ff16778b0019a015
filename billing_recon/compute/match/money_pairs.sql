-- Money and receipts of equal amounts about one target, each used once: a receipt books the latest money before it that
-- is not booked yet, like brackets that close; what is left is paired in order, though it was booked before it moved.
-- inputs: money_events
-- rows from: money_events
WITH deep AS (
    SELECT
        target, currency, amount, on_day, side, id,
        side + sum(CASE WHEN side = 0 THEN 1 ELSE -1 END) OVER (
            PARTITION BY target, currency, amount ORDER BY on_day, side, id ROWS UNBOUNDED PRECEDING
        ) AS depth
    FROM money_events WHERE target IS NOT NULL
),
followed AS (
    SELECT
        target, currency, amount, on_day, side, id, lead(side) OVER level AS next_side,
        lag(side) OVER level AS prior_side, lead(id) OVER level AS next_id, lead(on_day) OVER level AS next_day
    FROM deep
    WINDOW level AS (PARTITION BY target, currency, amount, depth ORDER BY on_day, side, id)
),
unpaired AS (
    SELECT
        target, currency, amount, on_day, side, id,
        row_number() OVER (PARTITION BY target, currency, amount, side ORDER BY on_day, id) AS place
    FROM followed
    WHERE (side = 0 AND next_side IS DISTINCT FROM 1) OR (side = 1 AND prior_side IS DISTINCT FROM 0)
)
SELECT target, currency, amount, id AS payment_id, next_id AS receipt_id, on_day AS paid_on, next_day AS posted_on
FROM followed WHERE side = 0 AND next_side = 1
UNION ALL
SELECT
    money.target, money.currency, money.amount, money.id AS payment_id, receipt.id AS receipt_id,
    money.on_day AS paid_on, receipt.on_day AS posted_on
FROM unpaired AS money
JOIN unpaired AS receipt
    ON receipt.target = money.target AND receipt.currency = money.currency AND receipt.amount = money.amount
        AND receipt.place = money.place AND receipt.side = 1
WHERE money.side = 0
