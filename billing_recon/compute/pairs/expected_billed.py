"""Our own rating against the engine's lines: findings and assessed items, from whole invoices down to single lines."""

from __future__ import annotations

from billing_recon.compute.codes.line_sentences import FIGURES, SENTENCE, WORDS
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs import holders
from billing_recon.compute.pairs.shape import ASSESSED, FINDING, columns, signed, source
from billing_recon.compute.relation import Relation

_PAIR = "'expected_billed'"

UNBILLED = Relation(
    name="unbilled_periods",
    inputs=("expected_lines", "expected_ahead", "billed_periods", "set_aside", "run_params"),
    doc=(
        "Expected periods that no invoice answers, per currency. `missing` once the grace has passed today; before that they are "
        "pending. Quarantined rows of the same subscription and period explain them. `only_change`: all of it is what a change "
        "inside a period gives back and charges."
    ),
    sql=f"""
WITH due AS (
    SELECT e.subscription_id AS sub, e.due_on, e.currency, min(e.period_start) AS first_day, max(e.period_end) AS last_day,
        min(e.customer_id) AS customer_id, count(*) AS lines, CAST(sum(e.total) AS {AMOUNT}) AS total,
        bool_and(e.total = 0 OR (e.kind = 'adjustment' AND e.meter <> 'tax')) AS only_late, bool_and(e.kind = 'proration' AND h.expected_line_id IS NOT NULL)
            AND bool_or(e.gross < 0) AS only_change
    FROM expected_lines AS e
    LEFT JOIN expected_ahead AS h ON h.expected_line_id = e.expected_line_id
    ANTI JOIN (SELECT sub, due_on, ahead FROM billed_periods WHERE variant = 'control') AS b
        ON b.sub = e.subscription_id AND b.due_on = e.due_on AND b.ahead = (h.expected_line_id IS NOT NULL)
    GROUP BY e.subscription_id, e.due_on, e.currency
),
aside AS (
    SELECT d.sub, d.due_on, arg_min(struct_pack(file := q.source_file, place := q.source_row),
        struct_pack(file := q.source_file, place := q.source_row)) AS came
    FROM due AS d
    JOIN set_aside AS q ON q.table_name = 'invoice_lines' AND q.named = d.sub
        AND coalesce(q.period_start < d.last_day, true) AND coalesce(q.period_end > d.first_day, true)
    GROUP BY d.sub, d.due_on
)
SELECT d.sub, d.due_on, d.currency, d.first_day, d.last_day, d.customer_id, d.lines, d.total, d.only_late, d.only_change,
    CAST(d.due_on + p.issue_grace_days AS DATE) = p.day AS missing, a.came.file AS aside_file, a.came.place AS aside_row
FROM due AS d
CROSS JOIN run_params AS p
LEFT JOIN aside AS a ON a.sub = d.sub AND a.due_on = d.due_on
WHERE d.due_on <= p.day AND CAST(d.due_on + p.issue_grace_days AS DATE) >= p.day AND d.due_on >= p.first_day""",
)

_STRAY_SENTENCE = """CASE s.code
        WHEN 'INVOICE_DUPLICATE' THEN s.invoice_id || ' bills ' || s.sub || ' again for ' || CAST(s.first_day AS VARCHAR)
            || ' to ' || CAST(s.last_day AS VARCHAR) || ', which ' || s.repeats || ' has billed already'
        WHEN 'KEY_UNMAPPED' THEN s.invoice_id || ' bills ' || CASE WHEN s.sub = '' THEN 'no subscription'
            ELSE 'subscription ' || s.sub || ', which no contract has' END
        WHEN 'RECORD_QUARANTINED' THEN s.invoice_id || ' bills subscription ' || s.sub || ', whose contract is in quarantine'
        WHEN 'MANUAL_ADJUSTMENT' THEN s.invoice_id || ' is a credit note for ' || s.sub || ' that no contract asks for'
        ELSE s.invoice_id || ' bills ' || s.sub || ' for ' || CAST(s.first_day AS VARCHAR) || ' to '
            || CAST(s.last_day AS VARCHAR) || ', a period that neither contract nor usage asks for'
    END || ': ' || CAST(s.lines AS VARCHAR) || CASE WHEN s.lines = 1 THEN ' line, ' ELSE ' lines, ' END || s.currency
        || ' {1} in total.'"""

