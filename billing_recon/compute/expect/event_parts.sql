-- The parts by which asks are priced if their units alone do not give the price: one for each bucket and cell, and one
-- for no usage at all. Prorated units are priced, full ones choose the tier.
-- inputs: event_asks, metered_events, asked_events
-- rows from: term_charges WHERE priced_by_event
WITH shares AS (
    SELECT ask, bucket, cell, sum(prorated) AS prorated
    FROM asked_events WHERE counts AND priced_by_event GROUP BY ask, bucket, cell
)
SELECT
    ask.ask || lpad(CAST(row_number() OVER (
        PARTITION BY ask.ask ORDER BY metered.bucket, metered.cell
    ) AS VARCHAR), 6, '0') AS item_id,
    ask.ask AS line_id, ask.plan_id, ask.plan_version, ask.currency, ask.charge_id, metered.bucket, metered.cell,
    ask.own_price,
    CAST(CASE
        WHEN ask.prorated THEN coalesce(shares.prorated, 0)
        WHEN ask.model = 'flat' THEN CASE WHEN coalesce(metered.quantity, 0) = 0 THEN 0 ELSE 1 END
        ELSE coalesce(metered.quantity, 0)
    END AS quantity) AS quantity,
    CAST(CASE WHEN ask.prorated THEN coalesce(metered.quantity, 0) END AS quantity) AS tier_units,
    coalesce(metered.events, 0) AS events, CAST(1 AS INTEGER) AS part, CAST(1 AS INTEGER) AS whole,
    ask.bucket IS NOT NULL AND metered.item_id IS NOT NULL AS in_bucket
FROM event_asks AS ask
LEFT JOIN metered_events AS metered ON metered.item_id = ask.ask
LEFT JOIN shares
    ON shares.ask = ask.ask AND shares.bucket IS NOT DISTINCT FROM metered.bucket
        AND shares.cell IS NOT DISTINCT FROM metered.cell
WHERE ask.priced_by_event
