-- Per matched line that differs (same currency), the total after each substitution: t0 expected, t1 quantity, t2
-- gross, t3 discount, t4 credit, t5 taxable, t6 tax rate, t7 tax, t8 billed. Until a figure is substituted the
-- expected rules compute it, so t0 is the expected total and t8 the billed one. `own_raw`: unrounded gross at the
-- billed quantity; `discount_raw`, `tax_raw`: unrounded, on the billed gross and base; `used_rate`: the billed rate,
-- or the one that the tax implies; `unbound`: the gross without the charge's own minimum and maximum; `shared_by`:
-- the billed gross is the share by other days, and no rounding at the currency's decimals; `implied`: it is
-- a known region's, though the line does not say so. `apart`: the bill adds up without its taxable amount, which
-- therefore moves the tax alone and not the total. Where prices include the tax, neither rate nor tax moves the total,
-- as long as taxable amount and tax add up to the price; `tax_off`: the tax is not what the rate makes of the price.
-- inputs: differing_lines, rerated_lines, term_charges, term_taxes, term_profile, run_params
-- rows from: differing_lines
WITH chosen AS MATERIALIZED (
    SELECT
        line.item, line.kind, line.decimals, line.expected_gross, line.billed_gross, line.expected_discount,
        line.billed_discount, line.expected_credit, line.billed_credit, line.expected_taxable, line.billed_taxable,
        line.expected_rate, line.billed_rate, line.expected_tax, line.billed_tax, line.expected_total,
        line.billed_total, rerated.other_version,
        coalesce(
            rerated.own_raw,
            CASE WHEN charge.priced_by_event AND line.by_units THEN line.billed_gross END,
            line.gross_raw
        ) AS own_raw,
        coalesce(
            rerated.own_gross,
            CASE WHEN charge.priced_by_event AND line.by_units THEN line.billed_gross END,
            line.expected_gross
        ) AS own_gross,
        coalesce(rerated.own_unbound, CASE
            WHEN line.billed_quantity = line.expected_quantity
                THEN TRY_CAST(json_extract_string(line.working, '$.steps.bounds.charged') AS amount)
        END) AS unbound,
        line.discount_rate, coalesce(rerated.is_unfree OR rerated.is_carried, false) AS other_allowance,
        coalesce(rerated.is_unfree, false) AS is_unfree, coalesce(rerated.is_whole, false) AS is_whole,
        CASE WHEN abs(line.gross_raw - line.billed_gross) >= minor_unit(line.decimals) THEN rerated.shared_by END
            AS shared_by,
        coalesce(rerated.is_listed, false) AS is_listed,
        CAST(
            coalesce(charge.free_units, 0)
            + coalesce(
                TRY_CAST(json_extract_string(line.working, '$.steps.allowance.units') AS quantity), 0
            ) AS quantity
        ) AS free_units, run.rounding,
        run.credit_policy = 'before_tax' AS before_tax,
        CASE WHEN run.credit_policy = 'before_tax' THEN line.expected_credit ELSE 0 END AS expected_credit_before_tax,
        CASE WHEN run.credit_policy = 'before_tax' THEN line.billed_credit ELSE 0 END AS billed_credit_before_tax,
        line.on_base, apply_rate(line.billed_taxable + line.on_base, line.expected_rate) AS expected_rate_raw,
        line.billed_total = line.billed_gross - line.billed_discount - line.billed_credit + line.billed_tax
        AND line.billed_total <> line.billed_taxable + line.billed_tax
        - CASE WHEN run.credit_policy = 'before_tax' THEN 0 ELSE line.billed_credit END
        AND NOT profile.tax_included AS apart,
        profile.tax_included, line.billed_gross - line.billed_discount AS billed_net
    FROM differing_lines AS line
    CROSS JOIN run_params AS run
    CROSS JOIN term_profile AS profile
    LEFT JOIN rerated_lines AS rerated ON rerated.item = line.item
    LEFT JOIN term_charges AS charge
        ON charge.plan_id = line.expected_plan
            AND charge.plan_version = line.expected_version AND charge.currency = line.expected_currency
            AND charge.charge_id = line.charge_id
    WHERE line.expected_currency = line.billed_currency
        AND NOT line.scaled
        AND (line.pass BETWEEN 1 AND 2 OR line.moved)
),
rates AS (
    SELECT DISTINCT rate FROM term_taxes
),
regions AS (
    SELECT
        chosen.item,
        arg_min(rates.rate, struct_pack(
            off := abs(apply_rate(chosen.billed_taxable + chosen.on_base, rates.rate) - chosen.billed_tax),
            rate := rates.rate
        )) AS rate
    FROM chosen
    JOIN rates
        ON rates.rate <> chosen.expected_rate
            AND abs(apply_rate(chosen.billed_taxable + chosen.on_base, rates.rate) - chosen.billed_tax)
            < minor_unit(chosen.decimals)
    WHERE coalesce(chosen.billed_rate = chosen.expected_rate, true) AND chosen.billed_taxable + chosen.on_base <> 0
        AND abs(chosen.expected_rate_raw - chosen.billed_tax) >= minor_unit(chosen.decimals)
    GROUP BY chosen.item
),
rated AS (
    SELECT
        chosen.item, region.rate IS NOT NULL AS implied,
        CAST(CASE
            WHEN chosen.billed_rate <> chosen.expected_rate THEN chosen.billed_rate
            ELSE coalesce(region.rate, chosen.expected_rate)
        END AS rate) AS used_rate
    FROM chosen
    LEFT JOIN regions AS region ON region.item = chosen.item
),
discounted AS (
    SELECT
        item,
        CASE
            WHEN kind = 'discount' OR own_gross = expected_gross THEN expected_discount
            ELSE settle(apply_rate(own_gross, discount_rate), decimals, rounding)
        END AS discount_1,
        CASE
            WHEN kind = 'discount' OR billed_gross = expected_gross THEN expected_discount
            ELSE settle(apply_rate(billed_gross, discount_rate), decimals, rounding)
        END AS discount_2
    FROM chosen
),
bases AS (
    SELECT
        chosen.item, chosen.decimals, chosen.rounding, chosen.expected_taxable, chosen.expected_tax,
        chosen.expected_rate, rated.used_rate, unnest([1, 2, 3, 4, 5, 6]) AS step,
        unnest([
            chosen.own_gross - discounted.discount_1 - chosen.expected_credit_before_tax,
            chosen.billed_gross - discounted.discount_2 - chosen.expected_credit_before_tax,
            chosen.billed_gross - chosen.billed_discount - chosen.expected_credit_before_tax,
            chosen.billed_gross - chosen.billed_discount - chosen.billed_credit_before_tax,
            chosen.billed_taxable, chosen.billed_taxable
        ]) AS base,
        CASE
            WHEN chosen.apart THEN chosen.billed_gross - chosen.billed_discount - chosen.billed_credit_before_tax
        END AS summed,
        unnest([true, true, true, true, true, false]) AS at_expected_rate,
        unnest([
            chosen.expected_credit, chosen.expected_credit, chosen.expected_credit, chosen.billed_credit,
            chosen.billed_credit, chosen.billed_credit
        ]) AS credit,
        chosen.before_tax, chosen.on_base, CASE WHEN chosen.tax_included THEN chosen.billed_net END AS price
    FROM chosen
    JOIN discounted ON discounted.item = chosen.item
    JOIN rated ON rated.item = chosen.item
),
raws AS (
    SELECT
        item, step, decimals, rounding, CASE WHEN step < 5 THEN base ELSE coalesce(summed, base) END AS net, credit,
        before_tax, expected_taxable, expected_tax, price,
        base = expected_taxable AND (at_expected_rate OR used_rate = expected_rate) AND price IS NULL AS untouched,
        CASE WHEN price IS NULL
                THEN apply_rate(base + on_base, CASE WHEN at_expected_rate THEN expected_rate ELSE used_rate END)
            ELSE tax_within(price, used_rate)
        END AS raw
    FROM bases
),
taxed AS (
    SELECT
        item, step, net, credit, before_tax, raw, price,
        CASE WHEN untouched THEN expected_tax ELSE settle(raw, decimals, rounding) END AS tax
    FROM raws
),
totals AS (
    SELECT
        taxed.item, taxed.step, taxed.raw, taxed.tax,
        CAST(CASE
            WHEN taxed.price IS NULL
                THEN taxed.net + taxed.tax - CASE WHEN taxed.before_tax THEN 0 ELSE taxed.credit END
            WHEN taxed.step < 5 THEN taxed.net - taxed.credit
            WHEN chosen.billed_taxable + chosen.billed_tax = taxed.price THEN taxed.price - taxed.credit
            ELSE taxed.net + taxed.tax - taxed.credit
        END AS amount) AS total
    FROM taxed
    JOIN chosen ON chosen.item = taxed.item
),
wide AS (
    SELECT
        item, max(total) FILTER (WHERE step = 1) AS t1, max(total) FILTER (WHERE step = 2) AS t2,
        max(total) FILTER (WHERE step = 3) AS t3, max(total) FILTER (WHERE step = 4) AS t4,
        max(total) FILTER (WHERE step = 5) AS t5, max(total) FILTER (WHERE step = 6) AS t6,
        max(raw) FILTER (WHERE step = 6) AS tax_raw, max(tax) FILTER (WHERE step = 6) AS tax
    FROM totals
    GROUP BY item
)
SELECT
    chosen.item, chosen.own_raw, chosen.own_gross, discounted.discount_2 AS own_discount,
    apply_rate(chosen.billed_gross, chosen.discount_rate) AS discount_raw, wide.tax_raw, rated.used_rate,
    rated.implied, chosen.other_version, chosen.other_allowance, chosen.is_unfree, chosen.is_whole, chosen.shared_by,
    chosen.is_listed, chosen.unbound, chosen.free_units, chosen.expected_total AS t0, wide.t1, wide.t2, wide.t3,
    wide.t4, wide.t5, wide.t6,
    CAST(CASE
        WHEN chosen.apart THEN chosen.billed_total
        ELSE chosen.billed_taxable + chosen.billed_tax - chosen.billed_credit + chosen.billed_credit_before_tax
    END AS amount) AS t7,
    chosen.billed_total AS t8, chosen.apart, chosen.tax_included,
    chosen.tax_included AND chosen.billed_tax <> wide.tax AS tax_off
FROM chosen
JOIN discounted ON discounted.item = chosen.item
JOIN rated ON rated.item = chosen.item
JOIN wide ON wide.item = chosen.item
