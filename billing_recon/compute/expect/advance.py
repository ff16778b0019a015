"""Subscription charges billed in advance: when each is due, and what a change inside a period gives back and charges.

Rule 15 of ARCHITECTURE 2. A run is billed ahead from its first day to the period's end; where it ends before, what is left is
given back. Its items are priced, discounted and taxed with all others (charges, adjustments).
"""

from __future__ import annotations

from dataclasses import replace

from billing_recon.compute.expect.charges import OWN_PRICE, of
from billing_recon.compute.expect.periods import FOREVER
from billing_recon.compute.expect.runs import judged
from billing_recon.compute.money import QUANTITY
from billing_recon.compute.rating import price
from billing_recon.compute.relation import Relation
from billing_recon.compute.terms import SOLD_AHEAD

_SOLD = f"term_charges WHERE {SOLD_AHEAD}"
"""Without such a charge in the catalog every relation here is empty."""

KNOWN = Relation(
    name="ahead_known",
    inputs=("subscriptions", "term_charges"),
    rows_from=(_SOLD,),
    doc="On which day the first row was observed that lets something begin or end on a local day.",
    sql=f"""
WITH sold AS (
    SELECT DISTINCT plan_id FROM {_SOLD}
),
told AS (
    SELECT s.subscription_id, CAST(timezone(s.timezone, s.valid_from) AS DATE) AS changed_on, s.observed_on
    FROM subscriptions AS s
    UNION ALL
    SELECT s.subscription_id, CAST(timezone(s.timezone, s.valid_to) AS DATE) AS changed_on, s.observed_on
    FROM subscriptions AS s WHERE s.valid_to IS NOT NULL
)
SELECT t.subscription_id, t.changed_on, min(t.observed_on) AS known_on
FROM told AS t
SEMI JOIN (SELECT s.subscription_id FROM subscriptions AS s SEMI JOIN sold AS d ON d.plan_id = s.plan_id) AS a
    ON a.subscription_id = t.subscription_id
GROUP BY t.subscription_id, t.changed_on""",
)

PROBES = Relation(
    name="ahead_probes",
    inputs=("contract_intervals", "ahead_known", "invoice_lines", "term_charges", "run_params"),
    rows_from=(_SOLD,),
    doc=(
        "Days in periods whose charges in advance the day is about: `ahead`, something of it is due within the grace for issuing, "
        "or the period is over and due itself; `ahead_line`, a line observed today bills it (`invoice_id` and `line_id` "
        "where that line is itself a charge in advance) or ends where it begins."
    ),
    sql=f"""
WITH sold AS (
    SELECT DISTINCT plan_id, plan_version, currency, coalesce(meter, '') AS meter_key FROM {_SOLD}
),
holders AS (
    SELECT DISTINCT i.subscription_id, i.plan_id, s.meter_key
    FROM contract_intervals AS i
    JOIN sold AS s ON s.plan_id = i.plan_id AND s.plan_version = i.plan_version AND s.currency = i.currency
),
asked AS (
    SELECT DISTINCT l.subscription_id, l.invoice_id, l.line_id, l.period_start, l.period_end, h.plan_id IS NOT NULL AS is_ahead
    FROM invoice_lines AS l
    JOIN run_params AS p ON l.observed_on = p.day
    SEMI JOIN holders AS s ON s.subscription_id = l.subscription_id
    LEFT JOIN holders AS h ON h.subscription_id = l.subscription_id AND l.kind IN ('subscription', 'proration')
        AND h.meter_key = coalesce(l.meter, '') AND h.plan_id = coalesce(l.plan_id, h.plan_id)
),
due_days AS (
    SELECT CAST(day - issue_after_days - late AS DATE) AS probe
    FROM (
        SELECT day, issue_after_days, CAST(unnest(generate_series(0, issue_grace_days + 1)) AS INTEGER) AS late
        FROM run_params
    ) AS counted
)
SELECT s.subscription_id, d.probe, 'ahead' AS why, NULL AS invoice_id, NULL AS line_id
FROM (SELECT DISTINCT subscription_id FROM holders) AS s CROSS JOIN due_days AS d
UNION ALL
SELECT k.subscription_id, k.changed_on AS probe, 'ahead' AS why, NULL AS invoice_id, NULL AS line_id
FROM ahead_known AS k
JOIN due_days AS d ON d.probe = k.known_on
WHERE k.changed_on < k.known_on
UNION ALL
SELECT subscription_id, period_start AS probe, 'ahead_line' AS why, CASE WHEN is_ahead THEN invoice_id END AS invoice_id,
    CASE WHEN is_ahead THEN line_id END AS line_id
FROM asked
UNION ALL
SELECT subscription_id, period_end AS probe, 'ahead_line' AS why, NULL AS invoice_id, NULL AS line_id
FROM asked WHERE NOT is_ahead""",
)

