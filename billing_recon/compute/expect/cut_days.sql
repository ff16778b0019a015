-- The days within which a subscription's terms change: their usage is told apart by the instants of its single events,
-- which are those of `events_of`: an earlier version of a contract has the subscription's.
-- inputs: contract_intervals
-- rows from: contract_intervals WHERE cut_days IS NOT NULL
SELECT DISTINCT
    subscription_id, split_part(subscription_id, chr(31), 1) AS events_of, unnest(cut_days) AS cut_day
FROM contract_intervals WHERE cut_days IS NOT NULL
