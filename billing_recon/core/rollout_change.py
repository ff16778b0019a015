"""What a new version of a rollout's plan loosens: a bug that would have been stopped may pass, or other people may decide.

What cannot be told to tighten counts as loosening. Texts (purpose, wording, owners' teams) loosen nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from billing_recon.core.person import same_person
from billing_recon.core.rollout import Bound, RolloutPlan, Stage, Threshold, Trigger, Window

_CHOICE = ("candidate", "flags", "with_rollouts", "retry_days", "largest_share", "dates")
"""Parts of which any change may let more through."""


def loosened(before: RolloutPlan, after: RolloutPlan) -> list[str]:
    """A sentence per part of the plan that is looser than before; empty if nothing is."""
    return list(_loosened(before, after))


def _loosened(before: RolloutPlan, after: RolloutPlan) -> Iterator[str]:
    gone = [risk.value for risk in before.touches if risk not in after.touches]
    if gone:
        yield f"touches: {', '.join(gone)} is left out"
    yield from (f"{part} is changed" for part in _CHOICE if getattr(before, part) != getattr(after, part))
    yield from _people(before, after)
    yield from _uncorrected(before, after)
    for trigger in before.triggers:
        if not any(_kept(trigger, other) for other in after.triggers):
            yield f"triggers: {trigger.metric} {_bound(trigger)} ({trigger.then}) is gone or looser"
    stages = {stage.name: stage for stage in after.stages}
    yield from (f"stages: {name} is new" for name in stages if name not in before.names)
    for stage in before.stages:
        if stage.name not in stages:
            yield f"stages: {stage.name} is left out"
        else:
            yield from (f"stage {stage.name}: {says}" for says in _stage(stage, stages[stage.name]))


def _uncorrected(before: RolloutPlan, after: RolloutPlan) -> Iterator[str]:
    old, new = before.correction.nothing_below, after.correction.nothing_below
    raised = [currency for currency, bound in new.items() if bound > old.get(currency, 0)]
    if raised:
        yield f"correction.nothing_below: larger differences of bills stay uncorrected in {', '.join(sorted(raised))}"


def _people(before: RolloutPlan, after: RolloutPlan) -> Iterator[str]:
    if same_person(before.owners.accountable) != same_person(after.owners.accountable):
        yield f"owners.accountable: {after.owners.accountable} instead of {before.owners.accountable}"
    added = _missing(after.authority.widen, before.authority.widen)
    if added:
        yield f"authority.widen: {', '.join(added)} may widen too"
    for part in ("stop", "roll_back"):
        gone = _missing(getattr(before.authority, part), getattr(after.authority, part))
        if gone:
            yield f"authority.{part}: {', '.join(gone)} may not any more"


def _stage(before: Stage, after: Stage) -> Iterator[str]:
    if (before.share, before.cohort) != (after.share, after.cohort):
        yield "its customers are chosen otherwise"
    gone = _missing(before.approvers, after.approvers)
    if gone:
        yield f"{', '.join(gone)} need not approve it any more"
    if not _window_kept(before.window, after.window):
        yield "its window is shorter"
    for threshold in before.thresholds:
        if not any(_kept(threshold, other) for other in after.thresholds):
            yield f"threshold {threshold.metric} {_bound(threshold)} is gone or looser"


def _window_kept(before: Window, after: Window) -> bool:
    return (
        after.days >= before.days
        and after.invoices >= before.invoices
        and after.settled >= before.settled
        and set(before.boundaries) <= set(after.boundaries)
    )


def _kept(before: Bound, after: Bound) -> bool:
    """Whether `after` stops at least whatever `before` stopped."""
    if (before.metric, before.direction, before.against) != (after.metric, after.direction, after.against):
        return False
    if after.currency not in (None, before.currency):
        return False
    if after.limit < before.limit if before.direction == "at_least" else after.limit > before.limit:
        return False
    match before, after:
        case Trigger(), Trigger():
            return after.then == before.then or after.then == "rollback"
        case Threshold(), Threshold():
            return not (before.critical and not before.dry_run) or (
                after.critical
                and not after.dry_run
                and (after.must_have_data or not before.must_have_data)
                and after.min_population >= before.min_population
                and after.max_failures <= before.max_failures
                and after.max_inconclusives <= before.max_inconclusives
            )
    return False


def _bound(bound: Bound) -> str:
    return f"{bound.direction.replace('_', ' ')} {bound.limit:f}{f' {bound.currency}' if bound.currency else ''}"


def _missing(people: Sequence[str], of: Sequence[str]) -> list[str]:
    known = {same_person(one) for one in of}
    return [one for one in people if same_person(one) not in known]
