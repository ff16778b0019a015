-- The periods that the day is about. `wanted`: due within the grace for issuing, or lines of it were observed today
-- (whatever its due day). `is_open`: it has not ended, so its usage is unbilled. `late`: it is over, and usage that
-- arrived after its cutoff is adjusted now. `ahead`: charges billed in advance for it are due, or (`ahead_asked`) were
-- billed. `corrected`: what was learnt late may correct it. A version of a contract has the bills that were made while
-- it was known: by the due day, or by an earlier bill (`known_by`).
-- inputs: contract_intervals, contract_versions, version_bills, correction_probes, invoice_lines, late_arrivals,
-- ahead_probes, run_params
WITH due_days AS (
    SELECT CAST(day - issue_after_days - 1 - late AS DATE) AS probe
    FROM (
        SELECT
            day, issue_after_days,
            CAST(unnest(generate_series(0, CAST(day - since AS INTEGER) + issue_grace_days)) AS INTEGER) AS late
        FROM run_params
    ) AS counted
),
asked AS (
    SELECT DISTINCT coalesce(version.version_id, line.subscription_id) AS subscription_id, line.period_start AS probe
    FROM invoice_lines AS line
    JOIN run_params AS params ON line.observed_on BETWEEN params.since AND params.day
    LEFT JOIN contract_versions AS version ON version.subscription_id = line.subscription_id
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
    JOIN late_arrivals AS arrival
        ON arrival.subscription_id = term.subscription_id
            AND term.start_day <= arrival.usage_day AND arrival.usage_day <= term.last_day
    WHERE arrival.wanted OR arrival.is_open
    UNION ALL
    SELECT term.*, ahead.probe, ahead.why
    FROM contract_intervals AS term
    JOIN ahead_probes AS ahead ON ahead.subscription_id = term.subscription_id
    UNION ALL
    SELECT term.*, corrected.probe, 'corrected' AS why
    FROM contract_intervals AS term
    JOIN correction_probes AS corrected ON corrected.subscription_id = term.subscription_id
),
bounded AS (
    SELECT
        subscription_id, start_day, end_day, last_day, probe, why, period.starts AS period_start,
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
),
found AS (
    SELECT
        period.subscription_id, period.period_start, period.period_end,
        CAST(period.period_end + params.issue_after_days AS DATE) AS due_on,
        bool_or(period.why IN ('due', 'line')) AS wanted,
        bool_or(period.period_start <= params.day AND params.day < period.period_end) AS is_open,
        bool_or(period.why = 'late') AS late,
        bool_or(period.why IN ('ahead', 'ahead_line', 'corrected')) AS ahead,
        bool_or(period.why = 'ahead_line') AS ahead_asked, bool_or(period.why = 'corrected') AS corrected
    FROM overlapping AS period
    CROSS JOIN run_params AS params
    WHERE period.preference = 1 AND (period.why <> 'due' OR period.period_end = period.probe + 1) AND (
            period.why NOT IN ('due', 'corrected')
            OR CAST(period.period_end + params.issue_after_days AS DATE) >= params.first_day
        )
    GROUP BY period.subscription_id, period.period_start, period.period_end, params.issue_after_days
),
billed AS (
    SELECT period.subscription_id, period.period_start, period.period_end, min(bill.arrears_on) AS arrears_on
    FROM found AS period
    JOIN version_bills AS bill
        ON bill.version_id = period.subscription_id
            AND bill.period_start >= period.period_start AND bill.period_start < period.period_end
    GROUP BY period.subscription_id, period.period_start, period.period_end
)
SELECT
    period.subscription_id, period.period_start, period.period_end, period.due_on,
    period.wanted AND in_version(version.known_from, version.known_until, least(period.due_on, billed.arrears_on))
        AS wanted,
    period.is_open AND coalesce(version.version_id = version.subscription_id, true) AS is_open,
    period.late AND coalesce(version.version_id = version.subscription_id, true) AS late,
    period.ahead, period.ahead_asked, period.corrected, least(period.due_on, billed.arrears_on) AS known_by
FROM found AS period
LEFT JOIN contract_versions AS version ON version.version_id = period.subscription_id
LEFT JOIN billed
    ON billed.subscription_id = period.subscription_id AND billed.period_start = period.period_start
        AND billed.period_end = period.period_end
