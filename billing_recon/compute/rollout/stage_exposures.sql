-- Customers of the stage's days who were billed by another engine than the flag of this rollout gives them.
-- inputs: breaks, stage_params
SELECT DISTINCT found.day, found.customer_id
FROM breaks AS found
JOIN stage_params AS params
    ON found.day BETWEEN params.since AND params.day
        AND list_contains(string_split(json_extract_string(found.evidence, '$.rollout'), ', '), params.rollout)
WHERE found.code = 'EXPOSURE' AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
