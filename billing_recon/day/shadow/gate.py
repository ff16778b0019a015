"""The launch gate of a review: whether its results still hold, and what its launch rule says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.control import Recorded, ShadowRecord
from billing_recon.core.candidate import LaunchRule
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.launch import Clause, Constructed, Extreme, Found, judge, verdict_of
from billing_recon.core.verdict import Verdict
from billing_recon.day.home import Home
from billing_recon.day.settings import code_version
from billing_recon.day.shadow.candidate import Opened, engine_files_digest, open_candidate
from billing_recon.day.shadow.marks import checked, marks
from billing_recon.day.shadow.review import Review, reviews_folder
from billing_recon.day.shadow.snapshot import find, problems
from billing_recon.explain.texts import rows_of


@dataclass(frozen=True)
class Judged:
    """A review's verdict with every clause."""

    review: Review
    opened: Opened
    clauses: tuple[Clause, ...]
    sampled: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.clauses)


def latest(home: Home, name: str) -> Review:
    """The latest review of a candidate. ConfigurationError, with the command, if there is none or its files are gone."""
    record = _record(home, name)
    folder = reviews_folder(home, name) / record.version[:16]
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the results of candidate {name} cannot be read ({error}); run it again: billing-recon shadow run {name}"
        ) from error
    if "owners" not in facts:
        raise ConfigurationError(
            f"candidate {name} was reviewed by an earlier version of billing-recon, which kept less; run it again: "
            f"billing-recon shadow run {name}"
        )
    return Review(name, folder, facts)


def _record(home: Home, name: str) -> ShadowRecord:
    runs = home.control.shadow_records(Recorded.RUN, name)
    if not runs:
        open_candidate(home.path, name)
        raise ConfigurationError(f"candidate {name} has not been run; run it: billing-recon shadow run {name}")
    return runs[-1]


def check(home: Home, name: str, *, records: bool = False) -> Judged:
    """Judge the latest review of a candidate by its launch rule. Whatever it rests on is compared with what is there now.

    `records`: the audit chain is verified too, so that nothing passes upon records that nobody made here.
    """
    review, opened = latest(home, name), open_candidate(home.path, name)
    rule = opened.candidate.launch_rule
    stale = list(_stale(home, opened, review))
    clauses = [
        Clause("current", Verdict.INCONCLUSIVE, f"{says}; run it again: billing-recon shadow run {name}")
        for says in stale
    ]
    sampled: tuple[str, ...] = ()
    if not any("results" in says for says in stale):
        found = found_by(home, review, rule)
        sampled = tuple(found.sampled)
        clauses += judge(rule, found)
    changed = home.control.verify_audit() if records else []
    clauses += [
        Clause("records", Verdict.INCONCLUSIVE, f"{says}; see billing-recon audit verify") for says in changed[:5]
    ]
    return Judged(review, opened, tuple(clauses), sampled)


def evidence(review: Review) -> str:
    """The digest of everything that a review rests on and found: what signatures are given for."""
    return hashlib.sha256(json.dumps(review.facts, sort_keys=True).encode()).hexdigest()


def rows_of_review(review: Review, sql: str) -> list[dict[str, Any]]:
    """The rows of a query over the review's tables, by column name."""
    with _opened(review) as con:
        return rows_of(con, sql)


@contextmanager
def _opened(review: Review) -> Iterator[duckdb.DuckDBPyConnection]:
    with scratch() as con:
        for table in ("shadow_lines", "shadow_invoices", "shadow_accounts", "shadow_scenarios", "shadow_causes"):
            con.execute(f"CREATE VIEW {table} AS FROM {review.table(table)}")
        yield con


def _stale(home: Home, opened: Opened, review: Review) -> Iterator[str]:
    """Everything in which the review's results are not about what is there now, or not what was recorded."""
    facts, record = review.facts, _record(home, review.name)
    if evidence(review) != record.content:
        yield "the recorded results are not these: facts.json was changed"
    for file, digest in facts["results"].items():
        path = review.folder / file
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"the recorded results are not these: {file} was changed or is gone"
    if opened.version != facts["candidate"]:
        yield "the candidate was changed since its review"
    snapshot = find(home, facts["label"])
    if snapshot.manifest.digest != facts["snapshot"] or list(problems(home.control, snapshot)):
        yield f"snapshot {facts['label']} is not what the review read; see billing-recon shadow verify"
    if engine_files_digest(opened, snapshot.manifest.days) != facts["engine_files"]:
        yield "the new engine's files were changed since the review"
    if code_version() != facts["code"]:
        yield "the review was made by another version of billing-recon"


