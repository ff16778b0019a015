-- The stage of each customer, and what stages are summed up by: that of the list that names them, else the first stage
-- that chooses them. Customers whom no stage chooses have no place. What can be told by a customer's traits alone is
-- decided once for each set of traits and step of buckets; only bounds of revenue and lists of names are looked up by
-- customer. A customer of a list whose contracts have ended has no `scenarios`.
-- inputs: customer_profiles, contract_kinds, customer_revenue, cohort_rules, cohort_revenue, cohort_taken
WITH met AS (
    SELECT DISTINCT kind, NULL AS kinds, is_largest, is_complex, pays FROM customer_profiles WHERE kinds IS NULL
    UNION ALL
    SELECT DISTINCT NULL AS kind, kinds, is_largest, is_complex, pays FROM customer_profiles WHERE kinds IS NOT NULL
),
numbered AS (SELECT row_number() OVER () AS number, * FROM met),
traits AS (
    SELECT
        one.number, list(kind.segment) AS segments, list(kind.plan_id) AS plans, list(kind.tax_region) AS regions,
        list(kind.currency) AS currencies, count(DISTINCT kind.tax_region) = 1 AS single_tax
    FROM (SELECT number, unnest(coalesce(kinds, [kind])) AS kind FROM numbered) AS one
    JOIN contract_kinds AS kind ON kind.kind = one.kind
    GROUP BY one.number
),
edges AS (
    SELECT 281474976710656 AS high
    UNION
    SELECT bound AS high FROM cohort_rules WHERE bound IS NOT NULL
),
steps AS (SELECT coalesce(lag(high) OVER (ORDER BY high), 0) AS low, high FROM edges),
choices AS (
    SELECT
        of.kind, of.kinds, of.is_largest, of.is_complex, of.pays, step.high,
        min(rule.place) FILTER (WHERE NOT rule.capped) AS place,
        list(rule.place) FILTER (WHERE rule.capped) AS capped
    FROM numbered AS of
    JOIN traits AS trait ON trait.number = of.number
    CROSS JOIN steps AS step
    JOIN cohort_rules AS rule
        ON step.high <= coalesce(rule.bound, 281474976710656) AND len(rule.customers) = 0
            AND (rule.largest OR NOT of.is_largest) AND (rule.complex OR NOT of.is_complex)
            AND (len(rule.segments) = 0 OR list_has_any(rule.segments, trait.segments))
            AND (len(rule.plans) = 0 OR list_has_any(rule.plans, trait.plans))
            AND (len(rule.regions) = 0 OR list_has_any(rule.regions, trait.regions))
            AND (len(rule.currencies) = 0 OR list_has_all(rule.currencies, trait.currencies))
            AND (trait.single_tax OR NOT rule.single_tax) AND (of.pays OR NOT rule.pays)
    GROUP BY ALL
),
stepped AS (
    SELECT profile.*, step.high
    FROM customer_profiles AS profile
    JOIN steps AS step ON profile.bucket >= step.low AND profile.bucket < step.high
),
chosen AS (
    SELECT profile.*, choice.place, choice.capped
    FROM stepped AS profile
    LEFT JOIN choices AS choice
        ON choice.kind = profile.kind AND choice.high = profile.high AND choice.is_largest = profile.is_largest
            AND choice.is_complex = profile.is_complex AND choice.pays = profile.pays
    WHERE profile.kinds IS NULL
    UNION ALL
    SELECT profile.*, choice.place, choice.capped
    FROM stepped AS profile
    LEFT JOIN choices AS choice
        ON choice.kinds = profile.kinds AND choice.high = profile.high AND choice.is_largest = profile.is_largest
            AND choice.is_complex = profile.is_complex AND choice.pays = profile.pays
    WHERE profile.kinds IS NOT NULL
),
barred AS (
    SELECT rule.place, revenue.customer_id
    FROM cohort_rules AS rule
    CROSS JOIN customer_revenue AS revenue
    LEFT JOIN cohort_revenue AS bound ON bound.place = rule.place AND bound.currency = revenue.currency
    WHERE rule.capped AND (bound.most IS NULL OR revenue.billed > bound.most)
),
within_bounds AS (
    SELECT one.customer_id, min(one.place) AS place
    FROM (SELECT customer_id, unnest(capped) AS place FROM chosen WHERE capped IS NOT NULL) AS one
    ANTI JOIN barred ON barred.place = one.place AND barred.customer_id = one.customer_id
    GROUP BY one.customer_id
),
named AS (
    SELECT customer_id, min(place) AS place
    FROM (SELECT place, unnest(customers) AS customer_id FROM cohort_rules) AS one
    GROUP BY customer_id
)
SELECT
    profile.customer_id, coalesce(taken.place, least(profile.place, bounded.place, named.place)) AS place,
    profile.is_largest, profile.is_complex, profile.pays, profile.scenarios, profile.currency, profile.billed,
    profile.is_mixed
FROM chosen AS profile
LEFT JOIN within_bounds AS bounded ON bounded.customer_id = profile.customer_id
LEFT JOIN named ON named.customer_id = profile.customer_id
LEFT JOIN cohort_taken AS taken ON taken.customer_id = profile.customer_id
UNION ALL
SELECT
    customer_id, place, NULL AS is_largest, NULL AS is_complex, NULL AS pays, NULL AS scenarios, NULL AS currency,
    NULL AS billed, true AS is_mixed
FROM cohort_taken
ANTI JOIN customer_profiles AS profile ON profile.customer_id = cohort_taken.customer_id
