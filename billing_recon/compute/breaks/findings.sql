-- Every finding of the pairs compared today, with its break_id: a hash of what it is about, never of the day or an
-- amount, so that a rerun or a corrected figure keeps it. A pair states the columns that it has; the others are NULL.
-- inputs: expected_billed_findings, billed_rendered_findings, booked_findings, paid_findings, metered_findings,
-- pairs_compared
-- rows from: expected_billed_findings; billed_rendered_findings; booked_findings; paid_findings; metered_findings
WITH found AS (
    SELECT * FROM expected_billed_findings
    UNION ALL BY NAME
    SELECT * FROM billed_rendered_findings
    UNION ALL BY NAME
    SELECT * FROM booked_findings
    UNION ALL BY NAME
    SELECT * FROM paid_findings
    UNION ALL BY NAME
    SELECT * FROM metered_findings
)
SELECT
    'B' || left(sha256(concat_ws(
        '|', pair, level, code, coalesce(invoice_id, ''), coalesce(line_id, ''), coalesce(subscription_id, ''),
        coalesce(meter, ''), identity
    )), 16) AS break_id,
    pair, level, code, invoice_id, line_id, customer_id, subscription_id, meter, currency, cohort, variant,
    expected, billed, rendered, booked, paid, delta, stages, compared, sentence, facts,
    layer, sources, evidence
FROM found
SEMI JOIN pairs_compared USING (pair)
