"""The engine's invoice against the document that the customer sees: by line where lines are named, else by header."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import CONTENT, mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.match.sides import aside, beside
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import ASSESSED, FINDING, columns, signed, source
from billing_recon.compute.relation import Relation

_PAIR = "'billed_rendered'"

_DOCUMENT = "document_id, invoice_id, issued_on, currency, customer_id, subtotal, discount, tax, total, payable"
_LINE = "document_id, line_no, line_id, amount, tax"
_KEY = "coalesce(line_id, '#' || CAST(line_no AS VARCHAR))"

_INVOICE, _BY_INVOICE = mapped("rendered_invoices", "c", "invoice_id")
_CUSTOMER, _BY_CUSTOMER = mapped("rendered_invoices", "c", "customer_id")

DOCUMENTS = Relation(
    name="documents",
    inputs=("rendered_invoices", "mapped_keys"),
    doc=(
        "Documents as known at the end of the day, the last word on each. `place` 1 is an invoice's original: the one known "
        "first, then by issued_on and document_id. Only those of an invoice that may have several are put in order."
    ),
    sql=f"""
WITH {last_word("rendered_invoices", "document_id", _DOCUMENT)},
named AS (
    SELECT {", ".join(f"c.{name}" for name in _DOCUMENT.split(", ") if name not in ("invoice_id", "customer_id"))},
        {_INVOICE} AS invoice_id, {_CUSTOMER} AS customer_id, c.known_on, c.source_file, c.source_row
    FROM current AS c
    {_BY_INVOICE}
    {_BY_CUSTOMER}
),
several AS (
    SELECT hash(invoice_id, currency) AS h FROM named GROUP BY h HAVING count(*) > 1
),
ranked AS (
    SELECT document_id, row_number() OVER invoice AS place, first_value(document_id) OVER invoice AS original
    FROM named SEMI JOIN several AS s ON s.h = hash(invoice_id, currency)
    WINDOW invoice AS (PARTITION BY invoice_id, currency ORDER BY known_on, issued_on, document_id)
)
SELECT {", ".join(f"n.{name}" for name in _DOCUMENT.split(", "))}, n.known_on, n.source_file, n.source_row,
    coalesce(r.place, 1) AS place, coalesce(r.original, n.document_id) AS original
FROM named AS n
LEFT JOIN ranked AS r ON r.document_id = n.document_id""",
)

TIES = Relation(
    name="rendered_ties",
    inputs=("documents", "engine_invoices", "run_params"),
    doc=(
        "Every invoice beside its original document, and what its lines come to (engine_invoices). `compared`: it is issued, and one "
        "of the two changed today. `tied`: it is issued, and both have the same customer and the same figures in the header; of these "
        "nothing more need be known but whether their lines agree."
    ),
    sql="""
SELECT coalesce(e.invoice_id, d.invoice_id) AS invoice_id, coalesce(e.currency, d.currency) AS currency, d.document_id,
    e.customer_id, e.cohort, e.total AS billed, e.gross - e.discount AS net, e.lines, e.content, e.tax_content,
    coalesce(e.state = 'issued' AND d.document_id IS NOT NULL AND greatest(e.changed_on, d.known_on) = p.day, false) AS compared,
    coalesce(e.state = 'issued' AND d.customer_id = e.customer_id AND d.payable = e.total
        AND d.total IN (e.total, e.gross - e.discount + e.tax) AND d.subtotal = e.gross AND d.discount = e.discount
        AND d.tax = e.tax, false) AS tied
FROM engine_invoices AS e
FULL JOIN (SELECT document_id, invoice_id, currency, customer_id, subtotal, discount, tax, total, payable, known_on
    FROM documents WHERE place = 1) AS d ON d.invoice_id = e.invoice_id AND d.currency = e.currency