_LINE_FACTS = """CAST(json_object('expected_line_id', p.expected_line_id, 'plan', p.e_plan, 'plan_version', p.e_version,
        'billed_plan_version', p.b_version, 'charge_id', p.charge_id, 'tax_region', p.tax_region,
        'period', CAST(p.period_start AS VARCHAR) || ' to ' || CAST(p.period_end AS VARCHAR), 'due_on', CAST(p.due_on AS VARCHAR),
        'tiers', coalesce(json_extract(p.working, '$.tiers'), json_extract(p.working, '$.steps.tiers'),
            json_extract(p.working, '$.steps.steps.tiers')), 'working', CAST(p.working AS JSON)) AS VARCHAR)"""

_LINE = {
    "pair": _PAIR,
    "level": "'line'",
    "code": "c.code",
    "invoice_id": "p.invoice_id",
    "line_id": "p.line_id",
    "customer_id": "p.customer_id",
    "subscription_id": "nullif(p.sub, '')",
    "meter": "p.meter",
    "cohort": "p.cohort",
    "variant": "p.variant",
    "layer": "'invoice_lines'",
    "sources": f"CASE WHEN p.line_key IS NOT NULL THEN [{source('invoice_lines', 'p.source_file', 'p.source_row')}] END",
    "evidence": _LINE_FACTS,
}
_LINE_IDENTITY = (
    "p.kind || CASE WHEN p.kind = 'adjustment' THEN '|' || coalesce(p.expected_line_id, '') ELSE '' END || '|' "
    "|| CAST(p.period_start AS VARCHAR) || '|' || CAST(p.period_end AS VARCHAR) || '|' "
    "|| coalesce(p.e_plan, p.b_plan, '') || '|' || {currency}"
)

_line = columns(
    FINDING,
    _LINE
    | {
        "currency": "coalesce(p.b_currency, p.e_currency)",
        "expected": "p.e_total",
        "billed": "p.b_total",
        "delta": "coalesce(p.b_total, 0) - coalesce(p.e_total, 0)",
        "stages": "c.stages",
        "identity": _LINE_IDENTITY.format(currency="coalesce(p.b_currency, p.e_currency)"),
        "compared": "p.line_key IS NOT NULL AND p.expected_line_id IS NOT NULL",
        "template": SENTENCE,
        "figures": FIGURES,
    },
)


def _other_currency(side: str, delta: str, sentence: str) -> str:
    """A line billed in another currency is one finding in each: amounts of two currencies are never taken from each other."""
    total, currency = f"p.{side[0]}_total", f"p.{side[0]}_currency"
    return columns(
        FINDING,
        _LINE
        | {
            "currency": currency,
            side: total,
            "delta": delta,
            "identity": _LINE_IDENTITY.format(currency=currency),
            "compared": "false",
            "template": sentence,
            "figures": "[p.e_total, p.b_total]",
        },
    )


_WRONG_CURRENCY = (
    "p.invoice_id || ' line ' || replace(p.line_id, p.invoice_id || '/', '') || ' charges ' || p.b_currency || ' {2} where the contract is in ' "
    "|| p.e_currency || ' and ' || p.e_currency || ' {1} is due; this is the part in "
)

WHOLE = Relation(
    name="whole_faults",
    inputs=("parted_lines", "line_codes", "billed_lines"),
    rows_from=("line_codes WHERE code IN ('INVOICE_PERIOD', 'INVOICE_DUPLICATE', 'CURRENCY_FX')",),
    doc=(
        "Lines whose fault is their invoice's: all lines of an invoice are for other dates or in another currency, or every "
        "line of it is there twice. Such an invoice is one finding, or one in each currency."
    ),
    sql="""
WITH counted AS (
    SELECT p.item, p.variant, p.sub, p.invoice_id, c.code, p.b_currency AS currency, count(*) OVER same AS lines
    FROM parted_lines AS p
    JOIN line_codes AS c ON c.item = p.item
    WHERE p.line_key IS NOT NULL AND CASE c.code WHEN 'CURRENCY_FX' THEN p.e_currency <> p.b_currency
        WHEN 'INVOICE_PERIOD' THEN p.e_currency = p.b_currency ELSE c.code = 'INVOICE_DUPLICATE' END
    WINDOW same AS (PARTITION BY p.variant, p.sub, p.invoice_id, c.code)
),
issued AS (
    SELECT variant, sub, invoice_id, count(*) FILTER (WHERE kind <> 'adjustment') AS lines,
        count(*) FILTER (WHERE kind <> 'adjustment' AND total <> 0) AS charges
    FROM billed_lines GROUP BY variant, sub, invoice_id
)
SELECT c.item, c.variant, c.sub, c.invoice_id, c.code, c.currency
FROM counted AS c
JOIN issued AS i ON i.variant = c.variant AND i.sub = c.sub AND i.invoice_id = c.invoice_id
WHERE c.lines = i.lines OR (c.code = 'INVOICE_DUPLICATE' AND c.lines + c.lines = i.charges)""",
)

