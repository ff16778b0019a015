-- Differences by what caused them, biggest first. `part`: meant, new (unmeant), accepted, kept (both engines have the
-- fault), old (a fault of the old engine that is gone), split (billed in other lines of the same bill), unknown.
-- `about`: the plans, the charge, and of tiers the last one entered; of coupons and credits their id. Only amounts of
-- one currency are added.
-- inputs: compared_lines
WITH parts AS (
    SELECT
        line.*, unnest(list_filter([
            CASE
                WHEN line.known AND line.meant_code IS NOT NULL
                    THEN struct_pack(
                            part := 'meant', code := line.meant_code, amount := line.meant, size := abs(line.meant)
                        )
            END,
            CASE
                WHEN line.known AND line.new_code IS NOT NULL
                    THEN struct_pack(
                            part := CASE line.state
                                WHEN 'unmeant' THEN 'new' WHEN 'accepted' THEN 'accepted' ELSE 'kept'
                            END, code := line.new_code, amount := line.new_fault, size := line.new_fault_gross
                        )
            END,
            CASE
                WHEN line.known AND line.old_code IS NOT NULL AND line.state <> 'kept'
                    THEN struct_pack(
                            part := 'old', code := line.old_code, amount := -line.old_fault, size := abs(line.old_fault)
                        )
            END,
            CASE
                WHEN line.known AND (line.old_split OR line.new_split) AND line.state <> 'equal'
                    THEN struct_pack(
                            part := 'split', code := '',
                            amount := if(line.new_split, line.new_fault, 0) - if(line.old_split, line.old_fault, 0),
                            size := abs(
                                if(line.new_split, line.new_fault, 0) - if(line.old_split, line.old_fault, 0)
                            )
                        )
            END,
            CASE
                WHEN line.state = 'unknown'
                    THEN struct_pack(
                            part := 'unknown', code := 'UNEXPLAINED', amount := line.delta, size := abs(line.delta)
                        )
            END
        ], LAMBDA one: one IS NOT NULL)) AS found
    FROM compared_lines AS line
    WHERE line.state <> 'equal'
),
placed AS (
    SELECT
        customer_id, subscription_id, invoice_id, line_id, currency, found.part AS part,
        found.code AS code, CAST(found.amount AS amount) AS amount, CAST(found.size AS amount) AS size,
        concat_ws(
            ' ',
            CASE
                WHEN found.part = 'meant' AND (old_plan || old_version) <> (new_plan || new_version)
                    THEN concat_ws(' ', old_plan, old_version, 'to', new_plan, new_version)
                WHEN found.part = 'old' THEN concat_ws(' ', old_plan, old_version)
                ELSE concat_ws(' ', coalesce(new_plan, old_plan), coalesce(new_version, old_version))
            END,
            CASE WHEN kind IN ('discount', 'credit', 'minimum') THEN kind END, coalesce(meter, charge_id),
            CASE
                WHEN json_array_length(json_extract(new_working, '$.steps.rating.steps.tiers')) > 0
                    THEN 'tier ' || json_extract_string(new_working, '$.steps.rating.steps.tiers[#-1].tier')
            END,
            CASE WHEN kind = 'proration' THEN 'part of a period' END
        ) AS about
    FROM parts
)
SELECT
    left(sha256(concat_ws('|', part, code, about, currency)), 10) AS cause_id, part, code, about, currency,
    count(*) AS lines, count(DISTINCT customer_id) AS accounts, count(DISTINCT invoice_id) AS invoices,
    CAST(sum(size) AS amount) AS gross, CAST(sum(amount) AS amount) AS net,
    arg_max(amount, struct_pack(size := size, line := line_id)) AS largest,
    list_slice(list_sort(list(struct_pack(
        size := -size, invoice_id := invoice_id, line_id := line_id, customer_id := customer_id, amount := amount
    ))), 1, 3) AS samples
FROM placed
GROUP BY part, code, about, currency
