-- What each deposit books, by the fewest differences, if only one explanation fits: exactly the money of some days
-- (pass 1); all but one payment, or one payment twice (2: `part` is 0 or twice the amount); the money of a day with a
-- rest that no single payment explains (3, off by less than half: `rest`); or exactly one payment (4).
-- inputs: deposit_runs, open_money, open_receipts, run_params
-- rows from: deposit_runs
WITH exact AS (
    SELECT deposit, currency, postings, basis, since, until FROM deposit_runs WHERE total = booked
    QUALIFY count(*) OVER (PARTITION BY deposit, currency) = 1
),
one_off AS (
    SELECT
        run.deposit, run.currency, run.postings, run.basis, run.since, run.until, money.payment_id AS odd,
        run.booked = run.total - money.worth AS is_left_out
    FROM deposit_runs AS run
    JOIN open_money AS money
        ON money.basis = run.basis AND money.currency = run.currency AND money.paid_on >= run.since
            AND money.paid_on <= run.until
    ANTI JOIN exact ON exact.deposit = run.deposit AND exact.currency = run.currency
    WHERE run.booked IN (run.total - money.worth, run.total + money.worth)
    QUALIFY count(*) OVER (PARTITION BY run.deposit, run.currency) = 1
),
near AS (
    SELECT run.deposit, run.currency, run.postings, run.basis, run.since, run.until, run.booked - run.total AS rest
    FROM deposit_runs AS run
    ANTI JOIN exact ON exact.deposit = run.deposit AND exact.currency = run.currency
    ANTI JOIN one_off ON one_off.deposit = run.deposit AND one_off.currency = run.currency
    WHERE run.since = run.until AND run.basis = 'with fees'
        AND abs(run.booked - run.total) + abs(run.booked - run.total) < abs(run.total)
    QUALIFY count(*) OVER (PARTITION BY run.deposit, run.currency) = 1
),
single AS (
    SELECT receipt.receipt_id AS deposit, receipt.currency, money.payment_id
    FROM open_receipts AS receipt
    CROSS JOIN run_params AS params
    JOIN open_money AS money
        ON money.currency = receipt.currency AND money.worth = receipt.booked AND money.paid_on <= receipt.posted_on
            AND money.paid_on >= receipt.posted_on - params.cash_lag_days
    QUALIFY count(*) OVER (PARTITION BY receipt.receipt_id, receipt.currency) = 1
        AND count(*) OVER (PARTITION BY money.payment_id, money.currency) = 1
),
offered AS (
    SELECT deposit, currency, postings, basis, since, until, NULL AS odd, NULL AS is_left_out, 0 AS rest, 1 AS pass
    FROM exact
    UNION ALL
    SELECT deposit, currency, postings, basis, since, until, odd, is_left_out, 0 AS rest, 2 AS pass FROM one_off
    UNION ALL
    SELECT deposit, currency, postings, basis, since, until, NULL AS odd, NULL AS is_left_out, rest, 3 AS pass FROM near
),
claims AS (
    SELECT
        offer.deposit, offer.currency, offer.postings, money.payment_id, offer.rest, offer.pass,
        money.payment_id = offer.odd AS is_odd, offer.is_left_out,
        CASE offer.pass WHEN 1 THEN 1 WHEN 2 THEN 4 ELSE 7 END
        + CASE WHEN offer.postings > 1 AND offer.pass = 3 THEN -1 WHEN offer.postings > 1 THEN 1 ELSE 0 END
            AS strictness
    FROM offered AS offer
    JOIN open_money AS money
        ON money.basis = offer.basis AND money.currency = offer.currency AND money.paid_on >= offer.since
            AND money.paid_on <= offer.until
    UNION ALL
    SELECT
        deposit, currency, 1 AS postings, payment_id, 0 AS rest, 4 AS pass, false AS is_odd, NULL AS is_left_out,
        3 AS strictness
    FROM single
),
judged AS (
    SELECT
        deposit, currency, postings, payment_id, rest, pass, is_odd, is_left_out, strictness,
        strictness = min(strictness) OVER (PARTITION BY payment_id)
        AND count(*) OVER (PARTITION BY payment_id, strictness) = 1 AS holds
    FROM claims
),
standing AS (
    SELECT deposit, currency, postings, payment_id, rest, pass, is_odd, is_left_out
    FROM judged
    QUALIFY bool_and(holds) OVER (PARTITION BY deposit, currency, strictness)
)
SELECT
    claim.deposit, claim.currency, receipt.receipt_id, claim.payment_id, CAST(claim.rest AS amount) AS rest, claim.pass,
    coalesce(claim.is_odd AND claim.is_left_out, false) AS is_left_out,
    coalesce(claim.is_odd AND NOT claim.is_left_out, false) AS is_doubled
FROM standing AS claim
JOIN open_receipts AS receipt
    ON receipt.currency = claim.currency
        AND claim.deposit IN (receipt.receipt_id, 'day ' || CAST(receipt.posted_on AS VARCHAR))
QUALIFY min(claim.postings) OVER (PARTITION BY receipt.receipt_id, receipt.currency) = claim.postings
