"""Lines that differ, both sides beside each other, and what they would have cost otherwise. Prices come from compute.rating."""

from __future__ import annotations

from billing_recon.compute.expect.bounds import bound
from billing_recon.compute.money import AMOUNT, QUANTITY
from billing_recon.compute.rating import price
from billing_recon.compute.relation import Relation

CHARGES = "('usage', 'subscription', 'proration')"
"""Kinds of line that the catalog prices."""

STAGED = "(pass BETWEEN 1 AND 2 OR moved)"
"""Lines whose figures are put into the expected bill one at a time: of the same charge, at most under moved dates."""


def _times(small: str, large: str) -> str:
    """Whether `large` is `small` times 10, 100 or 1000 in both total and gross (scaling down cannot overflow)."""
    return " OR ".join(
        f"({small}.total = apply_rate({large}.total, {power}) AND {small}.gross = apply_rate({large}.gross, {power}))"
        for power in ("0.1", "0.01", "0.001")
    )


PARTED = Relation(
    name="parted_lines",
    inputs=("line_items", "expected_lines", "billed_lines", "currencies"),
    doc=(
        "Lines of today that differ, both sides beside each other (one side empty where a line is alone): expected figures "
        "are e_, billed ones b_. `scaled`: the same currency in another unit, that is figures that are a power of ten "
        "apart, or ones with more decimals than the currency has. `moved`: the same charge for as many days and units, on other "
        "dates. `on_base`: what a line that is the tax of its invoice is the tax of."
    ),
    sql=f"""
SELECT i.variant || chr(31) || coalesce(i.expected_line_id, '') || chr(31) || coalesce(i.line_key, '') AS item,
    i.variant, i.cohort, i.expected_line_id, i.line_key, i.pass, i.invoice_id, i.sub, i.due_on, b.line_id,
    coalesce(e.customer_id, b.customer_id) AS customer_id, b.currency AS b_currency, e.currency AS e_currency,
    CAST(coalesce(e.decimals, c.decimals) AS INTEGER) AS decimals,
    coalesce(e.kind, b.kind) AS kind, b.kind AS b_kind, coalesce(e.meter, b.meter) AS meter,
    coalesce(e.period_start, b.period_start) AS period_start, coalesce(e.period_end, b.period_end) AS period_end,
    b.period_start AS b_start, b.period_end AS b_end, e.charge_id, e.plan_id AS e_plan, b.plan_id AS b_plan,
    e.plan_version AS e_version, b.plan_version AS b_version, e.quantity AS e_quantity, b.quantity AS b_quantity,
    e.unit_price AS e_price, b.unit_price AS b_price, e.gross_raw, e.gross AS e_gross, b.gross AS b_gross,
    e.discount_rate, e.discount AS e_discount, b.discount AS b_discount, e.credit AS e_credit, b.credit AS b_credit,
    e.taxable AS e_taxable, b.taxable AS b_taxable, e.tax_region, e.tax_rate AS e_rate, b.tax_rate AS b_rate,
    e.tax_raw, e.tax AS e_tax, b.tax AS b_tax, e.total AS e_total, b.total AS b_total, e.late_quantity,
    e.duplicate_quantity, e.superseded_quantity, e.working, b.source_file, b.source_row, b.parts, b.line_ids,
    CAST(CASE WHEN e.kind = 'adjustment' AND e.meter = 'tax' THEN coalesce(
        TRY_CAST(json_extract_string(e.working, '$.steps.tax.base') AS {AMOUNT}), 0) ELSE 0 END AS {AMOUNT}) AS on_base,
    coalesce(i.pass = 3 AND e.kind = b.kind AND e.period_end - e.period_start = b.period_end - b.period_start
        AND coalesce(e.quantity = b.quantity, true), false) AS moved,
    coalesce(e.currency = b.currency AND b.total <> e.total AND coalesce(b.quantity = e.quantity, true) AND (
        {_times("e", "b")} OR {_times("b", "e")}
        OR (abs(b.total - e.total) < minor_unit(e.decimals) AND (b.gross % minor_unit(e.decimals) <> 0
            OR b.tax % minor_unit(e.decimals) <> 0 OR b.total % minor_unit(e.decimals) <> 0))
    ), false) AS scaled
FROM line_items AS i
LEFT JOIN expected_lines AS e ON e.expected_line_id = i.expected_line_id
LEFT JOIN billed_lines AS b ON b.line_key = i.line_key
LEFT JOIN currencies AS c ON c.currency = i.currency
WHERE i.fresh AND i.differs""",
)

_LIKE = "kind = 'proration'"
_BOUNDS = "coalesce(CAST(json_extract_string(working, '$.steps.bounds.{}') AS INTEGER), 1)"
_DAYS = "CAST(json_extract_string(working, '$.{}') AS INTEGER)"

