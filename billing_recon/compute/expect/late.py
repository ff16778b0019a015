"""Usage that came too late for its own period: where it is billed instead, and for how much. Rule 5 of ARCHITECTURE 2.

What arrives after a period's cutoff (period_end + late_window_days) is billed as an adjustment of the period whose cutoff
comes next. The amount is what the own period costs with it less what it cost without, at the own period's terms, so that
tiers, free units and minimums are right; over several adjustments of one period the amounts add up to its final price.
"""

from __future__ import annotations

from billing_recon.compute.expect.allowances import allowed
from billing_recon.compute.expect.bounds import bound
from billing_recon.compute.expect.charges import MINIMUM_FIRST, OWN_PRICE, of, rates
from billing_recon.compute.expect.periods import own_period
from billing_recon.compute.expect.tiered import tiered
from billing_recon.compute.money import AMOUNT, QUANTITY, RATE, RAW
from billing_recon.compute.rating import rate
from billing_recon.compute.rating.model import text
from billing_recon.compute.rating.proration import shared
from billing_recon.compute.relation import Relation

MOVES = """(u.quantity <> 0 OR ((u.events <> 0 OR u.superseded_events <> 0) AND u.meter IN (
        SELECT b.meter FROM term_charges AS b WHERE b.kind = 'usage' AND (b.by_event OR b.aggregation = 'count'))))"""
"""SQL condition: a change u of the roll-up can change a price. Where events are looked at, one can without a unit more or less."""

_ARRIVAL = "subscription_id, meter, usage_day, arrived, quantity"
_BILLING = "billing_anchor, billing_interval, once_start, once_end"

ARRIVALS = Relation(
    name="late_arrivals",
    inputs=("usage_rollup", "contract_intervals", "invoice_lines", "term_charges", "run_params"),
    doc=(
        "What arrived after the late window of its usage day, with its own period and the one that adjusts it: the period that holds "
        "the last day whose window was closed when it came. `fate`: in_time (its own period's window was still open), "
        "adjusted, no_contract (no interval holds the day), before_first_day (its period was billed before the company's "
        "first day) or no_period (the contract has none any more). `wanted`, `is_open`: as of the adjusting period."
    ),
    sql=f"""
WITH candidates AS (
    SELECT u.subscription_id, u.meter, u.usage_day, u.day AS arrived, u.quantity,
        CAST(u.day - p.late_window_days - 1 AS DATE) AS closed_day
    FROM usage_rollup AS u
    CROSS JOIN run_params AS p
    WHERE u.day > CAST(u.usage_day + 1 + p.late_window_days AS DATE) AND u.day > p.first_day AND {MOVES}
),
owned AS (
    SELECT {of("c", _ARRIVAL)}, c.closed_day, {of("i", _BILLING)}, c.usage_day AS probe
    FROM candidates AS c
    JOIN contract_intervals AS i ON i.subscription_id = c.subscription_id
        AND i.start_day <= c.usage_day AND c.usage_day < i.end_day
),
own AS ({own_period("owned", f"{_ARRIVAL}, closed_day")}
),
latest AS (
    SELECT {of("o", _ARRIVAL)}, o.closed_day AS probe, o.period_start AS own_start, o.period_end AS own_end, {of("i", _BILLING)},
        row_number() OVER (
            PARTITION BY o.subscription_id, o.meter, o.usage_day, o.arrived ORDER BY i.start_day DESC
        ) AS newest
    FROM own AS o
    JOIN contract_intervals AS i ON i.subscription_id = o.subscription_id AND i.start_day <= o.closed_day
),
chosen AS (
    SELECT {_ARRIVAL}, probe, own_start, own_end, {_BILLING} FROM latest WHERE newest = 1
),
adjusting AS ({own_period("chosen", f"{_ARRIVAL}, own_start, own_end")}
),
billed AS (
    SELECT DISTINCT a.subscription_id, a.period_start
    FROM adjusting AS a
    JOIN invoice_lines AS l ON l.subscription_id = a.subscription_id
        AND l.period_start >= a.period_start AND l.period_start < a.period_end
    JOIN run_params AS p ON p.day = l.observed_on
),
placed AS (
    SELECT {of("a", _ARRIVAL)}, a.own_start, a.own_end, a.period_start AS adjusted_start, a.period_end AS adjusted_end,
        CAST(a.period_end + p.issue_after_days AS DATE) AS due_on, p.day, p.first_day, p.issue_grace_days,
        b.period_start IS NOT NULL AS has_lines,
        CASE
            WHEN a.arrived <= CAST(a.own_end + p.late_window_days AS DATE) THEN 'in_time'
            WHEN CAST(a.own_end + p.issue_after_days AS DATE) < p.first_day THEN 'before_first_day'
            WHEN CAST(a.period_end + p.late_window_days AS DATE) < a.arrived THEN 'no_period'
            ELSE 'adjusted'
        END AS fate
    FROM adjusting AS a
    CROSS JOIN run_params AS p
    LEFT JOIN billed AS b ON b.subscription_id = a.subscription_id AND b.period_start = a.period_start
)
SELECT {_ARRIVAL}, own_start, own_end, adjusted_start, adjusted_end, due_on, fate,
    fate = 'adjusted' AND (has_lines OR (due_on <= day AND CAST(due_on + issue_grace_days AS DATE) >= day)) AS wanted,
    fate = 'adjusted' AND adjusted_start <= day AND day < adjusted_end AS is_open
FROM placed
UNION ALL
SELECT {of("c", _ARRIVAL)}, NULL AS own_start, NULL AS own_end, NULL AS adjusted_start, NULL AS adjusted_end, NULL AS due_on,
    'no_contract' AS fate, false AS wanted, false AS is_open
FROM candidates AS c
ANTI JOIN own AS o ON o.subscription_id = c.subscription_id AND o.usage_day = c.usage_day""",
)

