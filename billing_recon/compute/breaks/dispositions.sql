-- Breaks with a disposition or grounds for one: a person's decision first, then an expected change, then a tolerance. A
-- decision holds for the difference that it was made about; if the figure has changed since, the break is open again.
-- One about the id that the break had in an earlier version (`former_id`) follows it. `disposed_by`: the grounds as
-- JSON, for the evidence of the break.
-- inputs: findings, expected_changes_met, tolerances_met, break_decisions, currencies
-- rows from: expected_changes_met; tolerances_met; break_decisions
WITH own AS (
    SELECT finding.break_id, decision.* EXCLUDE (break_id)
    FROM break_decisions AS decision
    JOIN findings AS finding ON finding.break_id = decision.break_id
),
decided AS (
    SELECT * FROM own
    UNION ALL
    SELECT finding.break_id, decision.* EXCLUDE (break_id)
    FROM break_decisions AS decision
    JOIN findings AS finding
        ON finding.former_id = decision.break_id AND finding.delta = decision.delta
            AND finding.currency IS NOT DISTINCT FROM decision.currency
    ANTI JOIN own ON own.break_id = finding.break_id
),
standing AS (
    SELECT decision.break_id
    FROM decided AS decision
    SEMI JOIN findings AS finding
        ON finding.break_id = decision.break_id AND finding.delta = decision.delta
            AND finding.currency IS NOT DISTINCT FROM decision.currency
)
SELECT
    finding.break_id,
    CASE WHEN standing.break_id IS NOT NULL THEN decision.disposition
        WHEN change.break_id IS NOT NULL AND change.exceeds IS NULL THEN 'EXPECTED_CHANGE'
        WHEN tolerance.break_id IS NOT NULL AND tolerance.exceeds IS NULL THEN 'ACCEPTED_TOLERANCE'
        ELSE 'OPEN'
    END AS disposition,
    json_object(
        'decision', CASE WHEN decision.break_id IS NOT NULL THEN json_object(
                    'disposition', decision.disposition, 'reason', decision.reason, 'decided_by', decision.decided_by,
                    'decided_at', decision.decided_at,
                    'holds', (standing.break_id IS NOT NULL),
                    'about', say(decision.delta, coalesce(money.decimals, 0))
                )
        END,
        'expected_change', CASE WHEN change.break_id IS NOT NULL THEN json_object(
                    'id', change.id, 'max_per_break', say(change.max_per_break, coalesce(money.decimals, 0)),
                    'max_per_day', say(change.max_per_day, coalesce(money.decimals, 0)), 'exceeds', change.exceeds
                )
        END,
        'tolerance', CASE WHEN tolerance.break_id IS NOT NULL THEN json_object(
                    'level', tolerance.level, 'absolute', say(tolerance.absolute, coalesce(money.decimals, 0)),
                    'relative', CAST(tolerance.relative AS VARCHAR), 'exceeds', tolerance.exceeds,
                    'accepted_gross', say(tolerance.sum_gross, coalesce(money.decimals, 0)),
                    'bound', say(tolerance.sum_bound, coalesce(money.decimals, 0))
                )
        END
    ) AS disposed_by
FROM findings AS finding
LEFT JOIN decided AS decision ON decision.break_id = finding.break_id
LEFT JOIN standing ON standing.break_id = finding.break_id
LEFT JOIN expected_changes_met AS change ON change.break_id = finding.break_id
LEFT JOIN tolerances_met AS tolerance ON tolerance.break_id = finding.break_id
LEFT JOIN currencies AS money ON money.currency = finding.currency
WHERE decision.break_id IS NOT NULL OR change.break_id IS NOT NULL OR tolerance.break_id IS NOT NULL
