"""What reaches an invoice as a whole: coupons, tax, credits. Rules 10 to 13 of ARCHITECTURE 2."""

from __future__ import annotations

from billing_recon.compute.expect.charges import LINE
from billing_recon.compute.money import AMOUNT, QUANTITY, RATE, RAW
from billing_recon.compute.relation import Relation

ADJUSTMENTS = Relation(
    name="contract_adjustments",
    inputs=("contract_runs", "ahead_firsts", "invoice_lines"),
    doc=(
        "The cap, coupons and credits of the invoice's last run, in the order given: a coupon where the period ends within its "
        "validity, a credit granted within the period, or of a "
        "prepaid one what lines of earlier periods left. The cap comes first, as what is above it."
    ),
    sql=f"""
WITH last_runs AS (
    SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, run_start,
        run_end, customer_id, segment, contract, decimals, tax_rate, discount_rate,
        row_number() OVER (PARTITION BY subscription_id, period_start, period_end ORDER BY run_no DESC) AS from_last
    FROM contract_runs WHERE wanted AND rateable AND NOT by_seat
    UNION ALL
    SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, run_start,
        run_end, customer_id, segment, contract, decimals, tax_rate, discount_rate, 1 AS from_last
    FROM ahead_firsts
),
agreed AS (
    SELECT subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, run_start,
        run_end, customer_id, segment, decimals, tax_rate, discount_rate, json_extract(contract, '$.coupons[*]') AS coupons,
        json_extract(contract, '$.credits[*]') AS credits, json_extract_string(contract, '$.cap') AS cap
    FROM last_runs
    WHERE from_last = 1 AND (json_array_length(contract, '$.coupons') > 0 OR json_array_length(contract, '$.credits') > 0
        OR json_extract_string(contract, '$.cap') IS NOT NULL)
),
coupons AS (
    SELECT subscription_id, period_start, period_end, unnest(coupons) AS one, generate_subscripts(coupons, 1) AS number
    FROM agreed
),
credits AS (
    SELECT subscription_id, period_start, period_end, unnest(credits) AS one, generate_subscripts(credits, 1) AS number
    FROM agreed
),
valid AS (
    SELECT subscription_id, period_start, period_end, 'discount' AS kind, 0 AS number, json_object('amount', cap) AS one,
        'cap' AS id
    FROM agreed WHERE cap IS NOT NULL
    UNION ALL
    SELECT subscription_id, period_start, period_end, 'discount' AS kind, number, one,
        json_extract_string(one, '$.coupon_id') AS id
    FROM coupons
    WHERE CAST(json_extract_string(one, '$.valid_from') AS DATE) <= period_end
        AND period_end < CAST(json_extract_string(one, '$.valid_to') AS DATE)
    UNION ALL
    SELECT subscription_id, period_start, period_end, 'credit' AS kind, number, one,
        json_extract_string(one, '$.credit_id') AS id
    FROM credits
    WHERE CAST(json_extract_string(one, '$.granted_on') AS DATE) < period_end
        AND CASE WHEN json_extract_string(one, '$.expires_on') IS NULL
            THEN period_start <= CAST(json_extract_string(one, '$.granted_on') AS DATE)
            ELSE period_start < CAST(json_extract_string(one, '$.expires_on') AS DATE) END
),
spent AS (
    SELECT v.subscription_id, v.period_start, v.period_end, v.number, sum(l.credit) AS used
    FROM valid AS v
    JOIN invoice_lines AS l ON l.subscription_id = v.subscription_id AND l.kind = 'credit' AND l.meter = v.id
        AND l.period_start < v.period_start AND coalesce(l.status, 'issued') <> 'void'
    WHERE v.kind = 'credit' AND json_extract_string(v.one, '$.expires_on') IS NOT NULL
    GROUP BY v.subscription_id, v.period_start, v.period_end, v.number
)
SELECT a.subscription_id, a.period_start, a.period_end, a.due_on, a.run_no, a.plan_id, a.plan_version, a.currency,
    a.tax_region, a.run_start, a.run_end, a.customer_id, a.segment, a.decimals, a.tax_rate, a.discount_rate, v.kind, v.id,
    CAST(v.number AS INTEGER) AS number, CAST(json_extract_string(v.one, '$.charges[*]') AS VARCHAR[]) AS charges,
    CAST(greatest(CAST(json_extract_string(v.one, '$.amount') AS {AMOUNT}) - coalesce(s.used, 0), 0) AS {AMOUNT}) AS amount
FROM valid AS v
LEFT JOIN spent AS s ON s.subscription_id = v.subscription_id AND s.period_start = v.period_start
    AND s.period_end = v.period_end AND s.number = v.number AND v.kind = 'credit'
JOIN agreed AS a ON a.subscription_id = v.subscription_id AND a.period_start = v.period_start
    AND a.period_end = v.period_end""",
)


