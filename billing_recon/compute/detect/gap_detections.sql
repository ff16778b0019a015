-- Gaps in a series of invoice numbers (what stands before and after the last digits is the series; it must hold at
-- least half of its numbers), reported once the invoices on both sides are as old as the grace for issuing. None while
-- no pair of the engine's invoices is compared: what is not known may hold the missing numbers.
-- inputs: invoice_numbers, policy_detectors, pairs_compared, run_params
-- rows from: (SELECT 1 FROM invoice_numbers GROUP BY prefix, suffix
-- HAVING max(number) - min(number) + 1 <> count(DISTINCT number) AND count(known_on) > 0) AS uneven
WITH series AS (
    SELECT prefix, suffix
    FROM invoice_numbers
    WHERE number IS NOT NULL AND known_on IS NOT NULL
    GROUP BY prefix, suffix
    HAVING count(DISTINCT number) >= (SELECT series_of FROM policy_detectors)
        AND count(DISTINCT number) + count(DISTINCT number) > max(number) - min(number)
),
places AS (
    SELECT prefix, suffix, number, min(invoice_id) AS invoice_id, min(known_on) AS known_on
    FROM invoice_numbers SEMI JOIN series USING (prefix, suffix)
    GROUP BY prefix, suffix, number
),
steps AS (
    SELECT
        number, invoice_id, known_on, lead(number) OVER series AS next_number,
        lead(invoice_id) OVER series AS next_id, lead(known_on) OVER series AS next_known
    FROM places WINDOW series AS (PARTITION BY prefix, suffix ORDER BY number)
)
SELECT
    'NUMBER_GAP' AS detector, concat_ws('|', step.invoice_id, step.next_id) AS identity, step.next_id AS invoice_id,
    'number_gap' AS sentence,
    to_json(struct_pack(earlier := step.invoice_id, missing := step.next_number - step.number - 1)) AS facts
FROM steps AS step
JOIN run_params AS params ON greatest(step.known_on, step.next_known) = params.day - params.issue_grace_days
WHERE step.next_number - step.number > 1
    AND EXISTS (SELECT 1 FROM pairs_compared WHERE pair LIKE 'billed%' OR pair = 'expected_billed')
