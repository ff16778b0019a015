-- One row per invoice, contract and currency: the sums of its lines, the worst state of them, and what it is an example
-- of. The parts sum to the difference as they do per line.
-- inputs: shadow_lines, shadow_scenarios
WITH scenarios AS (
    SELECT invoice_id, subscription_id, due_on, list(scenario ORDER BY scenario) AS scenarios
    FROM shadow_scenarios
    GROUP BY invoice_id, subscription_id, due_on
),
summed AS (
    SELECT
        invoice_id, subscription_id, due_on, currency, min(customer_id) AS customer_id, min(segment) AS segment,
        min(tax_region) AS tax_region, min(old_plan) AS old_plan, min(new_plan) AS new_plan,
        CAST(sum(old_total) AS amount) AS old_total, CAST(sum(new_total) AS amount) AS new_total,
        CAST(sum(expected_old) AS amount) AS expected_old, CAST(sum(expected_new) AS amount) AS expected_new,
        CAST(sum(delta) AS amount) AS delta, CAST(sum(meant) AS amount) AS meant,
        CAST(sum(new_fault) AS amount) AS new_fault, CAST(sum(old_fault) AS amount) AS old_fault,
        CAST(coalesce(sum(new_fault_gross) FILTER (WHERE state = 'unmeant'), 0) AS amount) AS unmeant,
        arg_min(struct_pack(code := code, state := state), struct_pack(
            place := list_position(
                ['unknown', 'unmeant', 'accepted', 'kept', 'fixed', 'meant', 'split'], state
            ), size := -greatest(abs(delta), new_fault_gross), code := coalesce(code, '')
        )) FILTER (WHERE state <> 'equal') AS worst,
        count(*) AS lines
    FROM shadow_lines
    GROUP BY invoice_id, subscription_id, due_on, currency
)
SELECT
    summed.invoice_id, summed.subscription_id, summed.due_on, summed.currency, summed.customer_id, summed.segment,
    summed.tax_region, summed.old_plan, summed.new_plan, summed.old_total, summed.new_total, summed.expected_old,
    summed.expected_new, summed.delta, summed.meant, summed.new_fault, summed.old_fault, summed.unmeant,
    summed.lines, coalesce(summed.worst.state, 'equal') AS state, summed.worst.code AS code,
    coalesce(scenarios.scenarios, []) AS scenarios
FROM summed
LEFT JOIN scenarios
    ON scenarios.invoice_id = summed.invoice_id AND scenarios.subscription_id = summed.subscription_id
        AND scenarios.due_on IS NOT DISTINCT FROM summed.due_on
