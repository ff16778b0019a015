-- The stage of each customer: that of the list that names them, else the first stage that chooses them. Customers whom
-- no stage chooses have no row.
-- inputs: customer_profiles, customer_revenue, cohort_rules, cohort_revenue, cohort_taken
WITH barred AS (
    SELECT DISTINCT rule.place, revenue.customer_id
    FROM cohort_rules AS rule
    CROSS JOIN customer_revenue AS revenue
    LEFT JOIN cohort_revenue AS bound ON bound.place = rule.place AND bound.currency = revenue.currency
    WHERE rule.capped AND (bound.most IS NULL OR revenue.billed > bound.most)
),
named AS (
    SELECT place, unnest(customers) AS customer_id FROM cohort_rules
),
chosen AS (
    SELECT profile.customer_id, rule.place
    FROM customer_profiles AS profile
    JOIN cohort_rules AS rule
        ON profile.bucket < coalesce(rule.bound, 281474976710656)
            AND (rule.largest OR NOT profile.is_largest) AND (rule.complex OR NOT profile.is_complex)
            AND (len(rule.segments) = 0 OR list_has_any(rule.segments, profile.segments))
            AND (len(rule.plans) = 0 OR list_has_any(rule.plans, profile.plans))
            AND (len(rule.regions) = 0 OR list_has_any(rule.regions, profile.regions))
            AND (len(rule.currencies) = 0 OR list_has_all(rule.currencies, profile.currencies))
            AND (profile.single_tax OR NOT rule.single_tax) AND (profile.pays OR NOT rule.pays)
    ANTI JOIN barred ON barred.place = rule.place AND barred.customer_id = profile.customer_id
    WHERE len(rule.customers) = 0
    UNION ALL
    SELECT named.customer_id, named.place
    FROM named
    SEMI JOIN customer_profiles AS profile ON profile.customer_id = named.customer_id
),
first_chosen AS (
    SELECT customer_id, min(place) AS place FROM chosen
    ANTI JOIN cohort_taken USING (customer_id)
    GROUP BY customer_id
)
SELECT customer_id, place FROM first_chosen
UNION ALL
SELECT customer_id, place FROM cohort_taken