CROSS JOIN run_params AS p""",
)

_SIDES = {
    "document_id": "r.document_id",
    "customer_id": "coalesce(l.customer_id, r.customer_id)",
    "subscription_id": "l.subscription_id",
    "cohort": "coalesce(l.cohort, 'all')",
    "state": "coalesce(l.state, 'issued')",
    "billed": "l.total",
    "rendered": "r.payable",
    "off": f"CAST(coalesce(r.payable, 0) - coalesce(l.total, 0) AS {AMOUNT})",
    "total_off": f"CAST(CASE WHEN r.total = l.total THEN 0 ELSE r.total - (l.gross - l.discount + l.tax) END AS {AMOUNT})",
    "subtotal_off": f"CAST(r.subtotal - l.gross AS {AMOUNT})",
    "discount_off": f"CAST(r.discount - l.discount AS {AMOUNT})",
    "tax_off": f"CAST(r.tax - l.tax AS {AMOUNT})",
    "rendered_total": "r.total",
    "billed_total": f"CAST(l.gross - l.discount + l.tax AS {AMOUNT})",
    "other_customer": "CASE WHEN r.customer_id <> l.customer_id THEN r.customer_id END",
    "source_file": "r.source_file",
    "source_row": "r.source_row",
}
_OF_SIDES = ", ".join(
    f"s.{name}"
    for name in _SIDES
    if name not in ("document_id", "state", "rendered", "off", "source_file", "source_row")
)

RENDERED = Relation(
    name="rendered_placed",
    inputs=("rendered_ties", "documents", "engine_invoices", "set_aside", "run_params"),
    rows_from=("rendered_ties WHERE NOT tied",),
    doc=(
        "Invoices that do not tie and their original documents beside each other, with what each header figure is off by: "
        "`off` the payable, `total_off` the total (which may be before or after credits). An invoice of which the engine's own rows "
        "are in quarantine waits for them: what it bills is not known, and expected_billed says so."
    ),
    sql=f"""
WITH untied AS (
    SELECT invoice_id FROM rendered_ties WHERE NOT tied
),
billed AS (
    SELECT invoice_id, currency, customer_id, subscription_id, cohort, state, known_on, changed_on, gross, discount, tax, total
    FROM engine_invoices SEMI JOIN untied USING (invoice_id)
),
originals AS (
    SELECT {_DOCUMENT}, source_file, source_row, known_on, known_on AS changed_on
    FROM documents SEMI JOIN untied USING (invoice_id) WHERE place = 1
),
{beside("billed", "originals", "render_lag_days", _SIDES)},
{aside("rendered_invoices")}
SELECT s.invoice_id, s.currency, CASE WHEN a.billed AND s.off <> 0 THEN 'pending' ELSE s.status END AS status,
    s.document_id, {_OF_SIDES}, s.rendered, s.off, s.source_file, s.source_row, coalesce(a.followed AND s.status = 'missing', false) AS aside
FROM placed AS s
LEFT JOIN aside AS a ON a.invoice_id = s.invoice_id
WHERE s.status IS NOT NULL AND s.state = 'issued'""",
)

LINES = Relation(
    name="rendered_differences",
    inputs=("rendered_ties", "rendered_placed", "rendered_lines", "engine_lines", "engine_invoices"),
    rows_from=("rendered_ties WHERE compared",),
    doc=(
        "Lines of compared documents whose amount (net of discount, before tax) or tax is not the engine's. Only documents "
        "that name lines take part, and of those that differ such as show a line of their invoice: one that shows none is "
        "another invoice's, or has line ids of its own, and is told by its header. Of these only the `suspect` ones are looked into line by line: those whose lines "
        "differ in number, sum or content (the sum of the lines' 64-bit hashes over id and amount, and over id and tax). A credit's line may show its credit. `delta` is the line's part of the payable's "
        "difference: with its tax where the document's totals follow that, nothing where they do not follow the line at all."
    ),
    sql=f"""
