-- Types and functions of money. This is the only place where SQL multiplies, divides or rounds money; every relation
-- calls these by name. DuckDB raises on overflow and never wraps. `/`, `//`, `avg` and exponent literals turn
-- decimals into DOUBLE; a test parses every relation and refuses them. Another engine needs this file written again
-- and nothing else.

-- Types. They are aliases of decimals, so sums and comparisons stay exact.

-- An amount before it is rounded. A quantity times a price has exactly 22 decimals.
CREATE TYPE raw AS DECIMAL(38, 22);

-- A settled amount.
CREATE TYPE amount AS DECIMAL(38, 12);

-- Units of a meter.
CREATE TYPE quantity AS DECIMAL(28, 10);

-- A price per unit or package.
CREATE TYPE price AS DECIMAL(24, 12);

-- A percentage as a fraction: 0.19 is 19%.
CREATE TYPE rate AS DECIMAL(12, 8);

-- Packages.

-- Units as whole packages, a started one counted in full: ceil(units / size), exact. Zero for zero units.
CREATE MACRO packages_of(units, size) AS CAST(
    decimal_division(
        CAST(units AS quantity) - CAST(units AS quantity) % CAST(size AS quantity), CAST(size AS quantity), 0
    )
    + CASE WHEN CAST(units AS quantity) % CAST(size AS quantity) > 0 THEN 1 ELSE 0 END AS DECIMAL(28, 0)
);

-- Full packages only: floor(units / size), exact.
CREATE MACRO full_packages_of(units, size) AS CAST(
    decimal_division(
        CAST(units AS quantity) - CAST(units AS quantity) % CAST(size AS quantity), CAST(size AS quantity), 0
    )
    AS DECIMAL(28, 0)
);

-- Products and shares.

-- Quantity times price, exact: 10 + 12 decimals.
CREATE MACRO extend(quantity, unit_price) AS
CAST(CAST(quantity AS DECIMAL(38, 10)) * CAST(unit_price AS DECIMAL(38, 12)) AS raw);

-- Amount times rate, exact: 12 + 8 decimals. For percentages of settled amounts, such as discounts and taxes.
CREATE MACRO apply_rate(amount, rate) AS CAST(CAST(amount AS amount) * CAST(rate AS rate) AS raw);

-- Amount times part / whole, both whole numbers (days of a period): half-even at the 22nd decimal.
CREATE MACRO share(amount, part, whole) AS decimal_division(
    CAST(CAST(amount AS raw) * CAST(part AS DECIMAL(9, 0)) AS raw), CAST(whole AS DECIMAL(9, 0)), 22
);

-- Part / whole, both whole numbers, rounded half up at 8, 9, 10, 12 or 16 decimals
-- (core.profile.Profile.ratio_decimals); at any other number, or none, kept at 22.
CREATE MACRO ratio_of(part, whole, decimals) AS list_transform(
    [decimal_division(CAST(part AS DECIMAL(12, 0)), CAST(whole AS DECIMAL(12, 0)), 22)],
    LAMBDA exact: CAST(CASE decimals
        WHEN 8 THEN CAST(round(exact, 8) AS raw)
        WHEN 9 THEN CAST(round(exact, 9) AS raw)
        WHEN 10 THEN CAST(round(exact, 10) AS raw)
        WHEN 12 THEN CAST(round(exact, 12) AS raw)
        WHEN 16 THEN CAST(round(exact, 16) AS raw)
        ELSE exact
    END AS raw)
)[1];

-- Amount times ratio. The amount is split at its decimal point so that 38 digits suffice: exact to 22 decimals for
-- whole amounts, and within 1e-16 for their fractions.
CREATE MACRO part_of(amount, ratio) AS list_transform(
    [struct_pack(
        exact := CAST(amount AS raw),
        units := CAST(trunc(CAST(amount AS raw), 0) AS DECIMAL(16, 0)),
        ratio := CAST(ratio AS DECIMAL(22, 20))
    )],
    LAMBDA split: CAST(
        CAST(split.units * split.ratio AS raw)
        + CAST(CAST(split.exact - split.units AS DECIMAL(18, 16)) * split.ratio AS raw)
        AS raw
    )
)[1];

