-- Invoices that are not booked, booked twice, booked with other figures, or booked though they are void; and documents
-- and journals that disagree about an invoice which the engine does not have. A difference of a summary posting stands
-- on the invoice that alone explains it; if none or several do, on the posting, with what would explain it.
-- inputs: booked_placed, rendered_booked_placed, invoice_journals, ledger_entries, journal_matches, batches,
-- batch_changes, run_params
-- rows from: booked_placed WHERE code IS NOT NULL; rendered_booked_placed WHERE booked IS NULL OR booked <> rendered
WITH left_out AS (
    SELECT change.invoice_id, change.currency, min(change.journal_id) AS journal_id
    FROM batch_changes AS change
    SEMI JOIN (
        SELECT invoice_id, currency FROM booked_placed WHERE code IN ('LEDGER_MISSING', 'REVERSAL_NOT_PROPAGATED')
    ) AS unbooked
        ON unbooked.invoice_id = change.invoice_id AND unbooked.currency = change.currency
    WHERE change.ways = 1 AND change.kind = 'left_out'
    GROUP BY change.invoice_id, change.currency
),
batch_ways AS (
    SELECT
        journal_id, currency, max(ways) AS ways, max(differences) AS differences,
        list(
            struct_pack(way := way, invoice_id := invoice_id, kind := kind, amount := share_ar, total := total)
            ORDER BY way, invoice_id, kind
        ) AS candidates
    FROM batch_changes
    GROUP BY journal_id, currency
),
wrong AS (
    SELECT invoice_id FROM booked_placed WHERE code IS NOT NULL
    UNION
    SELECT invoice_id FROM rendered_booked_placed WHERE booked IS NULL OR booked <> rendered
),
wrong_journals AS (
    SELECT DISTINCT journal.invoice_id, journal.journal_id
    FROM invoice_journals AS journal SEMI JOIN wrong USING (invoice_id)
    UNION
    SELECT invoice_id, journal_id FROM left_out
),
cited AS (
    SELECT
        journal.invoice_id,
        list(
            struct_pack("table" := 'ledger_entries', file := entry.source_file, "row" := entry.source_row)
            ORDER BY entry.source_file, entry.source_row
        ) AS sources
    FROM wrong_journals AS journal
    JOIN ledger_entries AS entry ON entry.journal_id = journal.journal_id
    GROUP BY journal.invoice_id
),
doubtful AS (
    SELECT DISTINCT journal_id FROM journal_matches WHERE invoice_id IS NULL
)
SELECT
    'billed_booked' AS pair,
    CASE WHEN placed.is_rest THEN 'account' ELSE 'invoice' END AS level,
    placed.code,
    CASE WHEN placed.billed IS NULL AND starts_with(placed.invoice_id, 'journal ') THEN NULL ELSE placed.invoice_id
    END AS invoice_id,
    placed.customer_id, placed.subscription_id, placed.currency, placed.cohort, 'control' AS variant, placed.billed,
    placed.booked, placed.delta,
    placed.currency
    || CASE WHEN placed.is_rest OR placed.code = 'KEY_UNMAPPED' THEN '|' || placed.journal_id ELSE '' END AS identity,
    placed.again, placed.status = 'compared' AND placed.code <> 'LEDGER_DUPLICATE' AS compared,
    CASE
        WHEN placed.code = 'CURRENCY_FX' AND placed.booked IS NULL THEN 'booked_in_other_currency'
        WHEN placed.code = 'CURRENCY_FX' THEN 'booked_in_unbilled_currency'
        WHEN placed.repeats IS NOT NULL THEN 'batch_repeated'
        WHEN placed.is_rest AND placed.delta = 0 THEN 'batch_accounts'
        WHEN placed.is_rest THEN 'batch_rest'
        WHEN left_out.journal_id IS NOT NULL THEN 'left_out_of_batch'
        WHEN placed.code = 'LEDGER_MISSING' THEN 'invoice_not_booked'
        WHEN placed.code = 'KEY_UNMAPPED' AND NOT starts_with(placed.invoice_id, 'journal ') THEN 'journal_unmapped'
        WHEN placed.code = 'KEY_UNMAPPED' AND doubtful.journal_id IS NOT NULL THEN 'journal_in_doubt'
        WHEN placed.code = 'KEY_UNMAPPED' THEN 'journal_without_invoice'
        WHEN placed.code = 'RECORD_QUARANTINED' THEN 'entries_quarantined'
        WHEN placed.code = 'REVERSAL_NOT_PROPAGATED' AND placed.status = 'missing' THEN 'credit_not_booked'
        WHEN placed.code = 'REVERSAL_NOT_PROPAGATED' THEN 'void_booked'
        WHEN placed.code = 'LEDGER_DUPLICATE' THEN 'booked_twice'
        WHEN placed.code = 'LEDGER_AMOUNT' AND placed.delta <> 0 THEN 'booked_amount'
        WHEN placed.code = 'LEDGER_AMOUNT' THEN 'journal_unbalanced'
        WHEN placed.code = 'LEDGER_PERIOD' THEN 'booked_period'
        WHEN placed.other_customer IS NOT NULL THEN 'booked_customer'
        WHEN placed.revenue <> placed.net THEN 'booked_revenue'
        WHEN placed.booked_tax <> placed.tax THEN 'booked_tax' ELSE 'booked_credits'
    END AS sentence,
    to_json(struct_pack(
        billed := coalesce(placed.billed, 0), booked := coalesce(placed.booked, 0), journals := placed.journals,
        journal_id := coalesce(left_out.journal_id, placed.journal_id),
        issued_on := placed.issued_on,
        posted_on := placed.posted_on,
        lag_days := params.ledger_lag_days, other_customer := placed.other_customer, net := placed.net,
        revenue := placed.revenue, tax := placed.tax, booked_tax := placed.booked_tax, credit := placed.credit,
        booked_credits := placed.booked_credits, unbalanced := placed.unbalanced, repeats := placed.repeats,
        invoices := batch.invoices, invoices_total := batch.total, first_day := batch.first_day,
        last_day := batch.last_day, differences := ways.differences, ways := ways.ways, candidates := ways.candidates
    )) AS facts,
    'ledger_entries' AS layer, cited.sources,
    json_merge_patch(
        json_object(
            'journals', placed.journals, 'first_journal', coalesce(left_out.journal_id, placed.journal_id),
            'posted_on', CAST(placed.posted_on AS VARCHAR), 'issued_on', CAST(placed.issued_on AS VARCHAR)
        ),
        json_object(
            'posting_over', batch.invoices, 'of', CAST(batch.first_day AS VARCHAR),
            'until', CAST(batch.last_day AS VARCHAR), 'invoices_sum', CAST(batch.total AS VARCHAR),
            'posting_books', CAST(batch.total + batch.off_ar AS VARCHAR), 'off_by', CAST(batch.off_ar AS VARCHAR),
            'explanations', ways.ways
        )
    ) AS evidence
