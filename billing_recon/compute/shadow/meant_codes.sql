-- What the change of terms changes, per pair of rated lines that differ. Both ratings state the minimum that they fill
-- up to. Where that differs, the line changes because of it, whatever else would give the same figure; and because of
-- the version, where a contract moves to another version of its plan and the minimum is the plan's own. Charges that
-- only one rating has, where a contract moves to another plan or version, are there because of the move. Both state
-- the days of a part of a period too: where these agree and the rating differs, it is the price, whatever other days or
-- rounding would fit. Workings are read of those lines alone.
-- inputs: differing_lines, line_codes, expected_old, expected_new, term_plans
-- rows from: differing_lines
WITH held AS (
    SELECT DISTINCT subscription_id AS sub, due_on, plan_id, plan_version, 'old' AS side
    FROM expected_old
    WHERE subscription_id IN (SELECT sub FROM differing_lines)
    UNION ALL
    SELECT DISTINCT subscription_id AS sub, due_on, plan_id, plan_version, 'new' AS side
    FROM expected_new
    WHERE subscription_id IN (SELECT sub FROM differing_lines)
),
moves AS (
    SELECT sub, due_on, plan_id, plan_version FROM held GROUP BY ALL HAVING count(*) = 1
),
invoices_moved AS (
    SELECT sub, due_on, count(DISTINCT plan_id) = 1 AS within_plan FROM moves GROUP BY sub, due_on
),
moved AS (
    SELECT sub, due_on FROM invoices_moved WHERE within_plan
),
agreed AS (
    SELECT
        line.item, old.expected_line_id IS NOT NULL AS in_old, new.expected_line_id IS NOT NULL AS in_new,
        CAST(json_extract_string(old.working, '$.steps.minimum.agreed') AS amount) AS old_minimum,
        CAST(json_extract_string(new.working, '$.steps.minimum.agreed') AS amount) AS new_minimum,
        old_plan.minimum AS old_listed, new_plan.minimum AS new_listed, moved.sub IS NOT NULL AS is_moved
    FROM differing_lines AS line
    LEFT JOIN moved ON moved.sub = line.sub AND moved.due_on = line.due_on
    LEFT JOIN expected_old AS old ON old.expected_line_id = line.expected_line_id
    LEFT JOIN expected_new AS new ON new.expected_line_id = line.line_key
    LEFT JOIN term_plans AS old_plan
        ON old_plan.plan_id = old.plan_id AND old_plan.plan_version = old.plan_version
            AND old_plan.currency = old.currency
    LEFT JOIN term_plans AS new_plan
        ON new_plan.plan_id = new.plan_id AND new_plan.plan_version = new.plan_version
            AND new_plan.currency = new.currency
    WHERE line.kind = 'minimum'
),
minimums AS (
    SELECT
        item,
        CASE
            WHEN is_moved AND (NOT in_old OR old_minimum = old_listed) AND (NOT in_new OR new_minimum = new_listed)
                THEN 'PRICE_VERSION'
            WHEN old_minimum <> new_minimum THEN 'MINIMUM'
        END AS code
    FROM agreed
),
appearing AS (
    SELECT line.item, 'PRICE_VERSION' AS code
    FROM differing_lines AS line
    SEMI JOIN invoices_moved AS invoice ON invoice.sub = line.sub AND invoice.due_on = line.due_on
    WHERE (line.expected_line_id IS NULL OR line.line_key IS NULL) AND line.is_charge
),
priced_otherwise AS MATERIALIZED (
    SELECT
        line.item, coalesce(old.unit_price <> new.unit_price, false) AS other_price, old.working AS old_working,
        new.working AS new_working
    FROM differing_lines AS line
    JOIN line_codes AS coded ON coded.item = line.item AND coded.code IN ('PRORATION', 'ROUNDING')
    JOIN expected_old AS old ON old.expected_line_id = line.expected_line_id
    JOIN expected_new AS new ON new.expected_line_id = line.line_key
    WHERE old.gross <> new.gross
),
repriced AS (
    SELECT item, CASE WHEN other_price THEN 'PRICE_VERSION' ELSE 'TIER_RATE' END AS code
    FROM priced_otherwise
    WHERE json_extract_string(old_working, '$.steps.rating.proration')
        IS NOT DISTINCT FROM json_extract_string(new_working, '$.steps.rating.proration')
        AND json_extract_string(old_working, '$.steps.rating.steps')
        <> json_extract_string(new_working, '$.steps.rating.steps')
),
given AS (
    SELECT item, code FROM minimums WHERE code IS NOT NULL
    UNION ALL
    SELECT item, code FROM appearing
    UNION ALL
    SELECT item, code FROM repriced
)
SELECT
    line.expected_line_id AS old_id, line.line_key AS new_id,
    CASE WHEN coded.is_consequence THEN coded.code ELSE coalesce(given.code, coded.code) END AS code,
    CASE
        WHEN coded.is_consequence OR given.code IS NULL THEN coded.stages
        ELSE
            list_transform(
                coded.stages,
                LAMBDA stage: struct_pack(
                    code := CASE WHEN stage.code = coded.code THEN given.code ELSE stage.code END,
                    amount := stage.amount
                )
            )
    END AS stages,
    coded.is_consequence
FROM differing_lines AS line
JOIN line_codes AS coded ON coded.item = line.item
LEFT JOIN given ON given.item = line.item
