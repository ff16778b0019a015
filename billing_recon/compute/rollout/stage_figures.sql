-- What a stage is judged by (core.rollout.METRICS): per metric, currency, group, phase and day a numerator, for rates a
-- denominator, and the population behind it: bills, or invoices asked for if only the collection of payments is
-- switched. Currencies are never added. A metric without a row has no data.
-- inputs: stage_invoices, stage_asked, stage_breaks, stage_payments, stage_signals, stage_customers, expected_lines,
-- detections, unbilled_usage, stage_exposures, stage_collections, stage_params
WITH bills AS (
    SELECT arm, phase, issued_on AS day, currency, count(*) AS invoices
    FROM stage_invoices
    JOIN stage_params AS params ON NOT params.of_payments
    WHERE arm IS NOT NULL AND phase IS NOT NULL AND NOT is_credit
    GROUP BY arm, phase, issued_on, currency
    UNION ALL
    SELECT arm, phase, day, currency, invoices FROM stage_asked
),
billed AS (SELECT arm, phase, day, sum(invoices) AS invoices FROM bills GROUP BY arm, phase, day),
found AS (
    SELECT * FROM stage_breaks WHERE arm IN ('cohort', 'control') AND phase IS NOT NULL AND NOT tolerated
),
tolerated AS (
    SELECT arm, phase, day, currency, sum(size) AS gross
    FROM stage_breaks
    WHERE arm IN ('cohort', 'control') AND phase IS NOT NULL AND tolerated AND currency IS NOT NULL
    GROUP BY arm, phase, day, currency
),
broken AS (
    SELECT
        arm, phase, day, count(*) AS breaks,
        count(DISTINCT coalesce(invoice_id, break_id)) AS items,
        count(*) FILTER (WHERE code = 'INVOICE_DUPLICATE') AS duplicates,
        count(*) FILTER (WHERE code = 'INVOICE_MISSING') AS missing,
        count(*) FILTER (WHERE code IN ('TAX_RATE_JURISDICTION', 'TAX_BASE')) AS taxes
    FROM found GROUP BY arm, phase, day
),
money AS (
    SELECT
        arm, phase, day, currency, sum(size) AS gross,
        sum(size) FILTER (WHERE pair = 'billed_booked') AS receivables
    FROM found WHERE currency IS NOT NULL GROUP BY arm, phase, day, currency
),
short AS (
    SELECT arm, phase, day, currency, sum(least(delta, 0)) AS amount
    FROM (
        SELECT arm, phase, day, currency, sum(delta) AS delta
        FROM found
        WHERE currency IS NOT NULL AND pair = 'expected_billed'
        GROUP BY arm, phase, day, currency, coalesce(invoice_id, break_id)
    ) AS bill
    GROUP BY arm, phase, day, currency
),
untaxed AS (
    SELECT
        CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS arm, found.day,
        CASE
            WHEN found.day BETWEEN params.since AND params.day THEN 'stage'
            WHEN found.day BETWEEN params.before_first AND params.before_last THEN 'before'
        END AS phase,
        count(*) AS findings
    FROM detections AS found
    CROSS JOIN stage_params AS params
    LEFT JOIN stage_customers AS own ON own.customer_id = found.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
    WHERE found.detector = 'MISSING_TAX' AND found.customer_id IS NOT NULL
        AND CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END IS NOT NULL
    GROUP BY ALL
),
restated AS (
    SELECT hash(expected_line_id) AS key FROM expected_lines GROUP BY hash(expected_line_id) HAVING count(*) > 1
),
due_once AS (
    SELECT customer_id, currency, due_on, total
    FROM expected_lines
    ANTI JOIN restated ON restated.key = hash(expected_lines.expected_line_id)
    UNION ALL
    SELECT
        min(customer_id) AS customer_id, min(currency) AS currency, min(due_on) AS due_on, arg_max(total, day) AS total
    FROM expected_lines
    SEMI JOIN restated ON restated.key = hash(expected_lines.expected_line_id)
    GROUP BY expected_line_id
),
unbilled AS (
    SELECT
        usage.customer_id, usage.currency, usage.amount,
        CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS arm
    FROM unbilled_usage AS usage
    LEFT JOIN stage_customers AS own ON own.customer_id = usage.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
),
owed AS (
    SELECT
        due.*, CASE WHEN own.customer_id IS NULL THEN other.arm ELSE own.arm END AS arm,
        CASE WHEN own.customer_id IS NULL THEN other.since ELSE own.since END AS since
    FROM due_once AS due
    LEFT JOIN stage_customers AS own ON own.customer_id = due.customer_id
    JOIN stage_customers AS other ON other.customer_id = '*'
),
due AS (
    SELECT
        due.arm, due.due_on AS day, due.currency, sum(due.total) AS expected,
        count(DISTINCT hash(due.customer_id)) AS customers,
        CASE
            WHEN due.due_on BETWEEN params.since AND params.day THEN 'stage'
            WHEN due.due_on BETWEEN params.before_first AND params.before_last THEN 'before'
        END AS phase
    FROM owed AS due
    CROSS JOIN stage_params AS params
    WHERE due.arm IS NOT NULL AND (due.due_on < params.exposed_since OR coalesce(due.due_on >= due.since, true))
    GROUP BY ALL
),
moved AS (
    SELECT
        arm, phase, day, currency,
        coalesce(sum(amount) FILTER (WHERE kind <> 'payment' AND status = 'succeeded'), 0) AS refunded,
        coalesce(sum(amount) FILTER (WHERE kind = 'payment' AND status = 'succeeded'), 0) AS paid
    FROM stage_payments WHERE arm IS NOT NULL AND phase IS NOT NULL GROUP BY arm, phase, day, currency
),
attempts AS (
    SELECT
        arm, phase, day, count(*) AS attempts, count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE attempt > 1) AS retries, count(DISTINCT hash(invoice_id)) AS invoices
    FROM stage_payments WHERE arm IS NOT NULL AND phase IS NOT NULL AND kind = 'payment' GROUP BY arm, phase, day
),
heard AS (
    SELECT
        arm, phase, day, count(*) FILTER (WHERE kind = 'invoice_generation') AS generations,
        count(*) FILTER (WHERE kind = 'invoice_generation' AND good) AS generated,
        count(*) FILTER (WHERE kind = 'webhook') AS webhooks,
        count(*) FILTER (WHERE kind = 'webhook' AND NOT good) AS failed_webhooks,
        count(*) FILTER (WHERE kind = 'ticket') AS tickets
    FROM stage_signals WHERE arm IS NOT NULL AND phase IS NOT NULL GROUP BY arm, phase, day
),
tickets_told AS (SELECT DISTINCT day FROM stage_signals WHERE kind = 'ticket'),
wrongly_exposed AS (
    SELECT day, count(DISTINCT customer_id) AS customers FROM stage_exposures GROUP BY day
),
counted AS (
    SELECT
        coalesce(bill.arm, broken.arm) AS arm, coalesce(bill.phase, broken.phase) AS phase,
        coalesce(bill.day, broken.day) AS day, coalesce(bill.invoices, 0) AS invoices,
        coalesce(broken.breaks, 0) AS breaks, coalesce(broken.items, 0) AS items,
        coalesce(broken.duplicates, 0) AS duplicates, coalesce(broken.missing, 0) AS missing,
        coalesce(broken.taxes, 0) AS taxes
    FROM billed AS bill
    FULL JOIN broken ON broken.arm = bill.arm AND broken.phase = bill.phase AND broken.day = bill.day
),
priced AS (
    SELECT
        coalesce(bill.arm, money.arm) AS arm, coalesce(bill.phase, money.phase) AS phase,
        coalesce(bill.day, money.day) AS day, coalesce(bill.currency, money.currency) AS currency,
        coalesce(bill.invoices, 0) AS invoices, coalesce(money.gross, 0) AS gross,
        coalesce(money.receivables, 0) AS receivables
    FROM bills AS bill
    FULL JOIN money
        ON money.arm = bill.arm AND money.phase = bill.phase AND money.day = bill.day
            AND money.currency = bill.currency
),
figures AS (
    SELECT
        counted.arm, counted.phase, counted.day, NULL AS currency, counted.invoices AS population, unnest([
            figure('breaks', counted.breaks),
            figure('duplicate_invoices', counted.duplicates),
            figure('missing_invoices', counted.missing),
            rate_of('mismatch_rate', counted.items, greatest(counted.invoices, counted.items))
        ]) AS stated
    FROM counted
    UNION ALL
    SELECT
        coalesce(counted.arm, untaxed.arm) AS arm, coalesce(counted.phase, untaxed.phase) AS phase,
        coalesce(counted.day, untaxed.day) AS day, NULL AS currency, coalesce(counted.invoices, 0) AS population,
        figure('tax_anomalies', coalesce(counted.taxes, 0) + coalesce(untaxed.findings, 0)) AS stated
    FROM counted
    FULL JOIN untaxed
        ON untaxed.arm = counted.arm AND untaxed.phase = counted.phase AND untaxed.day = counted.day
    WHERE coalesce(counted.phase, untaxed.phase) IS NOT NULL
    UNION ALL
    SELECT
        arm, phase, day, currency, invoices AS population, unnest([
            figure('break_money', gross), figure('ar_drift', receivables)
        ]) AS stated
    FROM priced
    UNION ALL
    SELECT
        coalesce(bill.arm, within.arm) AS arm, coalesce(bill.phase, within.phase) AS phase,
        coalesce(bill.day, within.day) AS day, coalesce(bill.currency, within.currency) AS currency,
        coalesce(bill.invoices, 0) AS population, figure('tolerated_money', coalesce(within.gross, 0)) AS stated
    FROM bills AS bill
    FULL JOIN tolerated AS within
        ON within.arm = bill.arm AND within.phase = bill.phase AND within.day = bill.day
            AND within.currency = bill.currency
    UNION ALL
    SELECT
        arm, phase, first_day AS day, currency, count(*) AS population, unnest([
            rate_of(
                'recovery_rate', coalesce(sum(amount) FILTER (WHERE outcome = 'recovered'), 0), sum(amount)
            ),
            figure('money_left', coalesce(sum(amount) FILTER (WHERE outcome = 'left'), 0))
        ]) AS stated
    FROM stage_collections
    WHERE missed AND phase IS NOT NULL AND outcome <> 'void'
        AND first_day + (SELECT cycle_days FROM stage_params) < (SELECT day FROM stage_params)
    GROUP BY arm, phase, first_day, currency
    UNION ALL
    SELECT
        coalesce(attempts.arm, wrong.arm) AS arm, coalesce(attempts.phase, wrong.phase) AS phase,
        coalesce(attempts.day, wrong.day) AS day, NULL AS currency, coalesce(attempts.invoices, 0) AS population,
        figure('collection_faults', coalesce(wrong.invoices, 0)) AS stated
    FROM attempts
    FULL JOIN (
        SELECT arm, fault_phase AS phase, fault_on AS day, count(*) AS invoices
        FROM stage_collections WHERE fault_phase IS NOT NULL GROUP BY arm, fault_phase, fault_on
    ) AS wrong ON wrong.arm = attempts.arm AND wrong.phase = attempts.phase AND wrong.day = attempts.day
    UNION ALL
    SELECT
        coalesce(due.arm, short.arm) AS arm, coalesce(due.phase, short.phase) AS phase,
        coalesce(due.day, short.day) AS day, coalesce(due.currency, short.currency) AS currency,
        coalesce(due.customers, 0) AS population,
        rate_of(
            'capture_rate', coalesce(due.expected, 0) + coalesce(short.amount, 0), coalesce(due.expected, 0)
        ) AS stated
    FROM due
    FULL JOIN short
        ON short.arm = due.arm AND short.phase = due.phase AND short.day = due.day AND short.currency = due.currency
    WHERE coalesce(due.phase, short.phase) IS NOT NULL
    UNION ALL
    SELECT
        arm, phase, day, currency, CASE WHEN paid > 0 THEN 1 ELSE 0 END AS population,
        rate_of('refunds', refunded, paid) AS stated
    FROM moved
    UNION ALL
    SELECT
        arm, phase, day, NULL AS currency, attempts AS population, unnest([
            rate_of('payment_failures', failed, attempts), rate_of('payment_retries', retries, invoices)
        ]) AS stated
    FROM attempts
    UNION ALL
    SELECT
        arm, phase, day, NULL AS currency, generations AS population,
        rate_of('invoice_creation', generated, generations) AS stated
    FROM heard WHERE generations > 0
    UNION ALL
    SELECT
        arm, phase, day, NULL AS currency, webhooks AS population, figure('failed_webhooks', failed_webhooks) AS stated
    FROM heard WHERE webhooks > 0
    UNION ALL
    SELECT
        coalesce(counted.arm, heard.arm) AS arm, coalesce(counted.phase, heard.phase) AS phase,
        coalesce(counted.day, heard.day) AS day, NULL AS currency, coalesce(counted.invoices, 0) AS population,
        figure('tickets', coalesce(heard.tickets, 0)) AS stated
    FROM counted
    FULL JOIN heard ON heard.arm = counted.arm AND heard.phase = counted.phase AND heard.day = counted.day
    WHERE EXISTS (SELECT 1 FROM tickets_told)
    UNION ALL
    SELECT
        coalesce(open.arm, bill.arm) AS arm, 'stage' AS phase, params.day,
        coalesce(open.currency, bill.currency) AS currency,
        greatest(coalesce(open.customers, 0), coalesce(bill.invoices, 0)) AS population,
        figure('unbilled_usage', coalesce(open.amount, 0)) AS stated
    FROM (
        SELECT arm, currency, count(DISTINCT customer_id) AS customers, sum(amount) AS amount
        FROM unbilled WHERE arm IS NOT NULL GROUP BY arm, currency
    ) AS open
    FULL JOIN (
        SELECT arm, currency, sum(invoices) AS invoices FROM bills WHERE phase = 'stage' GROUP BY arm, currency
    ) AS bill ON bill.arm = open.arm AND bill.currency = open.currency
    CROSS JOIN stage_params AS params
    UNION ALL
    SELECT
        'cohort' AS arm, 'stage' AS phase, coalesce(bill.day, wrong.day) AS day, NULL AS currency,
        coalesce(bill.invoices, 0) AS population, figure('exposure', coalesce(wrong.customers, 0)) AS stated
    FROM (SELECT day, invoices FROM billed WHERE arm = 'cohort' AND phase = 'stage') AS bill
    FULL JOIN wrongly_exposed AS wrong ON wrong.day = bill.day
)
SELECT
    stated.metric AS metric, CAST(currency AS VARCHAR) AS currency, arm, phase, day,
    CAST(stated.numerator AS amount) AS numerator,
    CAST(CASE WHEN stated.is_rate THEN stated.denominator END AS amount) AS denominator,
    CAST(population AS BIGINT) AS population
FROM figures
ORDER BY ALL
