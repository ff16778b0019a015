"""The engine's invoice against its journals in the ledger; and documents against journals where the engine has no invoice."""

from __future__ import annotations

from billing_recon.compute.match.engine_output import mapped
from billing_recon.compute.match.latest_rows import last_word
from billing_recon.compute.match.sides import aside, beside
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import ASSESSED, FINDING, IN_DOUBT, columns, signed, source
from billing_recon.compute.relation import Relation

_PAIR = "'billed_booked'"

_ENTRY = "entry_id, journal_id, posted_on, role, debit, credit, currency, invoice_id, customer_id"

_INVOICE, _BY_INVOICE = mapped("ledger_entries", "c", "invoice_id")
_CUSTOMER, _BY_CUSTOMER = mapped("ledger_entries", "c", "customer_id")

_ENTRIES = f"""{last_word("ledger_entries", "entry_id", _ENTRY)},
named AS NOT MATERIALIZED (
    SELECT c.journal_id, c.posted_on, c.role, c.debit, c.credit, c.currency, {_INVOICE} AS invoice_id,
        {_CUSTOMER} AS customer_id, c.known_on, c.changed_on, coalesce(c.debit, 0) - coalesce(c.credit, 0) AS debited,
        c.source_file, c.source_row
    FROM current AS c
    {_BY_INVOICE}
    {_BY_CUSTOMER}
)"""

_SUMS = """min(customer_id) FILTER (WHERE role = 'ar') AS customer_id, min(posted_on) AS posted_on, min(known_on) AS known_on,
        max(changed_on) AS changed_on, count(*) FILTER (WHERE role = 'ar') AS receivables,
        coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS ar,
        coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS revenue,
        coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS tax,
        coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS credits, sum(debited) AS unbalanced"""

TIES = Relation(
    name="booked_ties",
    inputs=("ledger_entries", "mapped_keys", "engine_invoices", "journal_shares"),
    doc=(
        "Every invoice beside what names it in the ledger, and whether they tie: issued, and posted by one journal with one receivable, "
        "for the same customer and month and in every role what was billed. What ties needs no further look, so little is kept of it. "
        "An invoice of a journal that names none in some of its entries, or that summary_postings found to be booked, is looked into. "
        "`known_on` is the ledger's, `changed_on` the later of both."
    ),
    sql=f"""
WITH {_ENTRIES},
others AS (
    SELECT journal_id, bool_or(role IN ('cash', 'refund', 'write_off')) AS settles
    FROM current WHERE role IN ('cash', 'refund', 'write_off') OR invoice_id IS NULL
    GROUP BY journal_id
),
booked AS (
    SELECT invoice_id, currency, min(journal_id) AS journal_id, max(journal_id) AS last_journal_id, {_SUMS}
    FROM named ANTI JOIN (SELECT journal_id FROM others WHERE settles) AS s USING (journal_id)
    WHERE invoice_id IS NOT NULL
    GROUP BY invoice_id, currency
)
SELECT coalesce(e.invoice_id, b.invoice_id) AS invoice_id, coalesce(e.currency, b.currency) AS currency, e.customer_id, e.cohort,
    e.total AS billed, b.known_on, greatest(e.changed_on, b.changed_on) AS changed_on, coalesce(e.state = 'issued'
        AND b.journal_id = b.last_journal_id AND b.receivables = 1 AND b.customer_id = e.customer_id AND b.ar = e.total AND b.revenue = e.gross - e.discount
        AND b.tax = e.tax AND b.credits = e.credit AND b.unbalanced = 0
        AND date_trunc('month', b.posted_on) = date_trunc('month', e.issued_on)
        AND b.journal_id NOT IN (SELECT journal_id FROM others)
        AND b.invoice_id NOT IN (SELECT invoice_id FROM journal_shares), false) AS tied
FROM engine_invoices AS e
FULL JOIN booked AS b ON b.invoice_id = e.invoice_id AND b.currency = e.currency""",
)

TIED = Relation(
    name="booked_tied",
    inputs=("booked_ties",),
    kept=False,
    doc="Invoices and postings that tie; but those of which something does not tie, in any currency.",
    sql="""
SELECT t.invoice_id, t.currency, t.customer_id, t.cohort, t.billed, t.known_on, t.changed_on
FROM booked_ties AS t
ANTI JOIN (SELECT invoice_id FROM booked_ties WHERE NOT tied) AS u ON u.invoice_id = t.invoice_id
WHERE t.tied""",
)

