"""Scalar macros that rating and expected lines share: figures as text, shares of a period, the edges of billing periods."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, PRICE, RAW

RATING_MACROS: tuple[str, ...] = (
    # A figure with decimals as plain text, without trailing zeros: 0.0150000000 -> 0.015.
    "CREATE MACRO plain(figure) AS rtrim(rtrim(CAST(figure AS VARCHAR), '0'), '.')",
    # The part of an amount, its share rounded at `decimals` where given. Exact to the 22nd decimal; above 100 million, part of
    # a day's seconds would not fit next to an amount's decimals, so there the share itself is kept at 20.
    f"CREATE MACRO share_owed(amount, part, whole, decimals) AS CASE WHEN part = whole THEN CAST(amount AS {RAW}) "
    "WHEN decimals IS NULL AND (whole < 10000 OR abs(amount) < 100000000) THEN share(amount, part, whole) "
    "ELSE part_of(amount, ratio_of(part, whole, decimals)) END",
    # Calendar days from one date (counted) to another (not counted); 0 if they are the wrong way round.
    "CREATE MACRO days_between(begins, ends) AS greatest(CAST(ends AS DATE) - CAST(begins AS DATE), 0)",
    # The same where every month has `fixed` days: leaving a month takes off what it has above that. Within one month of the
    # year the days are counted as they are, and only the month that is left is corrected.
    "CREATE MACRO fixed_days_between(begins, ends, fixed) AS (CAST(ends AS DATE) - CAST(begins AS DATE) "
    "- CASE WHEN month(begins) = month(ends) THEN 0 ELSE day(last_day(begins)) - fixed END)",
    # The instant at which a day begins in a time zone.
    "CREATE MACRO midnight(day, zone) AS timezone(zone, CAST(day AS TIMESTAMP))",
    # How many months, or else how many days, a billing interval has (core.period). A counted one is `2 years` or `30 days`.
    "CREATE MACRO interval_months(billing_interval) AS CASE billing_interval WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 "
    "WHEN 'half_year' THEN 6 WHEN 'year' THEN 12 ELSE TRY_CAST(split_part(billing_interval, ' ', 1) AS INTEGER) "
    "* CASE split_part(billing_interval, ' ', 2) WHEN 'months' THEN 1 WHEN 'years' THEN 12 END END",
    "CREATE MACRO interval_days(billing_interval) AS CASE billing_interval WHEN 'day' THEN 1 WHEN 'week' THEN 7 "
    "ELSE TRY_CAST(split_part(billing_interval, ' ', 1) AS INTEGER) "
    "* CASE split_part(billing_interval, ' ', 2) WHEN 'days' THEN 1 WHEN 'weeks' THEN 7 END END",
    # Whether two dates are a month apart, where one of them may be a month's last day in place of the other's day.
    "CREATE MACRO is_month(starts, ends) AS datediff('month', starts, ends) = 1 "
    "AND (day(starts) = day(ends) OR starts = last_day(starts) OR ends = last_day(ends))",
    # A multiple of `step`, rounded down, also below zero. By remainders: integer division is not among the operators allowed.
    "CREATE MACRO floored(number, step) AS number - ((number % step) + step) % step",
    # The date so many months after another: a 31st clamps to month ends, as core.period.add_months does.
    "CREATE MACRO months_on(anchor, months) AS CAST(anchor + to_months(CAST(months AS INTEGER)) AS DATE)",
    # The billing period that holds a date (core.period.billing_period), as a struct of `starts` and `ends`; `once` is given by
    # its own edges. Months count from the anchor itself, so that the 31st clamps to month ends and returns. The lists of one
    # name what is used twice.
    "CREATE MACRO period_of(anchor, billing_interval, once_start, once_end, probe) AS list_transform(list_transform("
    "[struct_pack(step := interval_months(billing_interval), length := interval_days(billing_interval), "
    "months := floored(datediff('month', anchor, probe), interval_months(billing_interval)))], "
    "lambda one: struct_pack(step := one.step, length := one.length, months := one.months "
    "- CASE WHEN months_on(anchor, one.months) > probe THEN one.step ELSE 0 END, "
    "days := CAST(floored(datediff('day', anchor, probe), one.length) AS INTEGER))), "
    "lambda one: CASE WHEN billing_interval = 'once' THEN struct_pack(starts := once_start, ends := once_end) "
    "WHEN one.length IS NOT NULL "
    "THEN struct_pack(starts := CAST(anchor + one.days AS DATE), ends := CAST(anchor + one.days + one.length AS DATE)) "
    "ELSE struct_pack(starts := months_on(anchor, one.months), ends := months_on(anchor, one.months + one.step)) END)[1]",
    # Whether a change of the roll-up can change a price. Of a meter charged by events one can without a unit more or less.
    "CREATE MACRO may_reprice(quantity, events, superseded_events, by_event) AS "
    "quantity <> 0 OR ((events <> 0 OR superseded_events <> 0) AND by_event)",
    # Whether a bill that knew what was known by a day is that of a version of a contract; of one without versions every bill is.
    "CREATE MACRO in_version(known_from, known_until, known_by) AS "
    "coalesce(known_from <= known_by AND known_by < known_until, true)",
    # Whether terms change within one of the days from one to another, both counted.
    "CREATE MACRO is_cut(cut_days, first_day, last_day) AS CASE WHEN cut_days IS NULL THEN false "
    "ELSE len(list_filter(cut_days, lambda one: one >= first_day AND one <= last_day)) > 0 END",
    # The sum of what there is of two figures; empty if there is neither.
    "CREATE MACRO also(one, other) AS CASE WHEN other IS NULL THEN one ELSE coalesce(one, 0) + other END",
    # The price that a contract agrees for a charge; empty where it leaves the list price.
    f"CREATE MACRO own_price_in(contract, charge_id) AS "
    f"TRY_CAST(json_extract_string(contract, '$.overrides.\"' || charge_id || '\"') AS {PRICE})",
    # Whether a profile's step order raises to the minimum before it takes the discount off, so off the minimum too.
    "CREATE MACRO minimum_first(step_order) AS position('minimum' IN step_order) < position('discount' IN step_order)",
    # What is wrong with a term of a contract: it is no list; no exact figure (a JSON number with decimals has been through a
    # float); no amount; something stands where a date should; no date stands there.
    "CREATE MACRO no_list(contract, path) AS coalesce(json_type(contract, path) NOT IN ('ARRAY', 'NULL'), false)",
    "CREATE MACRO inexact(term, path) AS "
    "coalesce(json_type(term, path) IN ('DOUBLE', 'OBJECT', 'ARRAY', 'BOOLEAN'), false)",
    f"CREATE MACRO not_amount(term, path) AS TRY_CAST(json_extract_string(term, path) AS {AMOUNT}) IS NULL",
    "CREATE MACRO not_date(term, path) AS TRY_CAST(json_extract_string(term, path) AS DATE) IS NULL",
    "CREATE MACRO undated(term, path) AS "
    "json_extract_string(term, path) IS NOT NULL AND TRY_CAST(json_extract_string(term, path) AS DATE) IS NULL",
    f"CREATE MACRO below_zero(term, path) AS coalesce(TRY_CAST(json_extract_string(term, path) AS {AMOUNT}) < 0, false)",
    # Whether two members of a list of objects have the same id.
    "CREATE MACRO repeats(terms, path) AS coalesce(len(terms) > "
    "len(list_distinct(list_transform(terms, lambda one: coalesce(json_extract_string(one, path), 'none')))), false)",
    # The names of all members of a list of objects; those of them that are not known.
    "CREATE MACRO names_of_all(terms) AS flatten(list_transform(terms, lambda one: coalesce(json_keys(one), [])))",
    "CREATE MACRO other_names(names, known) AS "
    "coalesce(list_filter(names, lambda one: NOT list_contains(known, one)), [])",
)
"""Created on every connection by compute.engine, after the types and money macros."""
