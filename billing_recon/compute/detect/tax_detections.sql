-- Invoices with lines of today that carry no tax although their subscription's region was taxed on the period's last
-- day and the tax would not round to zero, unless the invoice bills its tax as a line of its own.
-- inputs: engine_lines, subscriptions, term_taxes, currencies, run_params
-- rows from: engine_lines AS line JOIN run_params AS params ON params.day = line.observed_on JOIN subscriptions AS
-- subscription ON subscription.subscription_id = line.subscription_id JOIN term_taxes AS region ON region.tax_region =
-- subscription.tax_region AND region.rate > 0 WHERE line.tax = 0 AND line.taxable <> 0 AND line.status = 'issued'
WITH untaxed AS (
    SELECT
        line.line_key, line.invoice_id, line.customer_id, line.subscription_id, line.currency, line.variant,
        line.taxable, line.period_end, line.source_file, line.source_row
    FROM engine_lines AS line
    JOIN run_params AS params ON params.day = line.observed_on
    ANTI JOIN (SELECT invoice_id FROM engine_lines WHERE kind = 'adjustment' AND taxable = 0 AND tax <> 0) AS taxed
        ON taxed.invoice_id = line.invoice_id
    WHERE line.status = 'issued' AND line.tax = 0 AND line.taxable <> 0
),
regions AS (
    SELECT
        line.line_key,
        arg_max(subscription.tax_region, struct_pack(
            since := subscription.valid_from, seen := subscription.observed_on, place := subscription.source_row
        )) AS tax_region
    FROM untaxed AS line
    JOIN subscriptions AS subscription
        ON subscription.subscription_id = line.subscription_id
            AND CAST(subscription.valid_from AS DATE) <= line.period_end
    GROUP BY line.line_key
),
missing AS (
    SELECT
        line.invoice_id, line.customer_id, line.subscription_id, line.currency, line.variant, line.taxable,
        line.source_file, line.source_row, tax.tax_region, tax.rate, apply_rate(line.taxable, tax.rate) AS tax
    FROM untaxed AS line
    JOIN regions AS region ON region.line_key = line.line_key
    JOIN term_taxes AS tax
        ON tax.tax_region = region.tax_region AND tax.rate > 0 AND tax.effective_from <= line.period_end
            AND (tax.effective_to IS NULL OR line.period_end < tax.effective_to)
    JOIN currencies AS money ON money.currency = line.currency
    WHERE abs(apply_rate(line.taxable, tax.rate)) >= minor_unit(money.decimals)
)
SELECT
    'MISSING_TAX' AS detector, concat_ws('|', invoice_id, currency, variant) AS identity,
    min(customer_id) AS customer_id, min(subscription_id) AS subscription_id, invoice_id, currency,
    CAST(sum(tax) AS amount) AS amount, 'missing_tax' AS sentence,
    to_json(struct_pack(
        taxable := CAST(sum(taxable) AS amount), lines := count(*), tax_region := min(tax_region), rate := min(rate)
    )) AS facts,
    list_slice(list(
        struct_pack("table" := 'invoice_lines', file := source_file, "row" := source_row)
        ORDER BY source_file, source_row
    ), 1, 10) AS sources
FROM missing
GROUP BY invoice_id, currency, variant
