-- The periods that the day is about. `wanted`: due within the grace for issuing, or lines of it were observed today
-- (whatever its due day). `is_open`: it has not ended, so its usage is unbilled. `late`: it is over, and usage that
-- arrived after its cutoff is adjusted now. `ahead`: charges billed in advance for it are due, or (`ahead_asked`) were
-- billed.
-- inputs: contract_intervals, invoice_lines, late_arrivals, ahead_probes, run_params
WITH due_days AS (
    SELECT CAST(day - issue_after_days - 1 - late AS DATE) AS probe
    FROM (
        SELECT day, issue_after_days, CAST(unnest(generate_series(0, issue_grace_days)) AS INTEGER) AS late
        FROM run_params
    ) AS counted
),
asked AS (
    SELECT DISTINCT line.subscription_id, line.period_start AS probe
    FROM invoice_lines AS line
    JOIN run_params AS params ON line.observed_on = params.day
    ANTI JOIN ahead_probes AS ahead ON ahead.invoice_id = line.invoice_id AND ahead.line_id = line.line_id
    WHERE line.subscription_id IS NOT NULL
),
probes AS (
    SELECT term.*, due_days.probe, 'due' AS why FROM contract_intervals AS term CROSS JOIN due_days
    UNION ALL
    SELECT term.*, params.day AS probe, 'open' AS why FROM contract_intervals AS term CROSS JOIN run_params AS params
    UNION ALL
    SELECT term.*, asked.probe, 'line' AS why
    FROM contract_intervals AS term
    JOIN asked ON asked.subscription_id = term.subscription_id
    UNION ALL
    SELECT term.*, arrival.usage_day AS probe, 'late' AS why
    FROM contract_intervals AS term
    JOIN
        late_arrivals
            AS arrival
        ON arrival.subscription_id = term.subscription_id
            AND term.start_day <= arrival.usage_day AND arrival.usage_day <= term.last_day
    WHERE arrival.wanted OR arrival.is_open
    UNION ALL
    SELECT term.*, ahead.probe, ahead.why
    FROM contract_intervals AS term
    JOIN ahead_probes AS ahead ON ahead.subscription_id = term.subscription_id
),
bounded AS (
    SELECT
        subscription_id,
        start_day,
        end_day,
        last_day,
        probe,
        why,
        period.starts AS period_start,
        period.ends AS period_end
    FROM (
        SELECT *, period_of(billing_anchor, billing_interval, once_start, once_end, probe) AS period FROM probes
    ) AS held
),
overlapping AS (
    SELECT
        subscription_id, period_start, period_end, probe, why, rank() OVER (
            PARTITION BY subscription_id, probe, why
            ORDER BY CASE WHEN why <> 'line' OR (start_day <= probe AND probe < end_day) THEN 0
                WHEN start_day <= probe AND probe <= last_day THEN 1
                ELSE 2
            END
        ) AS preference
    FROM bounded WHERE start_day < period_end AND last_day >= period_start
)
SELECT
    period.subscription_id, period.period_start, period.period_end,
    CAST(period.period_end + params.issue_after_days AS DATE) AS due_on,
    bool_or(period.why IN ('due', 'line')) AS wanted,
    bool_or(period.period_start <= params.day AND params.day < period.period_end) AS is_open,
    bool_or(period.why = 'late') AS late, bool_or(period.why IN ('ahead', 'ahead_line')) AS ahead,
    bool_or(period.why = 'ahead_line') AS ahead_asked
FROM overlapping AS period
CROSS JOIN run_params AS params
WHERE period.preference = 1 AND (
        period.why <> 'due' OR (
            period.period_end = period.probe + 1
            AND CAST(period.period_end + params.issue_after_days AS DATE) >= params.first_day
        )
    )
GROUP BY period.subscription_id, period.period_start, period.period_end, params.issue_after_days