WITH {last_word("rendered_lines", "document_id, line_no", _LINE)},
compared AS NOT MATERIALIZED (
    SELECT document_id, invoice_id, currency, lines, net, content, tax_content FROM rendered_ties WHERE compared
),
told AS (
    SELECT document_id, count(*) AS lines, count(line_id) AS named, count(tax) AS taxed, sum(amount) AS amount,
        {CONTENT.format(line_id="line_id", figure="amount")} AS content, {CONTENT.format(line_id="line_id", figure="tax")} AS taxes
    FROM current SEMI JOIN compared USING (document_id)
    GROUP BY document_id HAVING count(line_id) > 0
),
suspect AS (
    SELECT t.document_id
    FROM told AS t
    JOIN compared AS d ON d.document_id = t.document_id
    ANTI JOIN (SELECT document_id FROM rendered_placed WHERE status <> 'compared') AS w ON w.document_id = t.document_id
    WHERE t.named <> t.lines OR d.lines <> t.lines OR d.net <> t.amount OR d.content <> t.content
        OR (t.taxed > 0 AND (t.taxed <> t.lines OR d.tax_content <> t.taxes))
),
looked_into AS (
    SELECT d.document_id, d.invoice_id, d.currency, coalesce(h.off, 0) AS off, coalesce(h.tax_off, 0) AS tax_off
    FROM compared AS d
    SEMI JOIN suspect AS s ON s.document_id = d.document_id
    LEFT JOIN rendered_placed AS h ON h.document_id = d.document_id
),
named AS (
    SELECT document_id, {_KEY} AS line_id, sum(amount) AS amount, sum(tax) AS tax, min(source_file) AS source_file,
        min(source_row) AS source_row
    FROM current SEMI JOIN suspect USING (document_id)
    GROUP BY document_id, {_KEY}
),
engine AS (
    SELECT d.document_id, l.line_id, l.kind, l.gross - l.discount AS amount, l.credit, l.tax, l.total
    FROM engine_lines AS l
    JOIN looked_into AS d ON d.invoice_id = l.invoice_id AND d.currency = l.currency
    WHERE l.status = 'issued' AND l.variant = 'control'
),
off AS (
    SELECT coalesce(e.document_id, n.document_id) AS document_id, coalesce(e.line_id, n.line_id) AS line_id,
        e.line_id IS NOT NULL AS is_billed, n.line_id IS NOT NULL AS is_rendered, e.amount AS billed_amount, n.amount AS rendered_amount,
        e.total AS billed_total,
        CASE WHEN e.kind = 'credit' AND n.amount = -e.credit THEN 0
            ELSE coalesce(n.amount, 0) - coalesce(e.amount, 0) END AS amount_off,
        coalesce(n.tax - coalesce(e.tax, 0), 0) AS tax_off, n.source_file, n.source_row
    FROM engine AS e
    FULL JOIN named AS n ON n.document_id = e.document_id AND n.line_id = e.line_id
),
own AS (
    SELECT document_id FROM off WHERE is_billed AND is_rendered
),
parted AS (
    SELECT document_id, line_id, is_billed, is_rendered, billed_amount, rendered_amount, billed_total, amount_off, tax_off,
        source_file, source_row, sum(amount_off) OVER document AS amounts_off, sum(tax_off) OVER document AS taxes_off,
        row_number() OVER (PARTITION BY document_id ORDER BY abs(amount_off) DESC, line_id) AS place
    FROM off SEMI JOIN own USING (document_id) WHERE amount_off <> 0 OR tax_off <> 0
    WINDOW document AS (PARTITION BY document_id)
)
SELECT d.document_id, d.invoice_id, d.currency, e.customer_id, e.subscription_id, e.cohort, l.line_id, l.is_billed, l.is_rendered,
    l.billed_amount, l.rendered_amount, l.billed_total, l.amount_off, l.tax_off, l.source_file, l.source_row,
    CAST(CASE
        WHEN d.off = l.amounts_off THEN l.amount_off
        WHEN d.off = l.amounts_off + l.taxes_off THEN l.amount_off + l.tax_off
        WHEN d.off = l.amounts_off + d.tax_off THEN l.amount_off + CASE WHEN l.place = 1 THEN d.tax_off ELSE 0 END
        WHEN d.off = 0 THEN 0
        ELSE l.amount_off
    END AS {AMOUNT}) AS delta
FROM parted AS l
JOIN looked_into AS d ON d.document_id = l.document_id
JOIN engine_invoices AS e ON e.invoice_id = d.invoice_id AND e.currency = d.currency""",
)

_HEADER = f"""
SELECT d.invoice_id, d.currency, d.document_id, d.customer_id, d.subscription_id, d.cohort, d.billed, d.rendered,
    d.source_file, d.source_row, d.other_customer, d.subtotal_off, d.discount_off, d.tax_off, d.rendered_total, d.billed_total,
    CAST(CASE WHEN l.document_id IS NULL AND d.off = 0 THEN d.total_off ELSE d.off - coalesce(l.delta, 0) END AS {AMOUNT}) AS delta,
    l.document_id IS NOT NULL AS after_lines
