-- Breaks that an unexpired entry of the registry of expected changes is about, and the bound that they exceed
-- (`exceeds` is NULL: the entry covers them). `size` is the absolute delta, or the largest amount of a break without
-- one (a wrong account). Of several entries a break counts against the one with the smallest bound that fits; a day's
-- total is filled from the smallest break up.
-- inputs: findings, policy_expected_changes, engine_lines, expected_lines, run_params
-- rows from: policy_expected_changes AS change JOIN findings AS finding ON list_contains(change.codes, finding.code)
-- AND change.currency IS NOT DISTINCT FROM finding.currency
WITH parts AS (
    SELECT break_id, list(part.code ORDER BY part.code) AS codes
    FROM (SELECT break_id, unnest(stages) AS part FROM findings) AS staged
    WHERE part.amount <> 0
    GROUP BY break_id
),
billed AS (
    SELECT finding.break_id, list(DISTINCT line.plan_id) AS plans
    FROM findings AS finding
    JOIN engine_lines AS line
        ON line.invoice_id = finding.invoice_id AND (finding.line_id IS NULL OR line.line_id = finding.line_id)
    WHERE line.plan_id IS NOT NULL
    GROUP BY finding.break_id
),
due AS (SELECT subscription_id, list(DISTINCT plan_id) AS plans FROM expected_lines GROUP BY subscription_id),
sized AS (
    SELECT
        finding.break_id, finding.pair, finding.code, finding.currency, finding.customer_id, finding.subscription_id,
        finding.invoice_id, finding.cohort, finding.meter, coalesce(billed.plans, due.plans) AS plans,
        coalesce(parts.codes, [finding.code]) AS codes,
        CASE WHEN finding.delta <> 0 THEN abs(finding.delta) ELSE greatest(
                    abs(coalesce(finding.expected, 0)),
                    abs(coalesce(finding.billed, 0)),
                    abs(coalesce(finding.rendered, 0)),
                    abs(coalesce(finding.booked, 0)), abs(coalesce(finding.paid, 0))
                )
        END AS size
    FROM findings AS finding
    LEFT JOIN parts ON parts.break_id = finding.break_id
    LEFT JOIN billed ON billed.break_id = finding.break_id
    LEFT JOIN due ON due.subscription_id = finding.subscription_id
),
about AS (
    SELECT
        sized.break_id, change.id, change.max_per_break, change.max_per_day, sized.size,
        sized.size <= change.max_per_break AS fits
    FROM sized
    CROSS JOIN run_params AS params
    JOIN policy_expected_changes AS change
        ON list_contains(change.codes, sized.code) AND list_has_all(change.codes, sized.codes)
            AND (change.pair IS NULL OR change.pair = sized.pair)
            AND change.currency IS NOT DISTINCT FROM sized.currency
            AND params.day BETWEEN change.starts AND change.expires
            AND (len(change.customers) = 0 OR coalesce(list_contains(change.customers, sized.customer_id), false))
            AND (
                len(change.subscriptions) = 0
                OR coalesce(list_contains(change.subscriptions, sized.subscription_id), false)
            )
            AND (len(change.invoices) = 0 OR coalesce(list_contains(change.invoices, sized.invoice_id), false))
            AND (len(change.cohorts) = 0 OR coalesce(list_contains(change.cohorts, sized.cohort), false))
            AND (len(change.meters) = 0 OR coalesce(list_contains(change.meters, sized.meter), false))
            AND (len(change.plans) = 0 OR coalesce(list_has_all(change.plans, sized.plans), false))
),
chosen AS (
    SELECT break_id, id, max_per_break, max_per_day, size, fits
    FROM about
    QUALIFY row_number() OVER (
            PARTITION BY break_id
            ORDER BY CASE WHEN fits THEN 0 ELSE 1 END, CASE WHEN fits THEN max_per_break ELSE -max_per_break END, id
        ) = 1
),
added AS (
    SELECT
        break_id, id, max_per_break, max_per_day, size, fits,
        CAST(sum(CASE WHEN fits THEN size ELSE 0 END) OVER (
            PARTITION BY id ORDER BY size, break_id ROWS UNBOUNDED PRECEDING
        ) AS amount) AS day_total
    FROM chosen
)
SELECT
    break_id, id, CAST(size AS amount) AS size, max_per_break, max_per_day, day_total,
    CASE WHEN NOT fits THEN 'max_per_break' WHEN day_total > max_per_day THEN 'max_per_day' END AS exceeds
FROM added
