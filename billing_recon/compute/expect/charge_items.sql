-- One item per run and charge, with its units (1 for flat) and proration share. Usage is that of the run's days as
-- observed by the cutoff: period_end + late_window_days, or the company's first day with its opening load. What arrived
-- within the late window after the day re-opens it and counts too, if a bill is due; a period that is only open has
-- items for what was used by the day, and nothing else. Units of charges by event are those of event_units, under
-- `ask`; charge_minimum and charge_maximum are those of the whole period, of which the run has run_part / run_whole.
-- Charges billed in advance are in `ahead_items`; `own_start`, `own_end` and `own_run` are the period and run that an
-- item belongs to, whichever invoice it is on.
-- inputs: contract_runs, run_allowances, ahead_items, term_charges, usage_changes, event_units, run_params
WITH charged AS (
    SELECT
        run.*, charge.charge_id, charge.position, charge.kind, charge.model, charge.meter, charge.discountable,
        charge.aggregation, charge.by_event, charge.included AS charge_included, charge.minimum AS charge_minimum,
        charge.maximum AS charge_maximum, own_price_in(run.contract, charge.charge_id) AS own_price,
        coalesce(allowance.own, 0) AS own_allowance, coalesce(allowance.rolled, 0) AS rolled_allowance,
        greatest(CAST(run.period_end + params.late_window_days AS DATE), params.first_day) AS cutoff, params.day,
        params.late_window_days,
        row_number() OVER (
            ORDER BY run.subscription_id, run.period_start, run.period_end, run.run_start, run.by_seat, charge.position
        ) AS item_id
    FROM contract_runs AS run
    CROSS JOIN run_params AS params
    JOIN term_charges AS charge
        ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
            AND charge.currency = run.currency
            AND (charge.kind = 'subscription' AND charge.model <> 'flat') = run.by_seat
    LEFT JOIN run_allowances AS allowance
        ON allowance.subscription_id = run.subscription_id
            AND allowance.period_start = run.period_start AND allowance.period_end = run.period_end
            AND allowance.run_no = run.run_no AND allowance.meter = charge.meter AND charge.kind = 'usage'
    WHERE run.rateable AND (run.wanted OR run.corrected OR (run.is_open AND charge.kind = 'usage'))
        AND NOT (charge.kind = 'subscription' AND (charge.due = 'in_advance' OR (run.part = 0 AND run.run_no < 0)))
),
used AS (
    SELECT
        item.item_id, sum(CASE item.aggregation WHEN 'count' THEN change.events
            ELSE change.quantity
        END) AS quantity,
        sum(change.late_quantity) AS late_quantity, sum(change.duplicate_quantity) AS duplicate_quantity,
        sum(change.superseded_quantity) AS superseded_quantity
    FROM charged AS item
    JOIN usage_changes AS change
        ON change.subscription_id = item.subscription_id AND change.meter = item.meter
            AND change.usage_day >= item.run_start AND change.usage_day < item.run_end AND change.day <= item.cutoff
            AND NOT is_cut(item.cut_days, change.usage_day, change.usage_day)
            AND (change.day <= item.day OR (
                (item.wanted OR item.corrected) AND change.usage_day <= item.day
                AND change.day <= CAST(item.day + item.late_window_days AS DATE)
            ))
    WHERE item.kind = 'usage'
    GROUP BY item.item_id
),
metered AS (
    SELECT
        item.item_id,
        CASE WHEN item.by_event THEN coalesce(single.quantity, 0)
            ELSE also(used.quantity, single.quantity)
        END AS quantity,
        CASE WHEN item.by_event THEN coalesce(single.late_quantity, used.late_quantity)
            ELSE also(used.late_quantity, single.late_quantity)
        END AS late_quantity,
        CASE WHEN item.by_event AND single.late_quantity IS NOT NULL THEN NULL
            ELSE used.duplicate_quantity
        END AS duplicate_quantity,
        CASE WHEN item.by_event THEN coalesce(single.superseded_quantity, used.superseded_quantity)
            ELSE also(used.superseded_quantity, single.superseded_quantity)
        END AS superseded_quantity,
        single.ask, NOT item.by_event OR single.late_quantity IS NULL AS is_sum
    FROM charged AS item
    LEFT JOIN used ON used.item_id = item.item_id
    LEFT JOIN event_units AS single ON item.kind = 'usage' AND single.side = 'period'
        AND single.subscription_id = item.subscription_id
        AND single.period_start = item.period_start AND single.period_end = item.period_end
        AND single.run_no = item.run_no AND single.charge_id = item.charge_id
)
SELECT
    item.subscription_id, item.period_start, item.period_end, item.due_on, item.wanted, item.is_open, item.run_no,
    item.plan_id, item.plan_version, item.currency, item.tax_region, item.run_start, item.run_end, item.customer_id,
    item.segment, item.discount_rate, item.decimals, item.tax_rate, item.item_id, item.charge_id, item.position,
    item.kind, item.model, item.meter, item.discountable, item.cutoff,
    CAST(CASE
        WHEN item.model = 'flat' AND item.by_event THEN metered.quantity
        WHEN item.model = 'flat' AND item.kind = 'usage'
            THEN CASE WHEN coalesce(metered.quantity, 0) = 0 THEN 0
                    ELSE 1
                END
        WHEN item.model = 'flat' THEN 1
        WHEN item.kind = 'usage' THEN coalesce(metered.quantity, 0)
        ELSE item.seats
    END AS quantity) AS quantity,
    CAST(CASE item.kind WHEN 'subscription' THEN item.part ELSE 1 END AS INTEGER) AS part,
    CAST(CASE item.kind WHEN 'subscription' THEN item.whole ELSE 1 END AS INTEGER) AS whole,
    CAST(coalesce(metered.late_quantity, 0) AS quantity) AS late_quantity,
    CAST(coalesce(metered.duplicate_quantity, 0) AS quantity) AS duplicate_quantity,
    CAST(coalesce(metered.superseded_quantity, 0) AS quantity) AS superseded_quantity, item.own_price,
    CAST(item.own_allowance AS quantity) AS own_allowance, CAST(item.rolled_allowance AS quantity) AS rolled_allowance,
    CAST(item.own_allowance + item.rolled_allowance AS quantity) AS allowance, item.aggregation, metered.ask,
    item.charge_minimum, item.charge_maximum, CAST(item.part AS INTEGER) AS run_part,
    CAST(item.whole AS INTEGER) AS run_whole,
    CAST(CASE WHEN item.kind = 'usage' AND metered.is_sum
            THEN item.charge_included + item.own_allowance + item.rolled_allowance
        ELSE 0
    END AS quantity) AS included,
    item.period_start AS own_start, item.period_end AS own_end, item.run_no AS own_run, false AS given_back,
    item.cut_days, item.corrected, item.known_by, false AS is_ahead
FROM charged AS item
LEFT JOIN metered ON metered.item_id = item.item_id
WHERE item.wanted OR item.corrected OR metered.quantity <> 0
UNION ALL
SELECT
    subscription_id, period_start, period_end, due_on, wanted, is_open, run_no, plan_id, plan_version, currency,
    tax_region, run_start, run_end, customer_id, segment, discount_rate, decimals, tax_rate, item_id, charge_id,
    position, kind, model, meter, discountable, cutoff, quantity, part, whole, CAST(0 AS quantity) AS late_quantity,
    CAST(0 AS quantity) AS duplicate_quantity, CAST(0 AS quantity) AS superseded_quantity, own_price,
    CAST(0 AS quantity) AS own_allowance, CAST(0 AS quantity) AS rolled_allowance, CAST(0 AS quantity) AS allowance,
    aggregation, CAST(NULL AS VARCHAR) AS ask, charge_minimum, charge_maximum, part AS run_part, whole AS run_whole,
    CAST(0 AS quantity) AS included, own_start, own_end, own_run, given_back, CAST(NULL AS DATE[]) AS cut_days,
    corrected, known_by, true AS is_ahead
FROM ahead_items
