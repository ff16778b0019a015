"""The only place where SQL multiplies, divides or rounds money. Everything else calls these functions by name.

Types: quantities DECIMAL(28,10), prices DECIMAL(24,12), settled amounts DECIMAL(38,12), unrounded amounts (raw)
DECIMAL(38,22). The product of a quantity and a price has exactly 22 decimals, so `extend` loses nothing. DuckDB raises on
overflow, it never wraps. `/`, `//`, `avg` and exponent literals turn decimals into DOUBLE and are refused by a test that
parses every relation.

Another engine needs these functions written again and nothing else.
"""

from __future__ import annotations

RAW = "DECIMAL(38,22)"
AMOUNT = "DECIMAL(38,12)"
QUANTITY = "DECIMAL(28,10)"
PRICE = "DECIMAL(24,12)"
RATE = "DECIMAL(12,8)"

TYPES: dict[str, str] = {"raw": RAW, "amount": AMOUNT, "quantity": QUANTITY, "price": PRICE, "rate": RATE}
"""Names by which .sql files call the types: CAST(x AS amount). They are aliases, so sums and comparisons stay exact."""

_UNITS = "[" + ", ".join(f"CAST('{'1' if n == 0 else '0.' + '0' * (n - 1) + '1'}' AS {RAW})" for n in range(13)) + "]"
"""The smallest amount at 0 to 12 decimals."""


def _settled_at(decimals: int) -> str:
    """The rounding functions need a constant number of decimals, so the usual exponents have an arm of their own."""
    return (
        f"WHEN {decimals} THEN CAST(CASE rounding WHEN 'half_up' THEN round(exact, {decimals}) "
        f"WHEN 'half_even' THEN round_even(exact, {decimals}) WHEN 'down' THEN trunc(exact, {decimals}) END AS {AMOUNT}) "
    )


_RATIO_ARMS = "".join(f"WHEN {n} THEN CAST(round(exact, {n}) AS {RAW}) " for n in (8, 9, 10, 12, 16))
"""Decimals at which an engine may keep the share of a period (core.profile.Profile.ratio_decimals)."""

_IN_TEN_THOUSANDTHS = "whole < 100000 AND abs(amount) < 1000000 AND CAST(part AS DECIMAL(28,4)) = part AND CAST(whole AS DECIMAL(28,4)) = whole"
"""SQL condition: part and whole times 10,000 are whole numbers of nine digits, and the product with the amount fits."""