_WHOLE_SENTENCE = (
    "w.invoice_id || CASE WHEN w.code = 'INVOICE_PERIOD' THEN ' bills ' || w.sub || ' for ' || CAST(w.b_start AS VARCHAR) || ' to ' "
    "|| CAST(w.b_end AS VARCHAR) || ' where the contract says ' || CAST(w.period_start AS VARCHAR) || ' to ' "
    "|| CAST(w.period_end AS VARCHAR) ELSE ' has every line twice' END || ': ' || CAST(w.lines AS VARCHAR) || CASE WHEN w.lines = 1 "
    f"THEN ' line, ' ELSE ' lines, ' END || w.currency || ' ' || {signed('w.delta', 1)} || ' in total.'"
)


def _whole_currency(side: str) -> str:
    """As `_other_currency`, of a whole invoice."""
    currency = "w.other" if side == "expected" else "w.currency"
    return columns(
        FINDING,
        {
            "pair": _PAIR,
            "level": "'invoice'",
            "code": "w.code",
            "invoice_id": "w.invoice_id",
            "customer_id": "w.customer_id",
            "subscription_id": "nullif(w.sub, '')",
            "currency": currency,
            "cohort": "w.cohort",
            "variant": "w.variant",
            side: f"w.{side}",
            "delta": "-w.expected" if side == "expected" else "w.billed",
            "identity": f"{currency} || '|' || w.variant",
            "compared": "false",
            "template": "w.invoice_id || ' charges ' || w.currency || ' {2} on ' || CAST(w.lines AS VARCHAR) || CASE WHEN w.lines = 1 "
            "THEN ' line' ELSE ' lines' END || ' where the contract is in ' || w.other || ' and ' || w.other || ' {1} is due; this is "
            f"the part in ' || {currency} || '.'",
            "figures": "[w.expected, w.billed]",
            "layer": "'invoice_lines'",
            "evidence": "CAST(json_object('lines', w.lines) AS VARCHAR)",
        },
    )


