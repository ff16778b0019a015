"""When: a contract's intervals in local dates, and the billing periods that the day is about. Charges come later.

Rules 1, 2 and 14 of ARCHITECTURE 2. A test holds the period arithmetic to core.period.billing_period.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation

FOREVER = "DATE '9999-12-31'"
"""Stands for an open end."""


def own_period(source: str, columns: str) -> str:
    """SELECT of `columns` and the period (period_start, period_end) of each row of `source` that holds its date `probe`.

    `source` has billing_anchor, billing_interval, once_start and once_end beside `columns`. Months count from the anchor
    itself, so the 31st clamps to month ends and comes back; DuckDB clamps as core.period.add_months does. The steps are
    floored by remainders because integer division is not among the operators allowed here.
    """
    return f"""
SELECT {columns},
    CASE billing_interval WHEN 'once' THEN once_start WHEN 'day' THEN probe WHEN 'week' THEN probe - days_in
        ELSE CASE WHEN edge > probe THEN edge_before ELSE edge END END AS period_start,
    CASE billing_interval WHEN 'once' THEN once_end WHEN 'day' THEN probe + 1 WHEN 'week' THEN probe - days_in + 7
        ELSE CASE WHEN edge > probe THEN edge ELSE edge_after END END AS period_end
FROM (
    SELECT {columns}, billing_interval, once_start, once_end, probe, days_in,
        CAST(billing_anchor + to_months(CAST(months - step AS INTEGER)) AS DATE) AS edge_before,
        CAST(billing_anchor + to_months(CAST(months AS INTEGER)) AS DATE) AS edge,
        CAST(billing_anchor + to_months(CAST(months + step AS INTEGER)) AS DATE) AS edge_after
    FROM (
        SELECT {columns}, billing_anchor, billing_interval, once_start, once_end, probe, step,
            CAST(((days_apart % 7) + 7) % 7 AS INTEGER) AS days_in,
            months_apart - ((months_apart % step) + step) % step AS months
        FROM (
            SELECT {columns}, billing_anchor, billing_interval, once_start, once_end, probe,
                CASE billing_interval WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 END AS step,
                datediff('month', billing_anchor, probe) AS months_apart,
                datediff('day', billing_anchor, probe) AS days_apart
            FROM {source}
        ) AS apart
    ) AS floored
) AS edged"""


INTERVALS = Relation(
    name="contract_intervals",
    inputs=("subscriptions",),
    doc=(
        "Each subscription's history as half-open local dates: the latest landed row per valid_from, cut where the next "
        "begins. The day of a change belongs to the new interval; one that lasts less than a day leaves nothing but its day in "
        "`brief_days`. `starts_at` and `ends_at` are its instants."
    ),
    sql=f"""
