-- One row per invoice and currency: sums, number and content hashes of its issued lines (`content` of net amounts,
-- `tax_content` of taxes), the day since which it is known, and its state. It is void or a draft if all its lines are.
-- `cohort` carries cohort and engine (in_group).
-- inputs: engine_lines
SELECT
    invoice_id, currency, min(customer_id) AS customer_id, min(subscription_id) AS subscription_id,
    min(in_group(cohort, variant)) AS cohort, min(issued_on) AS issued_on, min(invoice_kind) AS invoice_kind,
    CASE
        WHEN bool_or(status = 'issued') THEN 'issued' WHEN bool_or(status = 'void') THEN 'void' ELSE 'draft'
    END AS state,
    coalesce(min(observed_on) FILTER (WHERE status = 'issued'), max(observed_on)) AS known_on,
    max(observed_on) AS changed_on, CAST(coalesce(sum(gross) FILTER (WHERE status = 'issued'), 0) AS amount) AS gross,
    CAST(coalesce(sum(discount) FILTER (WHERE status = 'issued'), 0) AS amount) AS discount,
    CAST(coalesce(sum(credit) FILTER (WHERE status = 'issued'), 0) AS amount) AS credit,
    CAST(coalesce(sum(tax) FILTER (WHERE status = 'issued'), 0) AS amount) AS tax,
    CAST(coalesce(sum(total) FILTER (WHERE status = 'issued'), 0) AS amount) AS total,
    count(*) FILTER (WHERE status = 'issued') AS lines,
    sum(line_hash(line_id, gross - discount)) FILTER (WHERE status = 'issued') AS content,
    sum(line_hash(line_id, tax)) FILTER (WHERE status = 'issued') AS tax_content
FROM engine_lines
GROUP BY invoice_id, currency
