"""The billing engine's output as known at the end of the day: lines in their latest version, invoices with their sums."""

from __future__ import annotations

from billing_recon.compute.match.latest_rows import repeated
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

_CONTENT = (
    "customer_id, subscription_id, plan_id, plan_version, kind, meter, period_start, period_end, quantity, unit_price, gross, "
    "discount, credit, taxable, tax_rate, tax, total, currency, issued_on, calculated_at, invoice_kind, status, variant, cohort"
)
_TEXT = ", ".join(f"coalesce(CAST(l.{name} AS VARCHAR), chr(1))" for name in _CONTENT.split(", "))

SUPERSEDED = Relation(
    name="engine_superseded",
    inputs=("invoice_lines",),
    doc=(
        "Rows of invoice lines that came again later. What came last holds (an issued line may turn void), since the first "
        "time that it came so: a file that only repeats a line changes nothing."
    ),
    sql=f"""
WITH {repeated("invoice_lines", "invoice_id, line_id")},
versions AS (
    SELECT l.day, l.source_file, l.source_row, l.invoice_id, l.line_id, l.observed_on, concat_ws(chr(31), {_TEXT}) AS content
    FROM invoice_lines AS l
    JOIN again AS a ON a.invoice_id = l.invoice_id AND a.line_id = l.line_id
),
compared AS (
    SELECT day, source_file, source_row, invoice_id, line_id, observed_on, content,
        first_value(content) OVER (
            PARTITION BY invoice_id, line_id ORDER BY observed_on DESC, day DESC, source_file DESC, source_row DESC
        ) AS newest
    FROM versions
),
ranked AS (
    SELECT day, source_file, source_row, row_number() OVER (
            PARTITION BY invoice_id, line_id
            ORDER BY CASE WHEN content = newest THEN 0 ELSE 1 END, observed_on, day, source_file, source_row
        ) AS place
    FROM compared
)
SELECT day, source_file, source_row FROM ranked WHERE place > 1""",
)

LINES = Relation(
    name="engine_lines",
    inputs=("invoice_lines", "engine_superseded", "mapped_keys"),
    kept=False,
    doc=(
        "Invoice lines in the version that holds, with optional columns filled and the engine's subscription (a workspace, "
        "say) as the contract knows it. `line_key` tells lines apart; `their_sub` is the engine's own key."
    ),
    sql=f"""
SELECT l.invoice_id || chr(31) || l.line_id AS line_key, l.invoice_id, l.line_id, l.customer_id,
    coalesce(k.our_key, l.subscription_id) AS subscription_id, coalesce(l.subscription_id, '') AS their_sub,
    l.plan_id, l.plan_version, l.kind, l.meter, l.period_start, l.period_end, l.quantity, l.unit_price,
    CAST(l.gross AS {AMOUNT}) AS gross, CAST(coalesce(l.discount, 0) AS {AMOUNT}) AS discount,
    CAST(coalesce(l.credit, 0) AS {AMOUNT}) AS credit, CAST(l.taxable AS {AMOUNT}) AS taxable, l.tax_rate,
    CAST(l.tax AS {AMOUNT}) AS tax, CAST(l.total AS {AMOUNT}) AS total, l.currency, l.issued_on, l.calculated_at,
    coalesce(l.invoice_kind, 'invoice') AS invoice_kind, coalesce(l.status, 'issued') AS status,
    coalesce(l.variant, 'control') AS variant, coalesce(l.cohort, 'all') AS cohort, l.observed_on, l.source_file,
    l.source_row
FROM invoice_lines AS l
LEFT JOIN mapped_keys AS k ON k.layer = 'invoice_lines' AND k.their_key = l.subscription_id
ANTI JOIN engine_superseded AS s
    ON s.day = l.day AND s.source_file = l.source_file AND s.source_row = l.source_row""",
)

CONTENT = f"sum(hash({{line_id}}, CAST(coalesce({{figure}}, 0) AS {AMOUNT})))"
"""What the lines of an invoice contain, in any order: equal for equal lines, and for others once in 2^64."""

