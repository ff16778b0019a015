-- One fault with one invoice that makes a summary posting equal to the cent in every role: all such faults of the
-- lowest rank, per posting and invoices that it may be over. One that is over a single invoice is off by another figure
-- of it only where the company posts so; a journal without any invoice would fit every nought.
-- inputs: batch_offers, share_changes, run_params
-- rows from: batch_offers WHERE is_off
SELECT
    offer.journal_id, offer.currency, offer.stated, offer.scope, offer.first_day, offer.last_day, change.invoice_id,
    change.kind, change.rank
FROM batch_offers AS offer
CROSS JOIN run_params AS params
JOIN share_changes AS change
    ON change.currency = offer.currency AND change.ar = offer.off_ar AND change.revenue = offer.off_revenue
        AND change.tax = offer.off_tax AND change.credits = offer.off_credits
        AND change.of_member = in_batch(
            offer.stated, offer.journal_id, offer.scope, offer.first_day, offer.last_day, change.stated_in,
            change.is_open, change.customer_id, change.issued_on
        )
WHERE offer.is_off
    AND (offer.invoices > 1 OR NOT change.of_member OR (offer.is_usual AND change.kind <> 'left_out'))
    AND change.issued_on >= CAST(offer.first_day - params.ledger_lag_days AS DATE)
    AND change.issued_on <= CAST(offer.last_day + params.ledger_lag_days AS DATE)
QUALIFY rank() OVER (
        PARTITION BY offer.journal_id, offer.currency, offer.stated, offer.scope, offer.first_day, offer.last_day
        ORDER BY change.rank
    ) = 1