QUESTIONS = Relation(
    name="rerating_items",
    inputs=("parted_lines", "term_charges"),
    rows_from=("parted_lines",),
    doc=(
        "What to rate again, by `way`: each charge that differs at the billed quantity under the expected version (own); and, "
        "where its gross differs, under every other version of the plan that has the charge (version), without its free units "
        "(unfree), with twice as many (carried), with those of the plan alone (planned) or of the contract alone (agreed), without its share of the period (whole), and at the list price where the "
        "contract may have its own (listed)."
    ),
    sql=f"""
WITH asked AS (
    SELECT item, e_plan, e_version, e_currency, charge_id, CAST(coalesce(b_quantity, e_quantity) AS {QUANTITY}) AS quantity,
        CAST(coalesce(json_extract_string(working, '$.steps.allowance.units'), '0') AS {QUANTITY}) AS allowance,
        b_quantity <> e_quantity AS other_quantity, b_gross <> e_gross AS other_gross, e_price, decimals, discount_rate,
        {_BOUNDS.format("part")} AS run_part, {_BOUNDS.format("whole")} AS run_whole,
        CAST(CASE WHEN {_LIKE} THEN coalesce({_DAYS.format("steps.rating.proration.days")}, period_end - period_start) ELSE 1 END AS INTEGER) AS part,
        CAST(CASE WHEN {_LIKE} THEN coalesce(
            {_DAYS.format("steps.rating.proration.of")},
            CAST(json_extract_string(working, '$.billing_period[1]') AS DATE)
                - CAST(json_extract_string(working, '$.billing_period[0]') AS DATE),
            period_end - period_start
        ) ELSE 1 END AS INTEGER) AS whole
    FROM parted_lines
    WHERE e_currency = b_currency AND NOT scaled AND {STAGED} AND charge_id IS NOT NULL AND kind IN {CHARGES}
),
ways AS (
    SELECT a.item, c.plan_id, c.plan_version, c.currency, c.charge_id, a.part, a.whole, a.quantity, a.allowance,
        CAST(c.free_units + a.allowance AS {QUANTITY}) AS free_units, a.e_price, unnest(CASE WHEN c.plan_version <> a.e_version THEN ['version']
            ELSE ['own', 'listed', 'unfree', 'carried', 'planned', 'agreed', 'whole'] END) AS way,
        coalesce(a.other_quantity, false) AS other_quantity, a.other_gross, a.decimals, a.discount_rate, a.run_part, a.run_whole,
        c.discountable, c.minimum AS charge_minimum, c.maximum AS charge_maximum
    FROM asked AS a
    JOIN term_charges AS c ON c.plan_id = a.e_plan AND c.currency = a.e_currency AND c.charge_id = a.charge_id
)
SELECT item || chr(31) || plan_version || chr(31) || way AS item_id, item, plan_id, plan_version, currency, charge_id,
    CAST(CASE way WHEN 'unfree' THEN quantity + free_units WHEN 'planned' THEN quantity + allowance
        WHEN 'agreed' THEN quantity + free_units - allowance WHEN 'carried' THEN greatest(quantity - free_units, 0)
        ELSE quantity END AS {QUANTITY}) AS quantity,
    CASE WHEN way = 'whole' THEN whole ELSE part END AS part, whole, way,
    CASE WHEN way NOT IN ('version', 'listed') THEN e_price END AS own_price, allowance, decimals, discountable, discount_rate,
    charge_minimum, charge_maximum, run_part, run_whole
FROM ways
WHERE CASE way WHEN 'own' THEN other_quantity WHEN 'version' THEN other_gross WHEN 'listed' THEN other_gross WHEN 'whole' THEN other_gross AND part < whole
    WHEN 'planned' THEN other_gross AND allowance > 0 AND free_units > allowance
    WHEN 'agreed' THEN other_gross AND allowance > 0 AND free_units > allowance
    ELSE other_gross AND free_units > 0 END""",
)


def _given(figure: str) -> str:
    """SQL for a figure, or for the same given back where the expected line gives back."""
    return f"CASE WHEN p.e_gross < 0 THEN -{figure} ELSE {figure} END"


ANSWERS = Relation(
    name="rerated_lines",
    inputs=("rerating_items", "rerated", "rerated_bounds", "parted_lines"),
    rows_from=("rerating_items",),
    doc=(
        "Per differing charge: gross and raw gross at the billed quantity under the expected version (empty if the quantity "
        "is the expected one; `own_unbound`: before the charge's own minimum and maximum), the first other version that gives exactly "
        "the billed gross, and whether it is the gross without the free units, with twice as many or with a part of them "
        "(is_carried), or without the share of the period. What gives back is negative."
    ),
    sql=f"""
WITH held AS (
    SELECT r.item_id, r.unit_price, {_given("r.gross")} AS unbound, {_given("coalesce(b.gross_raw, r.gross_raw)")} AS gross_raw,
        {_given("coalesce(b.gross, r.gross)")} AS gross
    FROM rerated AS r
    JOIN rerating_items AS q ON q.item_id = r.item_id
    JOIN parted_lines AS p ON p.item = q.item
    LEFT JOIN rerated_bounds AS b ON b.item_id = r.item_id
)
SELECT q.item, max(r.gross_raw) FILTER (WHERE q.way = 'own') AS own_raw, max(r.gross) FILTER (WHERE q.way = 'own') AS own_gross,
    max(r.unbound) FILTER (WHERE q.way = 'own') AS own_unbound,
    min(q.plan_version) FILTER (WHERE q.way = 'version' AND r.gross = p.b_gross) AS other_version,
    coalesce(bool_or(r.gross = p.b_gross) FILTER (WHERE q.way = 'unfree'), false) AS is_unfree,
    coalesce(bool_or(r.gross = p.b_gross) FILTER (WHERE q.way IN ('carried', 'planned', 'agreed')), false) AS is_carried,
    coalesce(bool_or(r.gross = p.b_gross) FILTER (WHERE q.way = 'whole'), false) AS is_whole,
    coalesce(bool_or(r.gross = p.b_gross AND r.unit_price <> p.e_price) FILTER (WHERE q.way = 'listed'), false) AS is_listed
FROM rerating_items AS q
JOIN held AS r ON r.item_id = q.item_id
JOIN parted_lines AS p ON p.item = q.item
GROUP BY q.item""",
)

RELATIONS: tuple[Relation, ...] = (
    PARTED,
    QUESTIONS,
    *price("rerating_items", "rerated", given=("own_price", "allowance")),
    *bound("rerating_items", "rerated", "rerated_bounds"),
    ANSWERS,
)
