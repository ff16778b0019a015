"""What is decided about each break: a person's decision, an expected change, a tolerance, or nothing yet. Not why it exists.

In that order: a decision that a person made about just this difference outranks the registry, and the registry outranks
tolerances. Each outcome carries what it rests on as JSON (`disposed_by`), for the evidence of the break.
"""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

_LAYERS = ("expected", "billed", "rendered", "booked", "paid")
_FIRST = (
    "CASE f.pair WHEN 'expected_billed' THEN f.expected WHEN 'rendered_booked' THEN f.rendered "
    "WHEN 'metered_used' THEN f.expected ELSE f.billed END"
)
_NAMED = {
    "customers": "f.customer_id",
    "subscriptions": "f.subscription_id",
    "invoices": "f.invoice_id",
    "cohorts": "f.cohort",
    "meters": "f.meter",
}
_IN_SCOPE = " ".join(
    f"AND (len(c.{names}) = 0 OR coalesce(list_contains(c.{names}, {column}), false))"
    for names, column in _NAMED.items()
)

COVERED = Relation(
    name="expected_changes_met",
    inputs=("findings", "policy_expected_changes", "engine_lines", "expected_lines", "run_params"),
    rows_from=(
        "policy_expected_changes AS c JOIN findings AS f ON list_contains(c.codes, f.code) "
        "AND c.currency IS NOT DISTINCT FROM f.currency",
    ),
    doc=(
        "Breaks that an unexpired entry of the registry is about, and whether it covers them (`exceeds` empty). `size` is the "
        "absolute delta; of a break without one (a wrong account) the largest amount that it is about. A break counts "
        "against the entry with the smallest bound that fits; a day's total is filled from the smallest break up."
    ),
    sql=f"""
WITH sized AS (
    SELECT f.break_id, CASE WHEN f.delta <> 0 THEN abs(f.delta)
            ELSE greatest({", ".join(f"abs(coalesce(f.{layer}, 0))" for layer in _LAYERS)}) END AS size,
        coalesce(s.codes, [f.code]) AS codes
    FROM findings AS f
    LEFT JOIN (
        SELECT break_id, list(part.code ORDER BY part.code) AS codes
        FROM (SELECT break_id, unnest(stages) AS part FROM findings) AS parts WHERE part.amount <> 0 GROUP BY break_id
    ) AS s ON s.break_id = f.break_id
),
billed AS (
    SELECT f.break_id, list(DISTINCT l.plan_id) AS plans
    FROM findings AS f
    JOIN engine_lines AS l ON l.invoice_id = f.invoice_id AND (f.line_id IS NULL OR l.line_id = f.line_id)
    WHERE l.plan_id IS NOT NULL
    GROUP BY f.break_id
),
due AS (SELECT subscription_id, list(DISTINCT plan_id) AS plans FROM expected_lines GROUP BY subscription_id),
about AS (
    SELECT f.break_id, c.id, c.max_per_break, c.max_per_day, z.size, z.size <= c.max_per_break AS fits
    FROM findings AS f
    JOIN sized AS z ON z.break_id = f.break_id
    CROSS JOIN run_params AS p
    JOIN policy_expected_changes AS c ON list_contains(c.codes, f.code) AND list_has_all(c.codes, z.codes)
        AND (c.pair IS NULL OR c.pair = f.pair) AND c.currency IS NOT DISTINCT FROM f.currency
        AND p.day BETWEEN c.starts AND c.expires {_IN_SCOPE}
    LEFT JOIN billed AS b ON b.break_id = f.break_id
    LEFT JOIN due AS d ON d.subscription_id = f.subscription_id
    WHERE len(c.plans) = 0 OR coalesce(list_has_all(c.plans, coalesce(b.plans, d.plans)), false)
),
chosen AS (
    SELECT break_id, id, max_per_break, max_per_day, size, fits, row_number() OVER (
            PARTITION BY break_id ORDER BY CASE WHEN fits THEN 0 ELSE 1 END,
            CASE WHEN fits THEN max_per_break ELSE -max_per_break END, id
        ) AS place
    FROM about
),
added AS (
    SELECT break_id, id, max_per_break, max_per_day, size, fits, CAST(sum(CASE WHEN fits THEN size ELSE 0 END) OVER (
            PARTITION BY id ORDER BY size, break_id ROWS UNBOUNDED PRECEDING
        ) AS {AMOUNT}) AS day_total
    FROM chosen WHERE place = 1
)
SELECT break_id, id, CAST(size AS {AMOUNT}) AS size, max_per_break, max_per_day, day_total,
    CASE WHEN NOT fits THEN 'max_per_break' WHEN day_total > max_per_day THEN 'max_per_day' END AS exceeds
FROM added""",
)


