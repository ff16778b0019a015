-- What one fault with an invoice changes in a summary posting (`ar`, `revenue`, `tax`, `credits`), for the invoices of
-- the days of postings that are off. In a posting over the invoice: left_out, twice, opposite (the wrong sign),
-- times_10 to a_thousandth (10, 100 or 1,000 times too large or too small), untaxed and uncredited (without its tax,
-- its credit), or on another account (revenue_as_tax, tax_as_revenue, revenue_elsewhere, tax_elsewhere,
-- credit_elsewhere). In any other: also; and if it was voided since, also and reversed, at what it came to before.
-- `rank`: 0 is no fault of the posting, 1 an invoice left out or once too often, 2 a wrong amount or account.
-- `stated_in`: the journal that states it as its own.
-- inputs: batch_offers, unnamed_invoices, journal_matches, day_batches, engine_invoices, void_invoices,
-- run_params
-- rows from: batch_offers WHERE is_off
WITH around AS (
    SELECT
        offer.currency, CAST(min(offer.first_day) - max(params.ledger_lag_days) AS DATE) AS since,
        CAST(max(offer.last_day) + max(params.ledger_lag_days) AS DATE) AS upto
    FROM batch_offers AS offer
    CROSS JOIN run_params AS params
    WHERE offer.is_off
    GROUP BY offer.currency
),
stated AS (
    SELECT journal_id, currency, invoice_id
    FROM journal_matches SEMI JOIN (SELECT journal_id, currency FROM batch_offers WHERE stated) AS own
        USING (journal_id, currency)
),
invoices AS (
    SELECT
        billed.invoice_id, billed.currency, billed.customer_id, billed.issued_on,
        coalesce(void.total, billed.total) AS total,
        coalesce(void.net, billed.total + billed.credit - billed.tax) AS net,
        coalesce(void.tax, billed.tax) AS tax, coalesce(void.credit, billed.credit) AS credit,
        void.invoice_id IS NOT NULL AS is_void,
        unnamed.invoice_id IS NOT NULL AND matched.invoice_id IS NULL AND booked.invoice_id IS NULL AS is_open,
        booked.invoice_id IS NOT NULL AS is_booked, stated.journal_id AS stated_in
    FROM engine_invoices AS billed
    LEFT JOIN void_invoices AS void ON void.invoice_id = billed.invoice_id AND void.currency = billed.currency
    LEFT JOIN unnamed_invoices AS unnamed
        ON unnamed.invoice_id = billed.invoice_id AND unnamed.currency = billed.currency
    LEFT JOIN (SELECT DISTINCT invoice_id, currency FROM journal_matches) AS matched
        ON matched.invoice_id = billed.invoice_id AND matched.currency = billed.currency
    LEFT JOIN (SELECT DISTINCT invoice_id, currency FROM day_batches) AS booked
        ON booked.invoice_id = billed.invoice_id AND booked.currency = billed.currency
    LEFT JOIN stated ON stated.invoice_id = billed.invoice_id AND stated.currency = billed.currency
    WHERE (billed.state = 'issued' AND billed.total <> 0) OR void.invoice_id IS NOT NULL
),
near AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.customer_id, invoice.issued_on, invoice.is_void, invoice.is_open,
        invoice.is_booked, invoice.stated_in, CAST(invoice.total AS amount) AS total,
        CAST(invoice.net AS amount) AS net,
        CAST(invoice.tax AS amount) AS booked_tax, CAST(invoice.credit AS amount) AS credit
    FROM invoices AS invoice
    JOIN around
        ON around.currency = invoice.currency AND invoice.issued_on >= around.since AND invoice.issued_on <= around.upto
),
own AS (SELECT * FROM near WHERE is_open OR stated_in IS NOT NULL),
changed AS (
    SELECT
        *, false AS is_scale,
        unnest([
            'left_out', 'twice', 'opposite', 'untaxed', 'uncredited', 'tax_as_revenue', 'revenue_as_tax',
            'revenue_elsewhere', 'tax_elsewhere', 'credit_elsewhere'
        ]) AS kind,
        unnest([-total, total, -total - total, -booked_tax, credit, 0, 0, 0, 0, 0]) AS ar,
        unnest([-net, net, -net - net, 0, 0, booked_tax, -net, -net, 0, 0]) AS revenue,
        unnest([
            -booked_tax, booked_tax, -booked_tax - booked_tax, -booked_tax, 0, -booked_tax, net, 0, -booked_tax, 0
        ]) AS tax,
        unnest([-credit, credit, -credit - credit, 0, -credit, 0, 0, 0, 0, -credit]) AS credits
    FROM own
    UNION ALL BY NAME
    SELECT
        own.*, scale.kind, true AS is_scale, CAST(apply_rate(own.total, factor) AS amount) AS ar,
        CAST(apply_rate(own.net, factor) AS amount) AS revenue,
        CAST(apply_rate(own.booked_tax, factor) AS amount) AS tax,
        CAST(apply_rate(own.credit, factor) AS amount) AS credits
    FROM own
    CROSS JOIN (
        SELECT
            unnest(['times_10', 'times_100', 'times_1000', 'a_tenth', 'a_hundredth', 'a_thousandth']) AS kind,
            unnest([9, 99, 999, -0.9, -0.99, -0.999]) AS factor
    ) AS scale
    WHERE abs(own.total) < 1000000000000
    UNION ALL BY NAME
    SELECT
        *, false AS is_scale, 'also' AS kind, total AS ar, net AS revenue, booked_tax AS tax, credit AS credits
    FROM near
    UNION ALL BY NAME
    SELECT
        *, false AS is_scale, 'reversed' AS kind, -total AS ar, -net AS revenue, -booked_tax AS tax, -credit AS credits
    FROM near WHERE is_void
)
SELECT
    invoice_id, currency, customer_id, issued_on, is_open, is_booked, stated_in, total, net, booked_tax, credit, kind,
    kind NOT IN ('also', 'reversed') AS of_member, is_scale, CAST(ar AS amount) AS ar,
    CAST(revenue AS amount) AS revenue, CAST(tax AS amount) AS tax, CAST(credits AS amount) AS credits,
    CASE
        WHEN is_void THEN 0 WHEN kind IN ('left_out', 'twice') THEN 1 WHEN kind = 'also' AND NOT is_booked THEN 1 ELSE 2
    END AS rank
FROM changed
WHERE ar <> 0 OR revenue <> 0 OR tax <> 0 OR credits <> 0
