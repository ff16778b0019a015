-- Money that no receipt names, neither itself nor its invoice: it may be booked with its customer, or together with
-- other money.
-- inputs: moved_money, money_events
-- rows from: moved_money
SELECT money.payment_id, money.currency, money.customer_id, money.amount, money.fee, money.paid_on
FROM moved_money AS money
ANTI JOIN (
    SELECT payment.id
    FROM money_events AS payment
    SEMI JOIN money_events AS receipt ON receipt.target = payment.target AND receipt.side = 1
    WHERE payment.side = 0
) AS named ON named.id = money.payment_id
