-- What all journals together book for an invoice that does not tie. `repeated_ar`: AR of journals equal to another in
-- every role; `repeated_within_ar`: AR of entries that repeat another of their journal; `least_ar`, `most_ar`: of a
-- single journal; `repeats`: the journal that this one posts again as a whole.
-- inputs: invoice_journals
-- rows from: invoice_journals
SELECT
    invoice_id, currency, min(known_on) AS known_on, max(changed_on) AS changed_on, min(posted_on) AS posted_on,
    count(*) AS journals, min(customer_id) AS customer_id, min(journal_id) AS journal_id, CAST(sum(ar) AS amount) AS ar,
    CAST(sum(revenue) AS amount) AS revenue, CAST(sum(tax) AS amount) AS tax, CAST(sum(credits) AS amount) AS credits,
    CAST(max(CASE WHEN invoices > 1 AND NOT is_rest THEN 0 ELSE abs(unbalanced) END) AS amount) AS unbalanced,
    bool_or(is_rest) AS is_rest, min(repeats) AS repeats,
    CAST(coalesce(sum(ar) FILTER (WHERE is_copy), 0) AS amount) AS repeated_ar,
    CAST(sum(repeated_ar) AS amount) AS repeated_within_ar, min(ar) AS least_ar, max(ar) AS most_ar
FROM (
    SELECT
        invoice_id, currency, known_on, changed_on, posted_on, customer_id, journal_id, ar, revenue, tax, credits,
        invoices, unbalanced, is_rest, repeated_ar, repeats,
        row_number() OVER (
            PARTITION BY invoice_id, currency, ar, revenue, tax, credits ORDER BY journal_id, is_rest
        ) > 1 AS is_copy
    FROM invoice_journals
) AS journals
GROUP BY invoice_id, currency