MACROS: tuple[str, ...] = (
    # quantity x price, exact: 10 + 12 decimals.
    f"CREATE OR REPLACE MACRO extend(quantity, unit_price) AS "
    f"CAST(CAST(quantity AS DECIMAL(38,10)) * CAST(unit_price AS DECIMAL(38,12)) AS {RAW})",
    # amount x rate, exact: 12 + 8 decimals. For percentages of settled amounts: discounts, taxes.
    f"CREATE OR REPLACE MACRO apply_rate(amount, rate) AS "
    f"CAST(CAST(amount AS {AMOUNT}) * CAST(rate AS {RATE}) AS {RAW})",
    # raw x part / whole with both whole numbers (days of a period), half-even at the 22nd decimal.
    f"CREATE OR REPLACE MACRO share(amount, part, whole) AS "
    f"decimal_division(CAST(CAST(amount AS {RAW}) * CAST(part AS DECIMAL(9,0)) AS {RAW}), CAST(whole AS DECIMAL(9,0)), 22)",
    # part / whole, both whole numbers, rounded half up at so many decimals (none: kept at 22).
    f"CREATE OR REPLACE MACRO ratio_of(part, whole, decimals) AS list_transform("
    f"[decimal_division(CAST(part AS DECIMAL(12,0)), CAST(whole AS DECIMAL(12,0)), 22)], "
    f"lambda exact: CAST(CASE decimals {_RATIO_ARMS}ELSE exact END AS {RAW}))[1]",
    # amount x ratio, the amount taken apart at its point so that 38 digits suffice: exact to 22 decimals for whole amounts,
    # and within 1e-16 for their fractions.
    f"CREATE OR REPLACE MACRO part_of(amount, ratio) AS list_transform("
    f"[struct_pack(exact := CAST(amount AS {RAW}), units := CAST(trunc(CAST(amount AS {RAW}), 0) AS DECIMAL(16,0)), "
    f"by := CAST(ratio AS DECIMAL(22,20)))], lambda s: CAST(CAST(s.units * s.by AS {RAW}) "
    f"+ CAST(CAST(s.exact - s.units AS DECIMAL(18,16)) * s.by AS {RAW}) AS {RAW}))[1]",
    # amount x part / whole for fractional units (an event that lies in two tiers). Units of at most four decimals are counted in
    # ten-thousandths, so that the amount is multiplied before it is divided and a share that ends is exact; else, and of large
    # amounts, the share is kept at 16 decimals.
    f"CREATE OR REPLACE MACRO split_of(amount, part, whole) AS CASE WHEN part = whole THEN CAST(amount AS {RAW}) "
    f"WHEN {_IN_TEN_THOUSANDTHS} THEN share(amount, full_packages_of(part, 0.0001), full_packages_of(whole, 0.0001)) "
    f"ELSE part_of(amount, decimal_division(CAST(part AS DECIMAL(22,10)), CAST(whole AS DECIMAL(22,10)), 16)) END",
    # Shares summed up again, at 18 decimals: three thirds differ from the whole at the 22nd, and no rounding up is owed to that.
    f"CREATE OR REPLACE MACRO rejoined(amount) AS CAST(round_even(amount, 18) AS {RAW})",
    # settle by remainder, for any number of decimals from 0 to 12: slower, used where settle has no arm.
    f"CREATE OR REPLACE MACRO settle_by_remainder(amount, decimals, rounding) AS CAST(list_transform("
    f"[struct_pack(exact := CAST(amount AS {RAW}), rest := CAST(amount AS {RAW}) % {_UNITS}[decimals + 1], "
    f"unit := {_UNITS}[decimals + 1])], lambda s: s.exact - s.rest + CASE WHEN CASE rounding "
    "WHEN 'half_up' THEN abs(s.rest) + abs(s.rest) >= s.unit "
    "WHEN 'half_even' THEN abs(s.rest) + abs(s.rest) > s.unit "
    "OR (abs(s.rest) + abs(s.rest) = s.unit AND (s.exact - s.rest) % (s.unit + s.unit) <> 0) "
    "WHEN 'down' THEN false WHEN 'up' THEN s.rest <> 0 END THEN CASE WHEN s.exact < 0 THEN -s.unit ELSE s.unit END ELSE 0 END)[1] "
    f"AS {AMOUNT})",
    # Rounds once, by name: rounding is half_up, half_even, down or up; decimals 0 to 12. The list of one names the amount, so
    # that the expression given is planned once and not once an arm.
    f"CREATE OR REPLACE MACRO settle(amount, decimals, rounding) AS list_transform([CAST(amount AS {RAW})], "
    f"lambda exact: CASE CASE WHEN rounding = 'up' THEN -1 ELSE decimals END {_settled_at(2)}{_settled_at(0)}{_settled_at(3)}"
    "ELSE settle_by_remainder(exact, decimals, rounding) END)[1]",
    # The smallest amount at so many decimals: 0.01 for 2.
    f"CREATE OR REPLACE MACRO minor_unit(decimals) AS CAST({_UNITS}[decimals + 1] AS {AMOUNT})",
    # A ratio of two figures for metrics (never an amount): 12 decimals, NULL without a denominator.
    "CREATE OR REPLACE MACRO ratio(numerator, denominator) AS CASE WHEN denominator = 0 THEN NULL ELSE "
    "decimal_division(CAST(round(CAST(numerator AS DECIMAL(38,12)), 4) AS DECIMAL(22,4)), "
    "CAST(round(CAST(denominator AS DECIMAL(38,12)), 4) AS DECIMAL(22,4)), 8) END",
    # An amount for a sentence: at least `decimals` decimals, more only where the figure has them. The list of one lets the
    # text be named, so that an expression given here is planned and computed once.
    f"CREATE OR REPLACE MACRO say(amount, decimals) AS list_transform("
    f"[rtrim(CAST(CAST(amount AS {AMOUNT}) AS VARCHAR), '0')], lambda figure: CASE WHEN decimals = 0 "
    "THEN rtrim(figure, '.') ELSE rpad(figure, "
    "CAST(greatest(length(figure), position('.' IN figure) + decimals) AS INTEGER), '0') END)[1]",
    # A quantity for a sentence, without trailing zeros.
    f"CREATE OR REPLACE MACRO say_quantity(quantity) AS "
    f"rtrim(rtrim(CAST(CAST(quantity AS {QUANTITY}) AS VARCHAR), '0'), '.')",
    # Units as whole packages, a begun one in full: ceil(units / size), exact. Zero for zero units.
    f"CREATE OR REPLACE MACRO packages_of(units, size) AS CAST("
    f"decimal_division(CAST(units AS {QUANTITY}) - CAST(units AS {QUANTITY}) % CAST(size AS {QUANTITY}), "
    f"CAST(size AS {QUANTITY}), 0) "
    f"+ CASE WHEN CAST(units AS {QUANTITY}) % CAST(size AS {QUANTITY}) > 0 THEN 1 ELSE 0 END AS DECIMAL(28,0))",
    # Packages that are full: floor(units / size), exact.
    f"CREATE OR REPLACE MACRO full_packages_of(units, size) AS CAST("
    f"decimal_division(CAST(units AS {QUANTITY}) - CAST(units AS {QUANTITY}) % CAST(size AS {QUANTITY}), "
    f"CAST(size AS {QUANTITY}), 0) AS DECIMAL(28,0))",
    # The tax at a rate within an amount that includes it: amount x rate / (1 + rate), half-even at the 22nd decimal. The rate
    # as a fraction of whole numbers in its lowest terms (19/119), so that 38 digits suffice.
    "CREATE OR REPLACE MACRO tax_within(amount, rate) AS list_transform([struct_pack("
    "rated := CAST(apply_rate(100000000, rate) AS BIGINT), whole := CAST(apply_rate(100000000, rate) AS BIGINT) + 100000000)], "
    "lambda s: share(amount, full_packages_of(s.rated, gcd(s.rated, s.whole)), full_packages_of(s.whole, gcd(s.rated, s.whole))))[1]",
    # Units rounded at so many decimals; `none` leaves them as they are.
    f"CREATE OR REPLACE MACRO rounded_units(units, rounding, decimals) AS CASE WHEN rounding = 'none' "
    f"THEN CAST(units AS {RAW}) ELSE CAST(settle_by_remainder(units, decimals, CASE rounding WHEN 'ceiling' THEN 'up' "
    f"WHEN 'floor' THEN 'down' ELSE 'half_up' END) AS {RAW}) END",
    # Units in another measure: divided or multiplied, then rounded (none, ceiling, floor, half_up) at so many decimals.
    # Whole units are counted by remainder, so that no quotient is rounded before it is raised.
    f"CREATE OR REPLACE MACRO converted(units, divide_by, multiply_by, rounding, decimals) AS CAST(CASE "
    f"WHEN divide_by IS NULL AND multiply_by IS NULL THEN CAST(units AS {QUANTITY}) "
    "WHEN divide_by IS NOT NULL AND rounding = 'ceiling' AND decimals = 0 THEN packages_of(units, divide_by) "
    "WHEN divide_by IS NOT NULL AND rounding = 'floor' AND decimals = 0 THEN full_packages_of(units, divide_by) "
    "ELSE CAST(rounded_units(CASE WHEN divide_by IS NOT NULL "
    f"THEN CAST(decimal_division(CAST(units AS {QUANTITY}), CAST(divide_by AS {QUANTITY}), 10) AS {RAW}) "
    f"ELSE CAST(round_even(CAST(units AS DECIMAL(38,10)) * CAST(multiply_by AS {QUANTITY}), 10) AS {RAW}) END, "
    "rounding, decimals) "
    f"AS {QUANTITY}) END AS {QUANTITY})",
    # A figure's text with thousands separated: 12000.5 -> 12,000.5. The second replacement drops commas of unused groups.
    r"CREATE OR REPLACE MACRO group_thousands(figure) AS regexp_replace(regexp_replace(figure, "
    r"'^(-?\d{1,3})(\d{3})?(\d{3})?(\d{3})?(\d{3})?(\d{3})?(\.|$)', '\1,\2,\3,\4,\5,\6\7'), ',+(\.|$)', '\1')",
)
"""DuckDB macros, created on every connection (compute.definitions)."""
