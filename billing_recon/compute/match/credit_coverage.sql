-- One row per line of a credit note: how much of it takes back earlier charges. `state` is covered, partly or
-- uncovered; `covered` is the money of the covered units and adds up with `uncovered` to `credited`. `charges`: the
-- earliest first.
-- inputs: reversible_lines, reversals, currencies, run_params
WITH taken AS (
    SELECT
        reversal.credit_key, CAST(sum(reversal.quantity) AS quantity) AS quantity,
        list(struct_pack(
            invoice_id := charge.invoice_id, line_id := charge.line_id, issued_on := charge.issued_on,
            quantity := reversal.quantity
        ) ORDER BY charge.issued_on, charge.invoice_id, charge.line_id) AS charges
    FROM reversals AS reversal
    JOIN reversible_lines AS charge ON charge.line_key = reversal.charge_key
    GROUP BY reversal.credit_key
),
covered AS (
    SELECT
        credit.invoice_id, credit.line_id, credit.customer_id, credit.product, credit.unit_price, credit.currency,
        credit.issued_on, credit.quantity, credit.credited, coalesce(taken.quantity, 0) AS covered_quantity,
        taken.charges,
        CASE WHEN taken.quantity = credit.quantity THEN credit.credited WHEN taken.quantity IS NULL THEN 0
            ELSE settle(extend(taken.quantity, credit.unit_price), coalesce(money.decimals, 2), params.rounding)
        END AS covered
    FROM reversible_lines AS credit
    CROSS JOIN run_params AS params
    LEFT JOIN taken ON taken.credit_key = credit.line_key
    LEFT JOIN currencies AS money ON money.currency = credit.currency
    WHERE credit.is_credit
)
SELECT
    invoice_id, line_id, customer_id, nullif(product, '') AS meter, unit_price, currency, issued_on, quantity,
    CAST(covered_quantity AS quantity) AS covered_quantity,
    CASE WHEN covered_quantity = 0 THEN 'uncovered' WHEN covered_quantity = quantity THEN 'covered' ELSE 'partly'
    END AS state,
    credited, CAST(covered AS amount) AS covered, CAST(credited - covered AS amount) AS uncovered, charges
FROM covered
