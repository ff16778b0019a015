"""Under which terms: maximal runs of adjacent active intervals within a period, with their plan, tax rate and contract.

Rules 2, 3, 8, 9 and 11 of ARCHITECTURE 2. A run that cannot be rated says why in `reason`, and its whole invoice is withheld.
"""

from __future__ import annotations

from billing_recon.compute.expect.periods import own_period
from billing_recon.compute.money import AMOUNT, RATE
from billing_recon.compute.rating.proration import fixed_days_between
from billing_recon.compute.relation import Relation
from billing_recon.core.catalog import Allowance, Contract, Coupon, Credit, Discount
from billing_recon.core.catalog_file import USED_BY

_INTERVAL = (
    "subscription_id, wanted_start, wanted_end, due_on, wanted, is_open, late, ahead, ahead_asked, probe, start_day, end_day, customer_id, "
    "plan_id, plan_version, quantity, currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days"
)
_TERMS = "plan_id, plan_version, currency, tax_region"

LATE_REACH = 3
"""So many lookbacks far back lies the usage at hand of periods that late usage adjusts: an event is at most one lookback
older than its file, its period may have begun one before it, and the period that adjusts it may be as long as a third."""

PIECES = Relation(
    name="run_pieces",
    inputs=("contract_intervals", "contract_periods"),
    doc=(
        "Active intervals clipped to their own periods and numbered by run: `run_no` while they touch and share plan, "
        "version, currency and tax region; `seat_no` while they share the seats too."
    ),
    sql=f"""
WITH probes AS (
    SELECT p.subscription_id, p.period_start AS wanted_start, p.period_end AS wanted_end, p.due_on, p.wanted, p.is_open, p.late, p.ahead, p.ahead_asked,
        p.period_start AS probe, i.start_day, i.end_day, i.customer_id, i.plan_id, i.plan_version, i.quantity, i.currency,
        i.tax_region, i.segment, i.contract, i.timezone, i.starts_at, i.ends_at, i.brief_days, i.billing_anchor, i.billing_interval, i.once_start, i.once_end
    FROM contract_periods AS p
    JOIN contract_intervals AS i ON i.subscription_id = p.subscription_id
        AND i.start_day < p.period_end AND i.end_day > p.period_start
    WHERE i.status = 'active'
),
bounded AS ({own_period("probes", _INTERVAL)}
),
pieces AS (
    SELECT subscription_id, period_start, period_end, due_on, wanted, is_open, late, ahead, ahead_asked, customer_id, plan_id, plan_version, quantity,
        currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days,
        greatest(start_day, period_start) AS from_day, least(end_day, period_end) AS to_day
    FROM bounded WHERE period_start = wanted_start AND period_end = wanted_end
),
broken AS (
    SELECT subscription_id, period_start, period_end, due_on, wanted, is_open, late, ahead, ahead_asked, customer_id, plan_id, plan_version, quantity,
        currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days, from_day, to_day,
        CASE WHEN lag(to_day) OVER period = from_day AND lag(plan_id) OVER period = plan_id
            AND lag(plan_version) OVER period = plan_version AND lag(currency) OVER period = currency
            AND lag(tax_region) OVER period = tax_region THEN 0 ELSE 1 END AS new_run,
        CASE WHEN lag(quantity) OVER period = quantity THEN 0 ELSE 1 END AS new_seats
    FROM pieces
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day)
)
SELECT subscription_id, period_start, period_end, due_on, wanted, is_open, late, ahead, ahead_asked, customer_id, plan_id, plan_version, quantity,
    currency, tax_region, segment, contract, timezone, starts_at, ends_at, brief_days, from_day, to_day,
    sum(new_run) OVER period AS run_no, sum(greatest(new_run, new_seats)) OVER period AS seat_no
FROM broken
WINDOW period AS (
    PARTITION BY subscription_id, period_start, period_end ORDER BY from_day ROWS UNBOUNDED PRECEDING
)""",
)

