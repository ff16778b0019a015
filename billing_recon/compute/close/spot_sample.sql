-- Invoice lines of a period to be checked by hand: a number of them, one stratum after another, the largest and most
-- risky first. Strata: per currency thirds by amount, and whether a line is risky (a credit, discount, proration,
-- minimum, adjustment or credit note, or on an invoice with a break). Within a stratum the order is a hash of seed and
-- line, so that nobody chooses, and everybody gets the same lines.
-- inputs: engine_lines, spot_params, spot_breaks
WITH lines AS (
    SELECT
        line.invoice_id, line.line_id, line.customer_id, line.currency, line.kind, line.total,
        sha256(concat_ws('|', params.seed, line.invoice_id, line.line_id)) AS lot,
        ntile(3) OVER (
            PARTITION BY line.currency ORDER BY abs(line.total) DESC, line.invoice_id, line.line_id
        ) AS third,
        line.kind IN ('proration', 'minimum', 'adjustment', 'credit', 'discount') OR line.discount <> 0
        OR line.credit <> 0 OR line.total < 0 OR line.invoice_kind = 'credit_note'
        OR broken.invoice_id IS NOT NULL AS risky
    FROM engine_lines AS line
    CROSS JOIN spot_params AS params
    LEFT JOIN (SELECT DISTINCT invoice_id FROM spot_breaks) AS broken ON broken.invoice_id = line.invoice_id
    WHERE line.status = 'issued' AND line.issued_on >= params.first_day AND line.issued_on <= params.last_day
),
drawn AS (
    SELECT
        invoice_id, line_id, customer_id, currency, kind, total, third, risky, lot,
        row_number() OVER (PARTITION BY currency, third, risky ORDER BY lot) AS turn
    FROM lines
),
ordered AS (
    SELECT
        invoice_id, line_id, customer_id, currency, kind, total, third, risky,
        row_number() OVER (ORDER BY turn, third, risky DESC, lot) AS place
    FROM drawn
)
SELECT
    ordered.place, ordered.invoice_id, ordered.line_id, ordered.customer_id, ordered.currency, ordered.kind,
    CAST(ordered.total AS amount) AS total,
    CASE ordered.third WHEN 1 THEN 'large' WHEN 2 THEN 'middle' ELSE 'small' END
    || CASE WHEN ordered.risky THEN ', risky' ELSE '' END AS stratum
FROM ordered CROSS JOIN spot_params AS params
WHERE ordered.place <= params.lines
ORDER BY ordered.place
