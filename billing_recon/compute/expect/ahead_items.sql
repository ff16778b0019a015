-- One item per charge in advance and what is billed of it: columns and meaning of charge_items.
-- inputs: ahead_runs, term_charges, run_params
-- rows from: ahead_runs
SELECT
    run.subscription_id, run.group_start AS period_start, run.group_end AS period_end, run.due_on,
    run.is_of_version AS wanted, run.corrected, run.known_by, false AS is_open,
    1000000 + run.run_no + run.run_no + CASE WHEN run.given_back THEN 0 ELSE 1 END AS run_no, run.plan_id,
    run.plan_version, run.currency, run.tax_region, run.run_start, run.run_end, run.customer_id, run.segment,
    run.discount_rate, run.decimals,
    run.tax_rate, -row_number() OVER (
        ORDER BY
            run.subscription_id, run.period_start, run.period_end, run.run_start, run.given_back, run.by_seat,
            run.run_no, charge.position
    ) AS item_id,
    charge.charge_id, CAST(charge.position + CASE WHEN run.given_back THEN 500000 ELSE 0 END AS INTEGER) AS position,
    charge.kind, charge.model, charge.meter, charge.discountable, run.run_start AS cutoff,
    CAST(CASE WHEN charge.model = 'flat' THEN 1 ELSE run.seats END AS quantity) AS quantity,
    CAST(run.part AS INTEGER) AS part, CAST(run.whole AS INTEGER) AS whole,
    own_price_in(run.contract, charge.charge_id) AS own_price, charge.aggregation, charge.minimum AS charge_minimum,
    charge.maximum AS charge_maximum, run.period_start AS own_start, run.period_end AS own_end, run.own_run,
    run.given_back
FROM ahead_runs AS run
CROSS JOIN run_params AS params
JOIN term_charges AS charge
    ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
        AND charge.currency = run.currency
        AND (charge.model <> 'flat') = run.by_seat
        AND charge.kind = 'subscription'
        AND charge.due = 'in_advance'
WHERE run.rateable
    AND (run.corrected OR run.ahead_asked OR (run.moment <= params.day AND run.due_on >= params.first_day))
