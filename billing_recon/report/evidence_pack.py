"""The evidence pack of a closed month: one zip with figures, decisions, and the inputs and SQL that give the figures again.

The same month gives the same bytes: nothing of the pack depends on when or where it is written.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.compute import close
from billing_recon.compute.definitions import DEFINITIONS
from billing_recon.control import MonthState
from billing_recon.core.errors import CloseRefused
from billing_recon.core.period import parse_month
from billing_recon.core.restatement import restated
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS
from billing_recon.report.break_sql import statements
from billing_recon.report.exports import rows_csv, text
from billing_recon.report.in_toto import statement
from billing_recon.report.month_evidence import data_docs

if TYPE_CHECKING:
    import duckdb

    from billing_recon.day.home import Home

MANIFEST, README, HEAD = "manifest.intoto.json", "README.md", "audit_head.json"
PREDICATE = "https://github.com/billing-recon/evidence/month/v1"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip."""

BOOKS: dict[str, str] = {
    "breaks": f"SELECT {', '.join(BREAKS.names)} FROM month_breaks ORDER BY day, break_id",
    "control_totals": f"SELECT day, {', '.join(CONTROL_TOTALS.names)} FROM month_totals ORDER BY ALL",
    "trial_balance": "SELECT account, role, currency, opening, debit, credit, closing FROM trial_balance ORDER BY ALL",
    "unbalanced_journals": "SELECT journal_id, currency, posted_on, debit, credit FROM unbalanced_journals ORDER BY ALL",
    "roll_forward_sums": "SELECT measure, currency, side, line, span, figure, items FROM close_sums ORDER BY ALL",
    "roll_forward_differences": (
        "SELECT measure, kind, item, currency, customer_id, dated, ours, booked, delta, why FROM close_differences ORDER BY ALL"
    ),
    "footing": (
        "WITH broken AS (SELECT pair, currency, CASE WHEN currency IS NULL THEN meter END AS meter, count(*) AS breaks, "
        "sum(delta) AS net, sum(abs(delta)) AS gross FROM month_breaks GROUP BY ALL), "
        "totals AS (SELECT pair, currency, meter, sum(left_amount) AS left_amount, sum(right_amount) AS right_amount, "
        "sum(delta) AS delta, sum(break_net) AS break_net FROM month_totals GROUP BY ALL) "
        "SELECT totals.pair, totals.currency, totals.meter, left_amount, right_amount, totals.delta, break_net, "
        "coalesce(breaks, 0) AS breaks, coalesce(net, 0) AS net, coalesce(gross, 0) AS gross "
        "FROM totals LEFT JOIN broken ON broken.pair = totals.pair "
        "AND broken.currency IS NOT DISTINCT FROM totals.currency AND broken.meter IS NOT DISTINCT FROM totals.meter "
        "ORDER BY ALL"
    ),
}
"""What `evidence verify` computes again from the pack alone: figures/<name>.csv, each by one query."""


def pack_path(home: Home, month: str) -> Path:
    """Where the pack of the month's latest close lies."""
    number = home.control.month_closes(month)[-1].round
    return home.state / "evidence" / f"{month}{f'-restated-{number}' if number else ''}.zip"


def write_pack(home: Home, month: str, out: Path | None = None) -> Path:
    """Write the evidence pack of a closed month and return its path.

    CloseRefused if the month is not closed, if anything of its close was decided by nobody, or if what arrived since changes its books.
    """
    from billing_recon.day.audit_chain import close_head
    from billing_recon.day.month_close import refuse_if_forged

    parse_month(month)
    refuse_if_forged(home, month)
    closes = home.control.month_closes(month)
    if home.control.month_state(month) is not MonthState.CLOSED or not closes:
        raise CloseRefused([f"{month} is not closed, so there is no evidence of it yet; billing-recon close {month}"])
    figures = json.loads(closes[-1].figures)
    files = {name: data.encode() for name, data in _decisions(home, month, figures).items()}
    files |= _computed(home, month, figures)
    pages, failed = data_docs(home, month)
    if failed:
        raise CloseRefused(
            [
                f"the figures of {month} contradict its close: {failed}; run billing-recon state verify, then reopen the month"
            ]
        )
    files |= {f"data_docs/{name}": data for name, data in pages.items()}
    files[README] = _readme(home, month, figures).encode()
    if head := close_head(home, month):
        files[HEAD] = head.line().encode()
    predicate = {
        "company": home.company.name,
        "month": month,
        "evidence_hash": closes[-1].evidence_hash,
        "closed_at": closes[-1].decided_at,
        "closed_by": closes[-1].actor,
        "cut_off": figures["cut_off"],
        "policy_version": figures["policy_version"],
        "reopened": closes[-1].round,
    }
    files[MANIFEST] = statement(files, PREDICATE, predicate).encode()
    path = out or pack_path(home, month)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            pack.writestr(entry, data)
    draft.replace(path)
    return path