_PERIOD = "subscription_id, period_start, period_end, due_on, wanted, is_open, late"


def _runs(by_seat: bool) -> str:
    """Pieces joined into runs. Contract, segment and customer are those of the last piece."""
    number = "seat_no" if by_seat else "run_no"
    where = " WHERE wanted OR late" if by_seat else ""
    return f"""
    SELECT {_PERIOD}, {"true" if by_seat else "false"} AS by_seat, max(run_no) AS run_no, {_TERMS},
        min(from_day) AS run_start, max(to_day) AS run_end, max(quantity) AS seats, min(starts_at) AS starts_at,
        arg_max(struct_pack(customer_id := customer_id, segment := segment, contract := contract, timezone := timezone,
            ends_at := ends_at, brief_days := brief_days), from_day) AS last
    FROM run_pieces{where} GROUP BY {_PERIOD}, {_TERMS}, {number}"""


_WITH_FREE_UNITS = ", ".join(f"'{model}'" for model in USED_BY["free_units"] if model != "percentage")

UNPRICED = """kind = 'usage' AND ((bucket IS NOT NULL AND aggregation = 'time_weighted')
        OR (aggregation IN ('max', 'latest', 'time_weighted') AND (prorated OR (model = 'percentage' AND (free_events > 0
            OR free_units > 0 OR event_minimum IS NOT NULL OR event_maximum IS NOT NULL)))))"""
"""SQL condition: a charge prices each event, and its meter does not say what one event is worth."""

_LAST_DAY_COUNTS = "f.day_count = 'both_ends' AND f.period_ends = 'next_start'"

_NOT_EXACT = "('DOUBLE', 'OBJECT', 'ARRAY', 'BOOLEAN')"
"""JSON types that are no exact figure: a number with decimals has been through a float."""


def _undated(path: str) -> str:
    """SQL condition: something stands where a date should, and is none."""
    found = f"json_extract_string(contract, '{path}')"
    return f"({found} IS NOT NULL AND TRY_CAST({found} AS DATE) IS NULL)"


_KNOWN = {
    "": tuple(Contract.model_fields),
    "discount": tuple(Discount.model_fields),
    "coupons[*]": tuple(Coupon.model_fields),
    "credits[*]": tuple(Credit.model_fields),
    "allowances[*]": tuple(Allowance.model_fields),
}
"""Terms of a contract that rating reads, by where they stand. Another would silently do nothing, so nothing is rated with it."""


def _unknown() -> str:
    """SQL for the names of the terms of a contract that nobody reads; empty where there are none."""
    found = []
    for place, names in _KNOWN.items():
        listed = ", ".join(f"'{name}'" for name in names)
        unread = f"lambda name: name NOT IN ({listed})"
        where = f"json_extract(contract, '$.{place}')" if place else "contract"
        if place.endswith("[*]"):
            where = f"flatten(list_transform({where}, lambda one: coalesce(json_keys(one), [])))"
        else:
            where = f"json_keys({where})"
        found.append(f"coalesce(list_filter({where}, {unread}), [])")
    return f"array_to_string({' || '.join(found)}, ', ')"


def _garbled(listed: str, dates: tuple[str, ...], figure: str = "amount", or_else: str = "false") -> str:
    """SQL condition: one of a contract's coupons, credits or allowances cannot be read exactly, so what is owed is unknown."""
    unreadable = " OR ".join(
        [
            f"TRY_CAST(json_extract_string(one, '$.{figure}') AS {AMOUNT}) IS NULL",
            f"json_type(one, '$.{figure}') IN {_NOT_EXACT}",
            *(f"TRY_CAST(json_extract_string(one, '$.{name}') AS DATE) IS NULL" for name in dates),
            f"({or_else})",
        ]
    )
    return (
        f"coalesce(json_type(contract, '$.{listed}') NOT IN ('ARRAY', 'NULL'), false) "
        f"OR coalesce(len(list_filter(json_extract(contract, '$.{listed}[*]'), lambda one: {unreadable})) > 0, false)"
    )


