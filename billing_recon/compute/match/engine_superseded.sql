-- Invoice lines that a later delivery supersedes. The last content delivered holds (an issued line may turn void), as
-- of the first delivery with that content: a file that only repeats a line changes nothing.
-- inputs: invoice_lines
WITH versions AS (
    SELECT
        line.day, line.source_file, line.source_row, line.invoice_id, line.line_id, line.observed_on,
        row(
            line.customer_id, line.subscription_id, line.plan_id, line.plan_version, line.kind, line.meter,
            line.period_start, line.period_end, line.quantity, line.unit_price, line.gross, line.discount, line.credit,
            line.taxable, line.tax_rate, line.tax, line.total, line.currency, line.issued_on, line.calculated_at,
            line.invoice_kind, line.status, line.variant, line.cohort
        ) AS content
    FROM invoice_lines AS line
    SEMI JOIN delivered_again(invoice_lines, hash(invoice_id, line_id)) AS again
        ON again.key = hash(line.invoice_id, line.line_id)
),
compared AS (
    SELECT
        day, source_file, source_row, invoice_id, line_id, observed_on,
        content = first_value(content) OVER (
            PARTITION BY invoice_id, line_id ORDER BY observed_on DESC, day DESC, source_file DESC, source_row DESC
        ) AS holds
    FROM versions
),
ranked AS (
    SELECT
        day, source_file, source_row,
        row_number() OVER (
            PARTITION BY invoice_id, line_id ORDER BY NOT holds, observed_on, day, source_file, source_row
        ) AS place
    FROM compared
)
SELECT day, source_file, source_row FROM ranked WHERE place > 1
