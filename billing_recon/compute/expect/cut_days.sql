-- The days within which a subscription's terms change: their usage is told apart by the instants of its single events.
-- inputs: contract_intervals
-- rows from: contract_intervals WHERE cut_days IS NOT NULL
SELECT DISTINCT subscription_id, unnest(cut_days) AS cut_day FROM contract_intervals WHERE cut_days IS NOT NULL
