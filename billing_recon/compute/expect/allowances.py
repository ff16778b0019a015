"""Units that a contract includes in every period, and what the period before left of its own. docs/rating.md, rule 24."""

from __future__ import annotations

from billing_recon.compute.expect.periods import own_period
from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.relation import Relation

ALLOWANCES = Relation(
    name="run_allowances",
    inputs=("contract_runs", "contract_intervals", "term_charges", "usage_rollup", "run_params"),
    rows_from=("contract_runs WHERE contract LIKE '%\"allowances\"%'",),
    doc=(
        "Units included per run and meter: the allowance, or of a run shorter than its period its share; and in the run that "
        "begins the period, what the one before left of its own allowance, of usage observed by that period's cutoff."
    ),
    sql=f"""
WITH runs AS (
    SELECT r.subscription_id, r.period_start, r.period_end, r.run_start, r.part, r.whole, r.plan_id, r.plan_version, r.currency,
        unnest(json_extract(r.contract, '$.allowances[*]')) AS one
    FROM contract_runs AS r
    WHERE r.rateable AND NOT r.by_seat AND json_array_length(r.contract, '$.allowances') > 0
),
agreed AS (
    SELECT r.subscription_id, r.period_start, r.period_end, r.run_start, r.part, r.whole, c.meter, c.aggregation,
        CAST(json_extract_string(r.one, '$.units') AS {QUANTITY}) AS units,
        coalesce(json_extract_string(r.one, '$.rollover') = 'next_period', false) AND r.run_start = r.period_start AS rolls,
        CAST(json_extract_string(r.one, '$.since') AS DATE) AS since
    FROM runs AS r
    JOIN term_charges AS c ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency
        AND c.kind = 'usage' AND c.meter = json_extract_string(r.one, '$.meter')
),
anchored AS (
    SELECT a.subscription_id, a.period_start AS own_start, a.period_end AS own_end, a.run_start, a.part, a.whole, a.meter,
        a.aggregation, a.units, a.since, i.billing_anchor, i.billing_interval, i.once_start, i.once_end, CAST(a.period_start - 1 AS DATE) AS probe
    FROM agreed AS a
    JOIN contract_intervals AS i ON i.subscription_id = a.subscription_id AND i.start_day <= a.run_start
        AND a.run_start < i.end_day
    WHERE a.rolls AND i.billing_interval <> 'once'
),
before AS ({own_period("anchored", "subscription_id, own_start, run_start, meter, aggregation, units, since")}
),
left_over AS (
    SELECT b.subscription_id, b.own_start, b.run_start, b.meter,
        greatest(b.units - greatest(coalesce(sum(CASE b.aggregation WHEN 'count' THEN u.events ELSE u.quantity END), 0), 0), 0)
            AS rolled
    FROM before AS b
    CROSS JOIN run_params AS p
    LEFT JOIN usage_rollup AS u ON u.subscription_id = b.subscription_id AND u.meter = b.meter
        AND u.usage_day >= b.period_start AND u.usage_day < b.period_end
        AND u.day <= greatest(CAST(b.period_end + p.late_window_days AS DATE), p.first_day)
    WHERE b.period_start >= b.since
    GROUP BY b.subscription_id, b.own_start, b.run_start, b.meter, b.units
)
SELECT a.subscription_id, a.period_start, a.period_end, a.run_start, a.meter,
    CAST(rounded_units(share(CAST(a.units AS {RAW}), a.part, a.whole), 'half_up', 10) AS {QUANTITY}) AS own,
    CAST(coalesce(l.rolled, 0) AS {QUANTITY}) AS rolled
FROM agreed AS a
LEFT JOIN left_over AS l ON l.subscription_id = a.subscription_id AND l.own_start = a.period_start
    AND l.run_start = a.run_start AND l.meter = a.meter""",
)


def allowed(run: str, charge: str) -> str:
    """SQL join of run_allowances as `a` to a run and a charge."""
    return (
        f"LEFT JOIN run_allowances AS a ON a.subscription_id = {run}.subscription_id AND a.period_start = {run}.period_start "
        f"AND a.period_end = {run}.period_end AND a.run_start = {run}.run_start AND a.meter = {charge}.meter "
        f"AND {charge}.kind = 'usage'"
    )
