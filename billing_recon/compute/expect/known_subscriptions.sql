-- Every landed row of a subscription, and of each earlier version of its contract the rows known by then.
-- inputs: subscriptions, contract_versions
-- kept: no
SELECT
    day, subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region,
    segment, billing_anchor, billing_interval, valid_from, valid_to, contract, observed_on, source_file, source_row
FROM subscriptions
UNION ALL
SELECT
    landed.day, version.version_id AS subscription_id, landed.customer_id, landed.plan_id, landed.plan_version,
    landed.status, landed.quantity, landed.currency, landed.timezone, landed.tax_region, landed.segment,
    landed.billing_anchor, landed.billing_interval, landed.valid_from, landed.valid_to, landed.contract,
    landed.observed_on, landed.source_file, landed.source_row
FROM contract_versions AS version
JOIN subscriptions AS landed
    ON landed.subscription_id = version.subscription_id AND landed.observed_on < version.known_until
WHERE version.version_id <> version.subscription_id