JOURNALS = Relation(
    name="invoice_journals",
    inputs=("ledger_entries", "mapped_keys", "journal_shares", "booked_ties", "booked_tied"),
    rows_from=("booked_ties WHERE known_on IS NOT NULL AND NOT tied", "ledger_entries WHERE invoice_id IS NULL"),
    doc=(
        "Invoice postings of what does not tie, one row a journal, invoice and currency: journals without cash, refund or write-off. "
        "Entries without an invoice_id take the one that their journal names; a journal that names none takes those that "
        "summary_postings found for it, or stands under its own id. `again`: what entries add to AR that repeat another of the same "
        "journal. `invoices`: 0, 1, or 2 for several, which a journal of several has of those too that tie."
    ),
    sql=f"""
WITH {_ENTRIES},
looked_into AS (
    SELECT DISTINCT n.journal_id
    FROM named AS n
    LEFT JOIN (SELECT DISTINCT invoice_id FROM booked_ties WHERE NOT tied) AS u ON u.invoice_id = n.invoice_id
    WHERE n.invoice_id IS NULL OR u.invoice_id IS NOT NULL
),
entries AS (
    SELECT journal_id, posted_on, role, currency, invoice_id, customer_id, known_on, changed_on, debited, row_number() OVER (
            PARTITION BY journal_id, invoice_id, currency, role, debit, credit ORDER BY source_file, source_row) > 1 AS is_copy
    FROM named SEMI JOIN looked_into USING (journal_id)
),
journals AS (
    SELECT journal_id, min(invoice_id) AS one_invoice,
        CASE WHEN min(invoice_id) IS NULL THEN 0 WHEN min(invoice_id) = max(invoice_id) THEN 1 ELSE 2 END AS invoices
    FROM entries
    GROUP BY journal_id
    HAVING NOT bool_or(role IN ('cash', 'refund', 'write_off')) AND (min(invoice_id) IS NOT NULL
        OR (bool_or(role = 'ar') AND bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable'))))
),
posted AS (
    SELECT e.journal_id, coalesce(e.invoice_id, j.one_invoice, 'journal ' || e.journal_id) AS invoice_id, e.currency, j.invoices,
        {_SUMS}, coalesce(sum(debited) FILTER (WHERE role = 'ar' AND is_copy), 0) AS again
    FROM entries AS e
    JOIN journals AS j ON j.journal_id = e.journal_id
    ANTI JOIN journal_shares AS s ON s.journal_id = e.journal_id AND s.currency = e.currency
    GROUP BY e.journal_id, coalesce(e.invoice_id, j.one_invoice, 'journal ' || e.journal_id), e.currency, j.invoices
)
SELECT journal_id, invoice_id, currency, invoices, customer_id, posted_on, known_on, changed_on,
    {", ".join(f"CAST({name} AS {AMOUNT}) AS {name}" for name in ("ar", "revenue", "tax", "credits", "unbalanced", "again"))},
    false AS is_rest
FROM posted ANTI JOIN booked_tied USING (invoice_id, currency)
UNION ALL
SELECT journal_id, invoice_id, currency, invoices, customer_id, posted_on, known_on, changed_on, ar, revenue, tax, credits,
    CAST(ar + credits + others - revenue - tax AS {AMOUNT}) AS unbalanced, CAST(0 AS {AMOUNT}) AS again, is_rest
FROM journal_shares""",
)

