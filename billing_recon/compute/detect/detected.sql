-- What the detectors found on the day, stated as facts, without detectors that policy turned off. The id is a hash of
-- what a finding is about (`identity`), never of an amount. `evidence` names at most 10 source rows: those that the
-- detector states, or those of the invoice that it `cites`.
-- inputs: total_detections, tax_detections, discount_detections, charge_detections, gap_detections, repeat_detections,
-- payment_detections, variant_detections, engine_lines, policy_detectors
-- rows from: total_detections; tax_detections; discount_detections; charge_detections; gap_detections;
-- repeat_detections; payment_detections; variant_detections
WITH found AS (
    SELECT * FROM total_detections
    UNION ALL BY NAME
    SELECT * FROM tax_detections
    UNION ALL BY NAME
    SELECT * FROM discount_detections
    UNION ALL BY NAME
    SELECT * FROM charge_detections
    UNION ALL BY NAME
    SELECT * FROM gap_detections
    UNION ALL BY NAME
    SELECT * FROM repeat_detections
    UNION ALL BY NAME
    SELECT * FROM payment_detections
    UNION ALL BY NAME
    SELECT * FROM variant_detections
),
cited AS (
    SELECT
        line.invoice_id, line.currency, line.variant,
        list_slice(list(
            struct_pack("table" := 'invoice_lines', file := line.source_file, "row" := line.source_row)
            ORDER BY line.source_file, line.source_row
        ), 1, 10) AS sources
    FROM engine_lines AS line
    SEMI JOIN found
        ON found.cites.invoice_id = line.invoice_id AND found.cites.currency = line.currency
            AND found.cites.variant = line.variant
    WHERE line.status = 'issued'
    GROUP BY line.invoice_id, line.currency, line.variant
)
SELECT
    'D' || left(sha256(concat_ws('|', found.detector, found.identity)), 16) AS detection_id, found.detector,
    found.customer_id, found.subscription_id, found.invoice_id, found.payment_id, found.currency, found.amount,
    found.sentence, found.facts, policy.owner,
    CAST(json_object('sources', coalesce(found.sources, cited.sources, [])) AS VARCHAR) AS evidence
FROM found
JOIN policy_detectors AS policy ON NOT list_contains(policy.turned_off, found.detector)
LEFT JOIN cited
    ON cited.invoice_id = found.cites.invoice_id AND cited.currency = found.cites.currency
        AND cited.variant = found.cites.variant
