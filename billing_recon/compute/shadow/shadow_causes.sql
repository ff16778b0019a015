-- Differences by what caused them, biggest first. `part`: meant, new (unmeant), accepted, kept (both engines have the
-- fault), old (a fault of the old engine that is gone), unknown. `about`: the plans, the charge, and of tiers the last
-- one entered; of coupons and credits their id. Only amounts of one currency are added.
-- inputs: shadow_lines
WITH parts AS (
    SELECT
        line.*, unnest(list_filter([
            CASE
                WHEN line.known AND line.meant <> 0
                    THEN struct_pack(part := 'meant', code := line.meant_code, amount := line.meant)
            END,
            CASE
                WHEN line.known AND line.new_fault <> 0
                    THEN struct_pack(
                            part := CASE line.state
                                WHEN 'unmeant' THEN 'new' WHEN 'accepted' THEN 'accepted' ELSE 'kept'
                            END, code := line.new_code, amount := line.new_fault
                        )
            END,
            CASE
                WHEN line.known AND line.old_fault <> 0 AND line.old_fault <> line.new_fault
                    THEN struct_pack(part := 'old', code := line.old_code, amount := -line.old_fault)
            END,
            CASE
                WHEN NOT line.known AND line.delta <> 0
                    THEN struct_pack(part := 'unknown', code := 'UNEXPLAINED', amount := line.delta)
            END
        ], LAMBDA one: one IS NOT NULL)) AS found
    FROM shadow_lines AS line
),
placed AS (
    SELECT
        customer_id, subscription_id, invoice_id, line_id, currency, found.part AS part,
        coalesce(found.code, 'UNEXPLAINED') AS code, CAST(found.amount AS amount) AS amount,
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
    CAST(sum(abs(amount)) AS amount) AS gross, CAST(sum(amount) AS amount) AS net,
    arg_max(amount, struct_pack(size := abs(amount), line := line_id)) AS largest,
    list_slice(list_sort(list(struct_pack(
        size := -abs(amount), invoice_id := invoice_id, line_id := line_id, customer_id := customer_id, amount := amount
    ))), 1, 3) AS samples
FROM placed
GROUP BY part, code, about, currency
