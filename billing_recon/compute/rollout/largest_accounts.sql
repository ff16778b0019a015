-- The largest accounts: in each currency so many of the customers billed in it as `largest_share` says, at least one,
-- the most billed first. Only customers billed at least the amount at which that many are reached are put in order.
-- inputs: customer_revenue, cohort_choice
WITH amounts AS (
    SELECT currency, billed, count(*) AS customers FROM customer_revenue
    WHERE (SELECT largest_share > 0 FROM cohort_choice)
    GROUP BY currency, billed
),
places AS (
    SELECT
        currency, greatest(1, apply_rate(CAST(sum(customers) AS amount), any_value(choice.largest_share))) AS last_place
    FROM amounts
    CROSS JOIN cohort_choice AS choice
    GROUP BY currency
),
reached AS (
    SELECT
        amount.currency, amount.billed, place.last_place,
        sum(amount.customers) OVER (PARTITION BY amount.currency ORDER BY amount.billed DESC) AS customers
    FROM amounts AS amount
    JOIN places AS place ON place.currency = amount.currency
),
bounds AS (
    SELECT
        currency, any_value(last_place) AS last_place,
        coalesce(max(billed) FILTER (WHERE customers >= last_place), min(billed)) AS least_billed
    FROM reached GROUP BY currency
),
ranked AS (
    SELECT
        revenue.customer_id, bound.last_place,
        row_number() OVER (PARTITION BY revenue.currency ORDER BY revenue.billed DESC, revenue.customer_id) AS place
    FROM customer_revenue AS revenue
    JOIN bounds AS bound ON bound.currency = revenue.currency AND revenue.billed >= bound.least_billed
)
SELECT DISTINCT customer_id FROM ranked WHERE place <= last_place