FROM rendered_placed AS d
LEFT JOIN (SELECT document_id, sum(delta) AS delta FROM rendered_differences GROUP BY document_id) AS l
    ON l.document_id = d.document_id
WHERE d.status = 'compared' AND (d.other_customer IS NOT NULL OR d.off <> coalesce(l.delta, 0) OR (l.document_id IS NULL
    AND (d.total_off <> 0 OR d.subtotal_off <> 0 OR d.discount_off <> 0 OR d.tax_off <> 0)))"""

_COMMON = {"pair": _PAIR, "variant": "'control'", "layer": "'rendered_invoices'", "level": "'invoice'"}
_OF_DOCUMENT = _COMMON | {
    name: f"d.{name}"
    for name in ("invoice_id", "customer_id", "subscription_id", "currency", "cohort", "billed", "rendered")
}
_SOURCE = (
    f"CASE WHEN d.source_file IS NOT NULL THEN [{source('rendered_invoices', 'd.source_file', 'd.source_row')}] END"
)

_alone = columns(
    FINDING,
    _OF_DOCUMENT
    | {
        "code": "CASE WHEN d.aside THEN 'RECORD_QUARANTINED' WHEN d.status = 'currency' THEN 'CURRENCY_FX' "
        "WHEN d.status = 'missing' THEN 'RENDER_MISSING' ELSE 'KEY_UNMAPPED' END",
        "delta": "d.off",
        "identity": "coalesce(d.document_id, '') || '|' || d.currency",
        "compared": "false",
        "template": "CASE WHEN d.status = 'currency' THEN CASE WHEN d.document_id IS NULL THEN d.invoice_id || ' is billed in ' "
        "|| d.currency || ' {1}, and its document is in another currency.' ELSE 'Document ' || d.document_id || ' shows ' "
        "|| d.invoice_id || ' with ' || d.currency || ' {1}, which is billed in another currency.' END "
        "WHEN d.status = 'missing' THEN d.invoice_id || ' over ' || d.currency || ' {1} has no document' "
        "|| CASE WHEN d.aside THEN ': its row is in quarantine.' ELSE '; ' || CAST(p.render_lag_days AS VARCHAR) || CASE WHEN p.render_lag_days = 1 THEN ' day is' ELSE ' days are' END "
        "|| ' allowed from issue to document.' END "
        "ELSE 'Document ' || d.document_id || ' over ' || d.currency || ' {1} is for ' || d.invoice_id || ', which the "
        "billing engine does not have.' END",
        "figures": "[coalesce(d.rendered, d.billed)]",
        "sources": _SOURCE,
        "evidence": "CAST(json_object('document_id', d.document_id) AS VARCHAR)",
    },
)
_again = columns(
    FINDING,
    _COMMON
    | {
        "code": "'RENDER_DUPLICATE'",
        "invoice_id": "d.invoice_id",
        "customer_id": "coalesce(e.customer_id, d.customer_id)",
        "subscription_id": "e.subscription_id",
        "currency": "d.currency",
        "cohort": "coalesce(e.cohort, 'all')",
        "rendered": "d.payable",
        "delta": "d.payable",
        "identity": "d.document_id",
        "compared": "false",
        "template": "'Document ' || d.document_id || ' shows ' || d.invoice_id || ' again, with ' || d.currency || ' {1}; ' "
        "|| d.original || ' shows it already.'",
        "figures": "[d.payable]",
        "sources": _SOURCE,
        "evidence": "CAST(json_object('document_id', d.document_id, 'original', d.original) AS VARCHAR)",
    },
)
_of_line = columns(
    FINDING,
    _COMMON
    | {
        "level": "'line'",
        "code": "'RENDER_VALUE'",
        "invoice_id": "l.invoice_id",
        "line_id": "l.line_id",
        "customer_id": "l.customer_id",
        "subscription_id": "l.subscription_id",
        "currency": "l.currency",
        "cohort": "l.cohort",
        "billed": "l.billed_total",
        "rendered": "coalesce(l.billed_total, 0) + l.delta",
        "delta": "l.delta",
        "identity": "l.document_id",
        "compared": "l.is_billed AND l.is_rendered",
        "template": "'Document ' || l.document_id || CASE WHEN NOT l.is_rendered THEN ' lacks line ' || l.line_id || ' of ' "
        "|| l.invoice_id || ', ' || l.currency || ' {1} before tax' WHEN NOT l.is_billed THEN ' shows a line ' || l.line_id "
        "|| ' of ' || l.currency || ' {2} before tax that ' || l.invoice_id || ' does not have' ELSE ' shows line ' || l.line_id || ' of ' "
        "|| l.invoice_id || CASE WHEN l.amount_off = 0 THEN ' with another tax' ELSE ' as ' || l.currency "
        "|| ' {2} before tax where ' || l.currency || ' {1} is billed' END END || ': ' || CASE WHEN l.delta = 0 "
        f"THEN 'its totals do not follow.' ELSE l.currency || ' ' || {signed('l.delta', 3)} || ' in what is to be paid.' END",
        "figures": "[coalesce(l.billed_amount, 0), coalesce(l.rendered_amount, 0), l.delta]",
        "layer": "'rendered_lines'",
        "sources": f"CASE WHEN l.source_file IS NOT NULL THEN [{source('rendered_lines', 'l.source_file', 'l.source_row')}] END",
        "evidence": "CAST(json_object('document_id', l.document_id) AS VARCHAR)",
    },
)
_of_header = columns(
    FINDING,
    _OF_DOCUMENT
    | {
        "code": "'RENDER_VALUE'",
        "delta": "d.delta",
        "identity": "d.document_id",
        "compared": "true",
        "template": "'Document ' || d.document_id || CASE "
        "WHEN d.other_customer IS NOT NULL THEN ' shows ' || d.invoice_id || ' to customer ' || d.other_customer "
        "|| ' and not to ' || d.customer_id || CASE WHEN d.delta = 0 THEN '.' ELSE ', and asks for ' || d.currency || ' {2} where ' "
        f"|| d.currency || ' {{1}} is billed: ' || d.currency || ' ' || {signed('d.delta', 3)} || '.' END WHEN d.after_lines THEN ' asks for ' || d.currency || ' {2} where ' || d.invoice_id "
        f"|| ' bills ' || d.currency || ' {{1}}; its lines leave ' || d.currency || ' ' || {signed('d.delta', 3)} || ' unaccounted for.' "
        "WHEN d.billed <> d.rendered THEN ' asks for ' || d.currency || ' {2} where ' || d.invoice_id || ' bills ' || d.currency "
        f"|| ' {{1}}: ' || d.currency || ' ' || {signed('d.delta', 3)} || '.' "
        "WHEN d.delta <> 0 THEN ' has a total of ' || d.currency || ' {5} where ' || d.invoice_id || ' adds up to ' || d.currency "
        f"|| ' {{4}}: ' || d.currency || ' ' || {signed('d.delta', 3)} || ', though what is to be paid is right.' "
        "ELSE ' has a wrong ' || CASE WHEN d.tax_off <> 0 THEN 'tax' WHEN d.subtotal_off <> 0 THEN 'subtotal' ELSE 'discount' END "
        "|| ' for ' || d.invoice_id || ', though what is to be paid, ' || d.currency || ' {2}, is right.' END",
        "figures": "[d.billed, d.rendered, d.delta, d.billed_total, d.rendered_total]",
        "sources": _SOURCE,
        "evidence": "CAST(json_object('document_id', d.document_id) AS VARCHAR)",
    },
)

FINDINGS = Relation(
    name="billed_rendered_findings",
    inputs=("rendered_placed", "rendered_differences", "documents", "engine_invoices", "run_params"),
    rows_from=(
        "rendered_placed WHERE status NOT IN ('compared', 'pending')",
        "rendered_placed WHERE status = 'compared' AND (other_customer IS NOT NULL OR off <> 0 OR total_off <> 0 "
        "OR subtotal_off <> 0 OR discount_off <> 0 OR tax_off <> 0)",
        "rendered_differences",
        "documents AS d JOIN run_params AS p ON p.day = d.known_on WHERE d.place > 1",
    ),
    doc="Documents that are missing, doubled, unknown, or show other figures than the engine billed.",
    sql=f"""