BOOKED = Relation(
    name="booked_invoices",
    inputs=("invoice_journals",),
    rows_from=("invoice_journals",),
    doc=(
        "What the ledger has booked an invoice that does not tie, over all its journals. `again`: what journals add to AR that book "
        "the same as another; `again_within`: entries the same as another of their journal; `least_ar`, `most_ar`: of a single journal."
    ),
    sql=f"""
SELECT invoice_id, currency, min(known_on) AS known_on, max(changed_on) AS changed_on, min(posted_on) AS posted_on,
    count(*) AS journals, min(customer_id) AS customer_id, min(journal_id) AS journal_id,
    CAST(sum(ar) AS {AMOUNT}) AS ar, CAST(sum(revenue) AS {AMOUNT}) AS revenue, CAST(sum(tax) AS {AMOUNT}) AS tax,
    CAST(sum(credits) AS {AMOUNT}) AS credits,
    CAST(max(CASE WHEN invoices > 1 THEN 0 ELSE abs(unbalanced) END) AS {AMOUNT}) AS unbalanced, bool_or(is_rest) AS is_rest,
    CAST(coalesce(sum(ar) FILTER (WHERE is_copy), 0) AS {AMOUNT}) AS again, CAST(sum(again) AS {AMOUNT}) AS again_within,
    min(ar) AS least_ar, max(ar) AS most_ar
FROM (
    SELECT invoice_id, currency, known_on, changed_on, posted_on, customer_id, journal_id, ar, revenue, tax, credits, invoices,
        unbalanced, is_rest, again,
        row_number() OVER (PARTITION BY invoice_id, currency, ar, revenue, tax, credits ORDER BY journal_id, is_rest) > 1 AS is_copy
    FROM invoice_journals
) AS journals
GROUP BY invoice_id, currency""",
)

_SIDES = {
    "customer_id": "coalesce(l.customer_id, r.customer_id)",
    "subscription_id": "l.subscription_id",
    "cohort": "coalesce(l.cohort, 'all')",
    "state": "l.state",
    "issued_on": "l.issued_on",
    "net": f"CAST(l.gross - l.discount AS {AMOUNT})",
    "tax": "l.tax",
    "credit": "l.credit",
    "billed": "CASE WHEN l.state = 'draft' THEN NULL ELSE l.total END",
    "booked": "r.ar",
    "revenue": "r.revenue",
    "booked_tax": "r.tax",
    "booked_credits": "r.credits",
    "unbalanced": "r.unbalanced",
    "journals": "r.journals",
    "again": "r.again",
    "again_within": "r.again_within",
    "booked_again": "r.journals = 2 AND l.total IN (r.least_ar, r.most_ar) AND sign(r.ar - l.total) = sign(l.total) "
    "AND abs(r.ar - l.total) > abs(l.total) - abs(r.ar - l.total)",
    "is_rest": "r.is_rest",
    "posted_on": "r.posted_on",
    "journal_id": "r.journal_id",
    "invoice_kind": "l.invoice_kind",
    "other_customer": "CASE WHEN r.customer_id <> l.customer_id THEN r.customer_id END",
    "off": f"CAST(coalesce(r.ar, 0) - coalesce(l.total, 0) AS {AMOUNT})",
}
_VOID = _SIDES | {
    "booked_again": "false",
    "customer_id": "l.customer_id",
    "cohort": "l.cohort",
    "other_customer": "NULL",
    "off": "r.ar",
}