def _tolerance(level: str) -> str:
    """The tolerance of one level that holds for `f`'s pair and currency: a named currency's before the one for all."""
    return (
        "(SELECT pair, currency, absolute, relative FROM policy_tolerances "
        f"WHERE level = '{level}') AS t ON t.pair = f.pair AND (t.currency = coalesce(f.currency, '') OR (t.currency = '*' "
        "AND NOT EXISTS (SELECT 1 FROM policy_tolerances AS n WHERE n.pair = f.pair "
        f"AND n.level = '{level}' AND n.currency = coalesce(f.currency, ''))))"
    )


TOLERATED = Relation(
    name="tolerances_met",
    inputs=("findings", "policy_tolerances", "expected_changes_met", "assessments"),
    rows_from=("policy_tolerances AS t JOIN findings AS f ON f.pair = t.pair",),
    doc=(
        "Compared differences within the tolerance of their own level, and whether they stay accepted (`exceeds` empty): the "
        "gross of what is accepted of one customer, and of the whole pair and currency, has bounds of its own, beyond which none of "
        "it is accepted. Relative bounds are shares of the first layer's amount, and hold beside absolute ones, never instead."
    ),
    sql=f"""
WITH within AS (
    SELECT f.break_id, f.pair, f.level, f.currency, f.variant, f.customer_id, f.delta, t.absolute, t.relative
    FROM findings AS f
    JOIN policy_tolerances AS t ON t.pair = f.pair AND t.level = f.level AND (t.currency = coalesce(f.currency, '') OR (t.currency = '*'
        AND NOT EXISTS (SELECT 1 FROM policy_tolerances AS n WHERE n.pair = f.pair AND n.level = f.level
            AND n.currency = coalesce(f.currency, ''))))
    ANTI JOIN (SELECT break_id FROM expected_changes_met WHERE exceeds IS NULL) AS e ON e.break_id = f.break_id
    WHERE f.compared AND f.delta <> 0 AND abs(f.delta) <= t.absolute
        AND (t.relative IS NULL OR abs(f.delta) <= apply_rate(abs({_FIRST}), t.relative))
),
account_sums AS (
    SELECT pair, currency, variant, customer_id, CAST(sum(abs(delta)) AS {AMOUNT}) AS gross
    FROM within GROUP BY pair, currency, variant, customer_id
),
account_amounts AS (
    SELECT pair, currency, variant, customer_id, CAST(sum(abs(coalesce(left_amount, 0))) AS {AMOUNT}) AS amount
    FROM assessments WHERE status <> 'pending' GROUP BY pair, currency, variant, customer_id
),
accounts AS (
    SELECT f.pair, f.currency, f.variant, f.customer_id, f.gross, t.absolute,
        f.gross > t.absolute OR coalesce(f.gross > apply_rate(coalesce(a.amount, 0), t.relative), false) AS beyond
    FROM account_sums AS f
    JOIN {_tolerance("account")}
    LEFT JOIN account_amounts AS a ON a.pair = f.pair AND a.currency IS NOT DISTINCT FROM f.currency
        AND a.variant = f.variant AND a.customer_id IS NOT DISTINCT FROM f.customer_id
),
left_in AS (
    SELECT w.break_id, w.pair, w.level, w.currency, w.variant, w.delta, w.absolute, w.relative, coalesce(a.beyond, false) AS beyond,
        a.gross AS account_gross, a.absolute AS account_bound
    FROM within AS w
    LEFT JOIN accounts AS a ON a.pair = w.pair AND a.currency IS NOT DISTINCT FROM w.currency AND a.variant = w.variant
        AND a.customer_id IS NOT DISTINCT FROM w.customer_id
),
total_sums AS (
    SELECT pair, currency, variant, CAST(sum(abs(delta)) AS {AMOUNT}) AS gross
    FROM left_in WHERE NOT beyond GROUP BY pair, currency, variant
),
total_amounts AS (
    SELECT pair, currency, variant, CAST(sum(amount) AS {AMOUNT}) AS amount FROM account_amounts GROUP BY pair, currency, variant
),
totals AS (
    SELECT f.pair, f.currency, f.variant, f.gross, t.absolute,
        f.gross > t.absolute OR coalesce(f.gross > apply_rate(coalesce(a.amount, 0), t.relative), false) AS beyond
    FROM total_sums AS f
    JOIN {_tolerance("total")}
    LEFT JOIN total_amounts AS a ON a.pair = f.pair AND a.currency IS NOT DISTINCT FROM f.currency AND a.variant = f.variant
)
SELECT w.break_id, w.level, w.absolute, w.relative,
    CASE WHEN w.beyond THEN 'account' WHEN t.beyond THEN 'total' END AS exceeds,
    CASE WHEN w.beyond THEN w.account_gross WHEN t.beyond THEN t.gross END AS sum_gross,
    CASE WHEN w.beyond THEN w.account_bound WHEN t.beyond THEN t.absolute END AS sum_bound
FROM left_in AS w
LEFT JOIN totals AS t ON t.pair = w.pair AND t.currency IS NOT DISTINCT FROM w.currency AND t.variant = w.variant""",
)