def _decisions(home: Home, month: str, figures: Mapping[str, Any]) -> dict[str, str]:
    """What was decided, by whom, on what: from the control database."""
    from billing_recon.day.gate import DAY_GATE
    from billing_recon.day.month_close import month_days
    from billing_recon.day.month_evidence import evidence_in_force
    from billing_recon.day.revenue_journal import revenue_journal
    from billing_recon.day.stored import TABLES

    days = month_days(home, month)
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    evidence = evidence_in_force(home, month)
    policy = next(p for p in home.control.policy_history() if p.number == figures["policy_version"])
    closes = home.control.month_closes(month)
    tables = {
        "verdicts": _csv(
            ("day", "verdict", "evidence_hash", "policy_version", "code_version", "run_id", "decided_at"),
            (
                (d, v.verdict, v.evidence_hash, v.policy_version, v.code_version, v.run_id, v.decided_at)
                for d, v in verdicts.items()
            ),
        ),
        "conditions": _csv(
            ("day", "condition", "verdict", "decides", "sentence", "observed", "bound"),
            (
                (d, c.name, c.verdict, c.blocking, c.sentence, c.observed, c.bound)
                for d, v in verdicts.items()
                for c in v.conditions
            ),
        ),
        "population": _csv(
            (
                "day",
                "table",
                "status",
                "rows_in",
                "accepted",
                "quarantined",
                "duplicates",
                "released",
                "discarded",
                "files",
            ),
            (
                (
                    *(str(day), r.table, r.status, r.rows_in, r.accepted, r.quarantined, r.duplicates, r.released),
                    *(r.discarded, "; ".join(f"{file} {digest}" for file, digest in r.files)),
                )
                for day in days
                for r in home.control.landing_reports(day)
            ),
        ),
        "table_versions": _csv(
            ("table", "day", "rows", "digest"),
            ((s.table, str(s.day), s.rows, s.digest) for s in home.control.partition_states(TABLES, days[0], days[-1])),
        ),
        "checklist": _csv(("task", "verdict", "sentence", "owner", "due"), figures["checklist"]),
        "roll_forward": _csv(("measure", "currency", "line", "figure"), _roll_forward_rows(figures)),
        "sign_offs": _csv(
            ("role", "approver", "evidence_hash", "holds", "decided_at", "actor"),
            (
                (s.role.value, s.approver, s.evidence_hash, s.evidence_hash == evidence, s.decided_at, s.actor)
                for s in home.control.signoffs(month)
            ),
        ),
        "spot_checks": _csv(
            ("period", "invoice_id", "line_id", "currency", "billed", "seen", "note", "checked_by", "decided_at"),
            (
                (c.period, c.invoice_id, c.line_id, c.currency, c.billed, c.seen, c.note, c.checked_by, c.decided_at)
                for c in home.control.spot_checks(month)
            ),
        ),
        "month_events": _csv(
            ("decided_at", "state", "evidence_hash", "reason", "actor"),
            (
                tuple(event[name] for name in ("decided_at", "state", "evidence_hash", "reason", "actor"))
                for event in home.control.month_history(month)
            ),
        ),
        "resolutions": _csv(
            (
                "break_id",
                "day",
                "verb",
                "disposition",
                "assignee",
                "delta",
                "currency",
                "reason",
                "decided_by",
                "decided_at",
            ),
            (
                (
                    *(d.break_id, str(d.day), d.verb.value, d.disposition, d.assignee, d.delta, d.currency),
                    *(d.reason, d.decided_by, d.decided_at),
                )
                for d in home.control.break_decisions(days[0], days[-1])
            ),
        ),
        "journal": _csv(
            ("at", "kind", "subject", "change", "amount", "currency", "who", "why"),
            (
                (c.at, c.kind, c.subject, c.change, c.amount, c.currency, c.who, c.why)
                for c in revenue_journal(home, month)
            ),
        ),
    }
    if len(closes) > 1:
        found = restated(json.loads(closes[-2].figures), figures)
        tables["restatement"] = _csv(
            ("what", "currency", "before", "after"), ((f.what, f.currency, f.before, f.after) for f in found.figures)
        )
    return {
        **{f"decisions/{name}.csv": data for name, data in tables.items()},
        "settings/policy.yaml": policy.text,
        "settings/catalog.json": json.dumps(
            home.control.catalog_entries(), indent=1, sort_keys=True, ensure_ascii=False
        ),
        "settings/company.json": json.dumps(
            home.company.model_dump(mode="json", exclude_defaults=True), indent=1, sort_keys=True, ensure_ascii=False
        ),
    }


