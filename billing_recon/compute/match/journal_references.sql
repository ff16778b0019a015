-- Pass by reference: invoices whose numbers appear as words in a journal's memo. A journal without an entry for sales
-- or tax books an invoice only if its AR equals the total, it is posted within the lag, and nothing books the sale.
-- inputs: nameless_journals, engine_invoices, ledger_entries, run_params
-- rows from: nameless_journals WHERE memo IS NOT NULL
WITH words AS (
    SELECT DISTINCT
        journal_id, currency, ar, posted_on, is_sale,
        trim(unnest(regexp_split_to_array(memo, '\s+')), '.,;:!?()[]"''#') AS word
    FROM nameless_journals WHERE memo IS NOT NULL
),
cited AS (
    SELECT
        words.journal_id, words.currency, billed.invoice_id, words.is_sale,
        words.ar = billed.total AND words.posted_on >= billed.issued_on
        AND words.posted_on <= CAST(billed.issued_on + params.ledger_lag_days AS DATE) AS fits
    FROM words
    CROSS JOIN run_params AS params
    JOIN engine_invoices AS billed ON billed.invoice_id = words.word AND billed.currency = words.currency
)
SELECT journal_id, currency, invoice_id FROM cited WHERE is_sale
UNION ALL
SELECT cited.journal_id, cited.currency, cited.invoice_id
FROM cited
ANTI JOIN (SELECT invoice_id FROM cited WHERE is_sale) AS sold ON sold.invoice_id = cited.invoice_id
ANTI JOIN (
    SELECT invoice_id FROM ledger_entries WHERE role IN ('revenue', 'deferred_revenue', 'tax_payable')
) AS entries ON entries.invoice_id = cited.invoice_id
WHERE cited.fits AND NOT cited.is_sale