DISPOSED = Relation(
    name="dispositions",
    inputs=("findings", "expected_changes_met", "tolerances_met", "break_decisions", "currencies"),
    rows_from=("expected_changes_met", "tolerances_met", "break_decisions"),
    doc=(
        "Breaks about which more is known than that they are open: the disposition, and what it rests on. A person's decision "
        "holds for the difference that it was made about: where the figure has changed since, the break is open again."
    ),
    sql="""
WITH decided AS (
    SELECT f.break_id, d.disposition, d.reason, d.decided_by, d.decided_at,
        d.delta = f.delta AND d.currency IS NOT DISTINCT FROM f.currency AS holds, d.delta
    FROM break_decisions AS d
    JOIN findings AS f ON f.break_id = d.break_id
)
SELECT f.break_id,
    CASE WHEN d.holds THEN d.disposition
        WHEN e.break_id IS NOT NULL AND e.exceeds IS NULL THEN 'EXPECTED_CHANGE'
        WHEN t.break_id IS NOT NULL AND t.exceeds IS NULL THEN 'ACCEPTED_TOLERANCE'
        ELSE 'OPEN' END AS disposition,
    json_object(
        'decision', CASE WHEN d.break_id IS NOT NULL THEN json_object('disposition', d.disposition, 'reason', d.reason,
            'decided_by', d.decided_by, 'decided_at', d.decided_at, 'holds', d.holds,
            'about', say(d.delta, coalesce(c.decimals, 0))) END,
        'expected_change', CASE WHEN e.break_id IS NOT NULL THEN json_object('id', e.id,
            'max_per_break', say(e.max_per_break, coalesce(c.decimals, 0)),
            'max_per_day', say(e.max_per_day, coalesce(c.decimals, 0)), 'exceeds', e.exceeds) END,
        'tolerance', CASE WHEN t.break_id IS NOT NULL THEN json_object('level', t.level,
            'absolute', say(t.absolute, coalesce(c.decimals, 0)), 'relative', CAST(t.relative AS VARCHAR), 'exceeds', t.exceeds,
            'accepted_gross', say(t.sum_gross, coalesce(c.decimals, 0)),
            'bound', say(t.sum_bound, coalesce(c.decimals, 0))) END
    ) AS disposed_by
FROM findings AS f
LEFT JOIN decided AS d ON d.break_id = f.break_id
LEFT JOIN expected_changes_met AS e ON e.break_id = f.break_id
LEFT JOIN tolerances_met AS t ON t.break_id = f.break_id
LEFT JOIN currencies AS c ON c.currency = f.currency
WHERE d.break_id IS NOT NULL OR e.break_id IS NOT NULL OR t.break_id IS NOT NULL""",
)

RELATIONS: tuple[Relation, ...] = (COVERED, TOLERATED, DISPOSED)
"""Inputs: findings, assessments, and the policy's and people's tables. Result: dispositions."""
