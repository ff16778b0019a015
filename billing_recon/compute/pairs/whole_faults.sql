-- Lines whose fault is their invoice's: all lines of an invoice are for other dates or in another currency, or every
-- line of it is there twice. Such an invoice is one finding, or one in each currency.
-- inputs: differing_lines, line_codes, billed_lines
-- rows from: line_codes WHERE code IN ('INVOICE_PERIOD', 'INVOICE_DUPLICATE', 'CURRENCY_FX')
WITH counted AS (
    SELECT
        line.item, line.variant, line.sub, line.invoice_id, coded.code, line.billed_currency AS currency,
        count(*) FILTER (WHERE line.kind <> 'adjustment') OVER (
            PARTITION BY line.variant, line.sub, line.invoice_id, coded.code
        ) AS lines
    FROM differing_lines AS line
    JOIN line_codes AS coded ON coded.item = line.item
    WHERE line.line_key IS NOT NULL AND CASE coded.code
            WHEN 'CURRENCY_FX' THEN line.expected_currency <> line.billed_currency
            WHEN 'INVOICE_PERIOD' THEN line.expected_currency = line.billed_currency
            ELSE coded.code = 'INVOICE_DUPLICATE'
        END
),
issued AS (
    SELECT variant, sub, invoice_id, count(*) AS lines, count(*) FILTER (WHERE total <> 0) AS charges
    FROM billed_lines
    WHERE kind <> 'adjustment'
    GROUP BY variant, sub, invoice_id
)
SELECT counted.item, counted.variant, counted.sub, counted.invoice_id, counted.code, counted.currency
FROM counted
JOIN issued USING (variant, sub, invoice_id)
WHERE counted.lines = issued.lines
    OR (counted.code = 'INVOICE_DUPLICATE' AND counted.lines + counted.lines = issued.charges)
