-- The day's detections (core.schema.DETECTIONS). `detection_texts` is written by `explain` from the facts of
-- `detected`.
-- inputs: detected, detection_texts
-- rows from: detected
SELECT
    fact.detection_id, fact.detector, fact.customer_id, fact.subscription_id, fact.invoice_id, fact.payment_id,
    fact.currency, fact.amount, text.finding, text.next_step, fact.owner, fact.evidence
FROM detected AS fact
JOIN detection_texts AS text ON text.detection_id = fact.detection_id
ORDER BY fact.detection_id
