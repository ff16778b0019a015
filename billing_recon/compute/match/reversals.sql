-- A credit note's line, a charge's line, and the units that the one takes back of the other: their intervals overlap.
-- inputs: reversal_intervals
SELECT
    credit.line_key AS credit_key, charge.line_key AS charge_key,
    CAST(least(credit.upto, charge.upto) - greatest(credit.since, charge.since) AS quantity) AS quantity
FROM reversal_intervals AS credit
JOIN reversal_intervals AS charge
    ON charge.customer_id = credit.customer_id AND charge.product = credit.product
        AND charge.unit_price = credit.unit_price AND charge.currency = credit.currency AND NOT charge.is_credit
        AND charge.since < credit.upto AND credit.since < charge.upto
WHERE credit.is_credit
