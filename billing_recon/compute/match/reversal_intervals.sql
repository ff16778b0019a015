-- Where each line lies on the scale of units of its customer, product, unit price and currency, from `since` to `upto`.
-- Charges follow each other by day, invoice and line; credit notes, in the same order, take the units that were charged
-- by their day and not taken back before. If N units are credited, C are credited so far and P charged, the least P - C
-- so far, where it is below zero, has found no charge: an excess stays one, whatever is charged later.
-- inputs: reversible_lines
WITH running AS (
    SELECT
        line_key, invoice_id, line_id, customer_id, product, unit_price, currency, issued_on, is_credit, quantity,
        sum(CASE WHEN is_credit THEN 0 ELSE quantity END) OVER so_far AS charged,
        sum(CASE WHEN is_credit THEN quantity ELSE 0 END) OVER so_far AS credited
    FROM reversible_lines WHERE quantity IS NOT NULL
    WINDOW so_far AS (
        PARTITION BY customer_id, product, unit_price, currency
        ORDER BY issued_on, is_credit, invoice_id, line_id ROWS UNBOUNDED PRECEDING
    )
),
served AS (
    SELECT
        line_key, invoice_id, line_id, customer_id, product, unit_price, currency, issued_on,
        credited + least(0, min(charged - credited) OVER (
            PARTITION BY customer_id, product, unit_price, currency
            ORDER BY issued_on, invoice_id, line_id ROWS UNBOUNDED PRECEDING
        )) AS upto
    FROM running WHERE is_credit
)
SELECT
    line_key, customer_id, product, unit_price, currency, true AS is_credit,
    CAST(lag(upto, 1, 0) OVER (
        PARTITION BY customer_id, product, unit_price, currency ORDER BY issued_on, invoice_id, line_id
    ) AS quantity) AS since,
    CAST(upto AS quantity) AS upto
FROM served
UNION ALL
SELECT
    line_key, customer_id, product, unit_price, currency, false AS is_credit,
    CAST(charged - quantity AS quantity) AS since, CAST(charged AS quantity) AS upto
FROM running WHERE NOT is_credit
