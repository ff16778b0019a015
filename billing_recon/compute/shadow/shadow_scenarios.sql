-- What each invoice is an example of (core.candidate.SCENARIOS), one row per invoice and scenario. Changes are those of
-- the frozen contract within the days that the invoice bills.
-- inputs: shadow_lines, subscriptions, term_charges
WITH bills AS MATERIALIZED (
    SELECT
        line.invoice_id, line.subscription_id, line.due_on,
        coalesce(min(line.period_start) FILTER (WHERE line.kind <> 'adjustment'), min(line.period_start)) AS first_day,
        coalesce(max(line.period_end) FILTER (WHERE line.kind <> 'adjustment'), max(line.period_end)) AS last_day,
        list_filter([
            CASE WHEN bool_or(line.kind = 'proration') THEN 'prorated' END,
            CASE WHEN bool_or(line.kind = 'usage') THEN 'usage' END,
            CASE WHEN bool_or(line.kind = 'minimum') THEN 'minimum' END,
            CASE
                WHEN bool_or(line.kind = 'discount' AND coalesce(line.meter, '') IN ('cap', 'maximum')) THEN 'cap'
            END,
            CASE
                WHEN
                    bool_or(line.kind = 'discount' AND coalesce(line.meter, '') NOT IN ('cap', 'maximum'))
                    THEN 'coupon'
            END,
            CASE WHEN bool_or(line.kind = 'credit') THEN 'credit' END,
            CASE WHEN sum(line.old_total) < 0 OR sum(line.new_total) < 0 THEN 'refund' END,
            CASE
                WHEN bool_or(
                        line.kind <> 'discount'
                        AND (
                            coalesce(line.expected_old_discount, 0) <> 0 OR coalesce(line.expected_new_discount, 0) <> 0
                        )
                    ) THEN 'discount'
            END,
            CASE WHEN bool_or(line.kind = 'adjustment' AND coalesce(line.meter, '') <> 'tax') THEN 'late_usage' END,
            CASE
                WHEN bool_or(line.expected_old_taxable <> 0 AND line.expected_old_tax_rate = 0)
                    OR bool_or(line.expected_new_taxable <> 0 AND line.expected_new_tax_rate = 0) THEN 'tax_exempt'
            END,
            CASE WHEN bool_or(charge.charge_id IS NOT NULL) THEN 'in_advance' END
        ], LAMBDA one: one IS NOT NULL) AS scenarios
    FROM shadow_lines AS line
    LEFT JOIN term_charges AS charge
        ON charge.plan_id = line.old_plan AND charge.plan_version = line.old_version
            AND charge.currency = line.currency AND charge.charge_id = line.charge_id
            AND charge.kind = 'subscription' AND charge.due = 'in_advance'
    GROUP BY line.invoice_id, line.subscription_id, line.due_on
),
intervals AS (
    SELECT
        subscription_id, valid_from,
        arg_max(
            struct_pack(
                status := status, plan_id := plan_id, plan_version := plan_version, currency := currency,
                seats := quantity, billing_interval := billing_interval,
                starts := CAST(timezone(timezone, valid_from) AS DATE)
            ), struct_pack(observed_on := observed_on, place := source_row)
        ) AS held
    FROM subscriptions
    GROUP BY subscription_id, valid_from
),
base AS (
    SELECT plan_id, plan_version, currency, sum(amount) AS fee
    FROM term_charges
    WHERE kind = 'subscription' AND model = 'flat'
    GROUP BY plan_id, plan_version, currency
),
priced AS (
    SELECT interval.subscription_id, interval.valid_from, interval.held, coalesce(base.fee, 0) AS fee
    FROM intervals AS interval
    LEFT JOIN base
        ON base.plan_id = interval.held.plan_id AND base.plan_version = interval.held.plan_version
            AND base.currency = interval.held.currency
),
changes AS (
    SELECT
        subscription_id, held.starts AS changed_on, held.status AS status,
        lag(held.status) OVER history AS former_status, lag(valid_from) OVER history IS NULL AS first,
        held.seats - lag(held.seats) OVER history AS seats, fee - lag(fee) OVER history AS dearer,
        held.plan_id <> lag(held.plan_id) OVER history AS other_plan
    FROM priced
    WINDOW history AS (PARTITION BY subscription_id ORDER BY valid_from)
),
events AS (
    SELECT
        bill.invoice_id, bill.subscription_id, bill.due_on,
        CASE
            WHEN change.first THEN 'new'
            WHEN change.former_status = 'trialing' AND change.status = 'active' THEN 'trial_end'
            WHEN change.status = 'paused' THEN 'paused'
            WHEN change.status = 'cancelled' THEN 'cancelled'
            WHEN change.other_plan AND change.dearer >= 0 THEN 'upgrade'
            WHEN change.other_plan THEN 'downgrade'
            WHEN change.seats > 0 THEN 'upgrade'
            WHEN change.seats < 0 THEN 'downgrade'
        END AS scenario
    FROM bills AS bill
    JOIN changes AS change
        ON change.subscription_id = bill.subscription_id AND change.changed_on >= bill.first_day
            AND change.changed_on < bill.last_day
),
cadences AS (
    SELECT
        bill.invoice_id, bill.subscription_id, bill.due_on,
        CASE WHEN interval_months(max(interval.held.billing_interval)) >= 12 THEN 'annual'
            WHEN interval_months(max(interval.held.billing_interval)) = 3 THEN 'quarterly'
            WHEN interval_days(max(interval.held.billing_interval)) = 7 THEN 'weekly'
        END AS scenario
    FROM bills AS bill
    JOIN intervals AS interval ON interval.subscription_id = bill.subscription_id
    GROUP BY bill.invoice_id, bill.subscription_id, bill.due_on
),
found AS (
    SELECT * FROM events WHERE scenario IS NOT NULL
    UNION
    SELECT invoice_id, subscription_id, due_on, unnest(scenarios) AS scenario FROM bills
    UNION
    SELECT * FROM cadences WHERE scenario IS NOT NULL
),
unchanged AS (
    SELECT bill.invoice_id, bill.subscription_id, bill.due_on, 'renewal' AS scenario
    FROM bills AS bill
    ANTI JOIN (
        SELECT invoice_id, subscription_id, due_on
        FROM found
        WHERE scenario IN ('new', 'trial_end', 'paused', 'cancelled', 'upgrade', 'downgrade', 'prorated')
    ) AS changed
        ON changed.invoice_id = bill.invoice_id AND changed.subscription_id = bill.subscription_id
            AND changed.due_on IS NOT DISTINCT FROM bill.due_on
)
SELECT invoice_id, subscription_id, due_on, scenario FROM found
UNION ALL
SELECT invoice_id, subscription_id, due_on, scenario FROM unchanged
