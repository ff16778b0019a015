"""Today's metrics beside the baseline, the day before, the same day of the cycle before, and the band of days like it.

All of it is a function of what is landed up to the day: the history of totals and counts is summed from the landed rows
themselves, as they are known now, so no day needs another day's result. Metrics that cannot be summed so (rates, say) have
the baseline's days for a history. What drift is too much is policy.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation

_AMOUNT = "DECIMAL(38,12)"


def _each(metrics: dict[str, str]) -> str:
    """Several metrics of one row, as a list to be unnested."""
    return (
        "["
        + ", ".join(
            f"struct_pack(metric := '{name}', value := CAST({value} AS {_AMOUNT}))" for name, value in metrics.items()
        )
        + "]"
    )


_OF_LINES = {
    "actual_invoices": "count(DISTINCT l.invoice_id)",
    "total_billed": "sum(l.total)",
    "total_tax": "sum(l.tax)",
    "total_credits": "sum(l.credit)",
}
_OF_PAYMENTS = {
    "total_paid": "coalesce(sum(y.amount) FILTER (WHERE y.kind = 'payment' AND y.status = 'succeeded'), 0)",
    "total_refunded": "coalesce(sum(y.amount) FILTER (WHERE y.kind <> 'payment' AND y.status = 'succeeded'), 0)",
}

HISTORY = Relation(
    name="metric_history",
    inputs=(
        "engine_lines",
        "documents",
        "invoice_journals",
        "booked_tied",
        "payments",
        "usage_rollup",
        "baseline_values",
        "run_params",
    ),
    doc=(
        "Counts and totals of each earlier day of the window, summed from the landed rows as compute.metrics sums today's; and "
        "the baseline's values of metrics and days that this does not give. A day without rows has none."
    ),
    sql=f"""
WITH summed AS (
    SELECT l.currency, l.cohort, l.variant, l.observed_on AS day, unnest({_each(_OF_LINES)}) AS figure
    FROM engine_lines AS l JOIN run_params AS p ON l.observed_on < p.day
    WHERE l.status = 'issued' GROUP BY l.currency, l.cohort, l.variant, l.observed_on
    UNION ALL
    SELECT y.currency, 'all' AS cohort, 'control' AS variant, y.observed_on AS day, unnest({_each(_OF_PAYMENTS)}) AS figure
    FROM payments AS y JOIN run_params AS p ON y.observed_on < p.day GROUP BY y.currency, y.observed_on
    UNION ALL
    SELECT d.currency, 'all' AS cohort, 'control' AS variant, d.known_on AS day,
        struct_pack(metric := 'total_rendered', value := CAST(sum(d.payable) AS {_AMOUNT})) AS figure
    FROM documents AS d JOIN run_params AS p ON d.known_on < p.day GROUP BY d.currency, d.known_on
    UNION ALL
    SELECT j.currency, 'all' AS cohort, 'control' AS variant, j.known_on AS day,
        struct_pack(metric := 'total_booked', value := CAST(sum(j.ar) AS {_AMOUNT})) AS figure
    FROM (SELECT currency, known_on, ar FROM invoice_journals UNION ALL SELECT currency, known_on, billed AS ar FROM booked_tied) AS j
    JOIN run_params AS p ON j.known_on < p.day GROUP BY j.currency, j.known_on
    UNION ALL
    SELECT CAST(NULL AS VARCHAR) AS currency, 'all' AS cohort, 'control' AS variant, u.day,
        struct_pack(metric := 'late_events', value := CAST(sum(u.late_events) AS {_AMOUNT})) AS figure
    FROM usage_rollup AS u JOIN run_params AS p ON u.day < p.day GROUP BY u.day
),
landed AS (SELECT figure.metric AS metric, currency, cohort, variant, day, figure.value AS value FROM summed)
SELECT metric, currency, cohort, variant, day, value FROM landed
UNION ALL
SELECT b.metric, b.currency, b.cohort, b.variant, b.day, CAST(b.value AS {_AMOUNT}) AS value
FROM baseline_values AS b
JOIN run_params AS p ON b.day < p.day
ANTI JOIN landed AS l ON l.metric = b.metric AND l.currency IS NOT DISTINCT FROM b.currency AND l.cohort = b.cohort
    AND l.variant = b.variant AND l.day = b.day
