-- Money and what the ledger books of it, about one target: in time, money before its booking. A payment is looked for
-- under its own id if a receipt names it, else under its invoice.
-- inputs: moved_money, receipt_targets
-- rows from: moved_money; receipt_targets
SELECT
    coalesce('payment ' || named.payment_id, 'invoice ' || money.invoice_id) AS target, money.currency, money.amount,
    money.paid_on AS on_day, 0 AS side, money.payment_id AS id
FROM moved_money AS money
LEFT JOIN (
    SELECT DISTINCT substr(target, 9) AS payment_id FROM receipt_targets WHERE starts_with(target, 'payment ')
) AS named ON named.payment_id = money.payment_id
UNION ALL
SELECT target, currency, booked AS amount, posted_on AS on_day, 1 AS side, receipt_id AS id
FROM receipt_targets WHERE booked <> 0
