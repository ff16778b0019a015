-- What was learnt of a subscription too late for bills that were due by then: the day on which it was first observed,
-- and from which day on it changes the contract. `before_id` and `after_id` name the contract as known without it and
-- with it (see contract_versions). What the first rows at hand say of a subscription was always known.
-- inputs: subscriptions, run_params
WITH stated AS (
    SELECT
        subscription_id, valid_from, valid_to, timezone, observed_on, source_file, source_row,
        hash(
            customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, billing_anchor,
            billing_interval, contract
        ) AS terms
    FROM subscriptions
),
intervals AS (
    SELECT
        subscription_id, valid_from, min(observed_on) AS known_on,
        min(terms) <> max(terms) OR min(coalesce(valid_to, TIMESTAMPTZ 'infinity'))
        <> max(coalesce(valid_to, TIMESTAMPTZ 'infinity')) AS is_restated
    FROM stated
    GROUP BY subscription_id, valid_from
),
changed AS (
    SELECT subscription_id, min(known_on) AS first_known
    FROM intervals
    GROUP BY subscription_id
    HAVING min(known_on) < max(known_on) OR bool_or(is_restated)
),
ordered AS (
    SELECT
        stated.*, changed.first_known, lag(stated.terms) OVER interval AS old_terms,
        lag(coalesce(stated.valid_to, TIMESTAMPTZ 'infinity')) OVER interval AS old_to
    FROM stated
    JOIN changed ON changed.subscription_id = stated.subscription_id
    WINDOW interval AS (
        PARTITION BY stated.subscription_id, stated.valid_from
        ORDER BY stated.observed_on, stated.source_file, stated.source_row
    )
),
learnt AS (
    SELECT
        subscription_id, first_known, observed_on AS known_on,
        CAST(timezone(timezone, CASE WHEN old_terms = terms
                THEN least(old_to, valid_to)
            ELSE valid_from
        END) AS DATE) AS changed_on
    FROM ordered
    WHERE old_terms IS NULL OR old_terms <> terms OR old_to <> coalesce(valid_to, TIMESTAMPTZ 'infinity')
),
late AS (
    SELECT learnt.subscription_id, learnt.known_on, min(learnt.changed_on) AS changed_on
    FROM learnt
    CROSS JOIN run_params AS params
    WHERE learnt.known_on > learnt.first_known AND learnt.known_on > learnt.changed_on
        AND learnt.known_on > greatest(params.first_day, CAST(params.since - params.lookback_days AS DATE))
    GROUP BY learnt.subscription_id, learnt.known_on
)
SELECT
    subscription_id, known_on, changed_on,
    coalesce(lag(known_on) OVER history, DATE '0001-01-01') AS known_before,
    subscription_id || chr(31) || CAST(known_on AS VARCHAR) AS before_id,
    subscription_id || coalesce(chr(31) || CAST(lead(known_on) OVER history AS VARCHAR), '') AS after_id
FROM late
WINDOW history AS (PARTITION BY subscription_id ORDER BY known_on)
