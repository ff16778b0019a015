-- The cap, coupons and credits of the invoice's last run, in the order given: a coupon if the period ends within its
-- validity, a credit granted within the period, or of a prepaid one what lines of earlier periods left. The cap comes
-- first (`number` 0), as what is above it.
-- inputs: contract_runs, ahead_firsts, invoice_lines
WITH runs AS (
    SELECT
        subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
        run_start, run_end, customer_id, segment, contract, decimals, tax_rate, discount_rate,
        row_number() OVER (PARTITION BY subscription_id, period_start, period_end ORDER BY run_no DESC) AS place
    FROM contract_runs WHERE wanted AND rateable AND NOT by_seat
    UNION ALL BY NAME
    SELECT *, 1 AS place FROM ahead_firsts
),
agreed AS (
    SELECT
        *, json_extract(contract, '$.coupons[*]') AS coupons, json_extract(contract, '$.credits[*]') AS credits,
        json_extract_string(contract, '$.cap') AS cap
    FROM runs
    WHERE place = 1 AND (
            json_array_length(contract, '$.coupons') > 0 OR json_array_length(contract, '$.credits') > 0
            OR json_extract_string(contract, '$.cap') IS NOT NULL
        )
),
listed AS (
    SELECT *, 'discount' AS kind, 0 AS number, json_object('amount', cap) AS one, 'cap' AS id FROM agreed
    WHERE cap IS NOT NULL
    UNION ALL BY NAME
    SELECT *, 'discount' AS kind, generate_subscripts(coupons, 1) AS number, unnest(coupons) AS one FROM agreed
    UNION ALL BY NAME
    SELECT *, 'credit' AS kind, generate_subscripts(credits, 1) AS number, unnest(credits) AS one FROM agreed
),
dated AS (
    SELECT
        * EXCLUDE (id), coalesce(id, json_extract_string(
            one, '$.coupon_id'), json_extract_string(
            one, '$.credit_id'
        )) AS id,
        CAST(json_extract_string(one, '$.valid_from') AS DATE) AS valid_from,
        coalesce(CAST(json_extract_string(one, '$.valid_to') AS DATE), DATE '9999-12-31') AS valid_to,
        CAST(json_extract_string(one, '$.granted_on') AS DATE) AS granted_on,
        CAST(json_extract_string(one, '$.expires_on') AS DATE) AS expires_on
    FROM listed
),
valid AS (
    SELECT * FROM dated
    WHERE CASE
            WHEN number = 0 THEN true
            WHEN kind = 'discount' THEN valid_from <= period_end AND period_end < valid_to
            WHEN expires_on IS NULL THEN period_start <= granted_on AND granted_on < period_end
            ELSE period_start < expires_on AND granted_on < period_end
        END
),
spent AS (
    SELECT
        adjustment.subscription_id, adjustment.period_start, adjustment.period_end, adjustment.number,
        sum(line.credit) AS used
    FROM valid AS adjustment
    JOIN invoice_lines AS line
        ON line.subscription_id = split_part(adjustment.subscription_id, chr(31), 1) AND line.kind = 'credit'
            AND line.meter = adjustment.id AND line.period_start < adjustment.period_start
            AND coalesce(line.status, 'issued') <> 'void'
    WHERE adjustment.kind = 'credit' AND adjustment.expires_on IS NOT NULL
    GROUP BY adjustment.subscription_id, adjustment.period_start, adjustment.period_end, adjustment.number
)
SELECT
    adjustment.subscription_id, adjustment.period_start, adjustment.period_end, adjustment.due_on, adjustment.run_no,
    adjustment.plan_id, adjustment.plan_version, adjustment.currency, adjustment.tax_region, adjustment.run_start,
    adjustment.run_end, adjustment.customer_id, adjustment.segment, adjustment.decimals, adjustment.tax_rate,
    adjustment.discount_rate, adjustment.kind, adjustment.id, CAST(adjustment.number AS INTEGER) AS number,
    CAST(json_extract_string(adjustment.one, '$.charges[*]') AS VARCHAR[]) AS charges,
    CAST(greatest(
        CAST(json_extract_string(adjustment.one, '$.amount') AS amount) - coalesce(spent.used, 0), 0
    ) AS amount) AS amount
FROM valid AS adjustment
LEFT JOIN spent ON spent.subscription_id = adjustment.subscription_id AND spent.period_start = adjustment.period_start
    AND spent.period_end = adjustment.period_end AND spent.number = adjustment.number AND adjustment.kind = 'credit'
