-- The new corner of a candidate without an engine of its own: it bills what our rating of the new terms gives, for
-- every line that the old engine's period has, and for what its invoices get under the new terms.
-- inputs: expected_new, meant_items, corner_old
WITH periods AS (
    SELECT DISTINCT sub, due_on FROM corner_old WHERE state = 'compared' AND expected_line_id IS NOT NULL
)
SELECT
    expected.expected_line_id, expected.expected_line_id AS line_key, expected.subscription_id AS sub, expected.due_on,
    'compared' AS state, CAST(NULL AS VARCHAR) AS code,
    CAST(NULL AS STRUCT(code VARCHAR, amount DECIMAL(38, 12))[]) AS stages, false AS is_consequence,
    CAST(NULL AS INTEGER) AS pass, false AS split
FROM expected_new AS expected
LEFT JOIN meant_items AS meant ON meant.line_key = expected.expected_line_id
LEFT JOIN corner_old AS old ON old.expected_line_id = meant.expected_line_id
LEFT JOIN periods ON periods.sub = expected.subscription_id AND periods.due_on = expected.due_on
WHERE old.state = 'compared' OR (meant.expected_line_id IS NULL AND periods.sub IS NOT NULL)
