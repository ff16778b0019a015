-- When the corrections of what was learnt late are due, and the period whose invoice they are on: at once, or with the
-- invoice of the period in which it was learnt, as the profile says of changes. That invoice is of the version known
-- when it is due (`subscription_id`), which is an earlier one if more was learnt after it.
-- inputs: contract_corrections, contract_versions, contract_intervals, contract_periods, term_profile, run_params
-- rows from: contract_corrections
WITH held AS (
    SELECT
        correction.subscription_id, correction.known_on, arg_max(period_of(
            term.billing_anchor, term.billing_interval, term.once_start, term.once_end, correction.known_on
        ), term.starts_at) AS period
    FROM contract_corrections AS correction
    JOIN contract_intervals AS term
        ON term.subscription_id = correction.subscription_id AND term.start_day <= correction.known_on
            AND correction.known_on < term.end_day
    GROUP BY correction.subscription_id, correction.known_on
),
moments AS (
    SELECT
        correction.*, params.issue_after_days, params.first_day, params.day,
        CASE WHEN profile.changes_due = 'next_invoice' THEN coalesce(held.period.ends, correction.known_on)
            ELSE correction.known_on
        END AS moment
    FROM contract_corrections AS correction
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
    LEFT JOIN held
        ON held.subscription_id = correction.subscription_id AND held.known_on = correction.known_on
),
hosts AS (
    SELECT
        version.subscription_id, period.period_end, max(period.period_start) AS period_start,
        arg_max(period.subscription_id, period.period_start) AS host_id
    FROM contract_periods AS period
    JOIN contract_versions AS version ON version.version_id = period.subscription_id
    WHERE period.wanted
    GROUP BY version.subscription_id, period.period_end
)
SELECT
    coalesce(hosts.host_id, moment.subscription_id) AS subscription_id, moment.known_on, moment.changed_on,
    moment.before_id, moment.after_id, moment.first_day,
    CAST(moment.moment + moment.issue_after_days AS DATE) AS due_on,
    coalesce(hosts.period_start, CAST(moment.moment - 1 AS DATE)) AS period_start, moment.moment AS period_end
FROM moments AS moment
LEFT JOIN hosts ON hosts.subscription_id = moment.subscription_id AND hosts.period_end = moment.moment
WHERE moment.moment <= moment.day
