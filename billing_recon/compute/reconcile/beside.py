"""Two layers beside each other by invoice and currency: what is compared today, what is missing, what still may come."""

from __future__ import annotations


def beside(left: str, right: str, lag: str) -> str:
    """CTEs ending in `placed`: invoice_id, currency and status of every invoice that the day decides about or waits for.

    `left` and `right` are relations of invoice_id, currency (one row each), known_on and changed_on. `lag` is a column of
    run_params. Status: compared (both are known, and one of them changed today), currency (each is known in another
    currency than the other), missing (only left, and the lag is over today), unmapped (only right, the same), pending.
    """
    return f"""recent AS (
    SELECT l.invoice_id FROM {left} AS l CROSS JOIN run_params AS p
    WHERE l.changed_on = p.day OR l.known_on >= p.day - p.{lag}
    UNION
    SELECT r.invoice_id FROM {right} AS r CROSS JOIN run_params AS p
    WHERE r.changed_on = p.day OR r.known_on >= p.day - p.{lag}
),
sides AS (
    SELECT coalesce(l.invoice_id, r.invoice_id) AS invoice_id, coalesce(l.currency, r.currency) AS currency,
        l.invoice_id IS NOT NULL AS has_left, r.invoice_id IS NOT NULL AS has_right,
        coalesce(l.known_on, r.known_on) AS known_on, greatest(l.changed_on, r.changed_on) AS changed_on
    FROM (SELECT invoice_id, currency, known_on, changed_on FROM {left} SEMI JOIN recent USING (invoice_id)) AS l
    FULL JOIN (SELECT invoice_id, currency, known_on, changed_on FROM {right} SEMI JOIN recent USING (invoice_id)) AS r
        ON r.invoice_id = l.invoice_id AND r.currency = l.currency
),
crossed AS (
    SELECT s.invoice_id, max(s.changed_on) AS changed_on
    FROM sides AS s
    SEMI JOIN (SELECT invoice_id FROM sides WHERE NOT (has_left AND has_right)) AS alone ON alone.invoice_id = s.invoice_id
    GROUP BY s.invoice_id HAVING count(*) > 1 AND bool_or(s.has_left) AND bool_or(s.has_right)
),
placed AS (
    SELECT s.invoice_id, s.currency, CASE
            WHEN s.has_left AND s.has_right THEN CASE WHEN s.changed_on = p.day THEN 'compared' END
            WHEN c.invoice_id IS NOT NULL THEN CASE WHEN c.changed_on = p.day THEN 'currency' END
            WHEN CAST(s.known_on + p.{lag} AS DATE) > p.day THEN 'pending'
            WHEN CAST(s.known_on + p.{lag} AS DATE) < p.day THEN NULL
            WHEN s.has_left THEN 'missing' ELSE 'unmapped'
        END AS status
    FROM sides AS s
    CROSS JOIN run_params AS p
    LEFT JOIN crossed AS c ON c.invoice_id = s.invoice_id
)"""
