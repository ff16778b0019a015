-- Items whose figure at the month's end is not what the ledger books by then: of receivables all items up to the end,
-- of revenue and tax those of the month. `why`: timing if both agree once what is known later counts, carried if the
-- item is from before the company's first day, accepted if somebody accepted its break, else unexplained.
-- inputs: close_items, close_accepted
WITH compared AS (
    SELECT
        measure, kind, item, currency, customer_id, dated, carried,
        CASE WHEN measure = 'ar' THEN ours_before + ours_in ELSE ours_in END AS ours,
        CASE WHEN measure = 'ar' THEN booked_before + booked_in ELSE booked_in END AS booked,
        ours_before + ours_in + ours_after = booked_before + booked_in + booked_after AS agrees
    FROM close_items
)
SELECT
    compared.measure, compared.kind, compared.item, compared.currency, compared.customer_id, compared.dated,
    CAST(compared.ours AS amount) AS ours, CAST(compared.booked AS amount) AS booked,
    CAST(compared.booked - compared.ours AS amount) AS delta,
    CASE
        WHEN compared.agrees THEN 'timing' WHEN compared.carried THEN 'carried'
        WHEN accepted.item IS NOT NULL THEN 'accepted' ELSE 'unexplained'
    END AS why
FROM compared
LEFT JOIN (SELECT DISTINCT kind, item FROM close_accepted) AS accepted
    ON accepted.kind = compared.kind AND accepted.item = compared.item
WHERE compared.ours <> compared.booked
