-- Expected periods that no invoice bills, per currency: pending until the grace days have passed, `missing` on the day
-- that they have. Quarantined rows of the same subscription and period explain them. `only_change`: all of it is what a
-- change within a period gives back and charges; `only_late`: all of it is for usage that arrived late;
-- `only_corrects`: all of it corrects earlier bills by what was learnt of the contract since.
-- inputs: expected_lines, expected_ahead, billed_periods, set_aside, run_params
WITH due AS (
    SELECT
        expected.subscription_id AS sub, expected.due_on, expected.currency, min(expected.period_start) AS first_day,
        max(expected.period_end) AS last_day, min(expected.customer_id) AS customer_id, count(*) AS lines,
        CAST(sum(expected.total) AS amount) AS total,
        bool_and(
            expected.total = 0 OR (
                expected.kind = 'adjustment' AND expected.meter <> 'tax'
                AND NOT contains(expected.expected_line_id, '|learnt ')
            )
        ) AS only_late,
        bool_and(contains(expected.expected_line_id, '|learnt ') OR coalesce(expected.meter = 'tax', false))
            AS only_corrects,
        bool_and(expected.kind = 'proration' AND ahead.expected_line_id IS NOT NULL)
        AND bool_or(expected.gross < 0) AS only_change
    FROM expected_lines AS expected
    LEFT JOIN expected_ahead AS ahead ON ahead.expected_line_id = expected.expected_line_id
    ANTI JOIN billed_periods AS period
        ON period.sub = expected.subscription_id AND period.due_on = expected.due_on
            AND period.ahead = (ahead.expected_line_id IS NOT NULL)
    GROUP BY expected.subscription_id, expected.due_on, expected.currency
),
quarantined AS (
    SELECT due.sub, due.due_on, min(struct_pack(file := refused.source_file, place := refused.source_row)) AS source
    FROM due
    JOIN set_aside AS refused
        ON refused.table_name = 'invoice_lines' AND refused.named = due.sub
            AND coalesce(refused.period_start < due.last_day, true)
            AND coalesce(refused.period_end > due.first_day, true)
    GROUP BY due.sub, due.due_on
)
SELECT
    due.sub, due.due_on, due.currency, due.first_day, due.last_day, due.customer_id, due.lines, due.total,
    due.only_late, due.only_change, due.only_corrects,
    CAST(due.due_on + run.issue_grace_days AS DATE) BETWEEN run.since AND run.day AS missing,
    quarantined.source.file AS quarantined_file, quarantined.source.place AS quarantined_row
FROM due
CROSS JOIN run_params AS run
LEFT JOIN quarantined USING (sub, due_on)
WHERE due.due_on <= run.day AND CAST(due.due_on + run.issue_grace_days AS DATE) >= run.since
    AND due.due_on >= run.first_day
