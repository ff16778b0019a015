-- Items whose figure at the month's end is not what the ledger books by then: of receivables all items up to the end,
-- of revenue and tax those of the month. `why`: timing if both agree once what is known later counts, fees if they then
-- differ by the fee that the payment states (booked net of it, or stated net of it), carried if the item is from before
-- the company's first day, accepted if somebody accepted its break, else unexplained.
-- inputs: close_items, close_accepted, moved_money
WITH compared AS (
    SELECT
        measure, kind, item, currency, customer_id, dated, carried,
        CASE WHEN measure = 'ar' THEN ours_before + ours_in ELSE ours_in END AS ours,
        CASE WHEN measure = 'ar' THEN booked_before + booked_in ELSE booked_in END AS booked,
        booked_before + booked_in + booked_after - ours_before - ours_in - ours_after AS lasting
    FROM close_items
),
fees AS (SELECT payment_id, currency, fee FROM moved_money WHERE fee <> 0)
SELECT
    compared.measure, compared.kind, compared.item, compared.currency, compared.customer_id, compared.dated,
    CAST(compared.ours AS amount) AS ours, CAST(compared.booked AS amount) AS booked,
    CAST(compared.booked - compared.ours AS amount) AS delta,
    CASE
        WHEN compared.lasting = 0 THEN 'timing'
        WHEN abs(compared.lasting) = fees.fee
            THEN CASE WHEN compared.booked - compared.ours = compared.lasting THEN 'fees' ELSE 'timing' END
        WHEN compared.carried THEN 'carried' WHEN accepted.item IS NOT NULL THEN 'accepted' ELSE 'unexplained'
    END AS why
FROM compared
LEFT JOIN (SELECT DISTINCT kind, item FROM close_accepted) AS accepted
    ON accepted.kind = compared.kind AND accepted.item = compared.item
LEFT JOIN fees ON compared.kind = 'money' AND fees.payment_id = compared.item AND fees.currency = compared.currency
WHERE compared.ours <> compared.booked