_AT_PERIOD_END = ("term_profile WHERE on_change = 'at_period_end'",)

LEVEL_ITEMS = Relation(
    name="ahead_level_items",
    inputs=("run_pieces", "term_charges", "term_profile"),
    rows_from=_AT_PERIOD_END,
    doc="What each piece of a period would be billed ahead for the whole of it: what a change is more or less than.",
    sql=f"""
SELECT row_number() OVER (ORDER BY r.subscription_id, r.period_start, r.period_end, r.from_day, c.position) AS item_id,
    r.subscription_id, r.period_start, r.period_end, r.from_day, r.plan_id, r.plan_version, r.currency, c.charge_id,
    CAST(CASE WHEN c.model = 'flat' THEN 1 ELSE r.quantity END AS {QUANTITY}) AS quantity, CAST(1 AS INTEGER) AS part,
    CAST(1 AS INTEGER) AS whole, {OWN_PRICE}
FROM (
    SELECT subscription_id, period_start, period_end, from_day, plan_id, plan_version, currency, quantity,
        CASE WHEN json_valid(contract) THEN contract END AS contract
    FROM run_pieces WHERE ahead
) AS r
JOIN (SELECT plan_id, plan_version, currency, charge_id, position, model FROM {_SOLD}) AS c
    ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency
CROSS JOIN term_profile AS f
WHERE f.on_change = 'at_period_end'""",
)

_PIECE = (
    "subscription_id, period_start, period_end, ahead_asked, customer_id, plan_id, plan_version, quantity, currency, "
    "tax_region, segment, contract, timezone, starts_at, ends_at, brief_days, own_run, from_day"
)

