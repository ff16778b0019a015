-- The rows with their invoice and code. `invoice_id` of a line that neither engine billed is that of its siblings due
-- on the same day. An unmeant difference that somebody agreed to has the state accepted. The code is that of the new
-- engine's own fault, else of the meant change, else of the old engine's fault. A view, since the rows are many and
-- wide, and what is joined to them is small.
-- inputs: shadow_rows, bill_siblings, agreed_lines
-- kept: no
SELECT
    line.* EXCLUDE (state)
    REPLACE (
        coalesce(line.invoice_id, invoice.invoice_id, '') AS invoice_id, coalesce(line.line_id, '') AS line_id
    ),
    CASE WHEN agreed.id IS NOT NULL THEN 'accepted' ELSE line.state END AS state,
    agreed.id AS accepted_as,
    CASE
        WHEN line.state IN ('equal', 'split') THEN NULL
        WHEN line.state = 'unknown' THEN 'UNEXPLAINED'
        WHEN line.state = 'unmeant' THEN line.new_code
        ELSE coalesce(line.meant_code, line.old_code, line.new_code)
    END AS code
FROM shadow_rows AS line
LEFT JOIN bill_siblings AS invoice
    ON line.invoice_id IS NULL AND invoice.subscription_id = line.subscription_id AND invoice.due_on = line.due_on
LEFT JOIN agreed_lines AS agreed
    ON line.state = 'unmeant' AND agreed.currency = line.currency
        AND agreed.expected_old_line IS NOT DISTINCT FROM line.expected_old_line
        AND agreed.expected_new_line IS NOT DISTINCT FROM line.expected_new_line
        AND agreed.old_key IS NOT DISTINCT FROM line.old_key
        AND agreed.new_key IS NOT DISTINCT FROM line.new_key
