-- Lines of customers whom a live rollout concerns that do not say by which path they were billed, one finding per
-- rollout, flag and currency: whether the flag was followed is not known.
-- inputs: flagged_lines
-- rows from: flagged_lines WHERE unlabelled
SELECT
    'VARIANT_MISSING' AS detector, concat_ws('|', rollout, flag, currency) AS identity,
    CASE WHEN min(customer_id) = max(customer_id) THEN min(customer_id) END AS customer_id,
    min(invoice_id) AS invoice_id, currency, CAST(sum(total) AS amount) AS amount, 'variant_missing' AS sentence,
    to_json(struct_pack(
        rollout := rollout, flag := flag, lines := count(*), customers := count(DISTINCT customer_id),
        invoice_id := min(invoice_id), amount := CAST(sum(total) AS amount)
    )) AS facts,
    list_slice(list(
        struct_pack("table" := 'invoice_lines', file := source_file, "row" := source_row)
        ORDER BY source_file, source_row
    ), 1, 10) AS sources
FROM flagged_lines
WHERE unlabelled
GROUP BY rollout, flag, currency
