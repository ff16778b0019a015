-- Breaks that count, by group: that of their invoice, else that of their customer once what was due in its exposure can
-- be missed. `unknown`: neither is named, so the break may be anybody's. A bill by another engine than the flag gives
-- is no break of a layer (stage_exposures). `tolerated`: within a tolerance of the policy, so no break that counts. If
-- only the collection of payments is switched, breaks of payments alone are its own.
-- inputs: breaks, stage_invoices, stage_customers, stage_params
WITH bills AS (
    SELECT invoice_id, min(arm) AS arm, min(issued_on) AS issued_on
    FROM stage_invoices
    SEMI JOIN breaks AS found ON found.invoice_id = stage_invoices.invoice_id
    GROUP BY invoice_id
),
counting AS (
    SELECT
        found.break_id, found.day, found.pair, found.code, found.invoice_id, found.customer_id, found.currency,
        found.delta, found.disposition = 'ACCEPTED_TOLERANCE' AS tolerated,
        CASE WHEN found.delta <> 0 THEN abs(found.delta) ELSE greatest(
                    abs(coalesce(found.expected, 0)), abs(coalesce(found.billed, 0)), abs(coalesce(found.rendered, 0)),
                    abs(coalesce(found.booked, 0)), abs(coalesce(found.paid, 0))
                )
        END AS size,
        CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS of_customer,
        CASE WHEN own.customer_id IS NULL THEN other.since ELSE own.since END AS exposed_since
    FROM breaks AS found
    LEFT JOIN stage_customers AS own ON own.customer_id = found.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
    WHERE found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR', 'ACCEPTED_TOLERANCE') AND found.code <> 'EXPOSURE'
)
SELECT
    found.break_id, found.day, found.pair, found.code, found.invoice_id, found.customer_id, found.currency,
    CAST(found.delta AS amount) AS delta, CAST(found.size AS amount) AS size, found.tolerated,
    CASE
        WHEN found.day BETWEEN params.since AND params.day THEN 'stage'
        WHEN found.day BETWEEN params.before_first AND params.before_last THEN 'before'
    END AS phase,
    CASE
        WHEN params.of_payments
            THEN CASE
                    WHEN found.pair NOT IN ('billed_paid', 'paid_booked') THEN NULL
                    WHEN found.customer_id IS NULL THEN 'unknown'
                    ELSE found.of_customer
                END
        WHEN bill.invoice_id IS NOT NULL AND found.day < params.exposed_since THEN bill.arm
        WHEN bill.invoice_id IS NOT NULL AND bill.issued_on >= params.exposed_since THEN bill.arm
        WHEN bill.invoice_id IS NOT NULL THEN CASE WHEN bill.arm = 'control' THEN 'control' END
        WHEN found.customer_id IS NULL THEN 'unknown'
        WHEN found.of_customer = 'cohort' AND found.day >= params.exposed_since
            THEN CASE
                    WHEN found.day - CASE WHEN found.code = 'INVOICE_MISSING' THEN params.issue_grace_days ELSE 0 END
                        >= found.exposed_since
                        THEN 'cohort'
                END
        ELSE found.of_customer
    END AS arm
FROM counting AS found
CROSS JOIN stage_params AS params
LEFT JOIN bills AS bill ON bill.invoice_id = found.invoice_id
