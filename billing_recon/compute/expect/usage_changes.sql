-- The roll-up as contracts read it: of each subscription, and again of each earlier version of one.
-- inputs: usage_rollup, version_usage
-- kept: no
SELECT
    day, usage_day, subscription_id, customer_id, meter, quantity, events, duplicate_quantity, duplicate_events,
    late_quantity, late_events, superseded_quantity, superseded_events, corrected_quantity
FROM usage_rollup
UNION ALL
SELECT
    day, usage_day, subscription_id, customer_id, meter, quantity, events, duplicate_quantity, duplicate_events,
    late_quantity, late_events, superseded_quantity, superseded_events, corrected_quantity
FROM version_usage
