-- What contracts are of, by number: cohorts are chosen by these few and not by every contract's texts.
-- inputs: subscriptions
SELECT CAST(row_number() OVER () AS INTEGER) AS kind, met.segment, met.plan_id, met.tax_region, met.currency
FROM (SELECT DISTINCT segment, plan_id, tax_region, currency FROM subscriptions) AS met