_SPAN = "adjusted_start, adjusted_end, adjusted_due, adjusts, is_late_open"
_LATE_RUN = (
    "subscription_id, period_start, period_end, run_no, plan_id, plan_version, currency, tax_region, run_start, run_end"
)

_FROM_LATE = ("late_arrivals WHERE wanted OR is_open",)

ITEMS = Relation(
    name="late_items",
    inputs=("late_arrivals", "contract_runs", "run_allowances", "term_charges", "usage_rollup", "event_units"),
    rows_from=_FROM_LATE,
    doc=(
        "Each charge of a run that late usage belongs to, twice: with what the adjusting period takes up (`side` after) and "
        "without it (before); units of charges by event are those of event_units, under `ask`. Charges that the usage leaves alone are there for the run's minimum."
    ),
    sql=f"""
WITH spans AS (
    SELECT subscription_id, own_start, own_end, adjusted_start, adjusted_end, due_on, bool_or(wanted) AS adjusts,
        bool_or(is_open) AS is_late_open, min(arrived) AS first_arrived, max(arrived) AS last_arrived
    FROM late_arrivals
    WHERE wanted OR is_open
    GROUP BY subscription_id, own_start, own_end, adjusted_start, adjusted_end, due_on
),
charged AS (
    SELECT {of("r", _LATE_RUN)}, r.customer_id, r.segment, r.discount_rate, r.decimals, r.tax_rate, r.minimum, r.seats,
        s.adjusted_start, s.adjusted_end, s.due_on AS adjusted_due, s.adjusts, s.is_late_open, s.first_arrived,
        s.last_arrived, c.charge_id, c.position, c.kind, c.model, c.meter, c.discountable, c.aggregation, {OWN_PRICE}, c.by_event, c.minimum AS charge_minimum, c.maximum AS charge_maximum,
        c.kind = 'subscription' AS prorates, r.part, r.whole, CAST(coalesce(a.own, 0) + coalesce(a.rolled, 0) AS {QUANTITY}) AS allowance,
        row_number() OVER (
            ORDER BY r.subscription_id, r.period_start, s.adjusted_start, r.run_start, r.by_seat, c.position
        ) AS number
    FROM spans AS s
    JOIN contract_runs AS r ON r.subscription_id = s.subscription_id AND r.period_start = s.own_start
        AND r.period_end = s.own_end
    JOIN term_charges AS c ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency
        AND (c.kind = 'subscription' AND c.model <> 'flat') = r.by_seat
    {allowed("r", "c")}
    WHERE r.rateable
),
used AS (
    SELECT c.number, coalesce(sum(CASE c.aggregation WHEN 'count' THEN u.events ELSE u.quantity END)
            FILTER (WHERE u.day < c.first_arrived), 0) AS before,
        sum(CASE c.aggregation WHEN 'count' THEN u.events ELSE u.quantity END) AS after
    FROM charged AS c
    JOIN usage_rollup AS u ON u.subscription_id = c.subscription_id AND u.meter = c.meter
        AND u.usage_day >= c.run_start AND u.usage_day < c.run_end AND u.day <= c.last_arrived
    WHERE c.kind = 'usage'
    GROUP BY c.number
),
sides AS (SELECT unnest(['before', 'after']) AS side),
known AS (
    SELECT c.number, s.side, e.ask,
        CASE WHEN c.by_event THEN e.quantity WHEN s.side = 'before' THEN u.before ELSE u.after END AS used
    FROM charged AS c
    CROSS JOIN sides AS s
    LEFT JOIN used AS u ON u.number = c.number
    LEFT JOIN event_units AS e ON c.by_event AND e.side = s.side AND e.adjusted_start = c.adjusted_start
        AND e.subscription_id = c.subscription_id AND e.period_start = c.period_start AND e.period_end = c.period_end
        AND e.run_start = c.run_start AND e.charge_id = c.charge_id
)
SELECT CAST(c.number AS VARCHAR) || k.side AS item_id, c.number, k.side, {of("c", _LATE_RUN)}, c.customer_id, c.segment,
    c.discount_rate, c.decimals, c.tax_rate, c.minimum, {of("c", _SPAN)}, c.charge_id, c.position, c.kind, c.model, c.meter,
    c.discountable, CAST(coalesce(k.used, 0) AS {QUANTITY}) AS used,
    CAST(CASE
        WHEN c.model = 'flat' AND c.kind = 'usage' AND NOT c.by_event THEN CASE WHEN coalesce(k.used, 0) = 0 THEN 0 ELSE 1 END
        WHEN c.model = 'flat' AND NOT c.by_event THEN 1
        WHEN c.kind = 'usage' THEN coalesce(k.used, 0)
        ELSE c.seats
    END AS {QUANTITY}) AS quantity,
    CAST(CASE WHEN c.prorates THEN c.part ELSE 1 END AS INTEGER) AS part,
    CAST(CASE WHEN c.prorates THEN c.whole ELSE 1 END AS INTEGER) AS whole, c.part AS run_part, c.whole AS run_whole, c.own_price,
    c.allowance, c.charge_minimum, c.charge_maximum, k.ask
FROM charged AS c
JOIN known AS k ON k.number = c.number""",
)

