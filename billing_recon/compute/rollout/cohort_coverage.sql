-- How many customers of each stage, those of earlier stages included, are examples of each scenario of the company.
-- inputs: cohort_members, cohort_rules, customer_scenarios
WITH counted AS (
    SELECT
        member.place, count(*) FILTER (WHERE example.annual) AS annual,
        count(*) FILTER (WHERE example.quarterly) AS quarterly, count(*) FILTER (WHERE example.weekly) AS weekly,
        count(*) FILTER (WHERE example.paused) AS paused, count(*) FILTER (WHERE example.discount) AS discount,
        count(*) FILTER (WHERE example.coupon) AS coupon, count(*) FILTER (WHERE example.credit) AS credit,
        count(*) FILTER (WHERE example.minimum) AS minimum, count(*) FILTER (WHERE example.cap) AS cap,
        count(*) FILTER (WHERE example.renewal) AS renewal, count(*) FILTER (WHERE example.usage) AS usage,
        count(*) FILTER (WHERE example.prorated) AS prorated, count(*) FILTER (WHERE example.late_usage) AS late_usage,
        count(*) FILTER (WHERE example.refund) AS refund, count(*) FILTER (WHERE example.tax_exempt) AS tax_exempt
    FROM customer_scenarios AS example
    LEFT JOIN cohort_members AS member ON member.customer_id = example.customer_id
    GROUP BY member.place
),
found AS (
    SELECT
        place,
        unnest([
            struct_pack(scenario := 'annual', customers := annual),
            struct_pack(scenario := 'quarterly', customers := quarterly),
            struct_pack(scenario := 'weekly', customers := weekly),
            struct_pack(scenario := 'paused', customers := paused),
            struct_pack(scenario := 'discount', customers := discount),
            struct_pack(scenario := 'coupon', customers := coupon),
            struct_pack(scenario := 'credit', customers := credit),
            struct_pack(scenario := 'minimum', customers := minimum), struct_pack(scenario := 'cap', customers := cap),
            struct_pack(scenario := 'renewal', customers := renewal),
            struct_pack(scenario := 'usage', customers := usage),
            struct_pack(scenario := 'prorated', customers := prorated),
            struct_pack(scenario := 'late_usage', customers := late_usage),
            struct_pack(scenario := 'refund', customers := refund),
            struct_pack(scenario := 'tax_exempt', customers := tax_exempt)
        ]) AS told
    FROM counted
)
SELECT
    rule.place, rule.stage, found.told.scenario AS scenario,
    CAST(coalesce(sum(found.told.customers) FILTER (WHERE found.place <= rule.place), 0) AS BIGINT) AS customers,
    CAST(sum(found.told.customers) AS BIGINT) AS of_all
FROM cohort_rules AS rule
CROSS JOIN found
GROUP BY rule.place, rule.stage, found.told.scenario
HAVING sum(found.told.customers) > 0