WHERE b.value IS NOT NULL""",
)

_SAME = (
    "{0}.metric = m.metric AND {0}.currency IS NOT DISTINCT FROM m.currency AND {0}.cohort = m.cohort "
    "AND {0}.variant = m.variant"
)
_KEY = "metric, currency, cohort, variant"

DRIFT = Relation(
    name="drift",
    inputs=("metrics", "metric_history", "baseline_values", "policy_drift", "run_params"),
    doc=(
        "Each metric of today beside the baseline of its own currency, cohort and variant: `drift` is (value - mean) / |mean|. "
        "The same against the day before and the same day of the cycle before (clamped to the month's end). The band is the "
        "median of the days like today, plus and minus so many MADs; empty, that is NO DATA, where there are too few of them. "
        "Medians are figures that occurred (of an even number the lower one), so nothing is rounded."
    ),
    sql=f"""
WITH days AS (
    SELECT {_KEY}, count(value) AS days, min(value) AS low, max(value) AS high,
        ratio(sum(value), count(value)) AS mean
    FROM baseline_values GROUP BY {_KEY}
),
calendar AS (
    SELECT p.day, p.day - 1 AS prior_day, q.cycle, q.min_days, q.mad_factor, q.min_share,
        CASE WHEN q.cycle = 'week' THEN p.day - 7 ELSE CAST(p.day - INTERVAL 1 MONTH AS DATE) END AS cycle_day,
        p.day = last_day(p.day) AS month_end,
        CASE WHEN q.cycle = 'week' THEN strftime(p.day, '%A') || 's' WHEN p.day = last_day(p.day) THEN 'last days of a month'
            ELSE 'same days of other months' END AS alike
    FROM run_params AS p CROSS JOIN policy_drift AS q
),
alike AS (
    SELECT h.metric, h.currency, h.cohort, h.variant, h.value
    FROM metric_history AS h
    CROSS JOIN calendar AS k
    WHERE CASE WHEN k.cycle = 'week' THEN isodow(h.day) = isodow(k.day) WHEN k.month_end THEN h.day = last_day(h.day)
        ELSE day(h.day) = day(k.day) END
),
medians AS (SELECT {_KEY}, count(*) AS days, quantile_disc(value, 0.5) AS middle FROM alike GROUP BY {_KEY}),
spreads AS (
    SELECT m.metric, m.currency, m.cohort, m.variant, m.days, m.middle,
        greatest(apply_rate(quantile_disc(abs(a.value - m.middle), 0.5), k.mad_factor), apply_rate(abs(m.middle), k.min_share)) AS spread
    FROM medians AS m
    CROSS JOIN calendar AS k
    JOIN alike AS a ON {_SAME.format("a")}
    WHERE m.days >= k.min_days
    GROUP BY m.metric, m.currency, m.cohort, m.variant, m.days, m.middle, k.mad_factor, k.min_share
)
SELECT m.metric, m.currency, m.cohort, m.variant, CAST(m.value AS {_AMOUNT}) AS value,
    CAST(d.mean AS {_AMOUNT}) AS baseline_mean, CAST(d.low AS {_AMOUNT}) AS baseline_low,
    CAST(d.high AS {_AMOUNT}) AS baseline_high,
    CAST(ratio(m.value - d.mean, abs(d.mean)) AS {_AMOUNT}) AS drift, CAST(coalesce(d.days, 0) AS BIGINT) AS days,
    k.prior_day, b.value AS prior_value, CAST(ratio(m.value - b.value, abs(b.value)) AS {_AMOUNT}) AS prior_drift,
    k.cycle_day, y.value AS cycle_value, CAST(ratio(m.value - y.value, abs(y.value)) AS {_AMOUNT}) AS cycle_drift,
    CAST(s.middle - s.spread AS {_AMOUNT}) AS band_low, CAST(s.middle + s.spread AS {_AMOUNT}) AS band_high,
    CAST(s.middle AS {_AMOUNT}) AS band_median, CAST(coalesce(n.days, 0) AS BIGINT) AS band_days,
    'median of ' || k.alike || ', plus or minus ' || say_quantity(k.mad_factor) || ' MAD, at least '
        || say_quantity(apply_rate(k.min_share, 100)) || '% of it; from ' || CAST(k.min_days AS VARCHAR) || ' days on' AS band_method
FROM metrics AS m
CROSS JOIN calendar AS k
LEFT JOIN days AS d ON {_SAME.format("d")}
LEFT JOIN medians AS n ON {_SAME.format("n")}
LEFT JOIN spreads AS s ON {_SAME.format("s")}
LEFT JOIN metric_history AS b ON {_SAME.format("b")} AND b.day = k.prior_day
LEFT JOIN metric_history AS y ON {_SAME.format("y")} AND y.day = k.cycle_day
ORDER BY m.metric, m.currency, m.cohort, m.variant""",
)

RELATIONS: tuple[Relation, ...] = (HISTORY, DRIFT)
"""Inputs: metrics, baseline_values and the day's tables. Result: drift."""