def _instant(day: str) -> str:
    """SQL for the instant at which a local day begins."""
    return f"timezone(last.timezone, CAST({day} AS TIMESTAMP))"


_RUN_ENDS = f"CASE WHEN run_end = period_end THEN {_instant('period_end')} ELSE last.ends_at END"
_RUN_STARTS = f"CASE WHEN run_start = period_start THEN {_instant('period_start')} ELSE starts_at END"
_SHORT = "run_end - run_start < period_end - period_start"
_SHARE = f"""CAST(CASE WHEN p.proration = 'none' OR NOT ({_SHORT}) THEN 1
            WHEN p.proration = 'by_second' THEN datediff('second', {_RUN_STARTS}, {_RUN_ENDS})
            WHEN f.fixed_days IS NOT NULL THEN greatest({fixed_days_between("run_start", "run_end", "f.fixed_days")}, 0)
            WHEN {_LAST_DAY_COUNTS} AND run_end = period_end THEN run_end - run_start + 1
            ELSE run_end - run_start END AS BIGINT) AS part,
        CAST(CASE WHEN p.proration = 'none' OR NOT ({_SHORT}) THEN 1
            WHEN p.proration = 'by_second' THEN datediff('second', {_instant("period_start")}, {_instant("period_end")})
            WHEN f.fixed_days IS NOT NULL THEN f.fixed_days
            WHEN {_LAST_DAY_COUNTS} THEN period_end - period_start + 1
            ELSE period_end - period_start END AS BIGINT) AS whole"""
"""SQL for the share of the period that a run is, as the profile counts it; 1 of 1 for a whole period. By the second, a run
that begins or ends with its period does so at midnight. Where both ends are counted up to the next period's first day, the
last run has that day: it is what a change half-way charges for the days that are left."""


_BAD_ALLOWANCE = """json_extract_string(one, '$.meter') IS NULL
                    OR coalesce(json_extract_string(one, '$.rollover'), 'none') NOT IN ('none', 'next_period')
                    OR (json_extract_string(one, '$.rollover') = 'next_period'
                        AND TRY_CAST(json_extract_string(one, '$.since') AS DATE) IS NULL)"""
_BAD_EXPIRY = """json_extract_string(one, '$.expires_on') IS NOT NULL
                AND TRY_CAST(json_extract_string(one, '$.expires_on') AS DATE) IS NULL"""