INVOICES = Relation(
    name="engine_invoices",
    inputs=("engine_lines",),
    doc=(
        "One row an invoice and currency: sums of its issued lines, how many and what they contain (CONTENT of their net and of "
        "their tax), since when it is known, and its state (issued, void or draft: all lines are). Candidate variants are never "
        "rendered, booked or paid, so they are left out."
    ),
    sql=f"""
SELECT invoice_id, currency, min(customer_id) AS customer_id, min(subscription_id) AS subscription_id,
    min(cohort) AS cohort, min(issued_on) AS issued_on, min(invoice_kind) AS invoice_kind,
    CASE WHEN bool_or(status = 'issued') THEN 'issued' WHEN bool_or(status = 'void') THEN 'void' ELSE 'draft' END AS state,
    coalesce(min(observed_on) FILTER (WHERE status = 'issued'), max(observed_on)) AS known_on,
    max(observed_on) AS changed_on,
    CAST(coalesce(sum(gross) FILTER (WHERE status = 'issued'), 0) AS {AMOUNT}) AS gross,
    CAST(coalesce(sum(discount) FILTER (WHERE status = 'issued'), 0) AS {AMOUNT}) AS discount,
    CAST(coalesce(sum(credit) FILTER (WHERE status = 'issued'), 0) AS {AMOUNT}) AS credit,
    CAST(coalesce(sum(tax) FILTER (WHERE status = 'issued'), 0) AS {AMOUNT}) AS tax,
    CAST(coalesce(sum(total) FILTER (WHERE status = 'issued'), 0) AS {AMOUNT}) AS total,
    count(*) FILTER (WHERE status = 'issued') AS lines,
    {CONTENT.format(line_id="line_id", figure="gross - discount")} FILTER (WHERE status = 'issued') AS content,
    {CONTENT.format(line_id="line_id", figure="tax")} FILTER (WHERE status = 'issued') AS tax_content
FROM engine_lines
WHERE variant = 'control'
GROUP BY invoice_id, currency""",
)

SET_ASIDE = Relation(
    name="set_aside",
    inputs=("quarantine",),
    doc=(
        "Every value of every quarantined row, to find what a missing item says of itself whatever the file calls its "
        "columns; with the period and line where the payload names them as we do."
    ),
    sql="""
SELECT DISTINCT table_name, source_file, source_row, reason, unnest(json_extract_string(payload, '$.*')) AS named,
    TRY_CAST(json_extract_string(payload, '$.period_start') AS DATE) AS period_start,
    TRY_CAST(json_extract_string(payload, '$.period_end') AS DATE) AS period_end,
    json_extract_string(payload, '$.kind') AS kind, nullif(json_extract_string(payload, '$.meter'), '') AS meter
FROM quarantine WHERE json_valid(payload)""",
)

_LAYERS = {
    "invoice_lines": ("engine", "billing", "billed"),
    "rendered_invoices": ("documents", "document", "rendered"),
    "ledger_entries": ("ledger", "booked"),
    "payments": ("payment", "paid"),
}
_LAYER = " ".join(
    f"WHEN lower(layer) IN ({', '.join(repr(name) for name in names)}) THEN '{table}'"
    for table, names in _LAYERS.items()
)

KEYS = Relation(
    name="mapped_keys",
    inputs=("key_map",),
    rows_from=("key_map",),
    doc=(
        "What other layers call a subscription, customer or invoice of ours, many to one: the last word on each key. `layer` is "
        "the table; key_map may also say engine, documents, ledger or payments."
    ),
    sql=f"""
SELECT layer, their_key, arg_max(our_key, seen) AS our_key
FROM (
    SELECT CASE {_LAYER} ELSE layer END AS layer, their_key, our_key,
        struct_pack(observed_on := observed_on, file := source_file, place := source_row) AS seen
    FROM key_map
) AS keys
GROUP BY layer, their_key""",
)


def mapped(layer: str, alias: str, key: str) -> tuple[str, str]:
    """SQL for our name of `alias.key`, and the join that finds it."""
    join = f"LEFT JOIN mapped_keys AS of_{key} ON of_{key}.layer = '{layer}' AND of_{key}.their_key = {alias}.{key}"
    return f"coalesce(of_{key}.our_key, {alias}.{key})", join


RELATIONS: tuple[Relation, ...] = (KEYS, SUPERSEDED, LINES, INVOICES, SET_ASIDE)
