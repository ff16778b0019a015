-- The parts per usage day, subscription and meter; where there are several customers, the first.
-- inputs: rollup_parts, rollup_shared
-- kept: no
SELECT
    usage_day, subscription_id, customer_id, meter, coalesce(quantity, 0) AS quantity, coalesce(events, 0) AS events,
    coalesce(duplicate_quantity, 0) AS duplicate_quantity, coalesce(duplicate_events, 0) AS duplicate_events,
    coalesce(late_quantity, 0) AS late_quantity, coalesce(late_events, 0) AS late_events,
    coalesce(superseded_quantity, 0) AS superseded_quantity, coalesce(superseded_events, 0) AS superseded_events,
    coalesce(corrected_quantity, 0) AS corrected_quantity, coalesce(reopened_quantity, 0) AS reopened_quantity,
    coalesce(reopened_by, 0) AS reopened_by, coalesce(taken_out, 0) AS taken_out
FROM rollup_parts AS part
ANTI JOIN rollup_shared AS shared ON shared.subscription_id = part.subscription_id
UNION ALL
SELECT
    usage_day, subscription_id, min(customer_id) AS customer_id, meter, coalesce(sum(quantity), 0) AS quantity,
    coalesce(sum(events), 0) AS events, coalesce(sum(duplicate_quantity), 0) AS duplicate_quantity,
    coalesce(sum(duplicate_events), 0) AS duplicate_events, coalesce(sum(late_quantity), 0) AS late_quantity,
    coalesce(sum(late_events), 0) AS late_events, coalesce(sum(superseded_quantity), 0) AS superseded_quantity,
    coalesce(sum(superseded_events), 0) AS superseded_events,
    coalesce(sum(corrected_quantity), 0) AS corrected_quantity,
    coalesce(sum(reopened_quantity), 0) AS reopened_quantity, coalesce(sum(reopened_by), 0) AS reopened_by,
    coalesce(sum(taken_out), 0) AS taken_out
FROM rollup_parts AS part
SEMI JOIN rollup_shared AS shared ON shared.subscription_id = part.subscription_id
GROUP BY usage_day, subscription_id, meter
