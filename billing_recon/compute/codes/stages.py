"""The stages of a line's difference: the billed figures put into the expected bill one at a time. Codes are given in codes."""

from __future__ import annotations

from billing_recon.compute.codes.rerating import STAGED
from billing_recon.compute.money import AMOUNT, RATE
from billing_recon.compute.relation import Relation

_BY_EVENTS = """CASE WHEN t.priced_by_event AND p.b_quantity <> p.e_quantity AND p.b_gross <> p.e_gross
            AND (p.b_quantity > p.e_quantity) = (p.b_gross > p.e_gross) AND coalesce(p.b_version = p.e_version, true)
            AND p.b_price IS NOT DISTINCT FROM p.e_price THEN p.b_gross END"""
"""SQL for the gross at the billed units of a charge priced by single events. Which events the engine left out is not known, so
what they cost is not either: where units and gross differ in the same direction, the units stand for all of it."""

STAGES = Relation(
    name="line_stages",
    inputs=("parted_lines", "rerated_lines", "term_charges", "term_taxes", "run_params"),
    rows_from=("parted_lines",),
    doc=(
        "Per matched line that differs (same currency), the total after each substitution: t0 expected, t1 quantity, t2 "
        "gross, t3 discount, t4 credit, t5 taxable, t6 tax rate, t7 tax, t8 billed. Until a figure is substituted the "
        "expected rules compute it, so t0 is the expected total and t8 the billed one. `own_raw`: unrounded gross at the "
        "billed quantity; `discount_raw`, `tax_raw`: unrounded, on the billed gross and base; `used_rate`: the billed rate, "
        "or the one that the tax implies; `unbound`: the gross without the charge's own minimum and maximum; `implied`: it is a known region's, though the line does not say so. `apart`: the bill adds "
        "up without its taxable amount, which therefore moves the tax alone and not the total."
    ),
    sql=f"""
WITH chosen AS (
    SELECT p.item, p.kind, p.decimals, p.e_gross, p.b_gross, p.e_discount, p.b_discount, p.e_credit, p.b_credit,
        p.e_taxable, p.b_taxable, p.e_rate, p.b_rate, p.e_tax, p.b_tax, p.e_total, p.b_total, r.other_version,
        coalesce(r.own_raw, {_BY_EVENTS}, p.gross_raw) AS own_raw, coalesce(r.own_gross, {_BY_EVENTS}, p.e_gross) AS own_gross,
        coalesce(r.own_unbound, CASE WHEN p.b_quantity = p.e_quantity
            THEN TRY_CAST(json_extract_string(p.working, '$.steps.bounds.charged') AS {AMOUNT}) END) AS unbound, p.discount_rate,
        coalesce(r.is_unfree OR r.is_carried, false) AS other_allowance, coalesce(r.is_unfree, false) AS is_unfree,
        coalesce(r.is_whole, false) AS is_whole, coalesce(r.is_listed, false) AS is_listed, coalesce(t.free_units, 0) AS free_units, d.rounding, d.credit_policy = 'before_tax' AS before_tax, p.on_base,
        apply_rate(p.b_taxable + p.on_base, p.e_rate) AS e_rate_raw,
        p.b_total = p.b_gross - p.b_discount - p.b_credit + p.b_tax
            AND p.b_total <> p.b_taxable + p.b_tax - CASE WHEN d.credit_policy = 'before_tax' THEN 0 ELSE p.b_credit END AS apart
    FROM parted_lines AS p
    CROSS JOIN run_params AS d
    LEFT JOIN rerated_lines AS r ON r.item = p.item
    LEFT JOIN term_charges AS t ON t.plan_id = p.e_plan AND t.plan_version = p.e_version AND t.currency = p.e_currency
        AND t.charge_id = p.charge_id
    WHERE p.e_currency = p.b_currency AND NOT p.scaled AND {STAGED}
),
regions AS (
    SELECT c.item, arg_min(t.rate, struct_pack(
            off := abs(apply_rate(c.b_taxable + c.on_base, t.rate) - c.b_tax), rate := t.rate)) AS rate
    FROM chosen AS c
    JOIN (SELECT DISTINCT rate FROM term_taxes) AS t ON t.rate <> c.e_rate
        AND abs(apply_rate(c.b_taxable + c.on_base, t.rate) - c.b_tax) < minor_unit(c.decimals)
    WHERE coalesce(c.b_rate = c.e_rate, true) AND c.b_taxable + c.on_base <> 0
        AND abs(c.e_rate_raw - c.b_tax) >= minor_unit(c.decimals)
    GROUP BY c.item
),
rated AS (
    SELECT c.item, CAST(CASE WHEN c.b_rate <> c.e_rate THEN c.b_rate ELSE coalesce(g.rate, c.e_rate) END AS {RATE})
            AS used_rate, g.rate IS NOT NULL AS implied
    FROM chosen AS c LEFT JOIN regions AS g ON g.item = c.item
),
discounts AS (
    SELECT item, step, settle(raw, decimals, rounding) AS discount
    FROM (SELECT item, decimals, rounding, unnest([1, 2]) AS step,
              unnest([apply_rate(own_gross, discount_rate), apply_rate(b_gross, discount_rate)]) AS raw
          FROM chosen) AS asked
),
discounted AS (
    SELECT c.item,
        CASE WHEN c.kind = 'discount' OR c.own_gross = c.e_gross THEN c.e_discount ELSE a.discount END AS discount_1,
        CASE WHEN c.kind = 'discount' OR c.b_gross = c.e_gross THEN c.e_discount ELSE b.discount END AS discount_2
    FROM chosen AS c
    JOIN discounts AS a ON a.item = c.item AND a.step = 1
    JOIN discounts AS b ON b.item = c.item AND b.step = 2
),
bases AS (
    SELECT c.item, c.decimals, c.rounding, c.e_taxable, c.e_tax, c.e_rate, r.used_rate, r.implied, unnest([1, 2, 3, 4, 5, 6]) AS step,
        unnest([
            c.own_gross - d.discount_1 - CASE WHEN c.before_tax THEN c.e_credit ELSE 0 END,
            c.b_gross - d.discount_2 - CASE WHEN c.before_tax THEN c.e_credit ELSE 0 END,
            c.b_gross - c.b_discount - CASE WHEN c.before_tax THEN c.e_credit ELSE 0 END,
            c.b_gross - c.b_discount - CASE WHEN c.before_tax THEN c.b_credit ELSE 0 END,
            c.b_taxable, c.b_taxable
        ]) AS base,
        CASE WHEN c.apart THEN c.b_gross - c.b_discount - CASE WHEN c.before_tax THEN c.b_credit ELSE 0 END END AS summed,
        unnest([1, 1, 1, 1, 1, 0]) AS expected_rate,
        unnest([c.e_credit, c.e_credit, c.e_credit, c.b_credit, c.b_credit, c.b_credit]) AS credit, c.before_tax, c.on_base
    FROM chosen AS c
    JOIN discounted AS d ON d.item = c.item
    JOIN rated AS r ON r.item = c.item
),
raws AS (
    SELECT item, step, decimals, rounding, CASE WHEN step < 5 THEN base ELSE coalesce(summed, base) END AS net, credit,
        before_tax, e_taxable, e_tax,
        base = e_taxable AND (expected_rate = 1 OR used_rate = e_rate) AS untouched,
        apply_rate(base + on_base, CASE WHEN expected_rate = 1 THEN e_rate ELSE used_rate END) AS raw
    FROM bases
),
taxed AS (
    SELECT item, step, net, credit, before_tax, raw, CASE WHEN untouched THEN e_tax ELSE settle(raw, decimals, rounding) END AS tax
    FROM raws
),
totals AS (
    SELECT item, step, raw, CAST(net + tax - CASE WHEN before_tax THEN 0 ELSE credit END AS {AMOUNT}) AS total FROM taxed
),
wide AS (
    SELECT item, max(total) FILTER (WHERE step = 1) AS t1, max(total) FILTER (WHERE step = 2) AS t2,
        max(total) FILTER (WHERE step = 3) AS t3, max(total) FILTER (WHERE step = 4) AS t4,
        max(total) FILTER (WHERE step = 5) AS t5, max(total) FILTER (WHERE step = 6) AS t6,
        max(raw) FILTER (WHERE step = 6) AS tax_raw
    FROM totals GROUP BY item
)
SELECT c.item, c.own_raw, c.own_gross, d.discount_2 AS own_discount, apply_rate(c.b_gross, c.discount_rate) AS discount_raw, w.tax_raw,
    r.used_rate, r.implied, c.other_version, c.other_allowance, c.is_unfree, c.is_whole, c.is_listed, c.unbound, c.free_units, c.e_total AS t0, w.t1, w.t2, w.t3, w.t4, w.t5, w.t6,
    CAST(CASE WHEN c.apart THEN c.b_total ELSE c.b_taxable + c.b_tax - CASE WHEN c.before_tax THEN 0 ELSE c.b_credit END END
        AS {AMOUNT}) AS t7, c.b_total AS t8, c.apart
FROM chosen AS c
JOIN discounted AS d ON d.item = c.item
JOIN rated AS r ON r.item = c.item
JOIN wide AS w ON w.item = c.item""",
)

RELATIONS: tuple[Relation, ...] = (STAGES,)
