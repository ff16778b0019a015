-- Every value in every quarantined row, whatever its file calls the column, so that a missing item can be looked up by
-- its id; with the period, kind and meter of the line if the payload has columns of our names.
-- inputs: quarantine
-- rows from: quarantine WHERE json_valid(payload)
SELECT DISTINCT
    table_name, source_file, source_row, reason, unnest(json_extract_string(payload, '$.*')) AS named,
    TRY_CAST(json_extract_string(payload, '$.period_start') AS DATE) AS period_start,
    TRY_CAST(json_extract_string(payload, '$.period_end') AS DATE) AS period_end,
    json_extract_string(payload, '$.kind') AS kind, nullif(json_extract_string(payload, '$.meter'), '') AS meter
FROM quarantine
WHERE json_valid(payload)
