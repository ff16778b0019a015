-- Subscriptions with lines that are withheld because the terms do not say what they cost; one row per cause, with the
-- facts that explain.withheld words. What a contract in quarantine may have agreed is withheld even where no period of
-- it is known.
-- inputs: contract_runs, ahead_runs, judged_runs, quarantined_contracts,
-- subscriptions
-- rows from: contract_runs WHERE reason IS NOT NULL; ahead_runs WHERE reason IS NOT NULL; quarantined_contracts
WITH withheld AS (
    SELECT * FROM contract_runs WHERE reason IS NOT NULL UNION ALL BY NAME SELECT * FROM ahead_runs
    WHERE reason IS NOT NULL
    UNION ALL BY NAME
    SELECT refused.subscription_id, 'contract_in_quarantine' AS reason, refused.place AS unknown
    FROM quarantined_contracts AS refused
    SEMI JOIN subscriptions USING (subscription_id)
    ANTI JOIN (
        SELECT split_part(subscription_id, chr(31), 1) AS subscription_id FROM judged_runs
        WHERE reason = 'contract_in_quarantine'
    ) AS named USING (subscription_id)
)
SELECT
    split_part(subscription_id, chr(31), 1) AS subscription_id, plan_id, plan_version, currency, reason,
    min(tax_region) AS tax_region, min(period_start) AS period_start, min(period_end) AS period_end,
    min(unknown) AS unknown
FROM withheld
GROUP BY split_part(subscription_id, chr(31), 1), plan_id, plan_version, currency, reason
