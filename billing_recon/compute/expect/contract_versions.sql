-- The contracts of subscriptions of which something was learnt late, each as a subscription of its own: as known until
-- just before a day (`version_id` is the subscription's with that day), and as known now (its own id). Bills that were
-- due from `known_from` to `known_until` (not counted) are those of the version.
-- inputs: contract_corrections
-- rows from: contract_corrections
SELECT before_id AS version_id, subscription_id, known_before AS known_from, known_on AS known_until
FROM contract_corrections
UNION ALL
SELECT subscription_id AS version_id, subscription_id, max(known_on) AS known_from, DATE '9999-12-31' AS known_until
FROM contract_corrections GROUP BY subscription_id
