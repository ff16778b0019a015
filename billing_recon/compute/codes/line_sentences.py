"""What a line's difference says to a controller: one sentence a reason code, with the figures that can be checked."""

from __future__ import annotations

from billing_recon.compute.pairs.shape import counted, signed

_BEFORE_TAX = (
    "CASE WHEN s.apart THEN p.b_gross - p.b_discount - p.e_gross + p.e_discount "
    "ELSE coalesce(p.b_taxable, 0) - coalesce(p.e_taxable, 0) END"
)

FIGURES = (
    f"[{_BEFORE_TAX}, coalesce(p.b_total, 0) - coalesce(p.e_total, 0), "
    "CASE f.figure WHEN 'gross' THEN s.own_gross WHEN 'discount' THEN s.own_discount WHEN 'credit' THEN p.e_credit "
    "WHEN 'tax' THEN p.e_tax ELSE coalesce(p.e_total, 0) END, "
    "CASE f.figure WHEN 'gross' THEN p.b_gross WHEN 'discount' THEN p.b_discount WHEN 'credit' THEN p.b_credit "
    "WHEN 'tax' THEN p.b_tax ELSE coalesce(p.b_total, 0) END, CASE WHEN f.figure = 'total' THEN s.t7 ELSE p.e_price END]"
)
"""{1} difference before tax, {2} in total, {3} the expected figure of the stage, {4} the billed one, {5} the unit price (of
UNEXPLAINED: the sum of the line's parts)."""

_CHARGES = "('usage', 'subscription', 'proration')"

_FIGURE = f"""CASE
        WHEN s.item IS NULL THEN 'total'
        WHEN p.b_gross <> s.own_gross THEN 'gross'
        WHEN p.kind IN {_CHARGES} AND p.b_quantity <> p.e_quantity THEN 'quantity'
        WHEN p.b_discount <> s.own_discount THEN 'discount'
        WHEN p.b_credit <> p.e_credit THEN 'credit'
        WHEN c.code = 'STEP_ORDER' AND p.kind <> 'minimum' THEN 'total'
        WHEN s.t7 <> s.t4 OR p.b_tax <> p.e_tax OR p.b_taxable <> p.e_taxable OR p.b_rate <> p.e_rate THEN 'tax'
        ELSE 'total'
    END"""
"""Which figure the sentence is about, of lines whose stages were computed."""

WORDS = (
    f"{_FIGURE} AS figure, "
    "coalesce(p.invoice_id || CASE WHEN p.parts > 1 THEN ' lines ' ELSE ' line ' END "
    "|| replace(p.line_ids, p.invoice_id || '/', ''), p.invoice_id) AS label, "
    f"{counted('p.b_quantity')} AS b_units, {counted('p.e_quantity')} AS e_units, "
    f"{counted('abs(p.b_quantity - p.e_quantity)')} AS units_off"
)
"""Select list of what sentences are made of, computed once a line. `label` drops an invoice_id that line_id repeats."""

_LINE = "f.label"
_UNITS = "coalesce(p.meter, CASE WHEN p.kind = 'usage' THEN 'units' ELSE 'seats' END)"
_PERIOD = "CAST(p.period_start AS VARCHAR) || ' to ' || CAST(p.period_end AS VARCHAR)"
_WHAT = "p.kind || coalesce(' ' || p.meter, '')"
_CUR = "coalesce(p.b_currency, p.e_currency)"
_TERMS = "p.e_plan || ' ' || p.e_version"
_TAIL = (
    f"CASE WHEN {_BEFORE_TAX} = 0 THEN '' ELSE {_CUR} || ' ' || "
    f"{signed(_BEFORE_TAX, 1)} || CASE WHEN p.b_gross <> p.e_gross AND p.b_discount <> p.e_discount THEN ' after discount and before tax, ' "
    f"ELSE ' before tax, ' END END || {_CUR} || ' ' || "
    f"{signed('coalesce(p.b_total, 0) - coalesce(p.e_total, 0)', 2)} || ' in total.'"
)
_RATE_TEXT = "rtrim(rtrim(CAST({} AS VARCHAR), '0'), '.')"