WITH newest AS (
    SELECT subscription_id, valid_from, max(day) AS day FROM subscriptions GROUP BY subscription_id, valid_from
),
ranked AS (
    SELECT s.subscription_id, s.customer_id, s.plan_id, s.plan_version, s.status, s.quantity, s.currency, s.timezone,
        s.tax_region, s.segment, s.billing_anchor, s.billing_interval, s.valid_from, s.valid_to, s.contract,
        row_number() OVER (
            PARTITION BY s.subscription_id, s.valid_from ORDER BY s.source_file DESC, s.source_row DESC
        ) AS rank
    FROM subscriptions AS s
    JOIN newest AS n ON n.subscription_id = s.subscription_id AND n.valid_from = s.valid_from AND n.day = s.day
),
dated AS (
    SELECT subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
        billing_anchor, billing_interval, valid_from, valid_to, contract,
        CAST(timezone(r.timezone, r.valid_from) AS DATE) AS start_day,
        coalesce(CAST(timezone(r.timezone, r.valid_to) AS DATE), {FOREVER}) AS own_end
    FROM ranked AS r WHERE rank = 1
),
followed AS (
    SELECT subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
        billing_anchor, billing_interval, valid_from, valid_to, contract, start_day, own_end,
        lead(valid_from) OVER (PARTITION BY subscription_id ORDER BY valid_from) AS next_from,
        lead(start_day) OVER (PARTITION BY subscription_id ORDER BY valid_from) AS next_start
    FROM dated
),
cut AS (
    SELECT subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
        billing_anchor, billing_interval, contract, start_day, valid_from AS starts_at,
        CASE WHEN next_from <= coalesce(valid_to, next_from) THEN next_from ELSE valid_to END AS ends_at,
        CASE WHEN next_from <= coalesce(valid_to, next_from) THEN next_start
            ELSE least(own_end, coalesce(next_start, {FOREVER})) END AS end_day
    FROM followed
),
lasting AS (
    SELECT subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
        billing_anchor, billing_interval, contract, start_day, end_day, starts_at, ends_at,
        list(start_day) FILTER (WHERE start_day >= end_day AND starts_at < ends_at AND status = 'active')
            OVER (PARTITION BY subscription_id) AS brief_days
    FROM cut
)
SELECT subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
    billing_anchor, billing_interval, contract, start_day, end_day, starts_at, ends_at, brief_days,
    min(start_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_start,
    max(end_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_end
FROM lasting WHERE start_day < end_day""",
)

_PROBED = "subscription_id, start_day, end_day, probe, why"

PERIODS = Relation(
    name="contract_periods",
    inputs=("contract_intervals", "invoice_lines", "late_arrivals", "ahead_probes", "run_params"),
    doc=(
        "The periods that the day is about. `wanted`: due within the grace for issuing, or lines of it were observed today "
        "(whatever its due day). `is_open`: it has not ended, so its usage is unbilled. `late`: it is over, and usage that "
        "came after its cutoff is adjusted now. `ahead`: charges billed in advance for it are due, or (`ahead_asked`) were billed."
    ),
    sql=f"""
WITH due_days AS (
    SELECT CAST(day - issue_after_days - 1 - late AS DATE) AS probe
    FROM (
        SELECT day, issue_after_days, CAST(unnest(generate_series(0, issue_grace_days)) AS INTEGER) AS late FROM run_params
    ) AS counted
),
asked AS (
    SELECT DISTINCT l.subscription_id, l.period_start AS probe
    FROM invoice_lines AS l
    JOIN run_params AS p ON l.observed_on = p.day
    ANTI JOIN ahead_probes AS h ON h.invoice_id = l.invoice_id AND h.line_id = l.line_id
    WHERE l.subscription_id IS NOT NULL
),
probes AS (
    SELECT i.subscription_id, i.start_day, i.end_day, i.billing_anchor, i.billing_interval, i.once_start, i.once_end,
        d.probe, 'due' AS why
    FROM contract_intervals AS i CROSS JOIN due_days AS d
    UNION ALL
    SELECT i.subscription_id, i.start_day, i.end_day, i.billing_anchor, i.billing_interval, i.once_start, i.once_end,
        p.day AS probe, 'open' AS why
    FROM contract_intervals AS i CROSS JOIN run_params AS p
    UNION ALL
    SELECT i.subscription_id, i.start_day, i.end_day, i.billing_anchor, i.billing_interval, i.once_start, i.once_end,
        a.probe, 'line' AS why
    FROM contract_intervals AS i JOIN asked AS a ON a.subscription_id = i.subscription_id
    UNION ALL
    SELECT i.subscription_id, i.start_day, i.end_day, i.billing_anchor, i.billing_interval, i.once_start, i.once_end,
        a.usage_day AS probe, 'late' AS why
    FROM contract_intervals AS i
    JOIN late_arrivals AS a ON a.subscription_id = i.subscription_id
        AND i.start_day <= a.usage_day AND a.usage_day < i.end_day
    WHERE a.wanted OR a.is_open
    UNION ALL
    SELECT i.subscription_id, i.start_day, i.end_day, i.billing_anchor, i.billing_interval, i.once_start, i.once_end,
        a.probe, a.why
    FROM contract_intervals AS i JOIN ahead_probes AS a ON a.subscription_id = i.subscription_id
),
bounded AS ({own_period("probes", _PROBED)}
),
overlapping AS (
    SELECT subscription_id, period_start, period_end, probe, why,
        rank() OVER (
            PARTITION BY subscription_id, probe, why
            ORDER BY CASE WHEN why = 'line' AND NOT (start_day <= probe AND probe < end_day) THEN 1 ELSE 0 END
        ) AS preference
    FROM bounded WHERE start_day < period_end AND end_day > period_start
)
SELECT o.subscription_id, o.period_start, o.period_end, CAST(o.period_end + p.issue_after_days AS DATE) AS due_on,
    bool_or(o.why IN ('due', 'line')) AS wanted, bool_or(o.period_start <= p.day AND p.day < o.period_end) AS is_open,
    bool_or(o.why = 'late') AS late, bool_or(o.why IN ('ahead', 'ahead_line')) AS ahead,
    bool_or(o.why = 'ahead_line') AS ahead_asked
FROM overlapping AS o
CROSS JOIN run_params AS p
WHERE o.preference = 1 AND (
    o.why <> 'due' OR (o.period_end = o.probe + 1 AND CAST(o.period_end + p.issue_after_days AS DATE) >= p.first_day)
)
GROUP BY o.subscription_id, o.period_start, o.period_end, p.issue_after_days""",
)
