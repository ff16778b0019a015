-- What each piece of a period would be billed ahead for the whole of it: a change is measured against it.
-- inputs: run_pieces, term_charges, term_profile
-- rows from: term_profile WHERE on_change = 'at_period_end'
WITH pieces AS (
    SELECT *, CASE WHEN json_valid(contract) THEN contract END AS readable FROM run_pieces WHERE ahead AND has_days
)
SELECT
    row_number() OVER (
        ORDER BY piece.subscription_id, piece.period_start, piece.period_end, piece.starts_at, charge.position
    ) AS item_id,
    piece.subscription_id, piece.period_start, piece.period_end, piece.starts_at, piece.plan_id, piece.plan_version,
    piece.currency, charge.charge_id, CAST(CASE WHEN charge.model = 'flat' THEN 1
        ELSE piece.quantity
    END AS quantity) AS quantity,
    CAST(1 AS INTEGER) AS part, CAST(1 AS INTEGER) AS whole, own_price_in(piece.readable, charge.charge_id) AS own_price
FROM pieces AS piece
JOIN term_charges AS charge
    ON charge.plan_id = piece.plan_id AND charge.plan_version = piece.plan_version
        AND charge.currency = piece.currency AND charge.kind = 'subscription' AND charge.due = 'in_advance'
CROSS JOIN term_profile AS profile
WHERE profile.on_change = 'at_period_end'
