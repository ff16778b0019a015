-- Subscriptions and meters for which the billing engine metered more or less than was used, in units.
-- inputs: metered_placed
-- rows from: metered_placed WHERE off <> 0
SELECT
    'metered_used' AS pair, 'account' AS level, customer_id, subscription_id, meter, 'all' AS cohort,
    'control' AS variant, CAST(used AS amount) AS expected, CAST(metered AS amount) AS billed,
    CAST(off AS amount) AS delta, CAST(usage_day AS VARCHAR) AS identity, has_used AND has_metered AS compared,
    CASE WHEN corrected <> 0 AND off = -corrected THEN 'USAGE_CORRECTED'
        WHEN off < 0 AND late > 0 AND -off = late THEN 'USAGE_LATE'
        WHEN off < 0 THEN 'USAGE_MISSING'
        WHEN duplicate <> off AND superseded > 0 AND superseded = off THEN 'USAGE_CORRECTED'
        ELSE 'USAGE_DUPLICATE'
    END AS code,
    CASE WHEN off < 0 AND -off = late THEN 'metered_without_late' WHEN off < 0 THEN 'metered_too_few'
        WHEN off = duplicate THEN 'metered_with_duplicates'
        WHEN off = superseded THEN 'metered_without_corrections' ELSE 'metered_too_many'
    END AS sentence,
    to_json(struct_pack(usage_day := usage_day)) AS facts, 'metered_usage' AS layer,
    CASE WHEN source_file IS NOT NULL
            THEN [struct_pack("table" := 'metered_usage', file := source_file, "row" := source_row)]
    END AS sources,
    json_object(
        'usage_day', CAST(usage_day AS VARCHAR), 'arrived_late', say_quantity(late),
        'duplicates', say_quantity(duplicate), 'corrected_away', say_quantity(superseded)
    ) AS evidence
FROM metered_placed
WHERE off <> 0
UNION ALL BY NAME
SELECT * FROM no_finding()