PLACED = Relation(
    name="booked_placed",
    inputs=("booked_ties", "booked_invoices", "engine_invoices", "set_aside", "run_params"),
    rows_from=("booked_ties WHERE NOT tied", "booked_invoices"),
    doc=(
        "Invoices that do not tie and what is booked for them, with the code where they differ. A void invoice should net to nothing, once "
        "the lag for its reversal has passed. An invoice of which the engine's own rows are in quarantine waits for them. "
        "So does what a journal of several books beyond its invoices, while engine rows of a day that it may book are in quarantine. "
        "`booked_again`: one of two journals books the invoice as it is billed, and the other is nearer to it than to nothing."
    ),
    sql=f"""
WITH billed AS (
    SELECT invoice_id, currency, customer_id, subscription_id, cohort, state, issued_on, invoice_kind, known_on, changed_on, gross,
        discount, credit, tax, total
    FROM engine_invoices SEMI JOIN (SELECT invoice_id FROM booked_ties WHERE NOT tied) AS u USING (invoice_id)
),
{beside("billed", "booked_invoices", "ledger_lag_days", _SIDES)},
joined AS (
    SELECT s.invoice_id, s.currency, s.status, {", ".join(f"s.{name}" for name in _SIDES)}
    FROM placed AS s
    WHERE s.status IS NOT NULL AND coalesce(s.state, 'issued') = 'issued'
    UNION ALL
    SELECT l.invoice_id, l.currency, CASE WHEN CAST(l.changed_on + p.ledger_lag_days AS DATE) > p.day THEN 'pending'
            ELSE 'compared' END AS status, {", ".join(f"{what} AS {name}" for name, what in _VOID.items())}
    FROM billed AS l
    JOIN booked_invoices AS r ON r.invoice_id = l.invoice_id AND r.currency = l.currency
    CROSS JOIN run_params AS p
    WHERE l.state = 'void' AND (CAST(l.changed_on + p.ledger_lag_days AS DATE) >= p.day OR r.changed_on = p.day)
),
{aside("ledger_entries")},
waiting AS (
    SELECT DISTINCT j.invoice_id
    FROM joined AS j
    CROSS JOIN run_params AS p
    JOIN (SELECT DISTINCT TRY_CAST(named AS DATE) AS issued_on FROM set_aside WHERE table_name = 'invoice_lines') AS q
        ON q.issued_on <= j.posted_on AND q.issued_on >= CAST(j.posted_on - p.ledger_lag_days AS DATE)
    WHERE j.is_rest AND j.off > 0
)
SELECT j.invoice_id, j.currency, CASE WHEN (a.billed AND j.off <> 0) OR w.invoice_id IS NOT NULL THEN 'pending' ELSE j.status END AS status,
    j.customer_id, j.subscription_id, j.cohort, j.state, j.issued_on, j.net, j.tax,
    j.credit, j.billed, j.booked, j.revenue, j.booked_tax, j.booked_credits, j.unbalanced, j.journals, j.posted_on,
    j.journal_id, j.other_customer, j.off,
    CASE
        WHEN j.status = 'pending' OR w.invoice_id IS NOT NULL THEN NULL
        WHEN j.status = 'currency' THEN 'CURRENCY_FX'
        WHEN j.status = 'missing' AND j.billed = 0 AND j.net = 0 AND j.tax = 0 THEN NULL
        WHEN a.followed AND (j.status = 'missing' OR j.off <> 0 OR j.unbalanced <> 0) THEN 'RECORD_QUARANTINED'
        WHEN a.billed AND j.off <> 0 THEN NULL
        WHEN j.status = 'missing' AND (j.invoice_kind = 'credit_note' OR j.billed < 0) THEN 'REVERSAL_NOT_PROPAGATED'
        WHEN j.status = 'missing' THEN 'LEDGER_MISSING'
        WHEN j.status = 'unmapped' AND j.is_rest THEN 'LEDGER_AMOUNT'
        WHEN j.status = 'unmapped' THEN 'KEY_UNMAPPED'
        WHEN j.state = 'void' THEN CASE WHEN j.off <> 0 THEN 'REVERSAL_NOT_PROPAGATED' END
        WHEN j.off <> 0 AND (j.off IN (j.again, j.again_within) OR j.booked_again) THEN 'LEDGER_DUPLICATE'
        WHEN j.off <> 0 OR j.unbalanced <> 0 THEN 'LEDGER_AMOUNT'
        WHEN j.other_customer IS NOT NULL OR j.revenue <> j.net OR j.booked_tax <> j.tax OR j.booked_credits <> j.credit
            THEN 'LEDGER_ACCOUNT'
        WHEN date_trunc('month', j.posted_on) < date_trunc('month', j.issued_on) THEN 'LEDGER_PERIOD'
        WHEN date_trunc('month', j.posted_on) > date_trunc('month', j.issued_on)
            AND j.posted_on > CAST(j.issued_on + p.ledger_lag_days AS DATE) THEN 'LEDGER_PERIOD'
    END AS code
FROM joined AS j
CROSS JOIN run_params AS p
LEFT JOIN aside AS a ON a.invoice_id = j.invoice_id
LEFT JOIN waiting AS w ON w.invoice_id = j.invoice_id""",
)