_RATED = (
    f"{_LATE_RUN}, customer_id, segment, discount_rate, decimals, tax_rate, minimum, {_SPAN}, charge_id, position, kind, "
    "meter"
)

CHANGES = Relation(
    name="late_changes",
    inputs=(
        "late_items",
        "late_rates",
        "event_rates",
        "late_bounds",
        "late_tier_discounts",
        "run_params",
        "term_profile",
    ),
    rows_from=("late_items",),
    doc=(
        "What late usage changes: one row a charge whose price it changes, and one a run whose minimum then tops up less "
        "(meter `minimum`). Grosses and discounts are differences of settled figures."
    ),
    sql=f"""
WITH priced AS (
    SELECT i.number, i.side, {of("i", _RATED)}, i.used, r.unit_price, coalesce(b.gross_raw, r.gross_raw) AS gross_raw,
        coalesce(b.gross, r.gross) AS gross, CASE WHEN b.gross IS NULL THEN t.discount END AS tier_discount,
        r.phrase || coalesce(b.told, '') AS phrase, b.discount_raw AS held_discount_raw,
        CASE WHEN i.discountable THEN i.discount_rate ELSE CAST(0 AS {RATE}) END AS line_discount, p.rounding,
        i.run_part, i.run_whole
    FROM late_items AS i
    JOIN {rates("late_items", "late_rates")} AS r ON r.item_id = i.item_id
    LEFT JOIN late_bounds AS b ON b.item_id = i.item_id
    LEFT JOIN late_tier_discounts AS t ON t.item_id = i.item_id
    CROSS JOIN run_params AS p
),
discounted AS (
    SELECT number, side, {_RATED}, used, unit_price, gross_raw, gross, tier_discount, phrase, line_discount, rounding, run_part,
        run_whole, coalesce(held_discount_raw, apply_rate(gross, line_discount)) AS discount_raw
    FROM priced
),
settled AS (
    SELECT number, side, {_RATED}, used, unit_price, gross_raw, gross, phrase, line_discount, rounding, run_part,
        run_whole, discount_raw, coalesce(tier_discount, settle(discount_raw, decimals, rounding)) AS discount
    FROM discounted
),
charges AS (
    SELECT {of("a", _RATED)}, a.used - b.used AS quantity, a.unit_price, a.gross_raw - b.gross_raw AS gross_raw,
        a.gross - b.gross AS gross, a.line_discount, a.discount_raw - b.discount_raw AS discount_raw,
        a.discount - b.discount AS discount, b.used AS used_before, a.used AS used_after, b.gross AS gross_before,
        a.gross AS gross_after, a.phrase AS phrase_after
    FROM settled AS a
    JOIN settled AS b ON b.number = a.number AND b.side = 'before'
    WHERE a.side = 'after'
),
nets AS (
    SELECT subscription_id, period_start, period_end, run_no, adjusted_start, side, min(run_start) AS run_start,
        max(run_end) AS run_end, max(minimum) FILTER (WHERE kind = 'usage') AS minimum, min(decimals) AS decimals,
        min(rounding) AS rounding, max(run_part) FILTER (WHERE kind = 'usage') AS part,
        max(run_whole) FILTER (WHERE kind = 'usage') AS whole, sum(CASE WHEN {MINIMUM_FIRST} THEN gross ELSE gross - discount END) AS net
    FROM settled
    CROSS JOIN term_profile AS f
    GROUP BY subscription_id, period_start, period_end, run_no, adjusted_start, side
),
shares AS (
    SELECT n.subscription_id, n.period_start, n.period_end, n.run_no, n.adjusted_start, n.side, n.run_start, n.run_end,
        n.decimals, n.rounding, n.net, {shared("n.minimum", "n.part", "n.whole", "f.ratio_decimals")} AS owed_raw
    FROM nets AS n
    CROSS JOIN term_profile AS f
    WHERE n.minimum > 0
),
topped AS (
    SELECT subscription_id, period_start, period_end, run_no, adjusted_start, side, run_start, run_end,
        greatest(settle(owed_raw, decimals, rounding) - net, 0) AS topped_up
    FROM shares
),
minimums AS (
    SELECT a.subscription_id, a.period_start, a.period_end, a.run_no, a.adjusted_start, a.run_start, a.run_end,
        a.topped_up - b.topped_up AS gross, b.topped_up AS gross_before, a.topped_up AS gross_after
    FROM topped AS a
    JOIN topped AS b ON b.subscription_id = a.subscription_id AND b.period_start = a.period_start
        AND b.period_end = a.period_end AND b.run_no = a.run_no AND b.adjusted_start = a.adjusted_start AND b.side = 'before'
    WHERE a.side = 'after' AND a.topped_up <> b.topped_up
),
of_runs AS (
    SELECT DISTINCT {of("c", _LATE_RUN)}, c.customer_id, c.segment, c.decimals, c.tax_rate, {of("c", _SPAN)}, p.rounding,
        CASE WHEN {MINIMUM_FIRST} THEN c.discount_rate ELSE CAST(0 AS {RATE}) END AS line_discount
    FROM charges AS c
    CROSS JOIN term_profile AS f
    CROSS JOIN run_params AS p
    WHERE c.kind = 'usage'
)
SELECT {_RATED}, CAST(quantity AS {QUANTITY}) AS quantity, unit_price, CAST(gross_raw AS {RAW}) AS gross_raw,
    CAST(gross AS {AMOUNT}) AS gross, line_discount, CAST(discount_raw AS {RAW}) AS discount_raw,
    CAST(discount AS {AMOUNT}) AS discount, used_before, used_after, gross_before, gross_after, phrase_after
FROM charges WHERE kind = 'usage' AND (gross <> 0 OR discount <> 0)
UNION ALL
SELECT {of("r", f"{_LATE_RUN}, customer_id, segment")}, CAST(0 AS {RATE}) AS discount_rate, r.decimals, r.tax_rate,
    NULL AS minimum, {of("r", _SPAN)}, NULL AS charge_id, 1000000 AS position, 'minimum' AS kind, 'minimum' AS meter,
    CAST(1 AS {QUANTITY}) AS quantity, NULL AS unit_price, CAST(m.gross AS {RAW}) AS gross_raw, CAST(m.gross AS {AMOUNT}) AS gross,
    r.line_discount, CAST(apply_rate(m.gross_after, r.line_discount) - apply_rate(m.gross_before, r.line_discount) AS {RAW}) AS discount_raw,
    CAST(settle(apply_rate(m.gross_after, r.line_discount), r.decimals, r.rounding)
        - settle(apply_rate(m.gross_before, r.line_discount), r.decimals, r.rounding) AS {AMOUNT}) AS discount, NULL AS used_before,
    NULL AS used_after, m.gross_before, m.gross_after, NULL AS phrase_after
FROM minimums AS m
JOIN of_runs AS r ON r.subscription_id = m.subscription_id AND r.period_start = m.period_start AND r.period_end = m.period_end
    AND r.run_no = m.run_no AND r.adjusted_start = m.adjusted_start""",
)