PIECES = Relation(
    name="ahead_pieces",
    inputs=("run_pieces", "ahead_known", "ahead_level_items", "ahead_level_prices", "term_profile", "run_params"),
    rows_from=("run_pieces WHERE ahead",),
    doc=(
        "The pieces of a period that are billed ahead, of periods of which something is due within the grace for issuing, ahead or in "
        "arrears, or was billed: all that was billed ahead for one is told together. Where changes wait for the next period, a piece that changes nothing is "
        "left out and the one before lasts until the next that does, or to the end. Without an end there is nothing "
        "to share: a one-off charge, billed on its first day."
    ),
    sql=f"""
WITH window_of AS (
    SELECT CAST(day - issue_after_days - issue_grace_days AS DATE) AS begins, CAST(day - issue_after_days AS DATE) AS ends
    FROM run_params
),
levels AS (
    SELECT i.subscription_id, i.period_start, i.period_end, i.from_day, sum(p.gross_raw) AS level
    FROM ahead_level_items AS i
    JOIN ahead_level_prices AS p ON p.item_id = i.item_id
    GROUP BY i.subscription_id, i.period_start, i.period_end, i.from_day
),
live AS (
    SELECT r.subscription_id, r.period_start, r.period_end
    FROM run_pieces AS r
    CROSS JOIN window_of AS w
    WHERE r.ahead AND (r.wanted OR r.ahead_asked OR r.from_day BETWEEN w.begins AND w.ends OR r.to_day BETWEEN w.begins AND w.ends)
    UNION
    SELECT r.subscription_id, r.period_start, r.period_end
    FROM run_pieces AS r
    CROSS JOIN window_of AS w
    JOIN ahead_known AS k ON k.subscription_id = r.subscription_id AND k.changed_on >= r.from_day AND k.changed_on <= r.to_day
        AND k.known_on BETWEEN w.begins AND w.ends
    WHERE r.ahead AND k.changed_on < k.known_on
),
placed AS (
    SELECT {of("r", _PIECE.replace("ahead_asked, ", "").replace("own_run, ", ""))}, r.run_no AS own_run, r.to_day,
        r.ahead_asked OR r.wanted AS ahead_asked,
        CASE WHEN p.proration = 'none' OR r.period_end = {FOREVER} THEN 'none' ELSE f.on_change END AS on_change,
        row_number() OVER period AS place, coalesce(l.level, 0) AS level,
        max(coalesce(l.level, 0)) OVER (
            PARTITION BY r.subscription_id, r.period_start, r.period_end, r.currency
            ORDER BY r.from_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS billed_level
    FROM run_pieces AS r
    SEMI JOIN live AS v ON v.subscription_id = r.subscription_id AND v.period_start = r.period_start
        AND v.period_end = r.period_end
    CROSS JOIN term_profile AS f
    CROSS JOIN run_params AS p
    LEFT JOIN levels AS l ON l.subscription_id = r.subscription_id AND l.period_start = r.period_start
        AND l.period_end = r.period_end AND l.from_day = r.from_day
    WHERE r.ahead
    WINDOW period AS (PARTITION BY r.subscription_id, r.period_start, r.period_end ORDER BY r.from_day)
),
kept AS (
    SELECT {_PIECE}, to_day, on_change FROM placed
    WHERE on_change = 'prorate' OR place = 1 OR (on_change = 'at_period_end' AND coalesce(level > billed_level, true))
),
lasting AS (
    SELECT {_PIECE.replace("ends_at, ", "")},
        CASE WHEN on_change = 'prorate' THEN to_day ELSE coalesce(lead(from_day) OVER period, period_end) END AS to_day,
        CASE WHEN on_change = 'prorate' THEN ends_at ELSE lead(starts_at) OVER period END AS ends_at
    FROM kept
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day)
),
broken AS (
    SELECT {_PIECE}, to_day,
        CASE WHEN lag(to_day) OVER period = from_day AND lag(plan_id) OVER period = plan_id
            AND lag(plan_version) OVER period = plan_version AND lag(currency) OVER period = currency
            AND lag(tax_region) OVER period = tax_region THEN 0 ELSE 1 END AS new_run,
        CASE WHEN lag(quantity) OVER period = quantity THEN 0 ELSE 1 END AS new_seats
    FROM lasting
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day)
)
SELECT subscription_id, CASE WHEN period_end = {FOREVER} THEN from_day ELSE period_start END AS period_start,
    CASE WHEN period_end = {FOREVER} THEN from_day + 1 ELSE period_end END AS period_end, ahead_asked, customer_id, plan_id,
    plan_version, quantity, currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days, own_run, from_day,
    CASE WHEN period_end = {FOREVER} THEN from_day + 1 ELSE to_day END AS to_day, sum(new_run) OVER period AS run_no,
    sum(greatest(new_run, new_seats)) OVER period AS seat_no
FROM broken
WINDOW period AS (
    PARTITION BY subscription_id, period_start, period_end ORDER BY from_day ROWS UNBOUNDED PRECEDING
)""",
)

_TERMS = "plan_id, plan_version, currency, tax_region"
_SPAN = f"subscription_id, period_start, period_end, ahead_asked, by_seat, run_no, own_run, {_TERMS}, seats"


