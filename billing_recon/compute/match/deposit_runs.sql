-- Postings that name nobody, and the consecutive days whose money each may book: one posting, or all of a day together
-- (`postings` > 1). `basis`: the money with or without its fees. The last of the days lies within the lag of cash, the
-- first at most six days before that. Days without fees have one basis, so that no explanation stands twice.
-- inputs: open_money, open_receipts, run_params
-- rows from: open_receipts
WITH days AS (
    SELECT
        basis, currency, paid_on, sum(worth) AS total,
        sum(sum(worth)) OVER (PARTITION BY basis, currency ORDER BY paid_on) AS running_total
    FROM open_money GROUP BY basis, currency, paid_on
),
postings AS (
    SELECT receipt_id AS deposit, currency, posted_on, booked, 1 AS postings FROM open_receipts
    UNION ALL
    SELECT
        'day ' || CAST(posted_on AS VARCHAR) AS deposit, currency, posted_on, CAST(sum(booked) AS amount) AS booked,
        count(*) AS postings
    FROM open_receipts GROUP BY currency, posted_on HAVING count(*) > 1
)
SELECT
    posting.deposit, posting.currency, posting.posted_on, posting.booked, posting.postings, earliest.basis,
    earliest.paid_on AS since, latest.paid_on AS until,
    CAST(latest.running_total - earliest.running_total + earliest.total AS amount) AS total
FROM postings AS posting
CROSS JOIN run_params AS params
JOIN days AS earliest
    ON earliest.currency = posting.currency AND earliest.paid_on <= posting.posted_on
        AND earliest.paid_on >= posting.posted_on - params.cash_lag_days - 6
JOIN days AS latest
    ON latest.currency = posting.currency AND latest.basis = earliest.basis AND latest.paid_on >= earliest.paid_on
        AND latest.paid_on <= posting.posted_on AND latest.paid_on >= posting.posted_on - params.cash_lag_days
WINDOW run AS (PARTITION BY posting.deposit, posting.currency, earliest.paid_on, latest.paid_on)
QUALIFY earliest.basis = 'with fees'
    OR min(latest.running_total - earliest.running_total + earliest.total) OVER run
    < max(latest.running_total - earliest.running_total + earliest.total) OVER run
