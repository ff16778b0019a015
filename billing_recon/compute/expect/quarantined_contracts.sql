-- Subscriptions of which a row is in quarantine, so that what was agreed is not known, with the first such row. A row
-- counts until it is released or discarded, or one with its start (with any, if its own could not be read) was landed
-- on a later day.
-- inputs: quarantined_subscriptions, subscriptions
-- rows from: quarantined_subscriptions WHERE decision IS NULL
WITH refused AS (
    SELECT
        day, source_file, source_row,
        coalesce(
            json_extract_string(reading, '$.subscription_id'), json_extract_string(payload, '$.subscription_id')
        ) AS subscription_id,
        TRY_CAST(json_extract_string(reading, '$.valid_from') AS TIMESTAMPTZ) AS valid_from
    FROM quarantined_subscriptions WHERE decision IS NULL AND json_valid(payload)
)
SELECT
    refused.subscription_id,
    arg_min(refused.source_file || ' row ' || CAST(refused.source_row AS VARCHAR), (refused.day, refused.source_row))
        AS place
FROM refused
ANTI JOIN subscriptions AS landed
    ON landed.subscription_id = refused.subscription_id AND landed.observed_on > refused.day
        AND (refused.valid_from IS NULL OR landed.valid_from = refused.valid_from)
WHERE refused.subscription_id IS NOT NULL
GROUP BY refused.subscription_id