WITH header AS ({_HEADER}
)
SELECT {_alone}
FROM rendered_placed AS d CROSS JOIN run_params AS p
WHERE d.status IN ('currency', 'unmapped') OR (d.status = 'missing' AND (d.billed <> 0 OR d.billed_total <> 0))
UNION ALL
SELECT {_again}
FROM documents AS d
JOIN run_params AS p ON p.day = d.known_on
LEFT JOIN engine_invoices AS e ON e.invoice_id = d.invoice_id AND e.currency = d.currency
WHERE d.place > 1
UNION ALL
SELECT {_of_line}
FROM rendered_differences AS l
UNION ALL
SELECT {_of_header}
FROM header AS d""",
)

_assessed = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "CASE WHEN d.billed IS NOT NULL THEN d.invoice_id END",
        "right_key": "d.document_id",
        "currency": "d.currency",
        "cohort": "d.cohort",
        "variant": "'control'",
        "customer_id": "d.customer_id",
        "status": "CASE WHEN d.status = 'pending' THEN 'pending' WHEN d.status <> 'compared' OR d.off <> 0 "
        "OR f.rendered_total IS NOT NULL THEN 'break' ELSE 'matched' END",
        "left_amount": "coalesce(d.billed, 0)",
        "right_amount": "coalesce(d.rendered, 0) + CASE WHEN d.off = 0 THEN coalesce(f.delta, 0) ELSE 0 END",
        "left_count": "CASE WHEN d.billed IS NULL THEN 0 ELSE 1 END",
        "right_count": "CASE WHEN d.document_id IS NULL THEN 0 ELSE 1 END",
    },
)
_assessed_tied = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "t.invoice_id",
        "right_key": "t.document_id",
        "currency": "t.currency",
        "cohort": "t.cohort",
        "variant": "'control'",
        "customer_id": "t.customer_id",
        "status": "CASE WHEN l.document_id IS NULL THEN 'matched' ELSE 'break' END",
        "left_amount": "t.billed",
        "right_amount": "t.billed",
        "left_count": "1",
        "right_count": "1",
    },
)
_assessed_again = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "right_key": "d.document_id",
        "currency": "d.currency",
        "cohort": "coalesce(e.cohort, 'all')",
        "variant": "'control'",
        "customer_id": "d.customer_id",
        "status": "'break'",
        "left_amount": "0",
        "right_amount": "d.payable",
        "left_count": "0",
        "right_count": "1",
    },
)

ASSESSMENTS = Relation(
    name="billed_rendered_assessed",
    inputs=("rendered_ties", "rendered_placed", "rendered_differences", "documents", "engine_invoices", "run_params"),
    kept=False,
    doc="Every invoice and document that the day decides about. A wrong total beside a right payable counts by the total.",
    sql=f"""
