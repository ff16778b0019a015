-- The day's breaks, one row per difference (core.schema.BREAKS). `explanations` is written by `explain` from the facts
-- of `reported`.
-- inputs: reported, explanations
-- rows from: reported
SELECT
    fact.break_id, fact.day, fact.pair, fact.level, fact.code, fact.disposition, fact.invoice_id, fact.line_id,
    fact.customer_id, fact.subscription_id, fact.meter, fact.currency, fact.expected, fact.billed, fact.rendered,
    fact.booked, fact.paid, fact.delta, fact.stage_deltas, text.explanation, fact.owner, fact.source_system,
    fact.evidence
FROM reported AS fact
JOIN explanations AS text ON text.break_id = fact.break_id
ORDER BY fact.break_id
