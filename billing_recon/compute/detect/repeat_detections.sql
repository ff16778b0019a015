-- Invoice numbers of today that stand for several customers or issue dates, or repeat an earlier number in another
-- spelling.
-- inputs: fresh_invoices, engine_lines, invoice_numbers
-- rows from: fresh_invoices WHERE customer_id <> other_customer_id OR first_issue <> last_issue; (SELECT 1 FROM
-- invoice_numbers WHERE known_on IS NOT NULL GROUP BY upper(prefix), upper(suffix) HAVING count(number) <>
-- count(DISTINCT number)) AS respelled
WITH repeats AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.variant, invoice.customer_id, invoice.other_customer_id,
        count(DISTINCT line.customer_id) AS customers, count(DISTINCT line.issued_on) AS issue_dates
    FROM fresh_invoices AS invoice
    JOIN engine_lines AS line
        ON line.invoice_id = invoice.invoice_id AND line.currency = invoice.currency
            AND line.variant = invoice.variant AND line.status = 'issued'
            AND (invoice.customer_id <> invoice.other_customer_id OR invoice.first_issue <> invoice.last_issue)
    GROUP BY
        invoice.invoice_id, invoice.currency, invoice.variant, invoice.customer_id, invoice.other_customer_id
),
respelled AS (
    SELECT number.invoice_id, min(other.invoice_id) AS other_id
    FROM invoice_numbers AS number
    SEMI JOIN fresh_invoices AS fresh
        ON fresh.invoice_id = number.invoice_id
    JOIN invoice_numbers AS other
        ON upper(other.prefix) = upper(number.prefix) AND upper(other.suffix) = upper(number.suffix)
            AND other.number = number.number AND other.invoice_id <> number.invoice_id
    WHERE other.known_on < number.known_on
        OR (other.known_on = number.known_on AND other.invoice_id < number.invoice_id)
    GROUP BY number.invoice_id
)
SELECT
    'NUMBER_REPEAT' AS detector, concat_ws('|', invoice_id, currency, 'same') AS identity, invoice_id, customer_id,
    CASE WHEN customers > 1 THEN 'number_of_several_customers' ELSE 'number_of_several_dates' END AS sentence,
    to_json(struct_pack(
        other_customer := other_customer_id, customers := customers, issue_dates := issue_dates
    )) AS facts,
    struct_pack(invoice_id := invoice_id, currency := currency, variant := variant) AS cites
FROM repeats
UNION ALL BY NAME
SELECT
    'NUMBER_REPEAT' AS detector, concat_ws('|', invoice_id, other_id) AS identity, invoice_id,
    'number_in_two_spellings' AS sentence, to_json(struct_pack(other_id := other_id)) AS facts
FROM respelled