FROM booked_placed AS placed
CROSS JOIN run_params AS params
LEFT JOIN cited ON cited.invoice_id = placed.invoice_id
LEFT JOIN doubtful ON doubtful.journal_id = placed.journal_id
LEFT JOIN left_out ON left_out.invoice_id = placed.invoice_id AND left_out.currency = placed.currency
LEFT JOIN batches AS batch
    ON batch.journal_id = coalesce(left_out.journal_id, placed.journal_id) AND batch.currency = placed.currency
LEFT JOIN batch_ways AS ways
    ON ways.journal_id = placed.journal_id AND ways.currency = placed.currency AND placed.is_rest
WHERE placed.code IS NOT NULL
UNION ALL BY NAME
SELECT
    'rendered_booked' AS pair, 'invoice' AS level,
    CASE WHEN placed.booked IS NULL THEN 'CURRENCY_FX' ELSE 'LEDGER_AMOUNT' END AS code, placed.invoice_id,
    placed.customer_id, placed.currency, 'all' AS cohort, 'control' AS variant, placed.rendered, placed.booked,
    coalesce(placed.booked, 0) - placed.rendered AS delta, placed.currency AS identity,
    placed.again, placed.booked IS NOT NULL AS compared,
    CASE WHEN placed.booked IS NULL THEN 'unbilled_in_other_currency' ELSE 'unbilled_amount' END AS sentence,
    to_json(struct_pack(document_id := placed.document_id, booked_currency := placed.booked_currency)) AS facts,
    'ledger_entries' AS layer, cited.sources,
    json_object('document_id', placed.document_id, 'first_journal', placed.journal_id) AS evidence
FROM rendered_booked_placed AS placed
LEFT JOIN cited ON cited.invoice_id = placed.invoice_id
WHERE placed.booked IS NULL OR placed.booked <> placed.rendered
UNION ALL BY NAME
SELECT * FROM no_finding()
