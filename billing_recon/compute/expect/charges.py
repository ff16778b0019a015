"""How much: each run's charges with their units, priced and discounted; the minimum of each run; and usage not yet billed.

Rules 4 to 9 of ARCHITECTURE 2. Prices come from compute.rating; what reaches an invoice as a whole is in adjustments.
"""

from __future__ import annotations

from billing_recon.compute.expect.allowances import allowed
from billing_recon.compute.money import AMOUNT, PRICE, QUANTITY, RATE, RAW
from billing_recon.compute.rating.proration import shared
from billing_recon.compute.relation import Relation

_RUN = (
    "subscription_id, period_start, period_end, due_on, wanted, is_open, run_no, plan_id, plan_version, currency, "
    "tax_region, run_start, run_end, customer_id, segment, discount_rate, decimals, tax_rate"
)


def of(alias: str, columns: str) -> str:
    """`columns` as those of a table alias."""
    return ", ".join(f"{alias}.{name}" for name in columns.split(", "))


OWN_PRICE = (
    f"""TRY_CAST(json_extract_string(r.contract, '$.overrides."' || c.charge_id || '"') AS {PRICE}) AS own_price"""
)
"""The price that the contract of run r agrees for charge c; empty where it leaves the list price."""

_NONE_USED = ", ".join(f"CAST(0 AS {QUANTITY}) AS {name}_quantity" for name in ("late", "duplicate", "superseded"))
_NO_ALLOWANCE = ", ".join(
    f"CAST(0 AS {QUANTITY}) AS {name}" for name in ("own_allowance", "rolled_allowance", "allowance")
)

