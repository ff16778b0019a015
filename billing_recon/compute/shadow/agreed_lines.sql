-- Unmeant differences that somebody agreed to: every cause of the difference is agreed, it is small enough, and all of
-- them together are.
-- inputs: shadow_rows, accepted_differences
-- rows from: accepted_differences
WITH fitting AS (
    SELECT
        line.currency, line.expected_old_line, line.expected_new_line, line.old_key, line.new_key,
        min(accepted.id) AS id, line.new_fault_gross AS size
    FROM shadow_rows AS line
    JOIN accepted_differences AS accepted
        ON accepted.currency = line.currency AND line.new_fault_gross <= accepted.max_per_line
            AND list_contains(accepted.codes, line.new_code)
            AND len(list_filter(
                coalesce(line.new_stages, []),
                LAMBDA stage: stage.amount <> 0 AND NOT list_contains(accepted.codes, stage.code)
            )) = 0
    WHERE line.state = 'unmeant'
    GROUP BY
        line.currency, line.expected_old_line, line.expected_new_line, line.old_key, line.new_key,
        line.new_fault_gross
),
totals AS (
    SELECT id, sum(size) AS gross FROM fitting GROUP BY id
)
SELECT
    fitting.currency, fitting.expected_old_line, fitting.expected_new_line, fitting.old_key, fitting.new_key,
    fitting.id
FROM fitting
JOIN totals USING (id)
JOIN accepted_differences AS accepted USING (id)
WHERE coalesce(totals.gross <= accepted.max_total, true)
