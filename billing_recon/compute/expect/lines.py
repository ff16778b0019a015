"""The expected lines as they are written: identity, figures, working and a sentence. Nothing is computed here any more."""

from __future__ import annotations

from billing_recon.compute.expect.charges import LINE
from billing_recon.compute.money import AMOUNT, PRICE, QUANTITY, RATE, RAW
from billing_recon.compute.rating.model import text
from billing_recon.compute.relation import Relation

_FIGURES = f"{LINE}, credit, taxable, tax_raw, tax, total"


def _money(figure: str) -> str:
    """USD 1,234.50; below a thousand there is nothing to separate, which spares most lines the work."""
    said = f"say({figure}, decimals)"
    return f"currency || ' ' || CASE WHEN abs({figure}) < 1000 THEN {said} ELSE group_thousands({said}) END"


def _percent(rate: str) -> str:
    """0.19 as 19%: the rate applied to 100."""
    return f"{text(f'apply_rate(100, {rate})')} || '%'"


EXPECTED = Relation(
    name="expected_lines",
    inputs=("taxed_lines", "credit_lines", "tax_lines", "term_profile"),
    doc="What should have been billed (core.schema.EXPECTED_LINES).",
    sql=f"""
WITH lines AS (
    SELECT {_FIGURES} FROM taxed_lines
    UNION ALL
    SELECT {_FIGURES} FROM credit_lines
    UNION ALL
    SELECT {_FIGURES} FROM tax_lines
),
told AS (
    SELECT {_FIGURES}, {_money("gross")} AS gross_said, CASE WHEN f.tax_included THEN 'includes' ELSE 'plus' END AS taxing
    FROM lines CROSS JOIN term_profile AS f
)
SELECT
    subscription_id || '|' || kind || '|' || coalesce(meter, '') || '|' || CAST(line_start AS VARCHAR) || '|'
        || CAST(line_end AS VARCHAR) || '|' || plan_id || CASE WHEN kind = 'adjustment' AND position < 2000000 THEN
        '|' || json_extract_string(working, '$.adjusts.charge') || '|' || json_extract_string(working, '$.adjusts.from')
        WHEN kind = 'proration' AND position > 500000 THEN '|given back' ELSE '' END AS expected_line_id,
    subscription_id, customer_id, plan_id, plan_version, charge_id, kind, meter,
    line_start AS period_start, line_end AS period_end, due_on, currency, CAST(decimals AS BIGINT) AS decimals, segment,
    tax_region, CAST(quantity AS {QUANTITY}) AS quantity, CAST(unit_price AS {PRICE}) AS unit_price,
    CAST(gross_raw AS {RAW}) AS gross_raw, CAST(gross AS {AMOUNT}) AS gross, CAST(discount_rate AS {RATE}) AS discount_rate,
    CAST(discount_raw AS {RAW}) AS discount_raw, CAST(discount AS {AMOUNT}) AS discount, CAST(credit AS {AMOUNT}) AS credit,
    CAST(taxable AS {AMOUNT}) AS taxable, CAST(tax_rate AS {RATE}) AS tax_rate, CAST(tax_raw AS {RAW}) AS tax_raw,
    CAST(tax AS {AMOUNT}) AS tax, CAST(total AS {AMOUNT}) AS total, CAST(late_quantity AS {QUANTITY}) AS late_quantity,
    CAST(duplicate_quantity AS {QUANTITY}) AS duplicate_quantity,
    CAST(superseded_quantity AS {QUANTITY}) AS superseded_quantity,
    CAST(json_object(
        'plan', plan_id, 'plan_version', plan_version, 'charge_id', charge_id,
        'billing_period', json_array(CAST(period_start AS VARCHAR), CAST(period_end AS VARCHAR)),
        'steps', CAST(working AS JSON), 'gross_unrounded', {text("gross_raw")}, 'discount_rate', {text("discount_rate")},
        'tax_region', tax_region, 'tax_rate', {text("tax_rate")}, 'tax_unrounded', {text("tax_raw")}
    ) AS VARCHAR) AS working,
    phrase
        || CASE WHEN gross = 0 OR ends_with(phrase, gross_said) THEN '' ELSE ' = ' || gross_said END
        || CASE WHEN gross = 0 OR discount = 0 THEN '' ELSE '; less ' || {_percent("discount_rate")} || ' discount '
            || {_money("discount")} END
        || CASE WHEN tax = 0 THEN '' WHEN tax < 0 THEN '; with it ' || {_percent("tax_rate")} || ' tax '
            || {_money("abs(tax)")} ELSE '; ' || taxing || ' ' || {_percent("tax_rate")} || ' tax ' || {_money("tax")} END
        || '; total ' || {_money("total")} || '.' AS sentence
FROM told""",
)
