-- How much of the included units (free units, a free first tier, the contract's allowance) each charge has used in the
-- period of its next bill, the highest threshold that is reached (50, 90, 100%; 0 for none), and the next one.
-- inputs: charge_items, next_bills
WITH used AS (
    SELECT
        item.subscription_id, item.charge_id, item.meter, item.period_start, item.period_end, item.included,
        sum(item.quantity) AS used
    FROM charge_items AS item
    JOIN next_bills AS bill
        ON bill.subscription_id = item.subscription_id AND bill.period_start = item.period_start
    WHERE item.kind = 'usage' AND item.included > 0 AND NOT item.is_ahead
    GROUP BY
        item.subscription_id, item.charge_id, item.meter, item.period_start, item.period_end, item.run_no,
        item.included
),
placed AS (
    SELECT
        *, CASE WHEN used >= included THEN 100 WHEN used >= apply_rate(included, 0.9) THEN 90
            WHEN used >= apply_rate(included, 0.5) THEN 50
            ELSE 0
        END AS reached
    FROM used
)
SELECT
    subscription_id, charge_id, meter, period_start, period_end, CAST(included AS quantity) AS included,
    CAST(used AS quantity) AS used, CAST(ratio(used, included) AS rate) AS share, reached,
    CASE reached WHEN 0 THEN 50 WHEN 50 THEN 90 WHEN 90 THEN 100
    END AS next_threshold,
    CAST(
        apply_rate(
            included, CASE reached WHEN 0 THEN 0.5 WHEN 50 THEN 0.9 WHEN 90 THEN 1.0
            END
        ) - used
        AS quantity
    ) AS units_to_next
FROM placed