def _gathered(by_seat: bool) -> str:
    """Pieces joined into runs, with the contract, segment and customer of the first: what is billed ahead cannot know the rest."""
    return f"""
    SELECT subscription_id, period_start, period_end, ahead_asked, {"true" if by_seat else "false"} AS by_seat,
        max(run_no) AS run_no, min(own_run) AS own_run, {_TERMS}, max(quantity) AS seats, min(from_day) AS begins, max(to_day) AS stops,
        min(starts_at) AS starts_at, max(ends_at) AS ends_at,
        arg_min(struct_pack(customer_id := customer_id, segment := segment, contract := contract, timezone := timezone,
            ends_at := ends_at, brief_days := brief_days), from_day) AS last
    FROM ahead_pieces
    GROUP BY subscription_id, period_start, period_end, ahead_asked, {_TERMS}, {"seat_no" if by_seat else "run_no"}"""


_SPANS = f"""gathered AS ({_gathered(by_seat=False)}
    UNION ALL{_gathered(by_seat=True)}
),
following AS (
    SELECT {_SPAN}, begins, stops, starts_at, ends_at, last,
        coalesce(lag(stops) OVER (
            PARTITION BY subscription_id, period_start, period_end, by_seat ORDER BY begins
        ) = begins, false) AS is_change
    FROM gathered
),
spans AS (
    SELECT {_SPAN}, false AS given_back, is_change, begins AS run_start, begins AS taxed_on, starts_at, last FROM following
    UNION ALL
    SELECT {_SPAN}, true AS given_back, true AS is_change, stops AS run_start, begins AS taxed_on, ends_at AS starts_at, last
    FROM following WHERE stops < period_end
),
timed AS (
    SELECT {of("s", _SPAN)}, s.given_back, s.run_start, s.taxed_on, s.starts_at, s.last, p.issue_after_days,
        CASE WHEN f.changes_due = 'next_invoice' AND s.is_change THEN s.period_end
            WHEN k.known_on > greatest(p.first_day, CAST(p.day - p.lookback_days AS DATE)) AND k.known_on > CAST(s.run_start + p.issue_after_days AS DATE) THEN k.known_on
            ELSE s.run_start END AS moment
    FROM spans AS s
    CROSS JOIN run_params AS p
    CROSS JOIN term_profile AS f
    LEFT JOIN ahead_known AS k ON k.subscription_id = s.subscription_id AND k.changed_on = s.run_start
),
runs AS (
    SELECT subscription_id, period_start, period_end, CAST(moment + issue_after_days AS DATE) AS due_on, false AS wanted,
        false AS is_open, false AS late, by_seat, run_no, {_TERMS}, run_start, period_end AS run_end, seats, starts_at, last,
        ahead_asked, given_back, moment, taxed_on, own_run
    FROM timed
)"""

_JUDGED = (
    "subscription_id, period_start, period_end, due_on, by_seat, run_no, plan_id, plan_version, currency, tax_region, "
    "run_start, run_end, part, whole, seats, customer_id, segment, contract, discount_rate, decimals, tax_rate, unknown, "
    "reason, rateable, ahead_asked, given_back, moment, own_run"
)

RUNS = Relation(
    name="ahead_runs",
    inputs=(
        *(
            "ahead_pieces",
            "ahead_known",
            "contract_periods",
            "term_plans",
            "term_charges",
            "term_taxes",
            "term_profile",
        ),
        *("currencies", "run_params"),
    ),
    rows_from=("ahead_pieces",),
    doc=(
        "What is billed ahead of each run, from its first day (or, `given_back`, from the day after its last) to the period's "
        "end, with everything needed to price it. `moment`: the day on which that can be billed; a change that is observed when "
        "it was already due is billed from then. `group_start` and `group_end`: the period whose invoice it is on, which ends at the moment."
    ),
    sql=f"""
WITH judged AS ({judged(_SPANS, taxed_on="taxed_on", taxed="true", extra="ahead_asked, given_back, moment, taxed_on, own_run,")}
),
hosts AS (
    SELECT subscription_id, period_end, max(period_start) AS period_start
    FROM contract_periods WHERE wanted GROUP BY subscription_id, period_end
)
SELECT {of("j", _JUDGED)}, coalesce(h.period_start, CAST(j.moment - 1 AS DATE)) AS group_start, j.moment AS group_end
FROM judged AS j
LEFT JOIN hosts AS h ON h.subscription_id = j.subscription_id AND h.period_end = j.moment""",
)

