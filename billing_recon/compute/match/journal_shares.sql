-- How much a matched journal books for each of its invoices. A journal of one invoice books everything for it. A
-- journal of several books what is billed for each, but for the faults that alone make it equal to the cent
-- (batch_changes): these are settled when the lag of the posting is over, since a later posting may make up for them
-- (`changed_on`). What is left stands under the journal's own id (`is_rest`), as does a whole journal that repeats
-- another over several invoices (`repeats`).
-- inputs: journal_matches, day_batches, batches, batch_changes, unnamed_invoices, nameless_journals, engine_invoices,
-- run_params
-- rows from: journal_matches; day_batches; batches
WITH members AS (
    SELECT journal_id, currency, invoice_id, false AS whole_day FROM journal_matches WHERE invoice_id IS NOT NULL
    UNION ALL
    SELECT journal_id, currency, invoice_id, true AS whole_day FROM day_batches
    UNION ALL
    SELECT batch.journal_id, batch.currency, invoice.invoice_id, true AS whole_day
    FROM batches AS batch
    JOIN unnamed_invoices AS invoice
        ON invoice.currency = batch.currency AND invoice.issued_on >= batch.first_day
            AND invoice.issued_on <= batch.last_day
            AND batch.scope IN ('', invoice.customer_id)
    ANTI JOIN journal_matches AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
    ANTI JOIN day_batches AS booked ON booked.invoice_id = invoice.invoice_id AND booked.currency = invoice.currency
    WHERE NOT batch.stated
),
parts AS (
    SELECT
        member.journal_id, member.currency, member.invoice_id, member.whole_day, billed.customer_id, billed.total,
        billed.total + billed.credit - billed.tax AS net, billed.tax, billed.credit,
        count(*) OVER (PARTITION BY member.journal_id, member.currency) AS invoices
    FROM members AS member
    JOIN engine_invoices AS billed ON billed.invoice_id = member.invoice_id AND billed.currency = member.currency
),
known AS (SELECT * FROM batch_changes WHERE ways = 1),
shares AS (
    SELECT
        part.journal_id, part.currency, part.invoice_id, part.invoices, part.whole_day, part.customer_id, change.kind,
        coalesce(change.kind, '') = '' AND part.invoices = 1 AND changed.journal_id IS NULL AS takes_all,
        unnest(CASE WHEN change.kind = 'twice' THEN [1, 2] ELSE [1] END) AS place,
        CASE WHEN change.kind <> 'twice' THEN change.share_ar ELSE part.total END AS ar,
        CASE WHEN change.kind <> 'twice' THEN change.share_revenue ELSE part.net END AS revenue,
        CASE WHEN change.kind <> 'twice' THEN change.share_tax ELSE part.tax END AS tax,
        CASE WHEN change.kind <> 'twice' THEN change.share_credits ELSE part.credit END AS credits
    FROM parts AS part
    LEFT JOIN known AS change
        ON change.journal_id = part.journal_id AND change.currency = part.currency
            AND change.invoice_id = part.invoice_id AND change.of_member
    LEFT JOIN (SELECT DISTINCT journal_id, currency FROM known) AS changed
        ON changed.journal_id = part.journal_id AND changed.currency = part.currency
    WHERE coalesce(change.kind, '') <> 'left_out'
    UNION ALL
    SELECT
        change.journal_id, change.currency, change.invoice_id, 2 AS invoices, true AS whole_day, change.customer_id,
        change.kind, false AS takes_all, 1 AS place, change.share_ar AS ar, change.share_revenue AS revenue,
        change.share_tax AS tax, change.share_credits AS credits
    FROM known AS change
    WHERE NOT change.of_member
),
sums AS (
    SELECT
        journal_id, currency, max(invoices) AS invoices, sum(ar) AS ar, sum(revenue) AS revenue, sum(tax) AS tax,
        sum(credits) AS credits
    FROM shares
    GROUP BY journal_id, currency HAVING NOT bool_or(takes_all)
),
rests AS (
    SELECT
        sums.journal_id, sums.currency, sums.invoices, CAST(journal.ar - sums.ar AS amount) AS ar,
        CAST(journal.revenue - sums.revenue AS amount) AS revenue, CAST(journal.tax - sums.tax AS amount) AS tax,
        CAST(journal.credits - sums.credits AS amount) AS credits,
        CAST(journal.ar + journal.credits + journal.others - journal.revenue - journal.tax AS amount) AS unbalanced
    FROM sums
    JOIN nameless_journals AS journal ON journal.journal_id = sums.journal_id AND journal.currency = sums.currency
),
left_over AS (
    SELECT journal_id, currency, invoices, ar, revenue, tax, credits, unbalanced, CAST(NULL AS VARCHAR) AS repeats
    FROM rests
    WHERE ar <> 0 OR revenue <> 0 OR tax <> 0 OR credits <> 0 OR unbalanced <> 0
    UNION ALL
    SELECT
        again.journal_id, again.currency, max(sums.invoices) AS invoices, again.ar, again.revenue, again.tax,
        again.credits, CAST(0 AS amount) AS unbalanced, min(first.journal_id) AS repeats
    FROM nameless_journals AS again
    CROSS JOIN run_params AS params
    JOIN nameless_journals AS first
        ON first.currency = again.currency AND first.ar = again.ar AND first.revenue = again.revenue
            AND first.tax = again.tax AND first.credits = again.credits AND first.journal_id <> again.journal_id
            AND abs(first.posted_on - again.posted_on) <= params.ledger_lag_days
    JOIN sums ON sums.journal_id = first.journal_id AND sums.currency = first.currency
    ANTI JOIN shares AS used ON used.journal_id = again.journal_id AND used.currency = again.currency
    WHERE again.is_sale AND again.ar <> 0
    GROUP BY ALL
)
SELECT
    share.journal_id, share.invoice_id, share.currency, share.invoices,
    CASE
        WHEN share.whole_day AND share.invoices > 1 THEN share.customer_id ELSE
            coalesce(journal.customer_id, share.customer_id)
    END
        AS customer_id,
    journal.posted_on, CASE
        WHEN share.kind IS NULL THEN journal.known_on ELSE CAST(journal.known_on + params.ledger_lag_days AS DATE)
    END AS known_on,
    CASE
        WHEN share.kind IS NULL THEN journal.changed_on
        ELSE greatest(journal.changed_on, CAST(journal.known_on + params.ledger_lag_days AS DATE))
    END AS changed_on,
    CAST(CASE WHEN share.takes_all THEN journal.ar ELSE share.ar END AS amount) AS ar,
    CAST(CASE WHEN share.takes_all THEN journal.revenue ELSE share.revenue END AS amount) AS revenue,
    CAST(CASE WHEN share.takes_all THEN journal.tax ELSE share.tax END AS amount) AS tax,
    CAST(CASE WHEN share.takes_all THEN journal.credits ELSE share.credits END AS amount) AS credits,
    CAST(CASE
        WHEN share.takes_all THEN journal.ar + journal.credits + journal.others - journal.revenue - journal.tax ELSE 0
    END AS amount) AS unbalanced,
    share.kind, false AS is_rest, CAST(NULL AS VARCHAR) AS repeats
FROM shares AS share
CROSS JOIN run_params AS params
JOIN nameless_journals AS journal ON journal.journal_id = share.journal_id AND journal.currency = share.currency
UNION ALL
SELECT
    rest.journal_id, 'journal ' || rest.journal_id AS invoice_id, rest.currency, rest.invoices, journal.customer_id,
    journal.posted_on, journal.known_on, journal.changed_on, rest.ar, rest.revenue, rest.tax, rest.credits,
    rest.unbalanced, NULL AS kind, true AS is_rest, rest.repeats
FROM left_over AS rest
JOIN nameless_journals AS journal ON journal.journal_id = rest.journal_id AND journal.currency = rest.currency