_OFFERED = (
    "subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region, run_start, "
    "run_end, customer_id, segment, decimals, tax_rate, id, number, amount, charges"
)


def _used(kind: str, sums: str, *, offered: str) -> str:
    """CTEs ending in `granted`: what is used of each adjustment of a kind, all of it or what those before it leave: of its own
    charges where it names some, and of the invoice's `pool`. `offered` is the SQL of what each comes to at most."""
    return f"""agreed AS (
    SELECT {", ".join(f"a.{name}" for name in _OFFERED.split(", "))}, a.discount_rate, p.rounding, p.credit_policy, f.step_order,
        settle(a.amount, a.decimals, p.rounding) AS settled, coalesce(array_to_string(a.charges, chr(31)), '') AS of_charges
    FROM contract_adjustments AS a
    CROSS JOIN run_params AS p
    CROSS JOIN term_profile AS f
    WHERE a.kind = '{kind}'
),
bounded AS (
    SELECT {", ".join(f"a.{name}" for name in _OFFERED.split(", "))}, a.rounding, a.credit_policy, a.settled, a.of_charges, l.pool,
        {offered} AS bound
    FROM agreed AS a
    JOIN {sums} AS l ON l.subscription_id = a.subscription_id AND l.period_start = a.period_start
        AND l.period_end = a.period_end AND l.currency = a.currency
),
offered AS (
    SELECT {_OFFERED}, pool, rounding, credit_policy, CASE WHEN number = 0 THEN bound ELSE least(settled, greatest(bound
        - coalesce(sum(CASE WHEN number = 0 THEN bound ELSE settled END) OVER (
            PARTITION BY subscription_id, period_start, period_end, of_charges ORDER BY number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0), 0)) END AS wanted
    FROM bounded
),
granted AS (
    SELECT {_OFFERED}, rounding, credit_policy,
        least(wanted, greatest(pool - coalesce(sum(wanted) OVER (
            PARTITION BY subscription_id, period_start, period_end ORDER BY number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0), 0)) AS used
    FROM offered
)"""


_ADJUSTED = """subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, CAST(NULL AS VARCHAR) AS charge_id"""
_NO_USAGE = (
    f"CAST(0 AS {QUANTITY}) AS late_quantity, CAST(0 AS {QUANTITY}) AS duplicate_quantity, "
    f"CAST(0 AS {QUANTITY}) AS superseded_quantity"
)
_NO_PRICE = (
    f"CAST(1 AS {QUANTITY}) AS quantity, CAST(NULL AS DECIMAL(24,12)) AS unit_price, CAST(0 AS {RAW}) AS gross_raw, "
    f"CAST(0 AS {AMOUNT}) AS gross, CAST(0 AS {RATE}) AS discount_rate"
)


def _phrase(noun: str) -> str:
    return (
        f"CASE WHEN number = 0 THEN 'cap' ELSE '{noun} ' || id END || ' of ' || currency || ' ' || group_thousands(say(amount, decimals)) || "
        "CASE WHEN number = 0 THEN ', above which are ' || currency || ' ' || group_thousands(say(used, decimals)) "
        "WHEN used < amount THEN ', of which the invoice leaves room for ' || currency || ' ' "
        "|| group_thousands(say(used, decimals)) ELSE '' END AS phrase"
    )


_BOUND = f"""CAST(CASE
            WHEN a.number = 0 AND position('maximum' IN a.step_order) < position('discount' IN a.step_order)
                THEN greatest(l.gross - a.settled, 0)
                    - settle(apply_rate(greatest(l.gross - a.settled, 0), a.discount_rate), a.decimals, a.rounding)
            WHEN a.number = 0 THEN greatest(l.pool - a.settled, 0)
            WHEN len(a.charges) > 0 THEN greatest(coalesce(list_sum(list_transform(list_filter(l.charges,
                lambda one: list_contains(a.charges, one.charge_id)), lambda one: one.net)), 0), 0)
            ELSE l.pool END AS {AMOUNT})"""
"""What an adjustment comes to at most: of a cap what is above it, before the discount (then less its share of that) or after
it; of a coupon what its charges come to, or the invoice."""

