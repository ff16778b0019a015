"""Run a review: land the new engine's bills, make the corners, put them together, record what it rests on."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import Limits, scratch
from billing_recon.control import Recorded
from billing_recon.core.candidate import Engine
from billing_recon.core.figures import count
from billing_recon.core.reason import Code
from billing_recon.core.schema import EXPECTED_LINES, INVOICE_LINES, SUBSCRIPTIONS
from billing_recon.day.home import MANY_ROWS, Home
from billing_recon.day.settings import code_version
from billing_recon.day.shadow.candidate import Opened, Terms, engine_files_digest, open_candidate
from billing_recon.day.shadow.constructed import FOLDER, landed, summary
from billing_recon.day.shadow.corners import Bench, Side, quoted
from billing_recon.day.shadow.engine_output import LANDED, REFUSED, land_output
from billing_recon.day.shadow.snapshot import Snapshot, find, registered, require_intact

NOISE = "noise"


@dataclass(frozen=True)
class Review:
    """A run's results in their folder, and what they rest on (`facts`)."""

    name: str
    folder: Path
    facts: dict[str, Any]

    def table(self, name: str) -> str:
        """SQL for one of the review's tables."""
        return f"read_parquet('{quoted(self.folder)}/{name}.parquet')"


def run(home: Home, name: str, actor: str) -> Review:
    """Run a candidate over its snapshot and record the result; a rerun of the same gives the same bytes.

    GateRefused if the snapshot is not what was frozen. What is missing or could not be read is not an error: it is in the
    review's facts, and no launch rule passes on it.
    """
    opened = open_candidate(home.path, name)
    snapshot = find(home, opened.candidate.snapshot)
    require_intact(home.control, snapshot)
    folder = reviews_folder(home, name)
    folder.mkdir(parents=True, exist_ok=True)
    filling = folder / f".running-{os.getpid()}"
    shutil.rmtree(filling, ignore_errors=True)
    try:
        filling.mkdir()
        facts = compare(opened, snapshot, filling, _limits(home, snapshot))
        facts["constructed"] = compare_constructed(opened, snapshot, filling)
        version = _version(facts)
        facts["results"] = _digests(filling)
        (filling / "facts.json").write_text(json.dumps(facts, sort_keys=True, indent=1), encoding="utf-8")
        target = folder / version[:16]
        shutil.rmtree(target, ignore_errors=True)
        filling.rename(target)
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    content = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    home.control.record_shadow(Recorded.RUN, name, version, content, by=actor, actor=actor)
    return Review(name, target, facts)


def compare(opened: Opened, snapshot: Snapshot, folder: Path, limits: Limits, *, proved: bool = True) -> dict[str, Any]:
    """Make every table of a review in `folder`; return what it rests on and what is not known.

    `proved`: also make the old corner a second time and compare it with the period's own results. A review without that
    has no verdict.
    """
    candidate = opened.candidate
    old, new = Terms(snapshot.catalog, snapshot.company), opened.terms(snapshot)
    bench = Bench(snapshot, folder, limits)
    problems: list[str] = []
    output = refused = None
    if candidate.engine is not None:
        output, refused = folder / "new_lines.parquet", folder / "new_quarantine.parquet"
        with scratch(limits) as con:
            output_landed = land_output(con, snapshot, candidate.engine, opened.path, opened.name)
            for table, file in ((LANDED, output), (REFUSED, refused)):
                con.execute(f"COPY (FROM {table} ORDER BY ALL) TO '{quoted(file)}' (FORMAT parquet)")
        problems += output_landed.problems
    frozen = Side("old", old)
    bench.corner(frozen, asked=output)
    if proved:
        bench.corner(Side(NOISE, old), asked=output)
    bench.corner(Side("new", new, output, refused, candidate), asked=output, old=frozen)
    both = opened.both_catalogs(snapshot)
    noise = _noise(bench) if proved else None
    bench.compose(both, new, candidate)
    problems += _withheld(folder)
    if candidate.engine is not None:
        problems += _renamed(bench, candidate.engine)
    problems += [
        f"the day {day} has the verdict {v}"
        for day, v in snapshot.manifest.verdicts.items()
        if v not in ("PASS", "FAIL")
    ]
    return {
        "candidate": opened.version,
        "snapshot": snapshot.manifest.digest,
        "label": snapshot.label,
        "closed": snapshot.manifest.closed,
        "engine_files": engine_files_digest(opened, snapshot.manifest.days),
        "code": code_version(),
        "noise": noise,
        "background": _background(bench) if proved else None,
        "problems": problems,
        "owners": {"meant": candidate.owner} | {code.value: snapshot.policy.owner_of(code) for code in Code},
        "systems": {
            "old": snapshot.company.sources.get(INVOICE_LINES.name, INVOICE_LINES.name),
            "new": f"candidate {opened.name}",
        },
    }