WITH header AS ({_HEADER}
),
found AS (
    SELECT document_id, max(rendered_total) AS rendered_total, sum(delta) AS delta
    FROM (SELECT document_id, rendered_total, delta FROM header
          UNION ALL SELECT document_id, 0 AS rendered_total, 0 AS delta FROM rendered_differences) AS wrong
    GROUP BY document_id
)
SELECT {_assessed_tied}
FROM rendered_ties AS t
ANTI JOIN (SELECT invoice_id FROM rendered_ties WHERE NOT tied) AS u ON u.invoice_id = t.invoice_id
LEFT JOIN (SELECT DISTINCT document_id FROM rendered_differences) AS l ON l.document_id = t.document_id
WHERE t.tied AND t.compared
UNION ALL
SELECT {_assessed}
FROM rendered_placed AS d
LEFT JOIN found AS f ON f.document_id = d.document_id
WHERE d.status <> 'missing' OR d.billed <> 0 OR d.billed_total <> 0
UNION ALL
SELECT {_assessed_again}
FROM documents AS d
JOIN run_params AS p ON p.day = d.known_on
LEFT JOIN engine_invoices AS e ON e.invoice_id = d.invoice_id AND e.currency = d.currency
WHERE d.place > 1""",
)

RELATIONS: tuple[Relation, ...] = (DOCUMENTS, TIES, RENDERED, LINES, FINDINGS, ASSESSMENTS)