-- Amount times part / whole for fractional units (an event that lies in two tiers). Units of at most four decimals are
-- counted in ten-thousandths, so that the amount is multiplied before it is divided and a share that ends is exact.
-- Otherwise, and for amounts of a million or more, the share is kept at 16 decimals.
CREATE MACRO split_of(amount, part, whole) AS CASE
    WHEN part = whole THEN CAST(amount AS raw)
    WHEN whole < 100000 AND abs(amount) < 1000000 AND CAST(part AS DECIMAL(28, 4)) = part
        AND CAST(whole AS DECIMAL(28, 4)) = whole
        THEN share(amount, full_packages_of(part, 0.0001), full_packages_of(whole, 0.0001))
    ELSE part_of(amount, decimal_division(CAST(part AS DECIMAL(22, 10)), CAST(whole AS DECIMAL(22, 10)), 16))
END;

-- The sum of shares, rounded half-even at 18 decimals: three thirds differ from the whole at the 22nd, which must not
-- round anything up.
CREATE MACRO rejoined(amount) AS CAST(round_even(amount, 18) AS raw);

-- The tax within an amount that includes it: amount x rate / (1 + rate), half-even at the 22nd decimal. The rate is
-- taken as a fraction of whole numbers in lowest terms (19/119), so that 38 digits suffice.
CREATE MACRO tax_within(amount, rate) AS list_transform(
    [struct_pack(
        rated := CAST(apply_rate(100000000, rate) AS BIGINT),
        whole := CAST(apply_rate(100000000, rate) AS BIGINT) + 100000000
    )],
    LAMBDA fraction: share(
        amount,
        full_packages_of(fraction.rated, gcd(fraction.rated, fraction.whole)),
        full_packages_of(fraction.whole, gcd(fraction.rated, fraction.whole))
    )
)[1];

-- Rounding.

-- The smallest amount at 0 to 12 decimals: 0.01 at 2. Exact.
CREATE MACRO minor_unit(decimals) AS CAST([
    1, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001, 0.0000001, 0.00000001, 0.000000001, 0.0000000001, 0.00000000001,
    0.000000000001
] AS amount[])[decimals + 1];

-- `settle` by remainder, for every number of decimals from 0 to 12 and every rounding: slower, used where settle has no
-- branch of its own. Exact.
CREATE MACRO settle_by_remainder(amount, decimals, rounding) AS CAST(list_transform(
    [struct_pack(
        exact := CAST(amount AS raw),
        rest := CAST(amount AS raw) % CAST(minor_unit(decimals) AS raw),
        unit := CAST(minor_unit(decimals) AS raw)
    )],
    LAMBDA parts: parts.exact - parts.rest + CASE
        WHEN CASE rounding
                WHEN 'half_up' THEN abs(parts.rest) + abs(parts.rest) >= parts.unit
                WHEN 'half_even'
                    THEN abs(parts.rest) + abs(parts.rest) > parts.unit
                        OR (
                            abs(parts.rest) + abs(parts.rest) = parts.unit
                            AND (parts.exact - parts.rest) % (parts.unit + parts.unit) <> 0
                        )
                WHEN 'down' THEN false
                WHEN 'up' THEN parts.rest <> 0
            END THEN CASE WHEN parts.exact < 0 THEN -parts.unit ELSE parts.unit END
        ELSE 0
    END
)[1] AS amount);

-- Round an amount once, by name: `rounding` is half_up, half_even, down or up; 0 to 12 decimals. The rounding
-- functions need a constant number of decimals, so the usual ones have a branch each. The list of one names the
-- amount, so that the expression given is planned once and not once per branch.
CREATE MACRO settle(amount, decimals, rounding) AS list_transform(
    [CAST(amount AS raw)],
    LAMBDA exact: CASE CASE WHEN rounding = 'up' THEN -1 ELSE decimals END
        WHEN 2
            THEN CAST(CASE rounding
                    WHEN 'half_up' THEN round(exact, 2)
                    WHEN 'half_even' THEN round_even(exact, 2)
                    WHEN 'down' THEN trunc(exact, 2)
                END AS amount)
        WHEN 0
            THEN CAST(CASE rounding
                    WHEN 'half_up' THEN round(exact, 0)
                    WHEN 'half_even' THEN round_even(exact, 0)
                    WHEN 'down' THEN trunc(exact, 0)
                END AS amount)
        WHEN 3
            THEN CAST(CASE rounding
                    WHEN 'half_up' THEN round(exact, 3)
                    WHEN 'half_even' THEN round_even(exact, 3)
                    WHEN 'down' THEN trunc(exact, 3)
                END AS amount)
        ELSE settle_by_remainder(exact, decimals, rounding)
    END
)[1];