_RENDERED_ONLY = """
WITH strangers AS (
    SELECT d.invoice_id, d.currency, d.document_id, d.customer_id, d.payable, d.known_on
    FROM documents AS d
    SEMI JOIN (SELECT invoice_id FROM rendered_ties WHERE NOT tied) AS u ON u.invoice_id = d.invoice_id
    ANTI JOIN engine_invoices AS e ON e.invoice_id = d.invoice_id
    WHERE d.place = 1
),
booked AS (
    SELECT b.invoice_id, b.currency, b.ar, b.journal_id, b.changed_on FROM booked_invoices AS b SEMI JOIN strangers USING (invoice_id)
)
SELECT d.invoice_id, d.currency, d.document_id, d.customer_id, d.payable AS rendered, b.ar AS booked, b.journal_id,
    x.currency AS booked_currency
FROM strangers AS d
JOIN run_params AS p ON true
JOIN (SELECT invoice_id, max(currency) AS currency, max(changed_on) AS changed_on FROM booked GROUP BY invoice_id) AS x
    ON x.invoice_id = d.invoice_id AND greatest(x.changed_on, d.known_on) = p.day
LEFT JOIN booked AS b ON b.invoice_id = d.invoice_id AND b.currency = d.currency"""

_MISPOSTED = (
    "CASE WHEN b.other_customer IS NOT NULL THEN 'the receivable is on customer ' || b.other_customer || ', not ' || b.customer_id "
    "WHEN b.revenue <> b.net THEN 'revenue is ' || b.currency || ' {4} where ' || b.currency || ' {3} was earned' "
    "WHEN b.booked_tax <> b.tax THEN 'tax payable is ' || b.currency || ' {4} where ' || b.currency || ' {3} is owed' "
    "ELSE 'credits used are ' || b.currency || ' {4} where ' || b.currency || ' {3} were' END"
)
_finding = columns(
    FINDING,
    {
        "pair": _PAIR,
        "level": "CASE WHEN b.billed IS NULL AND b.code = 'LEDGER_AMOUNT' THEN 'account' ELSE 'invoice' END",
        "code": "b.code",
        "invoice_id": "CASE WHEN b.billed IS NULL AND starts_with(b.invoice_id, 'journal ') THEN NULL ELSE b.invoice_id END",
        "customer_id": "b.customer_id",
        "subscription_id": "b.subscription_id",
        "currency": "b.currency",
        "cohort": "b.cohort",
        "variant": "'control'",
        "billed": "b.billed",
        "booked": "b.booked",
        "delta": "b.off",
        "identity": "b.currency || CASE WHEN b.code = 'KEY_UNMAPPED' THEN '|' || b.journal_id ELSE '' END",
        "compared": "b.status = 'compared' AND b.code <> 'LEDGER_DUPLICATE'",
        "template": "CASE b.code WHEN 'CURRENCY_FX' THEN b.invoice_id || CASE WHEN b.booked IS NULL THEN ' is billed in ' || b.currency "
        "|| ' {1} and booked in another currency.' ELSE ' is booked in ' || b.currency || ' {2} and billed in another currency.' END "
        "WHEN 'LEDGER_MISSING' THEN b.invoice_id || ' over ' || b.currency || ' {1}, issued on ' || CAST(b.issued_on AS VARCHAR) "
        "|| ', is not booked; ' || CAST(p.ledger_lag_days AS VARCHAR) || CASE WHEN p.ledger_lag_days = 1 THEN ' day is' ELSE ' days are' END || ' allowed.' "
        "WHEN 'KEY_UNMAPPED' THEN 'Journal ' || b.journal_id || ' books ' || b.currency || ' {2} ' || CASE "
        "WHEN starts_with(b.invoice_id, 'journal ') THEN 'and names no invoice' || CASE WHEN EXISTS (SELECT 1 FROM journal_matches AS q "
        f"WHERE q.journal_id = b.journal_id AND q.invoice_id IS NULL) THEN '{IN_DOUBT}' ELSE '.' END ELSE 'for ' || b.invoice_id "
        "|| ', which the billing engine does not have.' END "
        "WHEN 'RECORD_QUARANTINED' THEN b.invoice_id || ': billed ' || b.currency || ' {1}, booked ' || b.currency || ' {2}, and "
        "rows of it are in quarantine.' "
        "WHEN 'REVERSAL_NOT_PROPAGATED' THEN b.invoice_id || CASE WHEN b.status = 'missing' THEN ' gives back ' || b.currency || ' {5}, and "
        "nothing in the ledger takes it back.' ELSE ' is void, and ' || b.currency || ' {2} of it is still booked.' END "
        "WHEN 'LEDGER_DUPLICATE' THEN b.invoice_id || ' over ' || b.currency || ' {1} is booked by ' || CAST(b.journals AS VARCHAR) "
        f"|| ' journals, ' || b.currency || ' {{2}} in all: ' || b.currency || ' ' || {signed('b.off', 5)} || '.' "
        "WHEN 'LEDGER_AMOUNT' THEN CASE WHEN b.billed IS NULL THEN 'Journal ' || b.journal_id || ' books several invoices at once and is ' || b.currency "
        f"|| ' ' || {signed('b.off', 5)} || ' off their sum.' WHEN b.off <> 0 THEN b.invoice_id || ' is booked at ' || b.currency || ' {{2}} where ' || b.currency "
        f"|| ' {{1}} is billed: ' || b.currency || ' ' || {signed('b.off', 5)} || '.' "
        "ELSE 'A journal of ' || b.invoice_id || ' does not balance: debits and credits are ' || b.currency || ' {3} apart.' END "
        f"WHEN 'LEDGER_ACCOUNT' THEN b.invoice_id || ' is booked at the right ' || b.currency || ' {{2}}, but ' || {_MISPOSTED} || '.' "
        "ELSE b.invoice_id || ' was issued on ' || CAST(b.issued_on AS VARCHAR) || ' and booked on ' "
        "|| CAST(b.posted_on AS VARCHAR) || ', in another month: ' || b.currency || ' {2}.' END",
        "figures": "[coalesce(b.billed, 0), coalesce(b.booked, 0), CASE WHEN b.off <> 0 OR b.unbalanced <> 0 THEN b.unbalanced "
        "WHEN b.revenue <> b.net THEN b.net WHEN b.booked_tax <> b.tax THEN b.tax ELSE b.credit END, "
        "CASE WHEN b.revenue <> b.net THEN b.revenue WHEN b.booked_tax <> b.tax THEN b.booked_tax ELSE b.booked_credits END, b.off]",
        "layer": "'ledger_entries'",
        "sources": "s.sources",
        "evidence": "CAST(json_object('journals', b.journals, 'first_journal', b.journal_id, 'posted_on', CAST(b.posted_on AS VARCHAR), "
        "'issued_on', CAST(b.issued_on AS VARCHAR)) AS VARCHAR)",
    },
)
_orphan = {
    "pair": "'rendered_booked'",
    "cohort": "'all'",
    "variant": "'control'",
    "customer_id": "o.customer_id",
    "currency": "o.currency",
}
_orphan_finding = columns(
    FINDING,
    _orphan
    | {
        "level": "'invoice'",
        "code": "CASE WHEN o.booked IS NULL THEN 'CURRENCY_FX' ELSE 'LEDGER_AMOUNT' END",
        "invoice_id": "o.invoice_id",
        "rendered": "o.rendered",
        "booked": "o.booked",
        "delta": "coalesce(o.booked, 0) - o.rendered",
        "identity": "o.currency",
        "compared": "o.booked IS NOT NULL",
        "template": "CASE WHEN o.booked IS NULL THEN 'Document ' || o.document_id || ' of ' || o.invoice_id || ' asks for ' || o.currency "
        "|| ' {1}, and it is booked in ' || o.booked_currency || '.' ELSE o.invoice_id || ', which the billing engine does not have, is "
        "booked at ' || o.currency || ' {2} where document ' || o.document_id || ' asks for ' || o.currency || ' {1}: ' || o.currency || ' ' || "
        f"{signed('o.booked - o.rendered', 3)} || '.' END",
        "figures": "[o.rendered, coalesce(o.booked, 0), coalesce(o.booked, 0) - o.rendered]",
        "layer": "'ledger_entries'",
        "sources": "s.sources",
        "evidence": "CAST(json_object('document_id', o.document_id, 'first_journal', o.journal_id) AS VARCHAR)",
    },
)

