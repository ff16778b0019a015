-- Contracts of which the comparison with the new engine would read what the comparison with the old one read and found
-- right, so that its result is the same and is carried over: the contract is on plans that the candidate leaves as they
-- are, every rated line is equal in every column, the new engine bills the very lines of the old one, and each of these
-- is as it should be. Lines and ratings are compared by number, sum and content (the sum of 64-bit hashes). A contract
-- is compared anew if it is moved or its id is mapped, if an invoice of it has lines of another contract, or lines of
-- the old engine that were superseded or are not issued, and if one of its charges is billed twice at other times of
-- calculation: the earlier line counts.
-- inputs: expected_lines, expected_old, all_lines, frozen_lines, billed_old, corner_old, mapped_contracts,
--   moved_contracts, changed_plans, mapped_keys, run_params
WITH known AS (
    SELECT
        invoice_id, sub, count(*) AS lines, sum(total) AS total, sum(hash(line_id, calculated_at)) AS calculated,
        sum(hash(
            line_id, customer_id, plan_id, plan_version, kind, meter, period_start, period_end, quantity, unit_price,
            gross, discount, credit, taxable, tax_rate, tax, total, currency, invoice_kind, cohort, observed_on, parts,
            'issued'
        )) AS content
    FROM billed_old
    GROUP BY invoice_id, sub
),
given AS (
    SELECT
        line.invoice_id, coalesce(line.subscription_id, '') AS sub, count(*) AS lines, sum(line.total) AS total,
        sum(hash(line.line_id, line.calculated_at)) AS calculated,
        sum(hash(
            line.line_id, line.customer_id, line.plan_id, line.plan_version, line.kind, line.meter, line.period_start,
            line.period_end, line.quantity, line.unit_price, CAST(line.gross AS amount),
            CAST(coalesce(line.discount, 0) AS amount), CAST(coalesce(line.credit, 0) AS amount),
            CAST(line.taxable AS amount), CASE WHEN run.tax_point = 'line' OR line.tax <> 0 THEN line.tax_rate END,
            CAST(line.tax AS amount), CAST(line.total AS amount), line.currency,
            coalesce(line.invoice_kind, 'invoice'),
            in_group(coalesce(line.cohort, 'all'), coalesce(line.variant, 'control')), line.observed_on,
            CAST(1 AS BIGINT), coalesce(line.status, 'issued')
        )) AS content
    FROM all_lines AS line
    CROSS JOIN run_params AS run
    GROUP BY line.invoice_id, coalesce(line.subscription_id, '')
),
frozen AS (
    SELECT invoice_id, count(*) AS lines FROM frozen_lines GROUP BY invoice_id
),
bills AS MATERIALIZED (
    SELECT
        invoice_id, sub, known.lines, coalesce(known.calculated <> given.calculated, true) AS is_recalculated,
        coalesce(
            known.lines <> given.lines OR known.total <> given.total OR known.content <> given.content, true
        ) AS is_unlike
    FROM known
    FULL JOIN given USING (invoice_id, sub)
),
repeated AS (
    SELECT sub
    FROM billed_old
    SEMI JOIN (SELECT DISTINCT sub FROM bills WHERE is_recalculated) AS recalculated USING (sub)
    GROUP BY
        sub, kind, meter_key, CASE WHEN kind <> 'adjustment' THEN period_start END,
        CASE WHEN kind <> 'adjustment' THEN period_end END
    HAVING count(*) > 1
),
rated_old AS (
    SELECT subscription_id AS sub, count(*) AS lines, sum(total) AS total, sum(hash(line)) AS content
    FROM expected_old AS line
    GROUP BY subscription_id
),
rated_new AS (
    SELECT subscription_id AS sub, count(*) AS lines, sum(total) AS total, sum(hash(line)) AS content
    FROM expected_lines AS line
    GROUP BY subscription_id
),
unlike AS (
    SELECT sub FROM bills WHERE is_unlike
    UNION
    SELECT bill.sub
    FROM bills AS bill
    SEMI JOIN (SELECT invoice_id FROM bills GROUP BY invoice_id HAVING count(*) > 1) AS mixed USING (invoice_id)
    UNION
    SELECT bill.sub
    FROM bills AS bill
    LEFT JOIN frozen ON frozen.invoice_id = bill.invoice_id
    WHERE frozen.lines IS DISTINCT FROM bill.lines
    UNION
    SELECT sub FROM repeated
    UNION
    SELECT sub
    FROM rated_old
    FULL JOIN rated_new USING (sub)
    WHERE coalesce(
            rated_old.lines <> rated_new.lines OR rated_old.total <> rated_new.total
            OR rated_old.content <> rated_new.content, true
        )
    UNION
    SELECT sub FROM corner_old WHERE state <> 'compared' OR code IS NOT NULL OR split
    UNION
    SELECT contract.subscription_id AS sub
    FROM mapped_contracts AS contract
    SEMI JOIN changed_plans AS changed
        ON changed.plan_id = contract.plan_id AND changed.plan_version = contract.plan_version
    UNION
    SELECT sub FROM moved_contracts
    UNION
    SELECT our_key AS sub FROM mapped_keys WHERE layer = 'invoice_lines'
    UNION
    SELECT their_key AS sub FROM mapped_keys WHERE layer = 'invoice_lines'
)
SELECT DISTINCT sub FROM corner_old ANTI JOIN unlike USING (sub) WHERE sub <> ''