COUPON_LINES = Relation(
    name="coupon_lines",
    inputs=("contract_adjustments", "charge_lines", "minimum_lines", "late_lines", "run_params", "term_profile"),
    rows_from=("contract_adjustments WHERE kind = 'discount'",),
    doc="One line a coupon: a discount without a gross, never more than what is left of the invoice.",
    sql=f"""
WITH nets AS (
    SELECT subscription_id, period_start, period_end, currency, charge_id, gross, gross - discount AS net FROM charge_lines
    UNION ALL
    SELECT subscription_id, period_start, period_end, currency, charge_id, gross, gross - discount AS net FROM minimum_lines
    UNION ALL
    SELECT subscription_id, period_start, period_end, currency, charge_id, gross, gross - discount AS net FROM late_lines
),
sums AS (
    SELECT subscription_id, period_start, period_end, currency, sum(net) AS pool, sum(gross) AS gross,
        list(struct_pack(charge_id := charge_id, net := net)) FILTER (WHERE charge_id IS NOT NULL) AS charges
    FROM nets
    GROUP BY subscription_id, period_start, period_end, currency
),
{_used("discount", "sums", offered=_BOUND)}
SELECT {_ADJUSTED}, 2000000 + number AS position, 'discount' AS kind, id AS meter, run_start AS line_start,
    run_end AS line_end, {_NO_PRICE}, CAST(used AS {RAW}) AS discount_raw, CAST(used AS {AMOUNT}) AS discount, {_NO_USAGE},
    CAST(json_object('coupon', json_object('agreed', say(amount, decimals), 'used', say(used, decimals))) AS VARCHAR)
        AS working,
    {_phrase("coupon")}
FROM granted WHERE used > 0""",
)


def _but_rate(alias: str) -> str:
    """The columns of a line except its tax rate."""
    return ", ".join(f"{alias}.{name}" for name in LINE.split(", ") if name != "tax_rate")


TAXED_LINES = Relation(
    name="taxed_lines",
    inputs=("charge_lines", "minimum_lines", "late_lines", "coupon_lines", "run_params", "term_profile"),
    doc="Every line but credits, with its tax settled on its own taxable amount, or taken out of its price.",
    sql=f"""
WITH lines AS (
    SELECT {LINE} FROM charge_lines
    UNION ALL
    SELECT {LINE} FROM minimum_lines
    UNION ALL
    SELECT {LINE} FROM late_lines
    UNION ALL
    SELECT {LINE} FROM coupon_lines
),
rated AS (
    SELECT {_but_rate("l")}, l.tax_rate AS region_rate, p.rounding,
        CASE WHEN p.tax_point = 'invoice' THEN CAST(0 AS {RATE}) ELSE l.tax_rate END AS tax_rate
    FROM lines AS l CROSS JOIN run_params AS p
),
taxed AS (
    SELECT {LINE}, region_rate, rounding, f.tax_included, CAST(gross - discount AS {AMOUNT}) AS net,
        CASE WHEN f.tax_included THEN tax_within(gross - discount, tax_rate) ELSE apply_rate(gross - discount, tax_rate) END
            AS tax_raw
    FROM rated CROSS JOIN term_profile AS f
),
settled AS (
    SELECT {LINE}, region_rate, net, tax_included, tax_raw, settle(tax_raw, decimals, rounding) AS tax FROM taxed
)
SELECT {LINE}, region_rate, CAST(0 AS {AMOUNT}) AS credit,
    CAST(CASE WHEN tax_included THEN net - tax ELSE net END AS {AMOUNT}) AS taxable, tax_raw, tax,
    CAST(CASE WHEN tax_included THEN net ELSE net + tax END AS {AMOUNT}) AS total
FROM settled""",
)