ITEMS = Relation(
    name="charge_items",
    inputs=(
        "contract_runs",
        "run_allowances",
        "ahead_items",
        "term_charges",
        "usage_rollup",
        "event_units",
        "run_params",
    ),
    doc=(
        "One item a run and charge, with its units (1 for flat) and proration share. Usage is that of the run's days as "
        "observed by the cutoff: period_end + late_window_days, or the company's first day with its opening load. What came "
        "within the late window after the day re-opens it and counts too, where a bill is due; a period that is only open "
        "has items for what was used by the day, and nothing else. Units of charges by event are those of event_units, under `ask`; "
        "charge_minimum and charge_maximum are those of the whole period, of which the run has run_part / run_whole. Charges "
        "billed in advance come from `ahead_items`; `own_start`, `own_end` and `own_run` are the period and run that an item belongs "
        "to, whosever invoice it is on."
    ),
    sql=f"""
WITH charged AS (
    SELECT {of("r", _RUN)}, r.seats, c.charge_id, c.position, c.kind, c.model, c.meter, c.discountable, c.aggregation,
        {OWN_PRICE},
        c.kind = 'subscription' AS prorates, r.part, r.whole, c.by_event, c.minimum AS charge_minimum, c.maximum AS charge_maximum, coalesce(a.own, 0) AS own_allowance,
        coalesce(a.rolled, 0) AS rolled_allowance, c.included,
        greatest(CAST(r.period_end + p.late_window_days AS DATE), p.first_day) AS cutoff, p.day,
        p.late_window_days,
        row_number() OVER (
            ORDER BY r.subscription_id, r.period_start, r.period_end, r.run_start, r.by_seat, c.position
        ) AS item_id
    FROM contract_runs AS r
    CROSS JOIN run_params AS p
    JOIN term_charges AS c ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency
        AND (c.kind = 'subscription' AND c.model <> 'flat') = r.by_seat
    {allowed("r", "c")}
    WHERE r.rateable AND (r.wanted OR (r.is_open AND c.kind = 'usage'))
        AND NOT (c.kind = 'subscription' AND c.due = 'in_advance')
),
used AS (
    SELECT c.item_id, sum(CASE c.aggregation WHEN 'count' THEN u.events ELSE u.quantity END) AS quantity, sum(u.late_quantity) AS late_quantity,
        sum(u.duplicate_quantity) AS duplicate_quantity, sum(u.superseded_quantity) AS superseded_quantity
    FROM charged AS c
    JOIN usage_rollup AS u ON u.subscription_id = c.subscription_id AND u.meter = c.meter
        AND u.usage_day >= c.run_start AND u.usage_day < c.run_end AND u.day <= c.cutoff
        AND (u.day <= c.day OR (c.wanted AND u.usage_day <= c.day AND u.day <= CAST(c.day + c.late_window_days AS DATE)))
    WHERE c.kind = 'usage'
    GROUP BY c.item_id
),
metered AS (
    SELECT c.item_id, CASE WHEN c.by_event THEN coalesce(e.quantity, 0) ELSE u.quantity END AS quantity,
        coalesce(e.late_quantity, u.late_quantity) AS late_quantity,
        CASE WHEN e.late_quantity IS NULL THEN u.duplicate_quantity END AS duplicate_quantity,
        coalesce(e.superseded_quantity, u.superseded_quantity) AS superseded_quantity, e.ask, e.late_quantity IS NULL AS is_sum
    FROM charged AS c
    LEFT JOIN used AS u ON u.item_id = c.item_id
    LEFT JOIN event_units AS e ON c.by_event AND e.side = 'period' AND e.subscription_id = c.subscription_id
        AND e.period_start = c.period_start AND e.period_end = c.period_end AND e.run_start = c.run_start
        AND e.charge_id = c.charge_id
)
SELECT {of("c", _RUN)}, c.item_id, c.charge_id, c.position, c.kind, c.model, c.meter, c.discountable, c.cutoff,
    CAST(CASE
        WHEN c.model = 'flat' AND c.kind = 'usage' AND NOT c.by_event THEN CASE WHEN coalesce(u.quantity, 0) = 0 THEN 0 ELSE 1 END
        WHEN c.model = 'flat' AND c.by_event THEN u.quantity
        WHEN c.model = 'flat' THEN 1
        WHEN c.kind = 'usage' THEN coalesce(u.quantity, 0)
        ELSE c.seats
    END AS {QUANTITY}) AS quantity,
    CAST(CASE WHEN c.prorates THEN c.part ELSE 1 END AS INTEGER) AS part,
    CAST(CASE WHEN c.prorates THEN c.whole ELSE 1 END AS INTEGER) AS whole,
    CAST(coalesce(u.late_quantity, 0) AS {QUANTITY}) AS late_quantity,
    CAST(coalesce(u.duplicate_quantity, 0) AS {QUANTITY}) AS duplicate_quantity,
    CAST(coalesce(u.superseded_quantity, 0) AS {QUANTITY}) AS superseded_quantity, c.own_price,
    CAST(c.own_allowance AS {QUANTITY}) AS own_allowance, CAST(c.rolled_allowance AS {QUANTITY}) AS rolled_allowance,
    CAST(c.own_allowance + c.rolled_allowance AS {QUANTITY}) AS allowance,
    c.aggregation, u.ask, c.charge_minimum, c.charge_maximum, CAST(c.part AS INTEGER) AS run_part, CAST(c.whole AS INTEGER) AS run_whole,
    CAST(CASE WHEN c.kind = 'usage' AND u.is_sum THEN c.included + c.own_allowance + c.rolled_allowance ELSE 0 END AS {QUANTITY}) AS included,
    c.period_start AS own_start, c.period_end AS own_end, c.run_no AS own_run, false AS given_back
FROM charged AS c
LEFT JOIN metered AS u ON u.item_id = c.item_id
WHERE c.wanted OR u.quantity <> 0
UNION ALL
SELECT {_RUN}, item_id, charge_id, position, kind, model, meter, discountable, cutoff, quantity, part, whole, {_NONE_USED},
    own_price, {_NO_ALLOWANCE}, aggregation, CAST(NULL AS VARCHAR) AS ask, charge_minimum, charge_maximum, part AS run_part, whole AS run_whole,
    CAST(0 AS {QUANTITY}) AS included, own_start, own_end, own_run, given_back
FROM ahead_items""",
)

RATES = "unit_price, gross_raw, gross, tier_amounts, working, phrase"


def rates(items: str, by_units: str) -> str:
    """SQL for the prices of `items` (item_id, ask): those by their units, and those by their single events."""
    return (
        f"(SELECT item_id, {RATES} FROM {by_units} UNION ALL SELECT n.item_id, {of('x', RATES)} FROM event_rates AS x "
        f"JOIN {items} AS n ON n.ask = x.item_id)"
    )


