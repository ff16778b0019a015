-- Every finding of the pairs compared today, with its break_id: a hash of what it is about, never of the day or an
-- amount, so that a rerun or a corrected figure keeps it. What was compared before and has changed since is a break of
-- its own, told apart by the day of the change (`again`). `former_id`: the id that it had in versions before 0.3. A
-- pair states the columns that it has; the others are NULL.
-- inputs: expected_billed_findings, billed_rendered_findings, booked_findings, paid_findings, cash_findings,
-- metered_findings, exposure_findings, invoice_lines, pairs_compared, run_params
-- rows from: expected_billed_findings; billed_rendered_findings; booked_findings; paid_findings; cash_findings;
-- metered_findings; exposure_findings
WITH found AS (
    SELECT * FROM expected_billed_findings
    UNION ALL BY NAME
    SELECT * FROM billed_rendered_findings
    UNION ALL BY NAME
    SELECT * FROM booked_findings
    UNION ALL BY NAME
    SELECT * FROM paid_findings
    UNION ALL BY NAME
    SELECT * FROM cash_findings
    UNION ALL BY NAME
    SELECT * FROM metered_findings
    UNION ALL BY NAME
    SELECT * FROM exposure_findings
),
lines AS (
    SELECT line.invoice_id, line.line_id, min(line.observed_on) AS since
    FROM invoice_lines AS line SEMI JOIN found ON found.invoice_id = line.invoice_id
    GROUP BY line.invoice_id, line.line_id
),
billed AS (
    SELECT invoice_id, line_id, since FROM lines
    UNION ALL
    SELECT invoice_id, NULL AS line_id, min(since) AS since FROM lines GROUP BY invoice_id
),
named AS (
    SELECT
        found.*,
        concat_ws(
            '|', found.pair, found.level, found.code, coalesce(found.invoice_id, ''), coalesce(found.line_id, ''),
            coalesce(found.subscription_id, ''), coalesce(found.meter, '')
        ) AS about,
        CASE
            WHEN found.pair <> 'expected_billed' AND coalesce(billed.since < params.day, true) THEN found.again
            WHEN found.pair = 'expected_billed' AND billed.since < params.day THEN params.day
        END AS since
    FROM found
    CROSS JOIN run_params AS params
    LEFT JOIN billed
        ON billed.invoice_id = found.invoice_id AND billed.line_id IS NOT DISTINCT FROM CASE
                WHEN found.pair = 'expected_billed' AND found.level = 'line' THEN coalesce(found.line_id, '')
            END
),
identified AS (
    SELECT
        *, 'B' || left(sha256(concat_ws('|', about, identity, 'again ' || CAST(since AS VARCHAR))), 16) AS break_id,
        CASE
            WHEN level = 'account' AND pair = 'billed_booked'
                THEN 'B' || left(sha256(concat_ws('|', about, currency)), 16)
            WHEN since IS NOT NULL THEN 'B' || left(sha256(concat_ws('|', about, identity)), 16)
        END AS former_id
    FROM named
)
SELECT
    CASE
        WHEN count(*) OVER (PARTITION BY break_id) = 1 THEN break_id
        ELSE error(
                'two findings of ' || pair || ' have the break id ' || break_id || ' (' || code || ' '
                || coalesce(invoice_id, '')
                || ' '
                || identity
                || '): its identity lacks what tells them apart; report this'
            )
    END AS break_id, former_id, pair, level, code, invoice_id, line_id, customer_id, subscription_id, meter, currency,
    cohort_of(cohort) AS cohort, engine_of(cohort) AS variant, expected, billed, rendered, booked, paid, delta,
    stages, compared, sentence, facts, layer, sources, evidence
FROM identified
SEMI JOIN pairs_compared USING (pair)