CREDIT_LINES = Relation(
    name="credit_lines",
    inputs=("contract_adjustments", "taxed_lines", "run_params", "term_profile"),
    rows_from=("contract_adjustments WHERE kind = 'credit'",),
    doc=(
        "One line a credit. After tax it takes from the invoice's total. Before tax it takes from the taxable amount and its "
        "tax with it, so it is bounded by what is left of the taxable amount and the total cannot fall below zero."
    ),
    sql=f"""
WITH sums AS (
    SELECT l.subscription_id, l.period_start, l.period_end, l.currency,
        sum(CASE WHEN p.credit_policy = 'before_tax' THEN l.taxable ELSE l.total END) AS pool
    FROM taxed_lines AS l
    CROSS JOIN run_params AS p
    GROUP BY l.subscription_id, l.period_start, l.period_end, l.currency
),
{_used("credit", "sums", offered="l.pool")},
lines AS (
    SELECT {_ADJUSTED}, 3000000 + number AS position, 'credit' AS kind, id AS meter, run_start AS line_start,
        run_end AS line_end, {_NO_PRICE}, CAST(0 AS {RAW}) AS discount_raw, CAST(0 AS {AMOUNT}) AS discount, {_NO_USAGE},
        CAST(json_object('credit', json_object('agreed', say(amount, decimals), 'used', say(used, decimals))) AS VARCHAR)
            AS working,
        {_phrase("credit")},
        CAST(used AS {AMOUNT}) AS credit,
        CAST(CASE WHEN credit_policy = 'before_tax' THEN -used ELSE 0 END AS {AMOUNT}) AS taxable,
        rounding, credit_policy
    FROM granted WHERE used > 0
),
rated AS (
    SELECT {_but_rate("l")}, l.tax_rate AS region_rate, l.credit, l.taxable, l.rounding, l.credit_policy,
        CASE WHEN p.tax_point = 'invoice' THEN CAST(0 AS {RATE}) ELSE l.tax_rate END AS tax_rate
    FROM lines AS l CROSS JOIN run_params AS p
),
taxed AS (
    SELECT {LINE}, region_rate, credit, taxable, rounding, credit_policy, apply_rate(taxable, tax_rate) AS tax_raw FROM rated
),
settled AS (
    SELECT {LINE}, region_rate, credit, taxable, tax_raw, credit_policy, settle(tax_raw, decimals, rounding) AS tax
    FROM taxed
)
SELECT {LINE}, region_rate, credit, taxable, tax_raw, tax,
    CAST(CASE WHEN credit_policy = 'before_tax' THEN taxable + tax ELSE -credit END AS {AMOUNT}) AS total
FROM settled""",
)

TAX_LINES = Relation(
    name="tax_lines",
    inputs=("taxed_lines", "credit_lines", "currencies", "run_params"),
    doc=(
        "Where the profile taxes the invoice rather than its lines: one line an invoice and rate that charges nothing but the "
        "tax, on the sum of what is taxable, settled once at the currency's exponent."
    ),
    sql=f"""
WITH bases AS (
    SELECT subscription_id, period_start, period_end, due_on, currency, region_rate, tax_region, customer_id, segment, run_no,
        plan_id, plan_version, taxable
    FROM taxed_lines
    UNION ALL
    SELECT subscription_id, period_start, period_end, due_on, currency, region_rate, tax_region, customer_id, segment, run_no,
        plan_id, plan_version, taxable
    FROM credit_lines
),
sums AS (
    SELECT b.subscription_id, b.period_start, b.period_end, b.due_on, b.currency, b.region_rate AS tax_rate,
        max(b.run_no) AS run_no, arg_max(b.plan_id, b.run_no) AS plan_id, arg_max(b.plan_version, b.run_no) AS plan_version,
        arg_max(b.tax_region, b.run_no) AS tax_region, arg_max(b.customer_id, b.run_no) AS customer_id,
        arg_max(b.segment, b.run_no) AS segment, CAST(sum(b.taxable) AS {AMOUNT}) AS base
    FROM bases AS b
    CROSS JOIN run_params AS p
    WHERE p.tax_point = 'invoice'
    GROUP BY b.subscription_id, b.period_start, b.period_end, b.due_on, b.currency, b.region_rate
),
lines AS (
    SELECT s.subscription_id, s.period_start, s.period_end, s.due_on, s.run_no, s.plan_id, s.plan_version, s.currency,
        s.tax_region, s.customer_id, s.segment, c.exponent AS decimals, s.tax_rate, CAST(NULL AS VARCHAR) AS charge_id,
        4000000 AS position, 'adjustment' AS kind, 'tax' AS meter, s.period_start AS line_start, s.period_end AS line_end,
        {_NO_PRICE}, CAST(0 AS {RAW}) AS discount_raw, CAST(0 AS {AMOUNT}) AS discount, {_NO_USAGE},
        CAST(json_object('tax', json_object('base', say(s.base, c.exponent))) AS VARCHAR) AS working,
        'tax on ' || s.currency || ' ' || say(s.base, c.exponent) AS phrase,
        apply_rate(s.base, s.tax_rate) AS tax_raw
    FROM sums AS s
    JOIN currencies AS c ON c.currency = s.currency
),
settled AS (
    SELECT {LINE}, tax_raw, settle(tax_raw, decimals, p.rounding) AS tax FROM lines CROSS JOIN run_params AS p
)
SELECT {LINE}, CAST(0 AS {AMOUNT}) AS credit, CAST(0 AS {AMOUNT}) AS taxable, tax_raw, tax, tax AS total FROM settled""",
)
