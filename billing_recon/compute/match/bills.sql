-- One row per invoice, subscription and variant: its days (of adjustments only if it has nothing else), the earlier
-- invoice that most of its lines repeat (`repeats`), and the due day of the expected period that it fits by more than
-- half (`due_on`). A bill that gives back repeats one of the same figures only: a second correction of the same days is
-- no repeat of the first. Charges in advance are compared with expected charges in advance, all others with all others:
-- an invoice may bill the base fee of one period and the usage of another. Where a period was corrected, the bill and
-- its correction name the same days: a bill answers what has adjustments only if it has, then what it has the days of,
-- no more and no less, and what gives back if it does. `closes`: the day from which it could be
-- billed. A credit note answers a period only if something is to be given back.
-- inputs: issued_lines, expected_lines, issued_ahead, expected_ahead
WITH giving AS (
    SELECT DISTINCT variant, sub, invoice_id FROM issued_lines WHERE back
),
charged AS (
    SELECT
        line.variant, line.sub, line.their_sub, line.kind, line.meter_key, line.period_start, line.period_end,
        line.back, line.invoice_id, line.line_id, line.observed_on, line.calculated_at,
        CASE WHEN giving.sub IS NOT NULL THEN line.total ELSE 0 END AS exchanged
    FROM issued_lines AS line
    LEFT JOIN giving USING (variant, sub, invoice_id)
    WHERE line.invoice_kind = 'invoice'
),
again AS (
    SELECT variant, sub, their_sub, kind, meter_key, period_start, period_end, back, exchanged
    FROM charged
    GROUP BY variant, sub, their_sub, kind, meter_key, period_start, period_end, back, exchanged
    HAVING min(invoice_id) <> max(invoice_id)
),
placed AS (
    SELECT variant, sub, invoice_id, first_value(invoice_id) OVER same_charge AS original
    FROM charged
    SEMI JOIN again USING (variant, sub, their_sub, kind, meter_key, period_start, period_end, back, exchanged)
    WINDOW same_charge AS (
        PARTITION BY variant, sub, their_sub, kind, meter_key, period_start, period_end, back, exchanged
        ORDER BY observed_on, calculated_at, invoice_id, line_id
    )
),
repeated AS (
    SELECT variant, sub, invoice_id, count(*) AS repeats, min(original) AS original
    FROM placed
    WHERE original <> invoice_id
    GROUP BY variant, sub, invoice_id
),
lines AS (
    SELECT
        line.variant, line.sub, line.invoice_id, line.kind, line.period_start,
        greatest(line.period_end, line.period_start + 1) AS period_end, line.observed_on, line.fresh, line.invoice_kind,
        line.cohort, line.back, ahead.line_key IS NOT NULL AS ahead
    FROM issued_lines AS line
    LEFT JOIN issued_ahead AS ahead ON ahead.line_key = line.line_key
),
invoices AS (
    SELECT
        variant, sub, invoice_id,
        coalesce(min(period_start) FILTER (WHERE kind <> 'adjustment'), min(period_start)) AS first_day,
        coalesce(max(period_end) FILTER (WHERE kind <> 'adjustment'), max(period_end)) AS last_day,
        max(CASE WHEN ahead THEN period_start ELSE period_end END) FILTER (WHERE kind <> 'adjustment') AS billed_to,
        bool_or(ahead) AS has_ahead, NOT bool_and(ahead) AS has_arrears, min(observed_on) AS known_on,
        bool_or(fresh) AS fresh, count(*) AS lines, min(invoice_kind) AS invoice_kind, min(cohort) AS cohort,
        bool_and(kind = 'adjustment') AS only_adjusts
    FROM lines
    GROUP BY variant, sub, invoice_id
),
billed AS (
    SELECT
        line.variant, line.sub, line.invoice_id, line.ahead, invoice.invoice_kind, invoice.only_adjusts,
        min(line.period_start) AS first_day, max(line.period_end) AS last_day, bool_or(line.back) AS gives_back
    FROM lines AS line
    JOIN invoices AS invoice USING (variant, sub, invoice_id)
    WHERE line.kind <> 'adjustment' OR invoice.only_adjusts
    GROUP BY line.variant, line.sub, line.invoice_id, line.ahead, invoice.invoice_kind, invoice.only_adjusts
),
periods AS (
    SELECT
        expected.subscription_id AS sub, expected.due_on, ahead.expected_line_id IS NOT NULL AS ahead,
        min(expected.period_start) AS first_day, max(expected.period_end) AS last_day,
        bool_or(ahead.expected_line_id IS NOT NULL AND expected.gross < 0) AS gives_back,
        bool_and(expected.kind = 'adjustment') AS only_adjusts
    FROM expected_lines AS expected
    LEFT JOIN expected_ahead AS ahead ON ahead.expected_line_id = expected.expected_line_id
    GROUP BY expected.subscription_id, expected.due_on, ahead.expected_line_id IS NOT NULL
),
shared_days AS (
    SELECT
        billed.variant, billed.sub, billed.invoice_id, billed.ahead, period.due_on,
        least(billed.last_day, period.last_day) - greatest(billed.first_day, period.first_day) AS days,
        least(billed.last_day - billed.first_day, period.last_day - period.first_day) AS shorter,
        greatest(billed.last_day, period.last_day) - least(billed.first_day, period.first_day) AS together,
        billed.only_adjusts = period.only_adjusts AS adjusts_alike, billed.gives_back = period.gives_back AS back_alike
    FROM billed
    JOIN periods AS period
        ON period.sub = billed.sub AND period.ahead = billed.ahead
            AND period.first_day < billed.last_day AND billed.first_day < period.last_day
    WHERE billed.invoice_kind = 'invoice' OR period.gives_back
),
fitting AS (
    SELECT
        variant, sub, invoice_id, due_on, sum(days) AS days,
        coalesce(sum(days) FILTER (WHERE ahead), 0) AS ahead_days, sum(days - together) AS apart,
        bool_or(adjusts_alike) AS adjusts_alike, bool_or(back_alike) AS back_alike
    FROM shared_days
    WHERE days + days > shorter
    GROUP BY variant, sub, invoice_id, due_on
),
answered AS (
    SELECT
        variant, sub, invoice_id,
        arg_max(due_on, struct_pack(
            adjusts := adjusts_alike, days := days, ahead_days := ahead_days, apart := apart, back := back_alike,
            due_on := due_on
        )) AS due_on
    FROM fitting
    GROUP BY variant, sub, invoice_id
)
SELECT
    invoice.variant, invoice.sub, invoice.invoice_id, invoice.first_day, invoice.last_day,
    coalesce(invoice.billed_to, invoice.last_day) AS closes, invoice.has_ahead, invoice.has_arrears, invoice.known_on,
    invoice.fresh, invoice.invoice_kind, invoice.cohort,
    CASE WHEN repeated.repeats + repeated.repeats > invoice.lines THEN repeated.original END AS repeats,
    answered.due_on
FROM invoices AS invoice
LEFT JOIN repeated USING (variant, sub, invoice_id)
LEFT JOIN answered USING (variant, sub, invoice_id)
