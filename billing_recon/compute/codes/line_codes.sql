-- The primary code and stages of each line that differs. A minimum, cap, coupon or credit that is right for the billed
-- siblings is the consequence of a sibling and takes its code (`follows`: the sibling's line). What it should be
-- follows from what the siblings add up to on either side: a minimum fills up to the same sum, a cap leaves it, a
-- coupon or credit takes all that is left where that limits it.
-- inputs: coded_stages, tax_consequences, differing_lines, line_items, expected_lines, billed_lines, run_params
-- rows from: differing_lines
WITH firsts AS (
    SELECT
        item, arg_min(code, step) FILTER (WHERE delta <> 0) AS moving, arg_min(code, step) AS any_code,
        count(DISTINCT code) AS codes
    FROM coded_stages
    GROUP BY item
),
own AS (
    SELECT
        line.item, line.variant, line.sub, line.due_on, line.kind, line.line_id,
        coalesce(first.moving, first.any_code) AS code, first.codes
    FROM differing_lines AS line
    JOIN firsts AS first ON first.item = line.item
),
dependent AS (
    SELECT
        own.item, own.variant, own.sub, own.due_on, own.kind, line.expected_line_id, line.line_key, line.period_start,
        line.period_end, coalesce(line.expected_plan, line.billed_plan) AS plan_id, own.code = 'CAP' AS is_cap,
        coalesce(CASE line.kind
            WHEN 'minimum' THEN line.expected_gross - line.expected_discount
            WHEN 'discount' THEN line.expected_discount ELSE line.expected_credit
        END, 0) AS expected_own,
        coalesce(CASE line.kind
            WHEN 'minimum' THEN line.billed_gross - line.billed_discount
            WHEN 'discount' THEN line.billed_discount ELSE line.billed_credit
        END, 0) AS billed_own
    FROM own
    JOIN differing_lines AS line ON line.item = own.item
    WHERE own.codes = 1 AND own.code IN (
            'CAP', CASE own.kind
                WHEN 'minimum' THEN 'MINIMUM' WHEN 'discount' THEN 'DISCOUNT_VALUE' WHEN 'credit' THEN 'CREDIT_VALUE'
            END
        )
),
siblings AS (
    SELECT
        dependent.item, dependent.kind, dependent.is_cap, dependent.plan_id, dependent.period_start,
        dependent.period_end, coalesce(expected.kind, billed.kind) AS sibling_kind,
        coalesce(expected.plan_id, billed.plan_id) AS sibling_plan_id,
        coalesce(expected.period_start, billed.period_start) AS sibling_start,
        coalesce(expected.period_end, billed.period_end) AS sibling_end,
        coalesce(CASE
            WHEN dependent.kind <> 'credit' THEN expected.gross - expected.discount
            WHEN run.credit_policy = 'before_tax' THEN expected.taxable ELSE expected.total
        END, 0) AS expected,
        coalesce(CASE
            WHEN dependent.kind <> 'credit' THEN billed.gross - billed.discount
            WHEN run.credit_policy = 'before_tax' THEN billed.taxable ELSE billed.total
        END, 0) AS billed
    FROM dependent
    CROSS JOIN run_params AS run
    JOIN line_items AS item
        ON item.variant = dependent.variant AND item.sub = dependent.sub AND item.due_on = dependent.due_on
            AND NOT (
                item.expected_line_id IS NOT DISTINCT FROM dependent.expected_line_id
                AND item.line_key IS NOT DISTINCT FROM dependent.line_key
            )
    LEFT JOIN expected_lines AS expected ON expected.expected_line_id = item.expected_line_id
    LEFT JOIN billed_lines AS billed ON billed.line_key = item.line_key
),
sums AS (
    SELECT item, CAST(sum(expected) AS amount) AS expected_sum, CAST(sum(billed) AS amount) AS billed_sum
    FROM siblings
    WHERE dependence(sibling_kind) <= dependence(kind) AND (
            kind <> 'minimum' OR (
                sibling_kind IN ('usage', 'subscription', 'proration') AND sibling_plan_id = plan_id
                AND sibling_start >= period_start AND sibling_end <= period_end
            )
        ) AND (NOT is_cap OR sibling_kind IN ('usage', 'subscription', 'proration'))
    GROUP BY item
),
following AS (
    SELECT
        dependent.item, dependent.variant, dependent.sub, dependent.due_on, dependent.kind, dependent.plan_id,
        dependent.period_start, dependent.period_end
    FROM dependent
    JOIN sums ON sums.item = dependent.item
    WHERE sums.expected_sum <> sums.billed_sum AND CASE
            WHEN dependent.kind = 'minimum'
                THEN (
                    dependent.expected_own > 0
                    AND dependent.billed_own = greatest(sums.expected_sum + dependent.expected_own - sums.billed_sum, 0)
                )
                OR (
                    dependent.expected_own = 0 AND dependent.billed_own > 0
                    AND sums.billed_sum + dependent.billed_own <= sums.expected_sum
                )
            WHEN dependent.is_cap
                THEN (
                    dependent.expected_own > 0
                    AND dependent.billed_own = greatest(sums.billed_sum - sums.expected_sum + dependent.expected_own, 0)
                )
                OR (
                    dependent.expected_own = 0 AND dependent.billed_own > 0
                    AND sums.billed_sum - dependent.billed_own >= sums.expected_sum
                )
            ELSE (dependent.billed_own = greatest(sums.billed_sum, 0) AND dependent.billed_own < dependent.expected_own)
                OR (
                    dependent.expected_own = greatest(sums.expected_sum, 0)
                    AND dependent.billed_own > dependent.expected_own AND dependent.billed_own <= sums.billed_sum
                )
        END
),
causes AS (
    SELECT
        following.item,
        arg_min(
            struct_pack(code := own.code, line_id := own.line_id),
            struct_pack(kind := dependence(own.kind), stage := stage_place(own.code), line := own.item)
        ) AS cause
    FROM following
    JOIN own
        ON own.variant = following.variant AND own.sub = following.sub AND own.due_on = following.due_on
            AND own.item <> following.item
    JOIN differing_lines AS line ON line.item = own.item
    WHERE dependence(own.kind) < dependence(following.kind) AND (
            following.kind <> 'minimum' OR (
                coalesce(line.expected_plan, line.billed_plan) = following.plan_id
                AND line.period_start >= following.period_start AND line.period_end <= following.period_end
            )
        )
    GROUP BY following.item
    UNION ALL
    SELECT item, cause FROM tax_consequences
),
parts AS (
    SELECT
        stage.item, coalesce(cause.cause.code, stage.code) AS code, CAST(sum(stage.delta) AS amount) AS delta
    FROM coded_stages AS stage
    LEFT JOIN causes AS cause ON cause.item = stage.item
    GROUP BY stage.item, coalesce(cause.cause.code, stage.code)
),
listed AS (
    SELECT
        item, list(struct_pack(code := code, amount := delta) ORDER BY code) AS stages
    FROM parts
    GROUP BY item
)
SELECT
    own.item, coalesce(cause.cause.code, own.code) AS code, cause.cause.line_id AS follows,
    cause.item IS NOT NULL AS is_consequence, listed.stages
FROM own
JOIN listed ON listed.item = own.item
LEFT JOIN causes AS cause ON cause.item = own.item
