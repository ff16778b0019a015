-- Runs, in arrears and ahead (`is_ahead`), with everything needed to price them. A run that cannot be rated says why in
-- `reason`, and its whole invoice is withheld: `rateable` is false for all its runs. `by_seat` runs are for charges by
-- seat, the others for all else. Contract, segment and customer are those of the run's last piece (ahead: its first).
-- `part` of `whole` is the share of the period that a run is, as the profile counts it; 1 of 1 for a whole period, and
-- 0 for a run that has no day of its own, whose lines show the day that it lies in. `usage_from` and `usage_to` are the
-- instants between which usage belongs to it, for subscriptions with `cut_days`; `zone` is that of its first piece. By
-- the second, a run that begins or ends with its period does so at midnight. Where both ends are counted up to the next
-- period's first day, the last run has that day: it is what a change half-way charges for the days that are left. Usage
-- at hand reaches one lookback back, for late usage three (core.policy.LATE_REACH).
-- inputs: run_pieces, ahead_spans, contract_terms, quarantined_contracts, term_plans, term_charges, term_taxes,
-- term_profile, currencies, run_params
WITH gathered AS (
    SELECT
        piece.subscription_id, piece.period_start, piece.period_end, piece.due_on, piece.wanted, piece.is_open,
        piece.late, piece.corrected, piece.known_by, charged.by_seat, max(piece.run_no) AS run_no, piece.plan_id,
        piece.plan_version, piece.currency, piece.tax_region, min(piece.from_day) AS run_start,
        max(piece.to_day) AS run_end, max(piece.quantity) AS seats, min(piece.starts_at) AS starts_at,
        min(piece.from_at) AS usage_from, max(piece.to_at) AS usage_to,
        arg_min(piece.timezone, piece.starts_at) AS first_zone, any_value(piece.cut_days) AS cut_days,
        arg_max(struct_pack(
            customer_id := piece.customer_id, segment := piece.segment, contract := piece.contract,
            timezone := piece.timezone, ends_at := piece.ends_at
        ),
        piece.starts_at) AS agreed
    FROM run_pieces AS piece
    CROSS JOIN (SELECT unnest([false, true]) AS by_seat) AS charged
    WHERE NOT charged.by_seat OR ((piece.wanted OR piece.late OR piece.corrected) AND piece.has_days)
    GROUP BY
        piece.subscription_id, piece.period_start, piece.period_end, piece.due_on, piece.wanted, piece.is_open,
        piece.late, piece.corrected, piece.known_by,
        charged.by_seat, piece.plan_id, piece.plan_version, piece.currency, piece.tax_region,
        CASE WHEN charged.by_seat THEN piece.seat_no ELSE piece.run_no END
),
runs AS (
    SELECT
        gathered.*, false AS is_ahead,
        CAST(period_end - CASE profile.tax_rate_day WHEN 'last_day' THEN 1 ELSE 0 END AS DATE) AS taxed_on,
        wanted OR late OR corrected AS needs_tax, false AS ahead_asked,
        false AS given_back, CAST(NULL AS DATE) AS moment, run_no AS own_run
    FROM gathered
    CROSS JOIN term_profile AS profile
    UNION ALL BY NAME
    SELECT
        subscription_id, period_start, period_end, CAST(moment + issue_after_days AS DATE) AS due_on,
        false AS wanted, false AS is_open, false AS late, corrected, by_seat, run_no, plan_id, plan_version,
        currency, tax_region, run_start, period_end AS run_end, seats, starts_at, agreed, true AS is_ahead, taxed_on,
        true AS needs_tax, ahead_asked, given_back, moment, own_run
    FROM ahead_spans
),
shared AS (
    SELECT
        run.*, run.agreed.customer_id AS customer_id, run.agreed.segment AS segment, run.agreed.timezone AS zone,
        nullif(trim(run.agreed.contract), '') AS stated,
        run.run_end - run.run_start < run.period_end - run.period_start AND params.proration <> 'none' AS is_shared,
        CASE WHEN run.run_start = run.period_start THEN midnight(run.period_start, run.agreed.timezone)
            ELSE run.starts_at END
            AS begins_at,
        CASE WHEN run.run_end = run.period_end THEN midnight(run.period_end, run.agreed.timezone)
            ELSE run.agreed.ends_at END
            AS stops_at,
        profile.day_count = 'both_ends' AND profile.period_ends = 'next_start' AS last_day_counts
    FROM runs AS run
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
),
metered AS (
    SELECT
        plan_id, plan_version, currency, bool_or(kind = 'usage') AS meters,
        bool_or(kind = 'usage' AND (
            (bucket IS NOT NULL AND aggregation = 'time_weighted')
            OR (aggregation IN ('max', 'latest', 'time_weighted') AND (prorated OR (model = 'percentage' AND (
                free_events > 0 OR free_units > 0 OR event_minimum IS NOT NULL OR event_maximum IS NOT NULL
            ))))
        )) AS unpriced,
        list(meter) FILTER (WHERE kind = 'usage' AND takes_free_units AND model <> 'percentage' AND NOT priced_by_event)
            AS by_units,
        list(meter) FILTER (WHERE by_event) AS by_event, list(charge_id) AS charge_ids,
        list(charge_id) FILTER (WHERE agreed_price) AS priced
    FROM term_charges GROUP BY plan_id, plan_version, currency
),
judged AS (
    SELECT
        run.*, terms.contract, coalesce(refused.place, concat_ws(
            ', ', nullif(terms.unknown, ''), nullif(terms.unbounded, '')
        )) AS unknown,
        array_to_string(list_distinct(
            other_names(terms.overridden, coalesce(metered.priced, []))
            || other_names(terms.coupon_charges, coalesce(metered.charge_ids, []))
        ), ', ') AS idle, money.decimals, tax.rate AS tax_rate,
        CASE
            WHEN run.run_start = run.run_end AND (params.proration <> 'by_second' OR run.run_start = run.period_start)
                THEN 0
            WHEN NOT run.is_shared THEN 1
            WHEN params.proration = 'by_second' THEN datediff('second', run.begins_at, run.stops_at)
            WHEN profile.fixed_days IS NOT NULL
                THEN greatest(fixed_days_between(
                        run.run_start, run.run_end, profile.fixed_days
                    ), 0)
            WHEN run.last_day_counts AND run.run_end = run.period_end THEN run.run_end - run.run_start + 1
            ELSE run.run_end - run.run_start
        END AS part,
        CASE
            WHEN NOT run.is_shared THEN 1
            WHEN params.proration = 'by_second'
                THEN datediff('second', midnight(run.period_start, run.zone), midnight(run.period_end, run.zone))
            WHEN profile.fixed_days IS NOT NULL THEN profile.fixed_days
            WHEN run.last_day_counts THEN run.period_end - run.period_start + 1
            ELSE run.period_end - run.period_start
        END AS whole,
        CASE WHEN terms.rate_from > run.period_start OR terms.rate_to <= run.period_start OR terms.discount_rate IS NULL
                THEN CAST(0 AS rate)
            ELSE terms.discount_rate
        END AS discount_rate,
        CASE WHEN terms.minimum_text IS NULL THEN plan.minimum ELSE terms.minimum END AS minimum,
        CASE
            WHEN refused.subscription_id IS NOT NULL THEN 'contract_in_quarantine'
            WHEN plan.plan_id IS NULL OR money.currency IS NULL THEN 'plan_not_in_catalog'
            WHEN terms.garbled OR (terms.rate_text IS NOT NULL AND terms.discount_rate IS NULL)
                OR (terms.minimum_text IS NOT NULL AND terms.minimum IS NULL) THEN 'contract_unreadable'
            WHEN terms.unknown <> '' THEN 'contract_term_unknown'
            WHEN terms.unbounded <> '' THEN 'contract_term_impossible'
            WHEN coalesce(terms.minimum, plan.minimum) > terms.cap THEN 'minimum_above_cap'
            WHEN profile.step_order = 'maximum,discount,minimum' AND coalesce(terms.minimum, plan.minimum) > 0
                AND terms.cap IS NOT NULL AND terms.discount_rate <> 0 THEN 'order_not_rated'
            WHEN run.needs_tax AND tax.rate IS NULL THEN 'no_tax_rate'
            WHEN len(list_filter(terms.allowed, LAMBDA one: NOT list_contains(coalesce(metered.by_units, []), one))) > 0
                THEN 'allowance_without_charge'
            WHEN metered.unpriced THEN 'priced_by_event'
            WHEN terms.rolls AND len(list_filter(terms.rolling, LAMBDA one: list_contains(metered.by_event, one))) > 0
                THEN 'rollover_by_event'
            WHEN run.is_shared AND params.proration = 'by_day' AND profile.fixed_days IS NOT NULL
                AND NOT is_month(run.period_start, run.period_end) THEN 'no_fixed_days'
            WHEN (run.wanted OR run.late OR (run.corrected AND NOT run.is_ahead)) AND metered.meters
                AND run.period_start < params.history_from
                THEN 'usage_before_history'
            WHEN (run.wanted OR (run.corrected AND NOT run.is_ahead)) AND metered.meters
                AND run.period_start <= params.since - params.lookback_days
                THEN 'usage_out_of_reach'
            WHEN run.wanted AND terms.rolls
                AND params.since - run.period_start + (run.period_end - run.period_start) + 3 >= params.lookback_days
                THEN 'usage_out_of_reach'
            WHEN run.wanted AND terms.prepaid_from <= params.since - params.lookback_days THEN 'balance_out_of_reach'
            WHEN run.late AND run.period_start <= params.since - (
                    params.lookback_days + params.lookback_days + params.lookback_days
                )
                THEN 'usage_out_of_reach'
        END AS reason
    FROM shared AS run
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
    LEFT JOIN quarantined_contracts AS refused ON refused.subscription_id = split_part(run.subscription_id, chr(31), 1)
    LEFT JOIN contract_terms AS terms ON terms.stated = run.stated
    LEFT JOIN currencies AS money ON money.currency = run.currency
    LEFT JOIN term_plans AS plan
        ON plan.plan_id = run.plan_id AND plan.plan_version = run.plan_version
            AND plan.currency = run.currency
    LEFT JOIN metered
        ON metered.plan_id = run.plan_id AND metered.plan_version = run.plan_version
            AND metered.currency = run.currency
    LEFT JOIN term_taxes AS tax ON tax.tax_region = run.tax_region AND tax.effective_from <= run.taxed_on
        AND (tax.effective_to IS NULL OR run.taxed_on < tax.effective_to)
),
named AS (
    SELECT
        * EXCLUDE (reason, unknown), coalesce(reason, CASE WHEN idle <> '' THEN 'term_without_charge' END) AS reason,
        CASE WHEN reason IS NULL THEN idle ELSE unknown END AS unknown
    FROM judged
)
SELECT
    subscription_id, period_start, period_end, due_on, wanted, is_open, late, is_ahead, by_seat, run_no, plan_id,
    plan_version, currency, tax_region, run_start,
    greatest(run_end, CAST(run_start + 1 AS DATE)) AS run_end,
    CAST(part AS BIGINT) AS part, CAST(whole AS BIGINT) AS whole, seats, customer_id,
    segment, contract, discount_rate, minimum, decimals, tax_rate, unknown, reason, ahead_asked, given_back, moment,
    own_run, corrected, known_by, usage_from, usage_to, first_zone AS zone, cut_days,
    NOT bool_or(reason IS NOT NULL) OVER (PARTITION BY is_ahead, subscription_id, period_start, period_end) AS rateable
FROM named