def judged(runs: str, *, taxed_on: str = "period_end", taxed: str = "a.wanted OR a.late", extra: str = "") -> str:
    """SQL of `runs` (CTEs ending in `runs`) with everything needed to price them, or the reason why they cannot be.

    `taxed_on`: the column with the day whose tax rate holds; `taxed`: which runs need one; `extra`: columns of the runs that
    are passed on, each with a comma after it.
    """
    return f"""
WITH {runs},
metered AS (
    SELECT plan_id, plan_version, currency, bool_or(kind = 'usage') AS meters, bool_or({UNPRICED}) AS unpriced,
        list(meter) FILTER (WHERE kind = 'usage' AND model IN ({_WITH_FREE_UNITS}) AND NOT priced_by_event) AS by_units,
        list(meter) FILTER (WHERE by_event) AS by_event
    FROM term_charges GROUP BY plan_id, plan_version, currency
),
stated AS (
    SELECT {_PERIOD}, by_seat, run_no, {_TERMS}, run_start, run_end, seats, last.customer_id AS customer_id,
        last.segment AS segment, nullif(trim(last.contract), '') AS stated, {extra}{_SHARE},
        run_end - run_start < period_end - period_start AS is_short, (len(list_filter(coalesce(last.brief_days, []),
            lambda one: one >= period_start AND one < period_end)) > 0) AS has_brief
    FROM runs
    CROSS JOIN run_params AS p
    CROSS JOIN term_profile AS f
),
opened AS (
    SELECT stated, CASE WHEN json_valid(stated) THEN CASE WHEN json_type(stated) IN ('OBJECT', 'NULL') THEN stated END END
        AS contract
    FROM (SELECT DISTINCT stated FROM stated WHERE stated IS NOT NULL) AS texts
),
agreed AS (
    SELECT stated, contract,
        json_extract_string(contract, '$.discount.rate') AS rate_text,
        TRY_CAST(json_extract_string(contract, '$.discount.rate') AS {RATE}) AS rate,
        TRY_CAST(json_extract_string(contract, '$.discount.valid_from') AS DATE) AS rate_from,
        TRY_CAST(json_extract_string(contract, '$.discount.valid_to') AS DATE) AS rate_to,
        json_extract_string(contract, '$.minimum') AS minimum_text,
        TRY_CAST(json_extract_string(contract, '$.minimum') AS {AMOUNT}) AS minimum,
        contract IS NULL OR {_garbled("coupons", dates=("valid_from", "valid_to"))}
            OR {_garbled("credits", dates=("granted_on",), or_else=_BAD_EXPIRY)}
            OR {_garbled("allowances", dates=(), figure="units", or_else=_BAD_ALLOWANCE)}
            OR coalesce(json_type(contract, '$.discount.rate') IN {_NOT_EXACT}, false)
            OR coalesce(json_type(contract, '$.minimum') IN {_NOT_EXACT}, false)
            OR coalesce(json_type(contract, '$.cap') IN {_NOT_EXACT}, false) OR (json_extract_string(contract, '$.cap') IS NOT NULL
                AND TRY_CAST(json_extract_string(contract, '$.cap') AS {AMOUNT}) IS NULL)
            OR coalesce(len(list_filter(json_extract(contract, '$.overrides.*'), lambda one: json_type(one) IN {_NOT_EXACT}
                OR TRY_CAST(json_extract_string(one, '$') AS {AMOUNT}) IS NULL)) > 0, false)
            OR {_undated("$.discount.valid_from")} OR {_undated("$.discount.valid_to")} AS garbled,
        {_unknown()} AS unknown, TRY_CAST(json_extract_string(contract, '$.cap') AS {AMOUNT}) AS cap,
        coalesce(list_contains(json_extract_string(contract, '$.allowances[*].rollover'), 'next_period'), false) AS rolls,
        json_extract_string(contract, '$.allowances[*].meter') AS allowed,
        list_transform(list_filter(json_extract(contract, '$.allowances[*]'),
            lambda one: json_extract_string(one, '$.rollover') = 'next_period'), lambda one: json_extract_string(one, '$.meter')) AS rolling,
        list_min(list_transform(list_filter(json_extract(contract, '$.credits[*]'),
            lambda one: json_extract_string(one, '$.expires_on') IS NOT NULL),
            lambda one: TRY_CAST(json_extract_string(one, '$.granted_on') AS DATE))) AS prepaid_from
    FROM opened
),
judged AS (
    SELECT a.subscription_id, a.period_start, a.period_end, a.due_on, a.wanted, a.is_open, a.late, a.by_seat, a.run_no, a.plan_id,
        a.plan_version, a.currency, a.tax_region, a.run_start, a.run_end, a.part, a.whole, a.seats, a.customer_id, a.segment,
        g.contract, {extra}
        CASE WHEN g.rate_from > a.period_start OR g.rate_to <= a.period_start OR g.rate IS NULL THEN CAST(0 AS {RATE})
            ELSE g.rate END AS discount_rate,
        CASE WHEN g.minimum_text IS NULL THEN t.minimum ELSE g.minimum END AS minimum,
        c.decimals, x.rate AS tax_rate, g.unknown,
        CASE
            WHEN t.plan_id IS NULL OR c.currency IS NULL THEN 'plan_not_in_catalog'
            WHEN g.garbled OR (g.rate_text IS NOT NULL AND g.rate IS NULL)
                OR (g.minimum_text IS NOT NULL AND g.minimum IS NULL) THEN 'contract_unreadable'
            WHEN g.unknown <> '' THEN 'contract_term_unknown'
            WHEN coalesce(g.minimum, t.minimum) > g.cap THEN 'minimum_above_cap'
            WHEN f.step_order = 'maximum,discount,minimum' AND coalesce(g.minimum, t.minimum) > 0 AND g.cap IS NOT NULL
                AND g.rate <> 0 THEN 'order_not_rated'
            WHEN ({taxed}) AND x.rate IS NULL THEN 'no_tax_rate'
            WHEN len(list_filter(g.allowed, lambda one: NOT list_contains(coalesce(m.by_units, []), one))) > 0
                THEN 'allowance_without_charge'
            WHEN m.unpriced THEN 'priced_by_event'
            WHEN g.rolls AND len(list_filter(g.rolling, lambda one: list_contains(m.by_event, one))) > 0 THEN 'rollover_by_event'
            WHEN a.is_short AND p.proration = 'by_second' AND a.has_brief THEN 'changed_twice_a_day'
            WHEN a.is_short AND p.proration = 'by_day' AND f.fixed_days IS NOT NULL
                AND a.period_end - a.period_start NOT BETWEEN 28 AND 31 THEN 'no_fixed_days'
            WHEN a.wanted AND m.meters AND a.period_start <= p.day - p.lookback_days THEN 'usage_out_of_reach'
            WHEN a.wanted AND g.rolls AND (p.day - a.period_start) + (a.period_end - a.period_start) + 3 >= p.lookback_days
                THEN 'usage_out_of_reach'
            WHEN a.wanted AND g.prepaid_from <= p.day - p.lookback_days THEN 'balance_out_of_reach'
            WHEN a.late AND a.period_start <= p.day{" - p.lookback_days" * LATE_REACH} THEN 'usage_out_of_reach'
        END AS reason
    FROM stated AS a
    CROSS JOIN run_params AS p
    CROSS JOIN term_profile AS f
    LEFT JOIN agreed AS g ON g.stated = a.stated
    LEFT JOIN currencies AS c ON c.currency = a.currency
    LEFT JOIN term_plans AS t ON t.plan_id = a.plan_id AND t.plan_version = a.plan_version AND t.currency = a.currency
    LEFT JOIN metered AS m ON m.plan_id = a.plan_id AND m.plan_version = a.plan_version AND m.currency = a.currency
    LEFT JOIN term_taxes AS x ON x.tax_region = a.tax_region AND x.effective_from <= a.{taxed_on}
        AND (x.effective_to IS NULL OR a.{taxed_on} < x.effective_to)
)
SELECT subscription_id, period_start, period_end, due_on, wanted, is_open, late, by_seat, run_no, plan_id, plan_version, currency,
    tax_region, run_start, run_end, part, whole, seats, customer_id, segment, contract, discount_rate, minimum, decimals,
    tax_rate, unknown, reason, {extra}
    NOT bool_or(reason IS NOT NULL) OVER (PARTITION BY subscription_id, period_start, period_end) AS rateable
FROM judged"""