-- Units.

-- Units rounded (ceiling, floor, half_up) at a number of decimals; `none` leaves them as they are. Exact.
CREATE MACRO rounded_units(units, rounding, decimals) AS CASE
    WHEN rounding = 'none' THEN CAST(units AS raw)
    ELSE CAST(settle_by_remainder(
            units, decimals, CASE rounding WHEN 'ceiling' THEN 'up' WHEN 'floor' THEN 'down' ELSE 'half_up' END
        ) AS raw)
END;

-- Units in another measure: divided or multiplied (half-even at the 10th decimal), then rounded as rounded_units
-- rounds. Whole units are counted by remainder, so that no quotient is rounded before it is raised.
CREATE MACRO converted(units, divide_by, multiply_by, rounding, decimals) AS CAST(CASE
    WHEN divide_by IS NULL AND multiply_by IS NULL THEN CAST(units AS quantity)
    WHEN divide_by IS NOT NULL AND rounding = 'ceiling' AND decimals = 0 THEN packages_of(units, divide_by)
    WHEN divide_by IS NOT NULL AND rounding = 'floor' AND decimals = 0 THEN full_packages_of(units, divide_by)
    ELSE CAST(rounded_units(
            CASE
                WHEN divide_by IS NOT NULL
                    THEN CAST(decimal_division(CAST(units AS quantity), CAST(divide_by AS quantity), 10) AS raw)
                ELSE CAST(round_even(CAST(units AS DECIMAL(38, 10)) * CAST(multiply_by AS quantity), 10) AS raw)
            END,
            rounding, decimals
        ) AS quantity)
END AS quantity);

-- Metered units of a bill that may state converted ones: those that it states, unless they are nearer to what the
-- metered units convert to, and of that size. A bill that states exactly what they convert to states them.
CREATE MACRO metered_units(stated, metered, divide_by, multiply_by, rounding, decimals) AS list_transform(
    [converted(metered, divide_by, multiply_by, rounding, decimals)],
    LAMBDA due: CASE
        WHEN stated = due THEN metered
        WHEN abs(stated - due) < abs(stated - metered) AND stated <= 10 * due
            THEN CAST(CASE
                    WHEN divide_by IS NOT NULL THEN CAST(stated AS DECIMAL(38, 10)) * CAST(divide_by AS quantity)
                    ELSE decimal_division(CAST(stated AS quantity), CAST(multiply_by AS quantity), 10)
                END AS quantity)
        ELSE stated
    END
)[1];

-- Metrics.

-- A ratio of two figures, never an amount: both rounded half up at 4 decimals, the quotient half-even at 8; empty
-- without a denominator, or with one that rounds to nothing.
CREATE MACRO ratio(
    numerator, denominator) AS CASE WHEN round(CAST(denominator AS amount), 4) = 0
        THEN NULL ELSE decimal_division(
            CAST(round(CAST(numerator AS amount), 4) AS DECIMAL(22, 4)),
            CAST(round(CAST(denominator AS amount), 4) AS DECIMAL(22, 4)),
            8
        )
END;

-- A metric's figure, or the two figures of a rate. Exact.
CREATE MACRO figure(metric, value) AS struct_pack(
    metric := metric, numerator := CAST(value AS amount), denominator := CAST(NULL AS amount), is_rate := false
);
CREATE MACRO rate_of(metric, numerator, denominator) AS struct_pack(
    metric := metric,
    numerator := CAST(numerator AS amount),
    denominator := CAST(denominator AS amount),
    is_rate := true
);

-- Text.

-- An amount as text, exact: at least so many decimals, more only where the figure has them. The list of one names the
-- text, so that the expression given is planned and computed once.
CREATE MACRO say(amount, decimals) AS list_transform(
    [rtrim(CAST(CAST(amount AS amount) AS VARCHAR), '0')],
    LAMBDA figure: CASE
        WHEN decimals = 0 THEN rtrim(figure, '.')
        ELSE rpad(figure, CAST(greatest(length(figure), position('.' IN figure) + decimals) AS INTEGER), '0')
    END
)[1];

-- A quantity as text, exact, without trailing zeros.
CREATE MACRO say_quantity(quantity) AS rtrim(rtrim(CAST(CAST(quantity AS quantity) AS VARCHAR), '0'), '.');
