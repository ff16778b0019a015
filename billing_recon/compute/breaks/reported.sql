-- Findings with everything that a break carries, stated as facts, and their cohort and variant. `agrees_with_rating`:
-- the layer differs from the bill by exactly what the bill differs from our own rating on the same day, so the billing
-- engine is the odd one out. `followed_by`: the layers that agree with a bill that differs from our own rating, as far
-- as they are known. `evidence` names at most 40 source rows; the invoice_id finds the rest.
-- inputs: findings, assessments, engine_lines, engine_invoices, invoice_money, currencies, policy_owners,
-- dispositions, layer_sources, run_params
-- rows from: findings
WITH billed AS (
    SELECT
        finding.break_id,
        list(
            struct_pack("table" := 'invoice_lines', file := line.source_file, "row" := line.source_row)
            ORDER BY line.source_file, line.source_row
        ) AS sources
    FROM findings AS finding
    JOIN engine_lines AS line
        ON line.invoice_id = finding.invoice_id AND coalesce(line.line_id = finding.line_id, true)
    WHERE finding.pair <> 'expected_billed' OR finding.level <> 'line'
    GROUP BY finding.break_id
),
parts AS (
    SELECT
        break_id, currency, delta, unnest(coalesce(stages, [struct_pack(code := code, amount := delta)])) AS part
    FROM findings
),
staged AS (
    SELECT
        parts.break_id,
        '{' || string_agg(
            '"' || parts.part.code || '": "' || say(parts.part.amount, coalesce(money.decimals, 0)) || '"', ', '
            ORDER BY stage_place(parts.part.code)
        ) || '}' AS stage_deltas
    FROM parts
    LEFT JOIN currencies AS money ON money.currency = parts.currency
    WHERE parts.part.amount <> 0 OR parts.delta = 0
    GROUP BY parts.break_id
),
rated AS (
    SELECT invoice_id, currency, CAST(sum(delta) AS amount) AS off
    FROM findings
    WHERE pair = 'expected_billed'
    GROUP BY invoice_id, currency HAVING sum(delta) <> 0
),
agreeing AS (
    SELECT finding.pair, finding.invoice_id, finding.currency
    FROM findings AS finding
    JOIN rated ON rated.invoice_id = finding.invoice_id AND rated.currency = finding.currency
    WHERE finding.pair IN ('billed_rendered', 'billed_booked', 'billed_paid') AND finding.compared
    GROUP BY finding.pair, finding.invoice_id, finding.currency, rated.off HAVING sum(finding.delta) = -rated.off
),
doubted AS (
    SELECT DISTINCT invoice_id, currency
    FROM findings WHERE pair = 'expected_billed' AND invoice_id IS NOT NULL
),
following AS (
    SELECT invoice_id, currency, string_agg(layer, '|' ORDER BY layer) AS layers
    FROM (
        SELECT
            left_key AS invoice_id, currency,
            CASE WHEN pair = 'billed_rendered' THEN 'document' ELSE 'ledger' END AS layer
        FROM assessments
        WHERE pair IN ('billed_rendered', 'billed_booked') AND status = 'matched' AND right_key IS NOT NULL
            AND left_amount <> 0
        UNION ALL
        SELECT money.invoice_id, money.currency, 'payment' AS layer
        FROM invoice_money AS money
        JOIN engine_invoices AS billed
            ON billed.invoice_id = money.invoice_id AND billed.currency = money.currency AND billed.total = money.paid
        WHERE money.paid > 0
    ) AS layers
    SEMI JOIN doubted USING (invoice_id, currency)
    GROUP BY invoice_id, currency
)
SELECT
    finding.break_id, params.day, finding.pair, finding.level, finding.code,
    coalesce(disposed.disposition, 'OPEN') AS disposition, finding.invoice_id, finding.line_id, finding.customer_id,
    finding.subscription_id, finding.meter, finding.currency, finding.expected, finding.billed, finding.rendered,
    finding.booked, finding.paid, finding.delta, staged.stage_deltas, finding.sentence, finding.facts,
    agreeing.invoice_id IS NOT NULL AS agrees_with_rating, following.layers AS followed_by,
    coalesce(owner.owner, '') AS owner,
    coalesce(layer.source_system, finding.layer) AS source_system,
    CAST(json_merge_patch(
        coalesce(CAST(finding.evidence AS JSON), CAST('{}' AS JSON)),
        coalesce(disposed.disposed_by, CAST('{}' AS JSON)),
        json_object(
            'former_id', finding.former_id,
            'sources', coalesce(list_slice(list_concat(finding.sources, billed.sources), 1, 40), [])
        )
    ) AS VARCHAR) AS evidence,
    finding.cohort, finding.variant
FROM findings AS finding
CROSS JOIN run_params AS params
JOIN staged ON staged.break_id = finding.break_id
LEFT JOIN billed ON billed.break_id = finding.break_id
LEFT JOIN dispositions AS disposed ON disposed.break_id = finding.break_id
LEFT JOIN policy_owners AS owner ON owner.code = finding.code
LEFT JOIN layer_sources AS layer ON layer.table_name = finding.layer
LEFT JOIN agreeing
    ON agreeing.pair = finding.pair AND agreeing.invoice_id = finding.invoice_id
        AND agreeing.currency = finding.currency
LEFT JOIN following
    ON finding.pair = 'expected_billed' AND following.invoice_id = finding.invoice_id
        AND following.currency = finding.currency
