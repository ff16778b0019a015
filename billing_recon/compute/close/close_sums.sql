-- The lines of the roll-forwards, summed per measure, currency, span and side. Side ours: what was billed and moved.
-- Side ledger: what only the ledger knows (write-offs, credits applied, money kept as a credit, refunds against sales),
-- and its own sum (line booked). ar is a debit; revenue and tax are credits.
-- inputs: close_items, close_entries
WITH figures AS (
    SELECT
        measure, currency, 'ours' AS side, line, unnest([
            struct_pack(span := 'before', figure := ours_before, items := CASE WHEN ours_before <> 0 THEN 1 ELSE 0 END),
            struct_pack(span := 'in', figure := ours_in, items := CASE WHEN ours_in <> 0 THEN 1 ELSE 0 END)
        ]) AS part
    FROM close_items
),
measured AS (
    SELECT
        CASE WHEN role = 'ar' THEN 'ar' WHEN role = 'tax_payable' THEN 'tax' ELSE 'revenue' END AS measure, currency,
        place, journal_id, span, CASE WHEN role = 'ar' THEN debited ELSE -debited END AS figure
    FROM close_entries WHERE role IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable') AND span <> 'after'
),
other_accounts AS (
    SELECT
        currency, span, journal_id, -debited AS figure,
        CASE WHEN role = 'customer_credit' THEN 'kept_as_credit' ELSE 'against_sales' END AS line
    FROM close_entries
    WHERE place = 'money' AND span <> 'after'
        AND role IN ('customer_credit', 'refund', 'revenue', 'deferred_revenue', 'tax_payable', 'write_off')
),
summed AS (
    SELECT measure, currency, side, line, part.span AS span, sum(part.figure) AS figure, sum(part.items) AS items
    FROM figures GROUP BY measure, currency, side, line, part.span
    UNION ALL
    SELECT measure, currency, 'ledger' AS side, 'booked' AS line, span, sum(figure) AS figure, count(*) AS items
    FROM measured GROUP BY measure, currency, span
    UNION ALL
    SELECT
        measure, currency, 'ledger' AS side, place AS line, span, sum(figure) AS figure,
        count(DISTINCT journal_id) AS items
    FROM measured WHERE place IN ('written_off', 'credit_applied') GROUP BY measure, currency, place, span
    UNION ALL
    SELECT
        'ar' AS measure, currency, 'ledger' AS side, line, span, sum(figure) AS figure,
        count(DISTINCT journal_id) AS items
    FROM other_accounts GROUP BY currency, line, span
    UNION ALL
    SELECT
        measure, currency, 'ledger' AS side, 'against_sales' AS line, span, sum(figure) AS figure,
        count(DISTINCT journal_id) AS items
    FROM measured WHERE place = 'money' AND measure <> 'ar' GROUP BY measure, currency, span
)
SELECT measure, currency, side, line, span, CAST(figure AS amount) AS figure, CAST(items AS BIGINT) AS items
FROM summed WHERE figure <> 0 OR line IN ('booked', 'invoiced', 'received') ORDER BY ALL
