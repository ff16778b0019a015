-- Invoices with lines billed by another path than the flag gave their customer, one finding per invoice, currency and
-- path. The difference is 0: what the other path got wrong is found by the pairs. Lines that name no path are not known
-- to be wrong; the detector VARIANT_MISSING counts them.
-- inputs: flagged_lines
-- rows from: flagged_lines WHERE variant <> flag AND NOT unlabelled
SELECT
    'expected_billed' AS pair, 'invoice' AS level, 'EXPOSURE' AS code, 'invoice_lines' AS layer, invoice_id,
    min(customer_id) AS customer_id,
    CASE WHEN min(subscription_id) = max(subscription_id) THEN min(subscription_id) END AS subscription_id, currency,
    min(in_group(cohort, variant)) AS cohort, variant, CAST(sum(total) AS amount) AS billed, CAST(0 AS amount) AS delta,
    currency || '|' || variant AS identity, false AS compared, 'exposure' AS sentence,
    to_json(struct_pack(
        invoice_id := invoice_id, customer_id := min(customer_id), variant := variant, flag := min(flag),
        rollout := min(rollout), issued_on := CAST(min(issued_on) AS VARCHAR), lines := count(*),
        billed := CAST(sum(total) AS amount)
    )) AS facts,
    json_object('rollout', min(rollout), 'flag', min(flag)) AS evidence
FROM flagged_lines
WHERE variant <> flag AND NOT unlabelled
GROUP BY invoice_id, currency, variant
UNION ALL BY NAME
SELECT * FROM no_finding()
