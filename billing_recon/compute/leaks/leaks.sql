-- Per month, pair of layers, cause, plan and currency: what was found, gross, which foots in two ways: lost (the second
-- layer has less) + overcharged (it has more), and recovered + accepted + open.
-- inputs: answered_breaks
SELECT
    month, pair, code, plan_id, currency, CAST(count(*) AS BIGINT) AS breaks,
    CAST(sum(abs(delta)) AS amount) AS found,
    CAST(coalesce(-sum(delta) FILTER (WHERE delta < 0), 0) AS amount) AS lost,
    CAST(coalesce(sum(delta) FILTER (WHERE delta > 0), 0) AS amount) AS overcharged,
    CAST(coalesce(sum(abs(delta)) FILTER (WHERE state = 'recovered'), 0) AS amount) AS recovered,
    CAST(coalesce(sum(abs(delta)) FILTER (WHERE state = 'accepted'), 0) AS amount) AS accepted,
    CAST(coalesce(sum(abs(delta)) FILTER (WHERE state = 'open'), 0) AS amount) AS open
FROM answered_breaks GROUP BY month, pair, code, plan_id, currency
