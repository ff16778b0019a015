-- Active intervals clipped to their own periods and numbered by run: `run_no` while they touch and share plan, version,
-- currency and tax region; `seat_no` while they share the seats too.
-- inputs: contract_intervals, contract_periods
WITH bounded AS (
    SELECT
        period.*, term.* EXCLUDE (subscription_id), period_of(
            term.billing_anchor, term.billing_interval, term.once_start, term.once_end, period.period_start
        ) AS own
    FROM contract_periods AS period
    JOIN
        contract_intervals
            AS term
        ON term.subscription_id = period.subscription_id
            AND term.start_day < period.period_end AND term.end_day > period.period_start
    WHERE term.status = 'active'
),
pieces AS (
    SELECT *, greatest(start_day, period_start) AS from_day, least(end_day, period_end) AS to_day
    FROM bounded WHERE own.starts = period_start AND own.ends = period_end
),
broken AS (
    SELECT
        *,
        CASE WHEN lag(to_day) OVER period = from_day AND lag(plan_id) OVER period = plan_id
                AND lag(plan_version) OVER period = plan_version AND lag(currency) OVER period = currency
                AND lag(tax_region) OVER period = tax_region THEN 0
            ELSE 1
        END AS new_run,
        CASE WHEN lag(quantity) OVER period = quantity THEN 0 ELSE 1 END AS new_seats
    FROM pieces
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day)
)
SELECT
    subscription_id, period_start, period_end, due_on, wanted, is_open, late, ahead, ahead_asked, customer_id, plan_id,
    plan_version, quantity, currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days, from_day,
    to_day, sum(new_run) OVER period AS run_no, sum(greatest(new_run, new_seats)) OVER period AS seat_no
FROM broken
WINDOW period AS (
    PARTITION BY subscription_id, period_start, period_end ORDER BY from_day ROWS UNBOUNDED PRECEDING
)