FINDINGS = Relation(
    name="expected_billed_findings",
    inputs=(
        "parted_lines",
        "line_codes",
        "line_stages",
        "whole_faults",
        "stray_bills",
        "unbilled_periods",
        "wrong_customers",
        "run_params",
    ),
    rows_from=(
        "parted_lines",
        "stray_bills WHERE charges AND NOT withheld",
        "unbilled_periods WHERE missing",
        "wrong_customers",
    ),
    doc="Differences between expected and billed: lines, invoices as a whole or to whom they are, and periods without an invoice.",
    sql=f"""
WITH worded AS (
    SELECT p.item, {WORDS}
    FROM parted_lines AS p
    JOIN line_codes AS c ON c.item = p.item
    LEFT JOIN line_stages AS s ON s.item = p.item
),
whole AS (
    SELECT w.variant, w.sub, w.invoice_id, w.code, w.currency, min(p.e_currency) AS other, count(*) AS lines, min(p.cohort) AS cohort,
        min(p.customer_id) AS customer_id, CAST(sum(p.e_total) AS {AMOUNT}) AS expected, CAST(sum(p.b_total) AS {
        AMOUNT
    }) AS billed,
        CAST(sum(coalesce(p.b_total, 0) - coalesce(p.e_total, 0)) AS {
        AMOUNT
    }) AS delta, min(p.period_start) AS period_start,
        max(p.period_end) AS period_end, min(p.b_start) AS b_start, max(p.b_end) AS b_end
    FROM whole_faults AS w
    JOIN parted_lines AS p ON p.item = w.item
    GROUP BY w.variant, w.sub, w.invoice_id, w.code, w.currency
)
SELECT {_line}
FROM parted_lines AS p
JOIN line_codes AS c ON c.item = p.item
JOIN worded AS f ON f.item = p.item
LEFT JOIN line_stages AS s ON s.item = p.item
CROSS JOIN run_params AS r
ANTI JOIN whole_faults AS w ON w.item = p.item
WHERE coalesce(p.e_currency = p.b_currency, true)
UNION ALL
SELECT {
        columns(
            FINDING,
            {
                "pair": _PAIR,
                "level": "'invoice'",
                "code": "w.code",
                "invoice_id": "w.invoice_id",
                "customer_id": "w.customer_id",
                "subscription_id": "nullif(w.sub, '')",
                "currency": "w.currency",
                "cohort": "w.cohort",
                "variant": "w.variant",
                "expected": "w.expected",
                "billed": "w.billed",
                "delta": "w.delta",
                "identity": "w.currency || '|' || w.variant",
                "compared": "w.code = 'INVOICE_PERIOD'",
                "template": _WHOLE_SENTENCE,
                "figures": "[w.delta]",
                "layer": "'invoice_lines'",
                "evidence": "CAST(json_object('period', CAST(w.b_start AS VARCHAR) || ' to ' || CAST(w.b_end AS VARCHAR), 'lines', w.lines) "
                "AS VARCHAR)",
            },
        )
    }
FROM whole AS w WHERE w.code <> 'CURRENCY_FX'
UNION ALL
SELECT {_whole_currency("expected")}
FROM whole AS w WHERE w.code = 'CURRENCY_FX'
UNION ALL
SELECT {_whole_currency("billed")}
FROM whole AS w WHERE w.code = 'CURRENCY_FX'
UNION ALL
SELECT {_other_currency("expected", "-p.e_total", _WRONG_CURRENCY + "' || p.e_currency || '.'")}
FROM parted_lines AS p JOIN line_codes AS c ON c.item = p.item
ANTI JOIN whole_faults AS w ON w.item = p.item
WHERE p.e_currency <> p.b_currency
UNION ALL
SELECT {_other_currency("billed", "p.b_total", _WRONG_CURRENCY + "' || p.b_currency || '.'")}
FROM parted_lines AS p JOIN line_codes AS c ON c.item = p.item
ANTI JOIN whole_faults AS w ON w.item = p.item
WHERE p.e_currency <> p.b_currency
UNION ALL
SELECT {
        columns(
            FINDING,
            {
                "pair": _PAIR,
                "level": "'invoice'",
                "code": "s.code",
                "invoice_id": "s.invoice_id",
                "customer_id": "s.customer_id",
                "subscription_id": "nullif(s.sub, '')",
                "currency": "s.currency",
                "cohort": "s.cohort",
                "variant": "s.variant",
                "billed": "s.total",
                "delta": "s.total",
                "identity": "s.currency || '|' || s.variant",
                "compared": "false",
                "template": _STRAY_SENTENCE,
                "figures": "[s.total]",
                "layer": "'invoice_lines'",
                "evidence": "CAST(json_object('period', CAST(s.first_day AS VARCHAR) || ' to ' || CAST(s.last_day AS VARCHAR), "
                "'original', s.repeats) AS VARCHAR)",
            },
        )
    }
FROM stray_bills AS s WHERE s.charges AND NOT s.withheld
UNION ALL
SELECT {
        columns(
            FINDING,
            {
                "pair": _PAIR,
                "level": "'invoice'",
                "code": "CASE WHEN u.aside_file IS NOT NULL THEN 'RECORD_QUARANTINED' WHEN u.only_late THEN 'USAGE_LATE' "
                "ELSE 'INVOICE_MISSING' END",
                "customer_id": "u.customer_id",
                "subscription_id": "u.sub",
                "currency": "u.currency",
                "cohort": "'all'",
                "variant": "'control'",
                "expected": "u.total",
                "delta": "-u.total",
                "identity": "CAST(u.first_day AS VARCHAR) || '|' || CAST(u.last_day AS VARCHAR) || '|' || u.currency",
                "compared": "false",
                "template": "'No invoice bills ' || u.sub || ' for ' || CAST(u.first_day AS VARCHAR) || ' to ' "
                "|| CAST(u.last_day AS VARCHAR) || ': it was due on ' || CAST(u.due_on AS VARCHAR) || ' with ' "
                "|| CAST(u.lines AS VARCHAR) || CASE WHEN u.lines = 1 THEN ' line' ELSE ' lines' END || ', ' "
                "|| u.currency || ' {1} in total' || CASE WHEN u.aside_file IS NULL AND u.only_late THEN ', all of it for usage "
                "that came after its own period.' WHEN u.aside_file IS NULL AND u.only_change THEN ', for a change of the "
                "contract on ' || CAST(u.first_day AS VARCHAR) || '.' WHEN u.aside_file IS NULL THEN '.' ELSE ', and its rows are in "
                "quarantine (' || u.aside_file || ' row ' || CAST(u.aside_row AS VARCHAR) || ').' END",
                "figures": "[u.total]",
                "layer": "'invoice_lines'",
                "sources": "CASE WHEN u.aside_file IS NOT NULL THEN "
                f"[{source('invoice_lines', 'u.aside_file', 'u.aside_row')}] END",
                "evidence": "CAST(json_object('period', CAST(u.first_day AS VARCHAR) || ' to ' || CAST(u.last_day AS VARCHAR), "
                "'due_on', CAST(u.due_on AS VARCHAR), 'expected_lines', u.lines) AS VARCHAR)",
            },
        )
    }
FROM unbilled_periods AS u WHERE u.missing AND u.total <> 0
UNION ALL
SELECT {holders.FINDING_OF}
FROM wrong_customers AS h""",
)