_NOUN = "coalesce(replace(c.meter, '_', ' '), 'units')"
_MONEY = "c.currency || ' ' || group_thousands(say({}, c.decimals))"

LINES = Relation(
    name="late_lines",
    inputs=("late_changes", "contract_runs"),
    rows_from=("late_changes WHERE adjusts",),
    doc=(
        "The adjustments that late usage asks for, on the invoice of the adjusting period: a line's period is that period, its "
        "terms and tax are the own period's. Customer and segment are those of the invoice."
    ),
    sql=f"""
WITH hosts AS (
    SELECT subscription_id, period_start, period_end,
        arg_max(struct_pack(customer_id := customer_id, segment := segment), run_no) AS host
    FROM contract_runs WHERE NOT by_seat GROUP BY subscription_id, period_start, period_end
),
numbered AS (
    SELECT {of("c", _RATED)}, c.quantity, c.unit_price, c.gross_raw, c.gross, c.line_discount, c.discount_raw, c.discount,
        c.used_before, c.used_after, c.gross_before, c.gross_after, c.phrase_after,
        row_number() OVER (
            PARTITION BY c.subscription_id, c.adjusted_start ORDER BY c.period_start, c.run_start, c.position
        ) AS place
    FROM late_changes AS c WHERE c.adjusts
)
SELECT c.subscription_id, c.adjusted_start AS period_start, c.adjusted_end AS period_end, c.adjusted_due AS due_on,
    CAST(0 AS HUGEINT) AS run_no, c.plan_id, c.plan_version, c.currency, c.tax_region,
    coalesce(h.host.customer_id, c.customer_id) AS customer_id, coalesce(h.host.segment, c.segment) AS segment, c.decimals,
    c.tax_rate, c.charge_id, 1500000 + c.place AS position, 'adjustment' AS kind, c.meter, c.adjusted_start AS line_start,
    c.adjusted_end AS line_end, c.quantity, c.unit_price, c.gross_raw, c.gross, c.line_discount AS discount_rate,
    c.discount_raw, c.discount, CASE WHEN c.kind = 'usage' THEN c.quantity ELSE CAST(0 AS {QUANTITY}) END AS late_quantity,
    CAST(0 AS {QUANTITY}) AS duplicate_quantity, CAST(0 AS {QUANTITY}) AS superseded_quantity,
    CAST(json_object('adjusts', json_object('from', CAST(c.run_start AS VARCHAR), 'to', CAST(c.run_end AS VARCHAR),
        'charge', coalesce(c.charge_id, 'minimum'), 'units_before', {text("c.used_before")}, 'units_after', {text("c.used_after")},
        'gross_before', say(c.gross_before, c.decimals), 'gross_after', say(c.gross_after, c.decimals))) AS VARCHAR) AS working,
    CASE WHEN c.kind = 'minimum' THEN 'minimum of ' || CAST(c.run_start AS VARCHAR) || ' to ' || CAST(c.run_end AS VARCHAR)
            || ' after late usage: ' || {_MONEY.format("c.gross_after")} || ' instead of ' || {_MONEY.format("c.gross_before")}
        ELSE group_thousands(say_quantity(c.quantity)) || ' ' || {_NOUN} || ' of ' || CAST(c.run_start AS VARCHAR) || ' to '
            || CAST(c.run_end AS VARCHAR) || ' that came late: ' || c.phrase_after || ' = ' || {_MONEY.format("c.gross_after")}
            || ' less ' || {_MONEY.format("c.gross_before")} || ' without' END AS phrase
FROM numbered AS c
LEFT JOIN hosts AS h ON h.subscription_id = c.subscription_id AND h.period_start = c.adjusted_start
    AND h.period_end = c.adjusted_end""",
)

RELATIONS: tuple[Relation, ...] = (
    ITEMS,
    *rate("late_items", "late_rates", given=("own_price", "allowance")),
    *bound("late_items", rates("late_items", "late_rates"), ("late_rates", "event_rates"), "late_bounds"),
    tiered("late_items", rates("late_items", "late_rates"), ("late_rates", "event_rates"), "late_tier_discounts"),
    CHANGES,
    LINES,
)
"""After ARRIVALS and the contract's runs. Results: late_lines, whose columns are those of every line before tax (LINE)."""