def found_by(home: Home, review: Review, rule: LaunchRule) -> Found:
    """What a review found, as the launch rule asks for it."""
    facts = review.facts
    by_hand = checked(home, review.name, evidence(review))
    said = marks(home, review.name)
    with _opened(review) as con:
        ((rows, invoices, unmeant, unknown),) = con.execute(
            "SELECT (SELECT count(*) FROM shadow_lines), count(*), count(*) FILTER (WHERE state = 'unmeant'), "
            "count(*) FILTER (WHERE state = 'unknown') FROM shadow_invoices"
        ).fetchall()
        problems_ = list(facts["problems"])
        if unknown:
            problems_.append(
                f"{count(unknown, 'invoice')} with a difference, and what is owed is not known: not rated, or within the grace for issuing"
            )
        return Found(
            rows=rows,
            invoices=invoices,
            unmeant_invoices=unmeant,
            unmeant=_sums(
                con, "SELECT currency, sum(new_fault_gross) FROM shadow_lines WHERE state = 'unmeant' GROUP BY currency"
            ),
            misstated=_misstated(con),
            accepted=_sums(
                con,
                "SELECT currency, sum(new_fault_gross) FROM shadow_lines WHERE state = 'accepted' GROUP BY currency",
            ),
            unexplained=_sums(
                con,
                "SELECT currency, max(greatest(new_fault_gross, abs(new_fault), abs(delta))) FROM shadow_lines "
                "WHERE code = 'UNEXPLAINED' AND state IN ('unmeant', 'unknown') GROUP BY currency",
            ),
            drift=_extreme(con, "unmeant", "expected_new", "unmeant > 0"),
            rise=_extreme(con, "delta", "old_total", "delta > 0"),
            scenarios=dict(con.execute("SELECT scenario, count(*) FROM shadow_scenarios GROUP BY scenario").fetchall()),
            pairs={pair: _together(con, *pair) for pair in rule.coverage_pairs},
            constructed=Constructed(**facts["constructed"]) if facts.get("constructed") else None,
            sampled=_sample(con, rule.sample, facts["candidate"], by_hand.wrong),
            signed=by_hand.signed,
            to_fix=[says for cause in causes_of(review) if (says := said.to_fix(cause))],
            closed=facts["closed"],
            sums_off=len(parts_off(review)) + len(causes_off(review)),
            noise=facts["noise"]["differing"] if facts["noise"] else None,
            background=facts["background"]["differing"] if facts["background"] else None,
            unknown=problems_,
        )


def causes_of(review: Review) -> list[dict[str, Any]]:
    """What each cause of a review is about, the biggest first."""
    return rows_of_review(
        review, "SELECT cause_id, part, code, about, currency FROM shadow_causes ORDER BY gross DESC, cause_id"
    )


def parts_off(review: Review) -> list[dict[str, Any]]:
    """Lines whose parts do not sum exactly to the difference."""
    return rows_of_review(
        review,
        "SELECT invoice_id, line_id, currency, delta, meant, new_fault, old_fault FROM shadow_lines "
        "WHERE delta <> new_total - old_total OR delta <> meant + new_fault - old_fault "
        "ORDER BY invoice_id, line_id, currency LIMIT 100",
    )


