-- Net change per usage day, subscription and meter (core.schema.USAGE_ROLLUP).
-- inputs: rollup_sums
-- kept: no
SELECT
    usage_day, subscription_id, customer_id, meter, CAST(quantity AS quantity) AS quantity,
    CAST(events AS BIGINT) AS events, CAST(duplicate_quantity AS quantity) AS duplicate_quantity,
    CAST(duplicate_events AS BIGINT) AS duplicate_events, CAST(late_quantity AS quantity) AS late_quantity,
    CAST(late_events AS BIGINT) AS late_events, CAST(superseded_quantity AS quantity) AS superseded_quantity,
    CAST(superseded_events AS BIGINT) AS superseded_events, CAST(corrected_quantity AS quantity) AS corrected_quantity
FROM rollup_sums
WHERE quantity <> 0 OR events <> 0 OR duplicate_events <> 0 OR superseded_events <> 0 OR late_events <> 0
    OR late_quantity <> 0