_ITEM = {"pair": _PAIR, "cohort": "i.cohort", "variant": "i.variant", "customer_id": "i.customer_id"}

ASSESSMENTS = Relation(
    name="expected_billed_assessed",
    inputs=("line_items", "stray_bills", "unbilled_periods"),
    kept=False,
    doc="Every line and whole invoice that the day decides about; a line in two currencies counts once in each.",
    sql=f"""
SELECT {
        columns(
            ASSESSED,
            _ITEM
            | {
                "left_key": "i.expected_line_id",
                "right_key": "i.line_key",
                "currency": "i.currency",
                "status": "CASE WHEN i.differs THEN 'break' ELSE 'matched' END",
                "left_amount": "coalesce(i.expected, 0)",
                "right_amount": "coalesce(i.billed, 0)",
                "left_count": "CASE WHEN i.expected_line_id IS NULL THEN 0 ELSE 1 END",
                "right_count": "CASE WHEN i.line_key IS NULL THEN 0 ELSE 1 END",
            },
        )
    }
FROM line_items AS i WHERE i.fresh AND coalesce(i.expected_currency = i.currency, true)
UNION ALL
SELECT {
        columns(
            ASSESSED,
            _ITEM
            | {
                "left_key": "i.expected_line_id",
                "currency": "i.expected_currency",
                "status": "'break'",
                "left_amount": "i.expected",
                "right_amount": "0",
                "left_count": "1",
                "right_count": "0",
            },
        )
    }
FROM line_items AS i WHERE i.fresh AND i.expected_currency <> i.currency
UNION ALL
SELECT {
        columns(
            ASSESSED,
            _ITEM
            | {
                "right_key": "i.line_key",
                "currency": "i.currency",
                "status": "'break'",
                "left_amount": "0",
                "right_amount": "i.billed",
                "left_count": "0",
                "right_count": "1",
            },
        )
    }
FROM line_items AS i WHERE i.fresh AND i.expected_currency <> i.currency
UNION ALL
SELECT {
        columns(
            ASSESSED,
            {
                "pair": _PAIR,
                "right_key": "s.invoice_id",
                "currency": "s.currency",
                "cohort": "s.cohort",
                "variant": "s.variant",
                "customer_id": "s.customer_id",
                "status": "CASE WHEN s.withheld THEN 'pending' WHEN s.charges THEN 'break' ELSE 'matched' END",
                "left_amount": "0",
                "right_amount": "s.total",
                "left_count": "0",
                "right_count": "s.lines",
            },
        )
    }
FROM stray_bills AS s
UNION ALL
SELECT {
        columns(
            ASSESSED,
            {
                "pair": _PAIR,
                "left_key": "u.sub || '|' || CAST(u.due_on AS VARCHAR)",
                "currency": "u.currency",
                "cohort": "'all'",
                "variant": "'control'",
                "customer_id": "u.customer_id",
                "status": "CASE WHEN NOT u.missing THEN 'pending' WHEN u.total = 0 THEN 'matched' ELSE 'break' END",
                "left_amount": "u.total",
                "right_amount": "0",
                "left_count": "u.lines",
                "right_count": "0",
            },
        )
    }
FROM unbilled_periods AS u""",
)

RELATIONS: tuple[Relation, ...] = (*holders.RELATIONS, UNBILLED, WHOLE, FINDINGS, ASSESSMENTS)