RENDERED_ONLY = Relation(
    name="rendered_booked_placed",
    inputs=("documents", "rendered_ties", "booked_invoices", "engine_invoices", "run_params"),
    rows_from=("rendered_ties WHERE billed IS NULL",),
    doc="Documents and journals of invoices that the engine's output does not have, where both exist and one is new today.",
    sql=_RENDERED_ONLY,
)

FINDINGS = Relation(
    name="booked_findings",
    inputs=(
        "booked_placed",
        "rendered_booked_placed",
        "invoice_journals",
        "ledger_entries",
        "journal_matches",
        "run_params",
    ),
    rows_from=(
        "booked_placed WHERE code IS NOT NULL",
        "rendered_booked_placed WHERE booked IS NULL OR booked <> rendered",
    ),
    doc="Invoices that are booked not at all, twice, otherwise, or after they turned void; and unknown ones that disagree.",
    sql=f"""
WITH wrong AS (
    SELECT invoice_id FROM booked_placed WHERE code IS NOT NULL
    UNION
    SELECT invoice_id FROM rendered_booked_placed WHERE booked IS NULL OR booked <> rendered
),
wrong_journals AS (SELECT DISTINCT j.invoice_id, j.journal_id FROM invoice_journals AS j SEMI JOIN wrong USING (invoice_id)),
cited AS (
    SELECT j.invoice_id, list({source("ledger_entries", "l.source_file", "l.source_row")}
        ORDER BY l.source_file, l.source_row) AS sources
    FROM wrong_journals AS j
    JOIN ledger_entries AS l ON l.journal_id = j.journal_id
    GROUP BY j.invoice_id
)
SELECT {_finding}
FROM booked_placed AS b
CROSS JOIN run_params AS p
LEFT JOIN cited AS s ON s.invoice_id = b.invoice_id
WHERE b.code IS NOT NULL
UNION ALL
SELECT {_orphan_finding}
FROM rendered_booked_placed AS o
LEFT JOIN cited AS s ON s.invoice_id = o.invoice_id
WHERE o.booked IS NULL OR o.booked <> o.rendered""",
)

