-- The four corners of each line: the old engine's line, our rating of it under the old and the new terms, and the new
-- engine's line. Each is used once. What only the old side has is put together with what only the new side has if it is
-- the same charge for the same days. Out of the review: lines that neither engine has in the period.
-- inputs: corner_old, corner_new, meant_items, expected_old, expected_new, billed_old, billed_new
WITH linked AS (
    SELECT
        meant.expected_line_id AS old_id, meant.line_key AS new_id, old.line_key AS old_key, new.line_key AS new_key,
        old.state AS old_state, new.state AS new_state, old.code AS old_code, new.code AS new_code,
        old.stages AS old_stages, new.stages AS new_stages, coalesce(old.split, false) AS old_split,
        coalesce(new.split, false) AS new_split, coalesce(old.due_on, new.due_on) AS due_on
    FROM meant_items AS meant
    FULL JOIN corner_old AS old ON old.expected_line_id = meant.expected_line_id
    FULL JOIN corner_new AS new ON new.expected_line_id = meant.line_key
    WHERE old.sub IS NOT NULL OR new.sub IS NOT NULL
),
named AS (
    SELECT
        linked.*,
        coalesce(billed_old.sub, billed_new.sub, rated_old.subscription_id, rated_new.subscription_id) AS sub,
        coalesce(billed_old.kind, billed_new.kind, rated_old.kind, rated_new.kind) AS kind,
        coalesce(billed_old.meter, billed_new.meter, rated_old.meter, rated_new.meter, '') AS meter_key,
        coalesce(billed_old.period_start, billed_new.period_start, rated_old.period_start, rated_new.period_start)
            AS period_start,
        coalesce(billed_old.period_end, billed_new.period_end, rated_old.period_end, rated_new.period_end)
            AS period_end
    FROM linked
    LEFT JOIN billed_old ON billed_old.line_key = linked.old_key
    LEFT JOIN billed_new ON billed_new.line_key = linked.new_key
    LEFT JOIN expected_old AS rated_old ON rated_old.expected_line_id = linked.old_id
    LEFT JOIN expected_new AS rated_new ON rated_new.expected_line_id = linked.new_id
    WHERE (linked.new_id IS NULL AND linked.new_key IS NULL) OR (linked.old_id IS NULL AND linked.old_key IS NULL)
),
only_old AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY sub, kind, meter_key, period_start, period_end ORDER BY old_key, old_id
        ) AS place
    FROM named
    WHERE new_id IS NULL AND new_key IS NULL
),
only_new AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY sub, kind, meter_key, period_start, period_end ORDER BY new_key, new_id
        ) AS place
    FROM named
    WHERE old_id IS NULL AND old_key IS NULL
),
joined AS (
    SELECT
        old.old_id, new.new_id, old.old_key, new.new_key, old.old_state, new.new_state, old.old_code, new.new_code,
        old.old_stages, new.new_stages, coalesce(old.due_on, new.due_on) AS due_on,
        coalesce(old.old_split, false) AS old_split, coalesce(new.new_split, false) AS new_split
    FROM only_old AS old
    FULL JOIN only_new AS new USING (sub, kind, meter_key, period_start, period_end, place)
    UNION ALL
    SELECT
        old_id, new_id, old_key, new_key, old_state, new_state, old_code, new_code, old_stages, new_stages, due_on,
        old_split, new_split
    FROM linked
    WHERE NOT (new_id IS NULL AND new_key IS NULL) AND NOT (old_id IS NULL AND old_key IS NULL)
)
SELECT
    old_id, new_id, old_key, new_key, coalesce(old_state, '') AS old_state, coalesce(new_state, '') AS new_state,
    old_code, new_code, old_stages, new_stages, due_on, old_split, new_split
FROM joined
WHERE old_key IS NOT NULL OR new_key IS NOT NULL OR coalesce(old_state, '') = 'compared'
    OR coalesce(new_state, '') = 'compared'
