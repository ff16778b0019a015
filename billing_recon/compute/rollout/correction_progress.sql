-- How far each correction is, layer by layer. The bills of a correction are those of the same subscription that bill,
-- take back or bill again the lines of the wrong one. `engine_net` is what they come to, voids left out; a correction
-- by the next bill is there once adjustments issued after the wrong bill come to it, or to what all bills of the
-- subscription need; a period that was not billed, once later bills charge what is owed for its days. A layer is done
-- if it has every bill of the correction and reconciliation has no open break about them; money is done if no more was
-- paid than is owed. A layer of which the company delivers nothing holds no correction up, and a bill that a journal
-- without an invoice may book is booked once it would be reported as missing.
-- inputs: corrections, correction_params, engine_lines, breaks, latest_payments, latest_documents, stated_entries
WITH wanted AS (SELECT * FROM corrections WHERE way <> 'nothing'),
charges AS (
    SELECT DISTINCT
        wanted.item, wanted.currency, wanted.issued_on, line.subscription_id, line.period_start, line.period_end,
        coalesce(line.meter, '') AS meter
    FROM wanted
    JOIN engine_lines AS line ON line.invoice_id = wanted.invoice_id
),
members AS (
    SELECT DISTINCT
        charge.item, charge.currency, line.line_key, line.invoice_id, line.status, line.total,
        line.invoice_id = charge.item AS is_original, line.observed_on AS known_on
    FROM charges AS charge
    JOIN engine_lines AS line
        ON line.subscription_id = charge.subscription_id AND line.currency = charge.currency
            AND line.period_start = charge.period_start AND line.period_end = charge.period_end
            AND coalesce(line.meter, '') = charge.meter AND line.issued_on >= charge.issued_on
            AND line.status <> 'draft' AND line.kind <> 'adjustment'
),
adjustments AS (
    SELECT wanted.item, wanted.currency, line.line_key, line.invoice_id, line.total, line.observed_on AS known_on
    FROM wanted
    JOIN engine_lines AS line
        ON line.subscription_id = wanted.subscription_id AND line.currency = wanted.currency
            AND line.issued_on > wanted.issued_on AND line.status = 'issued' AND line.kind = 'adjustment'
    WHERE wanted.way = 'adjust_next_cycle'
),
periods AS (
    SELECT DISTINCT
        break_id AS item,
        TRY_CAST(split_part(json_extract_string(evidence, '$.period'), ' to ', 1) AS DATE) AS first_day,
        TRY_CAST(split_part(json_extract_string(evidence, '$.period'), ' to ', 2) AS DATE) AS last_day
    FROM breaks
    WHERE code = 'INVOICE_MISSING'
),
late AS (
    SELECT wanted.item, wanted.currency, line.line_key, line.invoice_id, line.total, line.observed_on AS known_on
    FROM wanted
    JOIN periods AS period ON period.item = wanted.item
    JOIN engine_lines AS line
        ON line.subscription_id = wanted.subscription_id AND line.currency = wanted.currency
            AND line.issued_on >= wanted.issued_on AND line.status = 'issued' AND line.invoice_kind = 'invoice'
            AND line.period_start < period.last_day AND line.period_end > period.first_day
    WHERE wanted.way = 'invoice'
),
sums AS (
    SELECT
        item, currency, sum(total) FILTER (WHERE status = 'issued') AS net,
        bool_or(status = 'void' OR NOT is_original) AS touched
    FROM members GROUP BY item, currency
),
needed AS (
    SELECT subscription_id, currency, sum(adjustment) AS net
    FROM wanted
    WHERE way = 'adjust_next_cycle'
    GROUP BY subscription_id, currency
),
added AS (SELECT item, currency, sum(total) AS net FROM adjustments GROUP BY item, currency),
issued AS (SELECT item, currency, sum(total) AS net FROM late GROUP BY item, currency),
bills AS (
    SELECT DISTINCT item, currency, invoice_id, status, known_on FROM members
    UNION
    SELECT DISTINCT item, currency, invoice_id, 'issued' AS status, known_on FROM adjustments
    UNION
    SELECT DISTINCT item, currency, invoice_id, 'issued' AS status, known_on FROM late
),
documents AS (SELECT DISTINCT invoice_id FROM latest_documents),
postings AS (SELECT DISTINCT invoice_id FROM stated_entries WHERE role = 'ar' AND invoice_id IS NOT NULL),
delivered AS (
    SELECT
        (SELECT count(*) FROM latest_documents) > 0 AS documents, (SELECT count(*) FROM stated_entries) > 0 AS ledger,
        (SELECT count(*) FROM stated_entries WHERE role = 'ar' AND invoice_id IS NULL) > 0 AS summaries
),
open_breaks AS (
    SELECT
        invoice_id, bool_or(pair = 'billed_rendered') AS document, bool_or(pair IN ('billed_booked', 'rendered_booked'))
            AS ledger
    FROM breaks
    WHERE disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR') AND invoice_id IS NOT NULL
    GROUP BY invoice_id
),
layers AS (
    SELECT
        bill.item, bill.currency,
        bool_and(bill.status = 'void' OR document.invoice_id IS NOT NULL OR NOT delivered.documents) AS rendered,
        bool_and(
            bill.status = 'void' OR posting.invoice_id IS NOT NULL OR NOT delivered.ledger
            OR (delivered.summaries AND bill.known_on + params.ledger_lag_days < params.day)
        ) AS booked,
        coalesce(bool_or(found.document), false) AS document_broken,
        coalesce(bool_or(found.ledger), false) AS ledger_broken
    FROM bills AS bill
    CROSS JOIN delivered
    CROSS JOIN correction_params AS params
    LEFT JOIN documents AS document ON document.invoice_id = bill.invoice_id
    LEFT JOIN postings AS posting ON posting.invoice_id = bill.invoice_id
    LEFT JOIN open_breaks AS found ON found.invoice_id = bill.invoice_id
    GROUP BY bill.item, bill.currency
),
paid AS (
    SELECT
        bill.item, bill.currency,
        sum(CASE WHEN money.kind = 'payment' THEN money.amount ELSE -money.amount END) AS paid
    FROM (SELECT DISTINCT item, currency, invoice_id FROM bills) AS bill
    JOIN latest_payments AS money
        ON money.invoice_id = bill.invoice_id AND money.currency = bill.currency AND money.status = 'succeeded'
    GROUP BY bill.item, bill.currency
),
judged AS (
    SELECT
        wanted.item, wanted.currency, CAST(coalesce(sums.net, 0) AS amount) AS engine_net,
        coalesce(CASE wanted.way
            WHEN 'adjust_next_cycle' THEN added.net = wanted.adjustment OR added.net = needed.net
            WHEN 'invoice' THEN issued.net >= wanted.owed
            WHEN 'refund' THEN true
            ELSE sums.net = wanted.owed AND (wanted.billed_minus_owed <> 0 OR sums.touched)
        END, false) AS engine_done,
        coalesce(layers.rendered AND NOT layers.document_broken, false) AS document_done,
        coalesce(layers.booked AND NOT layers.ledger_broken, false) AS ledger_done,
        coalesce(
            paid.paid, 0) <= wanted.owed + CASE WHEN wanted.way = 'adjust_next_cycle'
                THEN greatest(wanted.billed_minus_owed, 0)
            ELSE 0
        END AS payment_done
    FROM wanted
    LEFT JOIN sums ON sums.item = wanted.item AND sums.currency = wanted.currency
    LEFT JOIN added ON added.item = wanted.item AND added.currency = wanted.currency
    LEFT JOIN needed ON needed.subscription_id = wanted.subscription_id AND needed.currency = wanted.currency
    LEFT JOIN issued ON issued.item = wanted.item AND issued.currency = wanted.currency
    LEFT JOIN layers ON layers.item = wanted.item AND layers.currency = wanted.currency
    LEFT JOIN paid ON paid.item = wanted.item AND paid.currency = wanted.currency
)
SELECT
    list.item, list.currency, coalesce(judged.engine_net, list.billed) AS engine_net,
    coalesce(judged.engine_done, true) AS engine_done, coalesce(judged.document_done, true) AS document_done,
    coalesce(judged.ledger_done, true) AS ledger_done, coalesce(judged.payment_done, true) AS payment_done,
    CASE
        WHEN list.way = 'nothing' THEN 'not_corrected'
        WHEN judged.engine_done AND judged.document_done AND judged.ledger_done AND judged.payment_done THEN 'closed'
        WHEN judged.engine_done THEN 'following'
        ELSE 'open'
    END AS state
FROM corrections AS list
LEFT JOIN judged ON judged.item = list.item AND judged.currency = list.currency