def causes_off(review: Review) -> list[dict[str, Any]]:
    """Parts of the difference, per currency, whose causes do not come to the sum of the lines, net and in number."""
    return rows_of_review(
        review,
        "WITH of_lines AS (SELECT currency, "
        "sum(meant) FILTER (WHERE known) AS meant, count(*) FILTER (WHERE known AND meant_code IS NOT NULL) AS meant_lines, "
        "sum(new_fault) FILTER (WHERE known AND NOT new_split) AS new_fault, count(*) FILTER (WHERE known AND new_code IS NOT NULL) AS new_lines, "
        "sum(delta) FILTER (WHERE NOT known) AS unknown, count(*) FILTER (WHERE state = 'unknown') AS unknown_lines "
        "FROM shadow_lines GROUP BY currency), "
        "of_causes AS (SELECT currency, sum(net) FILTER (WHERE part = 'meant') AS meant, "
        "sum(lines) FILTER (WHERE part = 'meant') AS meant_lines, "
        "sum(net) FILTER (WHERE part IN ('new', 'accepted', 'kept')) AS new_fault, "
        "sum(lines) FILTER (WHERE part IN ('new', 'accepted', 'kept')) AS new_lines, "
        "sum(net) FILTER (WHERE part = 'unknown') AS unknown, sum(lines) FILTER (WHERE part = 'unknown') AS unknown_lines "
        "FROM shadow_causes GROUP BY currency) "
        "SELECT currency FROM of_lines LEFT JOIN of_causes USING (currency) WHERE "
        + " OR ".join(
            f"coalesce(of_lines.{name}, 0) <> coalesce(of_causes.{name}, 0)"
            for name in ("meant", "meant_lines", "new_fault", "new_lines", "unknown", "unknown_lines")
        )
        + " ORDER BY currency",
    )


def _misstated(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Invoices whose amounts are right and on which the new engine states another unit price than the new terms give. Asked of lines on
    which the old engine states what our rating gives: where it does not, unit prices have another meaning to the engines."""
    rows = con.execute(
        "SELECT DISTINCT invoice_id FROM shadow_lines WHERE in_old AND in_new AND state IN ('equal', 'meant', 'fixed') "
        "AND old_unit_price = expected_old_unit_price AND new_unit_price <> expected_new_unit_price ORDER BY invoice_id"
    ).fetchall()
    return [invoice_id for (invoice_id,) in rows]


def _sums(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Decimal]:
    return dict(con.execute(sql).fetchall())


def _extreme(con: duckdb.DuckDBPyConnection, amount: str, base: str, where: str) -> Extreme | None:
    """The account whose amount is the largest share of its base; one with a base of zero goes first."""
    found: list[Any] = con.execute(
        f"SELECT CASE WHEN {base} > 0 THEN ratio({amount}, {base}) END AS share, customer_id, {amount}, currency "
        f"FROM shadow_accounts WHERE {where} ORDER BY share DESC NULLS FIRST, {amount} DESC, customer_id, currency LIMIT 1"
    ).fetchall()
    return Extreme(*found[0]) if found else None


def _together(con: duckdb.DuckDBPyConnection, one: str, two: str) -> int:
    """How many invoices are examples of both scenarios."""
    ((number,),) = con.execute(
        "SELECT count(*) FROM (SELECT invoice_id, subscription_id, due_on FROM shadow_scenarios WHERE scenario IN (?, ?) "
        "GROUP BY ALL HAVING count(DISTINCT scenario) = 2)",
        [one, two],
    ).fetchall()
    return int(number)


def _sample(con: duckdb.DuckDBPyConnection, size: int, seed: str, wrong: Sequence[str]) -> list[str]:
    """Invoices to be checked by hand: in turn from each scenario and each third by money, by a hash that the seed decides. And those that
    were found wrong before, so that no other seed draws a sample without them."""
    rows = con.execute(
        "WITH placed AS (SELECT invoice.invoice_id, example.scenario, ntile(3) OVER (PARTITION BY example.scenario "
        "ORDER BY abs(invoice.delta), invoice.invoice_id) AS third, sha256(? || invoice.invoice_id) AS lot "
        "FROM shadow_invoices AS invoice JOIN shadow_scenarios AS example USING (invoice_id, subscription_id, due_on) "
        "WHERE invoice.invoice_id <> ''), "
        "turns AS (SELECT invoice_id, lot, row_number() OVER (PARTITION BY scenario, third ORDER BY lot) AS turn FROM placed) "
        "SELECT invoice_id FROM turns GROUP BY invoice_id, lot ORDER BY min(turn), lot LIMIT ?",
        [seed, size],
    ).fetchall()
    drawn = [invoice_id for (invoice_id,) in rows]
    there = con.execute(
        "SELECT DISTINCT invoice_id FROM shadow_invoices WHERE list_contains(?, invoice_id) ORDER BY invoice_id",
        [list(wrong)],
    ).fetchall()
    return drawn + [invoice_id for (invoice_id,) in there if invoice_id not in drawn]
