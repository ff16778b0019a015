-- Summary postings that are not right to the cent, and the invoices that each is over: it is equal with the invoices
-- left, or one fault makes it equal, or only accounts differ, or it is off by less than half (`fit` 0, 1, 1, 2). Of
-- several possibilities the one by the company's habit if one fault or none is left, then an equal one, then the least
-- odd, the best fit and the smallest difference; each day is used once.
-- inputs: batch_offers, single_changes, nameless_journals
-- rows from: batch_offers
WITH fitting AS (
    SELECT
        offer.journal_id, offer.currency, offer.stated, offer.scope, offer.first_day, offer.last_day,
        offer.invoices, offer.total, offer.is_off, offer.off_ar, offer.off_revenue, offer.off_tax, offer.off_credits,
        offer.odd, offer.reach, journal.posted_on,
        CASE
            WHEN NOT offer.is_off OR offer.stated THEN 0
            WHEN offer.off_ar = 0 OR single.journal_id IS NOT NULL THEN 1
            WHEN abs(offer.off_ar) + abs(offer.off_ar) < abs(offer.total) THEN 2
        END AS fit
    FROM batch_offers AS offer
    JOIN nameless_journals AS journal ON journal.journal_id = offer.journal_id AND journal.currency = offer.currency
    LEFT JOIN (
        SELECT DISTINCT journal_id, currency, stated, scope, first_day, last_day FROM single_changes
    ) AS single
        ON single.journal_id = offer.journal_id AND single.currency = offer.currency AND single.stated = offer.stated
            AND single.scope = offer.scope AND single.first_day = offer.first_day
            AND single.last_day = offer.last_day
),
placed AS (
    SELECT
        *,
        row_number() OVER (
            ORDER BY
                CASE WHEN odd = 0 AND fit < 2 THEN 0 WHEN fit = 0 THEN 1 ELSE 2 END,
                odd, fit, reach, abs(off_ar), last_day DESC, posted_on, journal_id, currency, scope
        ) AS place
    FROM fitting
    WHERE fit IS NOT NULL
),
best AS (
    SELECT *
    FROM placed
    QUALIFY row_number() OVER (PARTITION BY journal_id, currency ORDER BY stated DESC, place) = 1
)
SELECT
    one.journal_id, one.currency, one.stated, one.scope, one.first_day, one.last_day, one.invoices, one.total,
    one.is_off, one.off_ar, one.off_revenue, one.off_tax, one.off_credits, one.fit
FROM best AS one
LEFT JOIN best AS other
    ON other.currency = one.currency AND other.place < one.place AND NOT other.stated AND NOT one.stated
        AND other.first_day <= one.last_day AND one.first_day <= other.last_day
        AND (other.scope = '' OR one.scope IN ('', other.scope))
GROUP BY ALL
HAVING count(other.journal_id) = 0
