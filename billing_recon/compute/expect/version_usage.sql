-- The roll-up of subscriptions with several versions, for each earlier version.
-- inputs: usage_rollup, contract_versions
-- rows from: contract_versions
SELECT
    change.day, change.usage_day, version.version_id AS subscription_id, change.customer_id, change.meter,
    change.quantity, change.events, change.duplicate_quantity, change.duplicate_events, change.late_quantity,
    change.late_events, change.superseded_quantity, change.superseded_events, change.corrected_quantity
FROM usage_rollup AS change
JOIN contract_versions AS version ON version.subscription_id = change.subscription_id
WHERE version.version_id <> version.subscription_id
