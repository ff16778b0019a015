-- From which day on a period of a version was billed, by the lines that bills have: what is billed is billed by what
-- was known then. `ahead_on`: by a line that begins on the day, whatever it is; `arrears_on`: by one from after its
-- period.
-- inputs: contract_versions, invoice_lines
-- rows from: contract_versions
SELECT
    version.version_id, line.period_start, min(line.observed_on) AS ahead_on,
    min(line.observed_on) FILTER (WHERE line.observed_on >= line.period_end) AS arrears_on
FROM contract_versions AS version
JOIN invoice_lines AS line ON line.subscription_id = version.subscription_id
WHERE line.kind IN ('subscription', 'proration', 'usage')
GROUP BY version.version_id, line.period_start