UNBILLED = Relation(
    name="unbilled_usage",
    inputs=("charge_items", "charge_rates", "event_rates", "charge_bounds", "late_changes"),
    doc=(
        "Usage of periods still open, at what it would cost today: gross, before discount and tax; and usage that came too late "
        "for its own period and waits for the open one to end."
    ),
    sql=f"""
WITH parts AS (
    SELECT i.subscription_id, i.customer_id, i.meter, i.currency, i.quantity, coalesce(b.capped, r.gross) AS gross
    FROM charge_items AS i
    JOIN {rates("charge_items", "charge_rates")} AS r ON r.item_id = i.item_id
    LEFT JOIN charge_bounds AS b ON b.item_id = i.item_id
    WHERE i.is_open AND i.kind = 'usage' AND i.quantity <> 0
    UNION ALL
    SELECT subscription_id, customer_id, meter, currency, quantity, gross FROM late_changes
    WHERE is_late_open AND kind = 'usage'
)
SELECT subscription_id, max(customer_id) AS customer_id, meter, currency,
    CAST(sum(quantity) AS {QUANTITY}) AS quantity, CAST(sum(gross) AS {AMOUNT}) AS amount
FROM parts
GROUP BY subscription_id, meter, currency""",
)

LINE = (
    "subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, customer_id, "
    "segment, decimals, tax_rate, charge_id, position, kind, meter, line_start, line_end, quantity, unit_price, gross_raw, "
    "gross, discount_rate, discount_raw, discount, late_quantity, duplicate_quantity, superseded_quantity, working, phrase"
)
"""Columns of every relation of lines before tax. `line_start` and `line_end` are the run's, period_* the billing period's."""


def _given(figure: str) -> str:
    """SQL for a figure, or for the same given back."""
    return f"CASE WHEN i.given_back THEN -{figure} ELSE {figure} END"


CHARGE_LINES = Relation(
    name="charge_lines",
    inputs=("charge_items", "charge_rates", "event_rates", "charge_bounds", "tier_discounts", "run_params"),
    doc=(
        "Priced items as lines, held to the minimum and maximum of their charge, with the contract's discount on those that are "
        "discountable; what gives back is negative. And what they belong to (`own_`)."
    ),
    sql=f"""
WITH priced AS (
    SELECT {of("i", _RUN)}, i.charge_id, i.position, i.meter, i.quantity, i.cutoff, i.late_quantity, i.duplicate_quantity,
        i.superseded_quantity, i.own_allowance, i.rolled_allowance, r.unit_price, i.own_start, i.own_end, i.own_run,
        {_given("coalesce(b.gross_raw, r.gross_raw)")} AS gross_raw, {_given("coalesce(b.gross, r.gross)")} AS gross,
        CASE WHEN b.gross IS NULL THEN {_given("t.discount")} END AS tier_discount,
        r.working, b.working AS bounds, {_given("b.discount_raw")} AS held_discount_raw, coalesce(b.told, '') AS told,
        CASE WHEN i.given_back THEN 'given back: ' ELSE '' END || CASE WHEN i.part = i.whole THEN r.phrase ELSE r.phrase || ' for ' || group_thousands(CAST(i.part AS VARCHAR)) || ' of '
            || group_thousands(CAST(i.whole AS VARCHAR)) || CASE p.proration WHEN 'by_second' THEN ' seconds' ELSE ' days' END END AS phrase,
        CASE WHEN i.kind = 'usage' THEN 'usage' WHEN i.part = i.whole THEN 'subscription' ELSE 'proration' END AS kind,
        CASE WHEN i.discountable THEN i.discount_rate ELSE CAST(0 AS {RATE}) END AS line_discount,
        p.rounding
    FROM charge_items AS i
    JOIN {rates("charge_items", "charge_rates")} AS r ON r.item_id = i.item_id
    LEFT JOIN charge_bounds AS b ON b.item_id = i.item_id
    LEFT JOIN tier_discounts AS t ON t.item_id = i.item_id
    CROSS JOIN run_params AS p
    WHERE i.wanted
),
discounted AS (
    SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, run_start,
        run_end, customer_id, segment, decimals, tax_rate, charge_id, position, meter, quantity, cutoff, late_quantity, duplicate_quantity, superseded_quantity,
        own_allowance, rolled_allowance, unit_price, gross_raw, gross, tier_discount, working, bounds, phrase || told AS phrase, kind,
        line_discount, rounding, own_start, own_end, own_run,
        coalesce(held_discount_raw, apply_rate(gross, line_discount)) AS discount_raw
    FROM priced
)
SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, customer_id,
    segment, decimals, tax_rate, charge_id, position, kind, meter, run_start AS line_start, run_end AS line_end, quantity,
    unit_price, gross_raw, gross, line_discount AS discount_rate, discount_raw,
    coalesce(tier_discount, settle(discount_raw, decimals, rounding)) AS discount, late_quantity, duplicate_quantity,
    superseded_quantity,
    CAST(json_object('rating', CAST(working AS JSON), 'usage', CASE WHEN kind = 'usage' THEN json_object(
        'observed_by', CAST(cutoff AS VARCHAR), 'late', say_quantity(late_quantity),
        'duplicates', say_quantity(duplicate_quantity), 'superseded', say_quantity(superseded_quantity)) END,
        'allowance', CASE WHEN own_allowance + rolled_allowance > 0 THEN json_object('own', say_quantity(own_allowance),
            'rolled', say_quantity(rolled_allowance), 'units', say_quantity(own_allowance + rolled_allowance)) END,
        'bounds', CAST(bounds AS JSON)
    ) AS VARCHAR) AS working,
    phrase, own_start, own_end, own_run
FROM discounted""",
)