_QUANTITY = f"""
        {_LINE} || ' charges ' || f.b_units || ' ' || {_UNITS} || CASE WHEN p.kind = 'usage' THEN ' where usage says '
            ELSE ' where the subscription has ' END || f.e_units || ': '
        || f.units_off || CASE WHEN p.b_quantity > p.e_quantity THEN ' too many' ELSE ' too few' END
        || CASE WHEN extend(p.e_quantity, p.e_price) = p.gross_raw THEN ' at ' || {_CUR} || ' {{5}}' ELSE '' END
        || CASE c.code WHEN 'USAGE_LATE' THEN ', which is what arrived late'
            WHEN 'USAGE_CORRECTED' THEN ', which is what corrections took out'
            WHEN 'USAGE_AGGREGATION' THEN ', although the engine metered the right quantity'
            WHEN 'USAGE_DUPLICATE' THEN CASE WHEN p.duplicate_quantity > 0 AND p.b_quantity - p.e_quantity = p.duplicate_quantity
                THEN ', which is what duplicates add up to' ELSE '' END
            ELSE '' END || ', '"""

_ALONE = f"""
        CASE WHEN p.line_key IS NULL THEN p.invoice_id || ' has no ' || {_WHAT} || ' line for ' || {_PERIOD}
                || ' where ' || {_CUR} || ' {{3}} is due'
                || CASE c.code WHEN 'RECORD_QUARANTINED' THEN ', which came and is in quarantine'
                    WHEN 'USAGE_LATE' THEN ' for usage that came after its own period' ELSE '' END
            ELSE {_LINE} || ' charges ' || {_WHAT} || ' for ' || {_PERIOD} || CASE WHEN c.code IN ('USAGE_DUPLICATE', 'INVOICE_DUPLICATE')
                THEN ', which is billed already' ELSE ', which nothing in usage or contract asks for' END END || ': '"""

