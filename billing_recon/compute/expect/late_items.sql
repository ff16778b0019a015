-- Each charge of a run that late usage belongs to, twice: with what the adjusting period takes up (`side` after) and
-- without it (before). Units of charges by event are those of event_units, under `ask`. Charges that the usage leaves
-- alone are there for the run's minimum. Item ids are far above those of charge_items, so that both are rated together.
-- inputs: late_arrivals, contract_runs, run_allowances, term_charges, usage_rollup, event_units
-- rows from: late_arrivals WHERE wanted OR is_open
WITH late AS (
    SELECT
        subscription_id, own_start, own_end, adjusted_start, adjusted_end, due_on AS adjusted_due,
        bool_or(wanted) AS adjusts,
        bool_or(is_open) AS is_late_open, min(arrived) AS first_arrived, max(arrived) AS last_arrived
    FROM late_arrivals
    WHERE wanted OR is_open
    GROUP BY subscription_id, own_start, own_end, adjusted_start, adjusted_end, due_on
),
charged AS (
    SELECT
        run.*, late.* EXCLUDE (subscription_id), charge.charge_id, charge.position, charge.kind, charge.model,
        charge.meter, charge.discountable, charge.aggregation, charge.by_event, charge.minimum AS charge_minimum,
        charge.maximum AS charge_maximum, own_price_in(run.contract, charge.charge_id) AS own_price,
        CAST(coalesce(allowance.own, 0) + coalesce(allowance.rolled, 0) AS quantity) AS allowance,
        row_number() OVER (
            ORDER BY
                run.subscription_id, run.period_start, late.adjusted_start, run.run_start, run.by_seat,
                charge.position
        ) AS number
    FROM late
    JOIN contract_runs AS run
        ON run.subscription_id = late.subscription_id AND run.period_start = late.own_start
            AND run.period_end = late.own_end
    JOIN term_charges AS charge
        ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
            AND charge.currency = run.currency
            AND (charge.kind = 'subscription' AND charge.model <> 'flat') = run.by_seat
    LEFT JOIN run_allowances AS allowance
        ON allowance.subscription_id = run.subscription_id
            AND allowance.period_start = run.period_start AND allowance.period_end = run.period_end
            AND allowance.run_no = run.run_no AND allowance.meter = charge.meter AND charge.kind = 'usage'
    WHERE run.rateable AND NOT (charge.kind = 'subscription' AND run.part = 0 AND run.run_no < 0)
),
used AS (
    SELECT
        item.number,
        coalesce(
            sum(CASE item.aggregation WHEN 'count' THEN change.events ELSE change.quantity END)
            FILTER (WHERE change.day < item.first_arrived), 0
        ) AS before,
        sum(CASE item.aggregation WHEN 'count' THEN change.events ELSE change.quantity END) AS after
    FROM charged AS item
    JOIN usage_rollup AS change
        ON change.subscription_id = item.subscription_id AND change.meter = item.meter
            AND change.usage_day >= item.run_start
            AND change.usage_day < item.run_end
            AND NOT is_cut(item.cut_days, change.usage_day, change.usage_day)
            AND change.day <= item.last_arrived
    WHERE item.kind = 'usage'
    GROUP BY item.number
),
known AS (
    SELECT
        item.*, compared.side, single.ask,
        CASE WHEN item.by_event THEN single.quantity
            ELSE also(CASE compared.side WHEN 'before' THEN used.before ELSE used.after END, single.quantity)
        END AS used
    FROM charged AS item
    CROSS JOIN (SELECT unnest(['before', 'after']) AS side) AS compared
    LEFT JOIN used ON used.number = item.number
    LEFT JOIN event_units AS single ON item.kind = 'usage' AND single.side = compared.side
        AND single.adjusted_start = item.adjusted_start AND single.subscription_id = item.subscription_id
        AND single.period_start = item.period_start AND single.period_end = item.period_end
        AND single.run_no = item.run_no AND single.charge_id = item.charge_id
)
SELECT
    1000000000000 + number + number + CASE side WHEN 'after' THEN 1 ELSE 0 END AS item_id, number, side,
    subscription_id, period_start, period_end, run_no, plan_id, plan_version, currency, tax_region, run_start,
    run_end, customer_id, segment, discount_rate, decimals, tax_rate, minimum, adjusted_start, adjusted_end,
    adjusted_due, adjusts, is_late_open, charge_id, position, kind, model, meter, discountable,
    CAST(coalesce(used, 0) AS quantity) AS used,
    CAST(CASE
        WHEN model = 'flat' AND kind = 'usage' AND NOT by_event THEN CASE WHEN coalesce(used, 0) = 0 THEN 0 ELSE 1 END
        WHEN model = 'flat' AND NOT by_event THEN 1
        WHEN kind = 'usage' THEN coalesce(used, 0)
        ELSE seats
    END AS quantity) AS quantity,
    CAST(CASE kind WHEN 'subscription' THEN part ELSE 1 END AS INTEGER) AS part,
    CAST(CASE kind WHEN 'subscription' THEN whole ELSE 1 END AS INTEGER) AS whole, part AS run_part,
    whole AS run_whole, own_price,
    allowance, charge_minimum, charge_maximum, ask
FROM known