def compare_constructed(opened: Opened, snapshot: Snapshot, filling: Path) -> dict[str, Any] | None:
    """Compare the constructed accounts of the candidate, in a folder of their own; None if it has none."""
    limits, scratch_folder = Limits(threads=1), filling.with_name(f"{filling.name}-constructed")
    shutil.rmtree(scratch_folder, ignore_errors=True)
    try:
        made = landed(opened, snapshot, scratch_folder)
        if made is None:
            return None
        frozen, candidate, problems = made
        folder = filling / FOLDER
        folder.mkdir()
        facts = compare(candidate, frozen, folder, limits, proved=False)
        return summary(folder, [*problems, *facts["problems"]], limits)
    finally:
        shutil.rmtree(scratch_folder, ignore_errors=True)


def _noise(bench: Bench) -> dict[str, int]:
    """In how many rows the old engine differs from itself, everything made a second time; zero, or the review is no proof."""
    folder, differing = bench.folder, 0
    with scratch(bench.limits) as con:
        for table in ("expected", "billed", "corner"):
            made, again = (folder / f"{table}_{side}.parquet" for side in ("old", NOISE))
            if filecmp.cmp(made, again, shallow=False):
                continue
            one, two = (f"read_parquet('{quoted(path)}')" for path in (made, again))
            ((rows,),) = con.execute(
                f"SELECT count(*) FROM ((FROM {one} EXCEPT ALL FROM {two}) UNION ALL (FROM {two} EXCEPT ALL FROM {one}))"
            ).fetchall()
            differing += rows
    for table in ("expected", "billed", "corner", "texts", "unrated"):
        (folder / f"{table}_{NOISE}.parquet").unlink()
    return {"differing": differing}


def _background(bench: Bench) -> dict[str, int]:
    """How many lines of the period our rating gives otherwise than the runs of its days did, by their own stored results."""
    manifest = bench.snapshot.manifest
    days = f"BETWEEN DATE '{manifest.first}' AND DATE '{manifest.last}'"
    with scratch(bench.limits) as con:
        ((differing,),) = con.execute(
            "WITH stored AS (SELECT expected_line_id, arg_max(total, day) AS total FROM "
            f"({bench.snapshot.scan(EXPECTED_LINES, manifest.first, manifest.last)}) WHERE due_on {days} GROUP BY expected_line_id), "
            f"rated AS (SELECT expected_line_id, total FROM read_parquet('{quoted(bench.folder)}/expected_old.parquet') WHERE due_on {days}) "
            "SELECT count(*) FROM stored FULL JOIN rated USING (expected_line_id) "
            "WHERE coalesce(stored.total, 0) <> coalesce(rated.total, 0)"
        ).fetchall()
    return {"differing": differing}


def _renamed(bench: Bench, engine: Engine) -> list[str]:
    """Contracts that the new engine bills to a customer whom nobody knows, and the old engine to another. Names of its own are mapped."""
    with scratch(bench.limits) as con:
        registered(con, bench.snapshot, SUBSCRIPTIONS, date.min, bench.snapshot.manifest.last)
        billed = {side: f"read_parquet('{quoted(bench.folder)}/billed_{side}.parquet')" for side in ("old", "new")}
        rows = con.execute(
            f"SELECT DISTINCT sub, customer_id FROM {billed['new']} AS line SEMI JOIN {billed['old']} AS old USING (sub) "
            f"ANTI JOIN {billed['old']} AS same USING (sub, customer_id) ANTI JOIN subscriptions AS held USING (customer_id) "
            "WHERE line.subscription_id = line.sub AND NOT list_contains(?, line.customer_id) ORDER BY sub, customer_id",
            [list(engine.customers)],
        ).fetchall()
    if not rows:
        return []
    (sub, customer), more = rows[0], count(len(rows), "contract")
    return [
        f"the new engine bills {more} to customers who have no contract, and the old engine to others: for example {sub} to {customer}; if these "
        "are its own names, map them under engine.customers"
    ]


def _withheld(folder: Path) -> list[str]:
    """Subscriptions that could not be rated under the old or the new terms."""
    found = []
    with scratch() as con:
        for side, terms in (("old", "today's"), ("new", "the new")):
            rows = con.execute(
                f"SELECT reason, count(DISTINCT subscription_id), min(subscription_id) FROM read_parquet('{quoted(folder)}/unrated_{side}.parquet') "
                "GROUP BY reason ORDER BY reason"
            ).fetchall()
            found += [
                f"{count} subscription{'s' if count > 1 else ''} cannot be rated under {terms} terms ({reason}), for example {one}"
                for reason, count, one in rows
            ]
    return found


def _limits(home: Home, snapshot: Snapshot) -> Limits:
    rows = snapshot.rows("invoice_lines") + snapshot.rows("usage_rollup")
    return Limits(threads=2 if rows > MANY_ROWS else 1, spill_dir=str(home.state / "spill"))


def _version(facts: dict[str, Any]) -> str:
    """The digest of what was compared."""
    parts = [facts[name] for name in ("candidate", "snapshot", "engine_files", "code")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def reviews_folder(home: Home, name: str) -> Path:
    """The folder of a candidate's reviews, one folder per version of what was compared."""
    return home.state / "shadow" / "reviews" / name