MINIMUM_FIRST = "position('minimum' IN f.step_order) < position('discount' IN f.step_order)"
"""SQL condition: the profile raises to the minimum before it takes the discount off, so off the minimum too."""

MINIMUM_LINES = Relation(
    name="minimum_lines",
    inputs=("contract_runs", "charge_lines", "run_params", "term_profile"),
    doc="Where a run's lines come to less than its share of the minimum, in the profile's order: one line for the rest.",
    sql=f"""
WITH charged AS (
    SELECT c.subscription_id, c.own_start, c.own_end, c.own_run,
        sum(CASE WHEN {MINIMUM_FIRST} THEN c.gross ELSE c.gross - c.discount END) AS net
    FROM charge_lines AS c
    CROSS JOIN term_profile AS f
    GROUP BY c.subscription_id, c.own_start, c.own_end, c.own_run
),
due AS (
    SELECT {of("r", _RUN)}, r.minimum, coalesce(c.net, 0) AS net,
        {shared("r.minimum", "r.part", "r.whole", "f.ratio_decimals")} AS minimum_raw,
        p.rounding, r.part <> r.whole AS prorated, r.part, r.whole,
        CASE p.proration WHEN 'by_second' THEN ' seconds' ELSE ' days' END AS counted,
        CASE WHEN {MINIMUM_FIRST} THEN r.discount_rate ELSE CAST(0 AS {RATE}) END AS line_discount
    FROM contract_runs AS r
    CROSS JOIN run_params AS p
    CROSS JOIN term_profile AS f
    LEFT JOIN charged AS c ON c.subscription_id = r.subscription_id AND c.own_start = r.period_start
        AND c.own_end = r.period_end AND c.own_run = r.run_no
    WHERE r.wanted AND r.rateable AND NOT r.by_seat AND r.minimum > 0
),
settled AS (
    SELECT {_RUN}, minimum, net, minimum_raw, prorated, part, whole, counted, line_discount, rounding,
        settle(minimum_raw, decimals, rounding) AS owed
    FROM due
)
SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, customer_id,
    segment, decimals, tax_rate, CAST(NULL AS VARCHAR) AS charge_id, 1000000 AS position, 'minimum' AS kind,
    CAST(NULL AS VARCHAR) AS meter, run_start AS line_start, run_end AS line_end, CAST(1 AS {QUANTITY}) AS quantity,
    CAST(NULL AS DECIMAL(24,12)) AS unit_price, CAST(minimum_raw - net AS {RAW}) AS gross_raw,
    CAST(owed - net AS {AMOUNT}) AS gross, line_discount AS discount_rate, apply_rate(owed - net, line_discount) AS discount_raw,
    settle(apply_rate(owed - net, line_discount), decimals, rounding) AS discount, CAST(0 AS {QUANTITY}) AS late_quantity, CAST(0 AS {QUANTITY}) AS duplicate_quantity,
    CAST(0 AS {QUANTITY}) AS superseded_quantity,
    CAST(json_object('minimum', json_object('agreed', say(minimum, decimals), 'owed', say(owed, decimals),
        'charged', say(net, decimals), 'days', CASE WHEN prorated THEN part END,
        'of', CASE WHEN prorated THEN whole END)) AS VARCHAR) AS working,
    'minimum of ' || currency || ' ' || group_thousands(say(minimum, decimals)) || CASE WHEN prorated THEN
        ' for ' || group_thousands(CAST(part AS VARCHAR)) || ' of ' || group_thousands(CAST(whole AS VARCHAR)) || counted || ' (' || currency || ' ' || group_thousands(say(owed, decimals)) || ')' ELSE '' END
        || ' less charges of ' || currency || ' ' || group_thousands(say(net, decimals)) AS phrase
FROM settled WHERE owed > net""",
)
