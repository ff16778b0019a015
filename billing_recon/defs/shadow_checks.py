"""The asset checks of a shadow review, with the candidate's partitions. The figures come from day/shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from billing_recon.core.figures import count
from billing_recon.core.verdict import Verdict
from billing_recon.defs.checks import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from billing_recon.core.launch import Clause
    from billing_recon.day.shadow.gate import Judged
    from billing_recon.day.shadow.parallel import ParallelDay
    from billing_recon.day.shadow.review import Review
    from billing_recon.day.shadow.snapshot import Snapshot

_DOCS = {
    "shadow_snapshot": {"intact": "Every byte of the frozen period is what was frozen."},
    "shadow_lines": {
        "parts_sum": "On every line: new - old = meant + new fault - old fault, exactly.",
        "noise": "The old side made a second time differs in no row.",
        "background": "Our rating of today's terms gives what the period's own runs stored.",
        "known": "Every bill was delivered and read, and every subscription could be rated under both terms.",
    },
    "shadow_causes": {
        "causes_sum": "The causes hold every difference once: net and number of lines agree per part and currency.",
        "no_unexplained": "Every difference has a cause other than UNEXPLAINED.",
    },
    "shadow_gate": {"launch_rule": "The launch rule passes, clause by clause. Only then can a go be decided."},
    "shadow_day": {"accepted_pattern": "The day has no cause of unmeant differences that the review did not have."},
}
_BLOCKING = ("intact", "parts_sum", "causes_sum", "launch_rule")


def specs(asset: str, partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetCheckSpec]:
    """The checks of one asset."""
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=name in _BLOCKING, partitions_def=partitions, description=doc)
        for name, doc in _DOCS[asset].items()
    ]


def snapshot_result(snapshot: Snapshot, found: Sequence[str]) -> dg.AssetCheckResult:
    """Whether the snapshot is what was frozen."""
    says = f"{count(len(snapshot.manifest.files), 'file')} are what was frozen."
    return _result("shadow_snapshot", "intact", says, [{"problem": one} for one in found])


def lines_results(review: Review) -> Iterator[dg.AssetCheckResult]:
    """The checks of the compared lines."""
    from billing_recon.day.shadow.gate import parts_off

    facts = review.facts
    yield _result(
        "shadow_lines", "parts_sum", "The parts of every line sum to its difference.", _cells(parts_off(review))
    )
    for name, holds in (("noise", "Old against old differs in no row."), ("background", "Both ratings agree.")):
        differing = facts[name]["differing"]
        says = [{"rows that differ": str(differing)}] if differing else []
        yield _result("shadow_lines", name, holds, says)
    problems = [{"not known": problem} for problem in facts["problems"]]
    yield _result("shadow_lines", "known", "Every bill is known and every subscription is rated.", problems)


def causes_results(review: Review) -> Iterator[dg.AssetCheckResult]:
    """The checks of the causes."""
    from billing_recon.day.shadow.gate import causes_off, rows_of_review

    off = _cells(causes_off(review))
    yield _result("shadow_causes", "causes_sum", "The causes come to the differences of the lines.", off)
    unexplained = rows_of_review(
        review,
        "SELECT cause_id, about, currency, lines, gross FROM shadow_causes WHERE code = 'UNEXPLAINED' ORDER BY gross DESC LIMIT 20",
    )
    yield _result("shadow_causes", "no_unexplained", "Every difference is explained.", _cells(unexplained))


def gate_result(judged: Judged) -> dg.AssetCheckResult:
    """The launch rule: failed unless PASS."""
    return dg.AssetCheckResult(
        asset_key="shadow_gate",
        check_name="launch_rule",
        passed=judged.verdict is Verdict.PASS,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{judged.verdict}: {_open(judged.clauses) or 'every clause holds.'}",
        metadata={
            "verdict": judged.verdict.value,
            "clauses": table([{"clause": c.name, "verdict": c.verdict.value, "why": c.says} for c in judged.clauses]),
        },
    )


def day_result(day: ParallelDay) -> dg.AssetCheckResult:
    """Whether a day of the parallel run keeps to the accepted pattern."""
    return dg.AssetCheckResult(
        asset_key="shadow_day",
        check_name="accepted_pattern",
        passed=day.verdict is Verdict.PASS,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{day.verdict}: {'; '.join(day.says) or 'as the review.'}",
    )


def _open(clauses: Sequence[Clause]) -> str:
    return " ".join(f"{c.name}: {c.says}." for c in clauses if c.verdict is not Verdict.PASS)


def _cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{name: "" if value is None else f"{value}" for name, value in row.items()} for row in rows]


def _result(asset: str, name: str, holds: str, off: list[dict[str, str]]) -> dg.AssetCheckResult:
    says = (
        holds if not off else f"{count(len(off), 'finding')}: " + "; ".join(", ".join(row.values()) for row in off[:3])
    )
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not off,
        severity=dg.AssetCheckSeverity.ERROR,
        description=says,
        metadata={"found": table(off)} if off else {},
    )
