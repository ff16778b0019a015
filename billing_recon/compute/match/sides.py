"""Two layers beside each other by invoice and currency: what is compared today, what is missing, what still may come."""

from __future__ import annotations

from collections.abc import Mapping


def beside(left: str, right: str, lag: str, wanted: Mapping[str, str]) -> str:
    """CTEs ending in `placed`: invoice_id, currency and status of every invoice that the day decides about or waits for.

    `left` and `right` are relations of invoice_id, currency (one row each), known_on and changed_on; `wanted` names columns of
    `placed` and what they are of the two sides, l and r. `lag` is a column of run_params. Status: compared (both are known, and
    one of them changed today), currency (each is known in another currency than the other), missing (only left, and the lag is
    over today), unmapped (only right, the same), pending; empty where the day has nothing to do with it.

    Both hold only what does not tie, so they are few on most days.
    """
    names = ", ".join(f"{what} AS {name}" for name, what in wanted.items())
    return f"""sides AS (
    SELECT coalesce(l.invoice_id, r.invoice_id) AS invoice_id, coalesce(l.currency, r.currency) AS currency,
        l.invoice_id IS NOT NULL AS has_left, r.invoice_id IS NOT NULL AS has_right, coalesce(l.known_on, r.known_on) AS known_on,
        {names}
    FROM {left} AS l
    FULL JOIN {right} AS r ON r.invoice_id = l.invoice_id AND r.currency = l.currency
    CROSS JOIN run_params AS p
    WHERE l.invoice_id IS NULL OR r.invoice_id IS NULL OR greatest(l.changed_on, r.changed_on) = p.day
),
crossed AS (
    SELECT invoice_id, max(changed_on) AS changed_on
    FROM (
        SELECT invoice_id, currency, changed_on FROM {left} SEMI JOIN {right} USING (invoice_id)
        UNION ALL
        SELECT invoice_id, currency, changed_on FROM {right} SEMI JOIN {left} USING (invoice_id)
    ) AS both_sides
    GROUP BY invoice_id HAVING min(currency) <> max(currency)
),
placed AS (
    SELECT s.invoice_id, s.currency, {", ".join(f"s.{name}" for name in wanted)}, CASE
            WHEN s.has_left AND s.has_right THEN 'compared'
            WHEN c.invoice_id IS NOT NULL THEN CASE WHEN c.changed_on = p.day THEN 'currency' END
            WHEN CAST(s.known_on + p.{lag} AS DATE) > p.day THEN 'pending'
            WHEN CAST(s.known_on + p.{lag} AS DATE) < p.day THEN NULL
            WHEN s.has_left THEN 'missing' ELSE 'unmapped'
        END AS status
    FROM sides AS s
    CROSS JOIN run_params AS p
    LEFT JOIN crossed AS c ON c.invoice_id = s.invoice_id
)"""


def aside(layer: str) -> str:
    """The CTE `aside`: invoice_id of what quarantined rows name, and whether rows of the engine (`billed`) or the `layer` (`followed`) do."""
    return f"""aside AS (
    SELECT named AS invoice_id, bool_or(table_name = 'invoice_lines') AS billed, bool_or(table_name = '{layer}') AS followed
    FROM set_aside GROUP BY named
)"""
