-- The adjustments that late usage asks for, on the invoice of the adjusting period: a line's period is that period, its
-- terms and tax are the own period's. Customer and segment are those of the invoice.
-- inputs: late_changes, contract_runs
-- rows from: late_changes WHERE adjusts
WITH hosts AS (
    SELECT
        subscription_id, period_start, period_end,
        arg_max(struct_pack(customer_id := customer_id, segment := segment), run_no) AS host
    FROM contract_runs WHERE NOT by_seat GROUP BY subscription_id, period_start, period_end
),
numbered AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY subscription_id, adjusted_start ORDER BY period_start, run_start, position
        ) AS place
    FROM late_changes WHERE adjusts
)
SELECT
    change.subscription_id, change.adjusted_start AS period_start, change.adjusted_end AS period_end,
    change.adjusted_due AS due_on,
    CAST(0 AS HUGEINT) AS run_no, change.plan_id, change.plan_version, change.currency, change.tax_region,
    coalesce(
        hosts.host.customer_id, change.customer_id) AS customer_id, coalesce(
        hosts.host.segment, change.segment
    ) AS segment,
    change.decimals, change.tax_rate, change.charge_id, 1500000 + change.place AS position, 'adjustment' AS kind,
    change.meter, change.adjusted_start AS line_start, change.adjusted_end AS line_end, change.quantity,
    change.unit_price, change.gross_raw, change.gross, change.line_discount AS discount_rate, change.discount_raw,
    change.discount,
    CASE WHEN change.kind = 'usage' THEN change.quantity END AS late_quantity,
    CAST(json_object('adjusts', json_object(
        'from', CAST(change.run_start AS VARCHAR), 'to', CAST(change.run_end AS VARCHAR),
        'charge', coalesce(change.charge_id, 'minimum'), 'units_before', plain(change.used_before),
        'units_after', plain(change.used_after), 'gross_before', say(change.gross_before, change.decimals),
        'gross_after', say(change.gross_after, change.decimals)
    )) AS VARCHAR) AS working
FROM numbered AS change
LEFT JOIN hosts ON hosts.subscription_id = change.subscription_id AND hosts.period_start = change.adjusted_start
    AND hosts.period_end = change.adjusted_end
