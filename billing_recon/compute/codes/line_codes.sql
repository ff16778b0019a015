-- Per line that differs its primary code and stages. A minimum, cap, coupon or credit that is right for the billed
-- siblings is the consequence of a sibling and takes that one's code (`follows`: the sibling's line). What it should
-- be is judged by what the siblings add up to on either side: a minimum fills the same sum, a cap leaves it, a coupon
-- or credit takes all that is left where it is cut off by it.
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
        coalesce(first.moving, first.any_code) AS code, first.codes FROM differing_lines AS line JOIN firsts AS first
        ON first.item = line.item
),
dependent AS (
    SELECT
        own.item, own.variant, own.sub, own.due_on, own.kind, line.expected_line_id, line.line_key, line.period_start,
        line.period_end, coalesce(line.expected_plan, line.billed_plan) AS plan_id, own.code = 'CAP' AS is_cap,
        CASE line.kind WHEN 'minimum' THEN coalesce(line.expected_gross - line.expected_discount, 0)
            WHEN 'discount' THEN coalesce(line.expected_discount, 0) ELSE coalesce(line.expected_credit, 0)
        END AS expected_own,
        CASE line.kind WHEN 'minimum' THEN coalesce(line.billed_gross - line.billed_discount, 0)
            WHEN 'discount' THEN coalesce(line.billed_discount, 0) ELSE coalesce(line.billed_credit, 0)
        END AS billed_own
    FROM own
    JOIN differing_lines AS line ON line.item = own.item
    WHERE own.codes = 1 AND (own.code = CASE own.kind WHEN 'minimum' THEN 'MINIMUM'
            WHEN 'discount' THEN 'DISCOUNT_VALUE' WHEN 'credit' THEN 'CREDIT_VALUE'
        END OR own.code = 'CAP')
),
sums AS (
    SELECT
        dependent.item,
        CAST(sum(CASE WHEN dependent.kind <> 'credit' THEN coalesce(expected.gross - expected.discount, 0)
            WHEN run.credit_policy = 'before_tax' THEN coalesce(expected.taxable, 0) ELSE coalesce(expected.total, 0)
        END) AS amount) AS expected_sum,
        CAST(sum(CASE WHEN dependent.kind <> 'credit' THEN coalesce(billed.gross - billed.discount, 0)
            WHEN run.credit_policy = 'before_tax' THEN coalesce(billed.taxable, 0) ELSE coalesce(billed.total, 0)
        END) AS amount) AS billed_sum
    FROM dependent
    CROSS JOIN run_params AS run
    JOIN line_items AS item
        ON item.variant = dependent.variant AND item.sub = dependent.sub
            AND item.due_on = dependent.due_on
            AND NOT (
                item.expected_line_id IS NOT DISTINCT FROM dependent.expected_line_id
                AND item.line_key IS NOT DISTINCT FROM dependent.line_key
            )
    LEFT JOIN expected_lines AS expected ON expected.expected_line_id = item.expected_line_id
    LEFT JOIN billed_lines AS billed ON billed.line_key = item.line_key
    WHERE dependence(coalesce(expected.kind, billed.kind)) <= dependence(dependent.kind)
        AND (dependent.kind <> 'minimum' OR (
            coalesce(
                expected.kind, billed.kind) IN ('usage', 'subscription', 'proration') AND coalesce(
                expected.plan_id,
                billed.plan_id
            ) = dependent.plan_id
            AND coalesce(expected.period_start, billed.period_start) >= dependent.period_start
            AND coalesce(expected.period_end, billed.period_end) <= dependent.period_end
        ))
        AND (NOT dependent.is_cap OR coalesce(expected.kind, billed.kind) IN ('usage', 'subscription', 'proration'))
    GROUP BY dependent.item
),
following AS (
    SELECT
        dependent.item, dependent.variant, dependent.sub, dependent.due_on, dependent.kind
    FROM dependent
    JOIN sums AS sum ON sum.item = dependent.item
    WHERE sum.expected_sum <> sum.billed_sum AND CASE
            WHEN dependent.kind = 'minimum'
                THEN (
                    dependent.expected_own > 0
                    AND dependent.billed_own = greatest(sum.expected_sum + dependent.expected_own - sum.billed_sum, 0)
                )
                OR (
                    dependent.expected_own = 0 AND dependent.billed_own > 0
                    AND sum.billed_sum + dependent.billed_own <= sum.expected_sum
                )
            WHEN dependent.is_cap
                THEN (
                    dependent.expected_own > 0
                    AND dependent.billed_own = greatest(sum.billed_sum - sum.expected_sum + dependent.expected_own, 0)
                )
                OR (
                    dependent.expected_own = 0 AND dependent.billed_own > 0
                    AND sum.billed_sum - dependent.billed_own >= sum.expected_sum
                )
            ELSE (dependent.billed_own = greatest(sum.billed_sum, 0) AND dependent.billed_own < dependent.expected_own)
                OR (
                    dependent.expected_own = greatest(sum.expected_sum, 0)
                    AND dependent.billed_own > dependent.expected_own AND dependent.billed_own <= sum.billed_sum
                )
        END
),
causes AS (
    SELECT
        following.item,
        arg_min(struct_pack(
            code := own.code, line_id := own.line_id), struct_pack(
            kind := dependence(own.kind),
            stage := stage_place(own.code),
            line := own.item
        )) AS cause
    FROM following
    JOIN own AS own
        ON own.variant = following.variant AND own.sub = following.sub AND own.due_on = following.due_on
            AND own.item <> following.item
    WHERE dependence(own.kind) < dependence(following.kind)
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