RUNS = Relation(
    name="contract_runs",
    inputs=("run_pieces", "term_plans", "term_charges", "term_taxes", "term_profile", "currencies", "run_params"),
    doc=(
        "Runs with everything needed to price them. `by_seat` runs are for charges by seat, the others for all else. "
        "`rateable` is false for every run of an invoice of which one run has a `reason`."
    ),
    sql=judged(f"""runs AS ({_runs(by_seat=False)}
    UNION ALL{_runs(by_seat=True)}
)"""),
)

_REASONED = "subscription_id, plan_id, plan_version, currency, tax_region, period_start, period_end, unknown, reason"

UNRATED = Relation(
    name="unrated",
    inputs=("contract_runs", "ahead_runs"),
    doc="Subscriptions whose lines are withheld because the terms do not say what they cost; one row a cause.",
    sql=f"""
SELECT subscription_id, plan_id, plan_version, currency, reason, min(
    CASE reason
        WHEN 'plan_not_in_catalog' THEN 'Plan ''' || plan_id || ''' version ''' || plan_version || ''' in ' || currency
            || ' is not in the catalog, so ' || subscription_id || ' cannot be rated for the period from '
            || CAST(period_start AS VARCHAR) || '; add the version to catalog/ or correct the subscription.'
        WHEN 'no_tax_rate' THEN 'Tax region ''' || tax_region || ''' has no rate on ' || CAST(period_end AS VARCHAR)
            || ', so the invoice of ' || subscription_id || ' cannot be rated; add the rate to the catalog''s taxes.'
        WHEN 'contract_unreadable' THEN 'The contract of ' || subscription_id || ' is not readable JSON with its figures '
            || 'written as strings, so its terms are unknown; have it sent again.'
        WHEN 'priced_by_event' THEN 'Plan ''' || plan_id || ''' version ''' || plan_version || ''' has a charge that '
            || 'prices single events of a meter that is not their sum, count or number of distinct values, or one by time in buckets, '
            || 'so ' || subscription_id || ' is not rated; change its aggregation, or take the free events, bounds or bucket out.'
        WHEN 'rollover_by_event' THEN 'The contract of ' || subscription_id || ' rolls over units of a meter that plan ''' || plan_id
            || ''' version ''' || plan_version || ''' charges by single events, and what a period left of them is not kept, so it is '
            || 'not rated; set rollover: none, or charge the meter by its sum.'
        WHEN 'contract_term_unknown' THEN 'The contract of ' || subscription_id || ' has terms that rating does not know ('
            || unknown || '), so what it owes is unknown; name them as in docs/rating.md section 7, or take them out.'
        WHEN 'allowance_without_charge' THEN 'The contract of ' || subscription_id || ' includes units of a meter that plan '''
            || plan_id || ''' version ''' || plan_version || ''' does not charge by its units, so they would count for nothing; '
            || 'correct the meter of the allowance, or take it out.'
        WHEN 'minimum_above_cap' THEN 'The contract of ' || subscription_id || ' has a minimum above its cap, so one of the two '
            || 'cannot be meant; correct the contract, or the plan''s minimum.'
        WHEN 'order_not_rated' THEN 'The profile puts the discount between maximum and minimum, and ' || subscription_id
            || ' has all three, which expected lines cannot show line by line; set adjustments in company.yaml to an order that '
            || 'applies the maximum and the minimum on the same side of the discount.'
        WHEN 'balance_out_of_reach' THEN 'A prepaid credit of ' || subscription_id || ' was granted before the lookback, so what '
            || 'earlier invoices used of it is not all at hand; raise lookback_days in the policy.'
        WHEN 'changed_twice_a_day' THEN subscription_id || ' was active for less than a day within its period from '
            || CAST(period_start AS VARCHAR) || ', and the profile prorates by the second, for which lines by day have no place, '
            || 'so it is not rated; send that interval as a whole day, or set proration: by_day in company.yaml.'
        WHEN 'no_fixed_days' THEN 'The profile gives every month the same days, and the period of ' || subscription_id
            || ' from ' || CAST(period_start AS VARCHAR) || ' is no month, so its change within the period is not rated; set '
            || 'fixed_days: null in company.yaml, or bill it monthly.'
        WHEN 'usage_out_of_reach' THEN 'The period of ' || subscription_id || ' from ' || CAST(period_start AS VARCHAR)
            || ' began before the lookback, so its usage is not all at hand; raise lookback_days in the policy.'
    END
) AS sentence
FROM (
    SELECT {_REASONED} FROM contract_runs WHERE reason IS NOT NULL
    UNION ALL
    SELECT {_REASONED} FROM ahead_runs WHERE reason IS NOT NULL
) AS withheld
GROUP BY subscription_id, plan_id, plan_version, currency, reason""",
)