SENTENCE = f"""CASE
        WHEN c.is_consequence THEN {_LINE} || ' (' || {_WHAT} || ') is right for the lines that it depends on and wrong because'
            || coalesce(' line ' || c.follows, ' one of them') || ' is (' || c.code || '): ' || {_CUR} || ' {{4}} instead of '
            || {_CUR} || ' {{3}}, '
        WHEN p.pass = 0 THEN {_ALONE}
        WHEN c.code = 'MINOR_UNIT' AND s.item IS NULL THEN {_LINE} || ' charges ' || {_CUR} || ' {{4}} where ' || {_CUR}
            || ' {{3}} is due: the figures are in another unit than the currency''s, '
        WHEN p.pass = 3 AND c.code IN ('INVOICE_PERIOD', 'PRORATION') THEN {_LINE} || ' charges ' || p.b_kind || coalesce(' ' || p.meter, '') || ' for '
            || CAST(p.b_start AS VARCHAR) || ' to ' || CAST(p.b_end AS VARCHAR) || ' where the contract says ' || p.kind
            || ' for ' || {_PERIOD} || ': ' || {_CUR} || ' {{4}} instead of ' || {_CUR} || ' {{3}}, '
        WHEN f.figure = 'quantity' OR starts_with(c.code, 'USAGE_')
            OR (c.code = 'SUBSCRIPTION_STATE' AND p.b_quantity <> p.e_quantity) THEN {_QUANTITY}
        WHEN c.code = 'SUBSCRIPTION_STATE' THEN {_LINE} || ' charges plan ' || coalesce(p.b_plan, '(none)')
            || ' where the subscription is on ' || p.e_plan || ': ' || {_CUR} || ' {{4}} instead of ' || {_CUR} || ' {{3}}, '
        WHEN c.code = 'PRICE_VERSION' THEN {_LINE} || ' charges ' || {_CUR} || ' {{4}} for '
            || CASE WHEN p.meter IS NULL THEN {_WHAT} ELSE coalesce(f.b_units, f.e_units) || ' ' || p.meter END || ' where ' || {_TERMS}
            || ' gives ' || {_CUR} || ' {{3}}' || coalesce(': it is the price of version ' || s.other_version,
                CASE WHEN p.b_version <> p.e_version THEN ': it says version ' || p.b_version ELSE ': the unit price is another' END)
            || ', '
        WHEN c.code = 'ALLOWANCE_ROLLOVER' THEN {_LINE} || ' charges ' || {_CUR} || ' {{4}} for ' || coalesce(f.b_units, f.e_units)
            || ' ' || {_UNITS} || ' where ' || {counted("s.free_units")} || ' of them are free and ' || {_TERMS} || ' gives ' || {_CUR}
            || ' {{3}}: ' || CASE WHEN s.is_unfree THEN 'it is the price with none of them free, '
                ELSE 'it is the price with another number of them free, ' END
        WHEN c.code = 'CONTRACT_OVERRIDE' AND p.kind <> 'minimum' THEN {_LINE} || ' charges ' || {_CUR} || ' {{4}} for '
            || CASE WHEN p.meter IS NULL THEN {_WHAT} ELSE coalesce(f.b_units, f.e_units) || ' ' || p.meter END || ', the list price of '
            || {_TERMS} || ', where the contract''s own price gives ' || {_CUR} || ' {{3}}: '
        WHEN c.code = 'CONTRACT_OVERRIDE' THEN {_LINE} || ' fills the minimum with ' || {_CUR} || ' {{4}} where the contract''s own '
            || 'minimum asks for ' || {_CUR} || ' {{3}}: it is the minimum of ' || {_TERMS} || ', '
        WHEN c.code = 'STEP_ORDER' THEN {_LINE} || CASE
                WHEN p.kind = 'minimum' THEN ' fills the minimum with ' || {_CUR} || ' {{4}} where ' || {_CUR}
                    || ' {{3}} is missing to it: it was filled before the discount was taken off, '
                WHEN p.e_taxable = p.b_taxable THEN ' totals ' || {_CUR} || ' {{4}} where ' || {_CUR} || ' {{3}} is due: every '
                    || 'part is right and their order is not, '
                ELSE ' totals ' || {_CUR} || ' {{4}} where ' || {_CUR} || ' {{3}} is due: the '
                    || CASE WHEN p.e_credit <> 0 THEN 'credit' ELSE 'discount' END || ' is right, and it is taken '
                    || CASE WHEN p.e_credit = 0 OR p.b_taxable = p.b_gross - p.b_discount THEN 'after tax where it comes before, '
                    ELSE 'before tax where it comes after, ' END END
        WHEN c.code IN ('ROUNDING', 'MINOR_UNIT') THEN {_LINE} || ' settles its ' || f.figure || ' of '
            || {_RATE_TEXT.format("CASE f.figure WHEN 'gross' THEN s.own_raw WHEN 'discount' THEN s.discount_raw ELSE s.tax_raw END")}
            || ' to ' || {_CUR} || ' {{4}} where ' || replace(r.rounding, '_', ' ') || ' gives ' || {_CUR} || ' {{3}}: '
        WHEN c.code = 'TAX_RATE_JURISDICTION' THEN {_LINE} || ' is taxed ' || {_CUR} || ' {{4}} at rate '
            || {_RATE_TEXT.format("s.used_rate")} || ' where ' || coalesce(p.tax_region, 'its region') || ' has '
            || {_RATE_TEXT.format("p.e_rate")} || ': '
        WHEN c.code = 'TAX_BASE' THEN {_LINE} || ' is taxed ' || {_CUR} || ' {{4}}, and ' || {_CUR}
            || ' {{3}} is the tax of what should be taxed: '
        WHEN c.code = 'UNEXPLAINED' THEN {_LINE} || ' totals ' || {_CUR} || ' {{4}} where its own parts make '
            || {_CUR} || ' {{5}}: '
        ELSE {_LINE} || ' has a ' || f.figure || ' of ' || {_CUR} || ' {{4}} (' || {_WHAT} || ')' || CASE
            WHEN c.code = 'PRORATION' AND s.is_whole THEN ', that of the whole period,' ELSE '' END || ' where ' || {_TERMS}
            || ' and the contract give ' || {_CUR} || ' {{3}}: '
    END || {_TAIL}"""
"""SQL for the template. Aliases: p parted_lines, s line_stages (may be empty), c line_codes, f its WORDS, r run_params."""