_assessed = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "CASE WHEN b.billed IS NOT NULL THEN b.invoice_id END",
        "right_key": "CASE WHEN b.booked IS NOT NULL THEN b.invoice_id END",
        "currency": "b.currency",
        "cohort": "b.cohort",
        "variant": "'control'",
        "customer_id": "b.customer_id",
        "status": "CASE WHEN b.status = 'pending' THEN 'pending' WHEN b.code IS NULL THEN 'matched' ELSE 'break' END",
        "left_amount": "coalesce(b.billed, 0)",
        "right_amount": "coalesce(b.booked, 0)",
        "left_count": "CASE WHEN b.billed IS NULL THEN 0 ELSE 1 END",
        "right_count": "coalesce(b.journals, 0)",
    },
)
_assessed_tied = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "t.invoice_id",
        "right_key": "t.invoice_id",
        "currency": "t.currency",
        "cohort": "t.cohort",
        "variant": "'control'",
        "customer_id": "t.customer_id",
        "status": "'matched'",
        "left_amount": "t.billed",
        "right_amount": "t.billed",
        "left_count": "1",
        "right_count": "1",
    },
)
_orphan_assessed = columns(
    ASSESSED,
    _orphan
    | {
        "left_key": "o.document_id",
        "right_key": "CASE WHEN o.booked IS NOT NULL THEN o.invoice_id END",
        "status": "CASE WHEN o.booked = o.rendered THEN 'matched' ELSE 'break' END",
        "left_amount": "o.rendered",
        "right_amount": "coalesce(o.booked, 0)",
        "left_count": "1",
        "right_count": "CASE WHEN o.booked IS NULL THEN 0 ELSE 1 END",
    },
)

ASSESSMENTS = Relation(
    name="booked_assessed",
    inputs=("booked_tied", "booked_placed", "rendered_booked_placed", "run_params"),
    kept=False,
    doc="Every invoice that the day decides about, billed or only rendered, with what is booked for it.",
    sql=f"""
SELECT {_assessed_tied}
FROM booked_tied AS t
JOIN run_params AS p ON p.day = t.changed_on
UNION ALL
SELECT {_assessed}
FROM booked_placed AS b
UNION ALL
SELECT {_orphan_assessed}
FROM rendered_booked_placed AS o""",
)

RELATIONS: tuple[Relation, ...] = (TIES, TIED, JOURNALS, BOOKED, PLACED, RENDERED_ONLY, FINDINGS, ASSESSMENTS)
