-- Issued lines first observed today, of days on which a rollout is watched, with the path that billed them and the one
-- that the flag gave their customer on the day of the bill; on the day of a switch at an instant, when the line was
-- calculated. A customer without a row of a rollout has the old path, unless the rollout exposes everybody ('*').
-- inputs: engine_lines, mapped_keys, rollouts_watched, rollout_members, run_params
-- rows from: rollouts_watched WHERE by_line
WITH fresh AS (
    SELECT
        line.line_key, line.invoice_id, line.line_id, line.currency, line.cohort, line.variant, line.unlabelled,
        line.total, line.issued_on, line.calculated_at, line.subscription_id, line.source_file, line.source_row,
        coalesce(key.our_key, line.customer_id) AS customer_id
    FROM engine_lines AS line
    JOIN run_params AS run ON line.observed_on BETWEEN run.since AND run.day
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status = 'issued'
),
watched AS (
    SELECT fresh.line_key, string_agg(DISTINCT watch.rollout, ', ' ORDER BY watch.rollout) AS rollout
    FROM fresh
    JOIN rollouts_watched AS watch
        ON watch.by_line AND fresh.issued_on >= watch.since_day
            AND (watch.until_day IS NULL OR fresh.issued_on < watch.until_day)
    GROUP BY fresh.line_key
),
members AS (
    SELECT member.customer_id, member.rollout, member.since_day, member.until_day, member.since_at, member.until_at
    FROM rollout_members AS member
    SEMI JOIN rollouts_watched AS watch ON watch.rollout = member.rollout AND watch.by_line
),
of_customers AS (
    SELECT
        fresh.line_key, member.rollout, fresh.issued_on, fresh.calculated_at, member.since_day, member.until_day,
        member.since_at, member.until_at
    FROM fresh
    JOIN members AS member ON member.customer_id = fresh.customer_id
    UNION ALL
    SELECT
        fresh.line_key, member.rollout, fresh.issued_on, fresh.calculated_at, member.since_day, member.until_day,
        member.since_at, member.until_at
    FROM fresh
    JOIN members AS member ON member.customer_id = '*'
),
exposed AS (
    SELECT line_key, min(rollout) AS rollout
    FROM of_customers
    WHERE (issued_on > since_day OR (issued_on = since_day AND coalesce(calculated_at >= since_at, true)))
        AND (
            until_day IS NULL OR issued_on < until_day
            OR (issued_on = until_day AND coalesce(calculated_at < until_at, false))
        )
    GROUP BY line_key
)
SELECT
    fresh.line_key, fresh.invoice_id, fresh.line_id, fresh.customer_id, fresh.subscription_id, fresh.currency,
    fresh.cohort, fresh.variant, fresh.unlabelled, fresh.total, fresh.issued_on, fresh.source_file, fresh.source_row,
    coalesce(exposed.rollout, watched.rollout) AS rollout,
    CASE WHEN exposed.line_key IS NULL THEN 'control' ELSE 'candidate' END AS flag
FROM fresh
JOIN watched ON watched.line_key = fresh.line_key
LEFT JOIN exposed ON exposed.line_key = fresh.line_key