def _roll_forward_rows(figures: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for one in figures["roll_forwards"]:
        of = (one["measure"], one["currency"])
        yield (*of, "opening", one["opening"])
        yield from ((*of, line, figure) for line, figure in one["lines"].items())
        yield (*of, "closing", one["closing"])
        yield from ((*of, f"explained: {why}", figure) for why, figure in one["explained"].items())
        yield (*of, "unexplained", one["unexplained"])
        yield (*of, "booked", one["booked"])


def _computed(home: Home, month: str, figures: Mapping[str, Any]) -> dict[str, bytes]:
    """Breaks and control totals of the month, the books' inputs, the SQL over them, and what it gives."""
    from billing_recon.day.month_books import computed_books
    from billing_recon.day.month_close import month_days

    days = month_days(home, month)
    files: dict[str, bytes] = {}
    with computed_books(home, month) as con, tempfile.TemporaryDirectory() as folder:
        for name, table in (("month_breaks", BREAKS), ("month_totals", CONTROL_TOTALS)):
            columns = ", ".join(dict.fromkeys(("day", *table.names)))
            con.execute(
                f"CREATE TABLE {name} AS SELECT {columns} FROM ({home.warehouse.scan(table, days[0], days[-1])})"
            )
        made = {relation.name for relation in close.RELATIONS}
        read = sorted({source for relation in close.RELATIONS for source in relation.waits_for} - made)
        for name in (*read, "month_breaks", "month_totals"):
            file = Path(folder) / f"{name}.parquet"
            con.execute(f"COPY (SELECT * FROM {name} ORDER BY ALL) TO '{file}' (FORMAT parquet)")
            files[f"inputs/{name}.parquet"] = file.read_bytes()
        for name, query in BOOKS.items():
            files[f"figures/{name}.csv"] = result_csv(con, query).encode()
        closing = con.execute("SELECT account, currency, closing FROM trial_balance ORDER BY ALL").fetchall()
    recorded = sorted((account, currency, figure) for account, _, currency, *_, figure in figures["accounts"])
    if recorded != [(account, currency, text(figure)) for account, currency, figure in closing]:
        raise CloseRefused(
            [
                f"what arrived since {month} was closed changes its ledger accounts, so its evidence cannot be written any "
                f"more; billing-recon checklist --month {month} shows what, reopen {month} if it is to count"
            ]
        )
    files["sql/1_definitions.sql"] = _lines(
        "-- Types and macros: money is multiplied, divided and rounded by them only.", *(f"{d};" for d in DEFINITIONS)
    )
    files["sql/2_books.sql"] = _lines("-- The books of the month, relation by relation.", *statements(close.RELATIONS))
    files["sql/3_figures.sql"] = _lines(*(f"-- figures/{name}.csv\n{query};" for name, query in BOOKS.items()))
    files["sql/0_inputs.sql"] = _lines(
        "-- Run in the pack's folder: cat sql/*.sql | duckdb",
        "SET TimeZone = 'UTC';",
        *(
            f"CREATE TABLE {table} AS SELECT * FROM 'inputs/{table}.parquet';"
            for table in sorted(Path(name).stem for name in files if name.startswith("inputs/"))
        ),
    )
    return files


def result_csv(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """A query's rows as CSV, amounts exact and without trailing zeros."""
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return _csv(names, cursor.fetchall())


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return rows_csv(
        (
            {name: None if value is None else text(value) for name, value in zip(names, row, strict=True)}
            for row in rows
        ),
        names,
    )


def _lines(*parts: str) -> bytes:
    return ("\n".join(parts) + "\n").encode()


def _readme(home: Home, month: str, figures: Mapping[str, Any]) -> str:
    return _PAGE.format(
        company=home.company.name, month=month, cut_off=figures["cut_off"], version=figures["policy_version"]
    )


_PAGE = """# {company}: evidence of {month}

Check it on any machine with billing-recon, without the company's home: `billing-recon evidence verify {month}.zip`. Without
billing-recon: unzip it, and run `cat sql/*.sql | duckdb` in its folder; the last queries give the files of `figures/`.

## What it proves
- The files are those that were packed (`manifest.intoto.json`: SHA-256 of each; signed if it has a signature).
- From the invoices, payments and ledger entries in `inputs/`, the SQL in `sql/` gives the trial balance and the roll-forwards of
  receivables, revenue and tax in `figures/`, to the cent. What arrived until {cut_off} counts.
- For each pair of layers and each currency, the difference of the layers is the sum of the breaks (`figures/footing.csv`).
- Which days were judged, on which evidence, under which policy version (month close: version {version}) and code; which conditions
  held; how many rows came, were accepted and were quarantined, and from which files, by SHA-256 (`decisions/`).
- Who signed, decided, reopened and closed, when and why, as the audit chain has it.
- The verdicts, control totals, row equations and landed tables of the month, held to expectations by Great Expectations when the pack was
  written: open `data_docs/index.html`, which needs no network.

## What it does not prove
- That what was delivered is complete or true: a file that was never sent, or an invoice that no system knows.
- That the expected lines are right: the usage behind them is not in the pack. Its digests are, in `decisions/table_versions.csv`.
- Who is behind a name: that is as good as the enrolment of the approvers.
- When it was made, unless the head of the audit chain (`audit_head.json`) has a time stamp, or was given to somebody else.
- Anything, if nobody checks the signature with a public key that came another way than the pack.
"""
