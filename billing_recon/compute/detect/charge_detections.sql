-- Lines of today that charge a customer for what another invoice charges already: the same kind, meter, period,
-- quantity and amount, for the same subscription, or if the contract does not know one of the two subscriptions.
-- `invoice_id` is the later one. Few lines share the hash of what makes a charge, and only they are joined.
-- inputs: engine_lines, subscriptions, run_params
-- rows from: engine_lines AS line JOIN run_params AS params ON params.day = line.observed_on WHERE line.status =
-- 'issued' AND line.total > 0
WITH charges AS NOT MATERIALIZED (
    SELECT
        customer_id, subscription_id, their_sub, currency, variant, kind, meter, period_start, period_end, quantity,
        total, status, invoice_kind, invoice_id, line_key, observed_on, source_file, source_row,
        hash(
            customer_id, currency, kind, coalesce(meter, ''), period_start, period_end, total,
            CAST(coalesce(quantity, 0) AS quantity)
        ) AS charge
    FROM engine_lines
    WHERE status = 'issued' AND total > 0
),
again AS MATERIALIZED (SELECT charge FROM charges GROUP BY charge HAVING count(*) > 1),
charged AS (
    SELECT
        customer_id, subscription_id, their_sub, currency, variant, kind, meter, period_start, period_end, quantity,
        total, invoice_kind, invoice_id, line_key, observed_on, source_file, source_row
    FROM charges
    SEMI JOIN again USING (charge)
    WHERE invoice_kind = 'invoice'
),
known AS (SELECT DISTINCT subscription_id FROM subscriptions),
twice AS (
    SELECT
        line.customer_id, line.subscription_id, line.currency, line.variant, line.total, line.source_file,
        line.source_row, line.period_start, line.period_end, line.invoice_id, line.line_key,
        min(other.invoice_id) AS other_invoice, min(other.source_file) AS other_file,
        arg_min(other.source_row, struct_pack(file := other.source_file, place := other.source_row)) AS other_row
    FROM charged AS line
    JOIN run_params AS params ON params.day = line.observed_on
    JOIN charged AS other
        ON other.customer_id = line.customer_id AND other.currency = line.currency
            AND other.kind = line.kind AND coalesce(other.meter, '') = coalesce(line.meter, '')
            AND other.period_start = line.period_start
            AND other.period_end = line.period_end
            AND other.total = line.total
            AND other.quantity IS NOT DISTINCT FROM line.quantity AND other.invoice_id <> line.invoice_id
            AND (
                other.observed_on < line.observed_on
                OR (other.observed_on = line.observed_on AND other.invoice_id < line.invoice_id)
            )
    LEFT JOIN known AS own ON own.subscription_id = line.subscription_id
    LEFT JOIN known AS theirs ON theirs.subscription_id = other.subscription_id
    WHERE line.kind IN ('subscription', 'usage', 'minimum', 'proration')
        AND (
            (other.subscription_id IS NOT DISTINCT FROM line.subscription_id AND other.their_sub = line.their_sub)
            OR own.subscription_id IS NULL OR theirs.subscription_id IS NULL
        )
    GROUP BY
        line.customer_id, line.subscription_id, line.currency, line.variant, line.total, line.source_file,
        line.source_row, line.period_start, line.period_end, line.invoice_id, line.line_key
)
SELECT
    'DUPLICATE_CHARGE' AS detector, concat_ws('|', invoice_id, other_invoice, currency, variant) AS identity,
    customer_id, min(subscription_id) AS subscription_id, invoice_id, currency, CAST(sum(total) AS amount) AS amount,
    'duplicate_charge' AS sentence,
    to_json(struct_pack(
        other_invoice := other_invoice, lines := count(*), first_day := min(period_start), last_day := max(period_end)
    )) AS facts,
    list_slice(list_concat(
        list(
            struct_pack("table" := 'invoice_lines', file := source_file, "row" := source_row)
            ORDER BY source_file, source_row
        ),
        list(
            struct_pack("table" := 'invoice_lines', file := other_file, "row" := other_row)
            ORDER BY other_file, other_row
        )
    ), 1, 10) AS sources
FROM twice
GROUP BY customer_id, invoice_id, other_invoice, currency, variant