ITEMS = Relation(
    name="ahead_items",
    inputs=("ahead_runs", "term_charges", "run_params"),
    rows_from=("ahead_runs",),
    doc="One item a charge in advance and what is billed of it: columns and meaning of charge_items.",
    sql=f"""
SELECT r.subscription_id, r.group_start AS period_start, r.group_end AS period_end, r.due_on, true AS wanted, false AS is_open,
    1000000 + r.run_no + r.run_no + CASE WHEN r.given_back THEN 0 ELSE 1 END AS run_no, r.plan_id, r.plan_version, r.currency,
    r.tax_region, r.run_start, r.run_end, r.customer_id, r.segment, r.discount_rate, r.decimals, r.tax_rate,
    -row_number() OVER (ORDER BY r.subscription_id, r.period_start, r.period_end, r.run_start, r.given_back, r.by_seat,
        r.run_no, c.position) AS item_id,
    c.charge_id, CAST(c.position + CASE WHEN r.given_back THEN 500000 ELSE 0 END AS INTEGER) AS position, c.kind, c.model,
    c.meter, c.discountable, r.run_start AS cutoff,
    CAST(CASE WHEN c.model = 'flat' THEN 1 ELSE r.seats END AS {QUANTITY}) AS quantity, CAST(r.part AS INTEGER) AS part,
    CAST(r.whole AS INTEGER) AS whole, {OWN_PRICE}, c.aggregation, c.minimum AS charge_minimum,
    c.maximum AS charge_maximum, r.period_start AS own_start, r.period_end AS own_end,
    r.own_run, r.given_back
FROM ahead_runs AS r
CROSS JOIN run_params AS p
JOIN (
    SELECT plan_id, plan_version, currency, charge_id, position, kind, model, meter, discountable, aggregation, minimum, maximum
    FROM {_SOLD}
) AS c ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency AND (c.model <> 'flat') = r.by_seat
WHERE r.rateable AND (r.ahead_asked OR (r.moment <= p.day AND r.due_on >= p.first_day))""",
)

FIRSTS = Relation(
    name="ahead_firsts",
    inputs=("ahead_runs", "contract_intervals"),
    rows_from=("ahead_runs",),
    doc="The first invoice of each subscription: it closes no period, and bears coupons all the same, though no credits.",
    sql=f"""
WITH begun AS (
    SELECT subscription_id, min(start_day) AS begins FROM contract_intervals WHERE status = 'active' GROUP BY subscription_id
)
SELECT r.subscription_id, r.group_start AS period_start, r.group_end AS period_end, r.due_on,
    1000001 + r.run_no + r.run_no AS run_no, {of("r", _TERMS)}, r.run_start, r.run_end, r.customer_id, r.segment,
    CAST(json_merge_patch(r.contract, '{{"credits": []}}') AS VARCHAR) AS contract, r.decimals, r.tax_rate, r.discount_rate
FROM ahead_runs AS r
JOIN begun AS b ON b.subscription_id = r.subscription_id AND b.begins = r.run_start
WHERE r.rateable AND NOT r.by_seat AND NOT r.given_back AND r.group_end = r.run_start""",
)

LEVELS: tuple[Relation, ...] = (
    LEVEL_ITEMS,
    *(
        replace(relation, rows_from=("ahead_level_items",))
        for relation in price("ahead_level_items", "ahead_level_prices", given=("own_price",))
    ),
)
RELATIONS: tuple[Relation, ...] = (*LEVELS, PIECES, RUNS)
"""After the contract's pieces; KNOWN and PROBES come before its periods, ITEMS and FIRSTS where charges and adjustments are."""
