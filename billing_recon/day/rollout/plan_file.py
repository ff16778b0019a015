"""rollouts/NAME.yaml of a home: written by init, read, and written down as a version of the plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from billing_recon.control.rollout_records import PlanVersion
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.person import same_person
from billing_recon.core.rollout import RolloutPlan
from billing_recon.core.rollout_change import loosened
from billing_recon.day import reasons
from billing_recon.day.approvers import approver, prove
from billing_recon.day.configuration import read_text
from billing_recon.day.home import Home
from billing_recon.day.rollout.state import Status, live_rivals, parse_plan, state_of, states

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
TEMPLATE = "new_rollout.yaml"


def plan_path(home: Path, name: str) -> Path:
    """Where a rollout's plan is; ConfigurationError for what is no name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"'{name}' is no name of a rollout; use letters, digits, - and _")
    return home / "rollouts" / f"{name}.yaml"


def write_template(home: Home, name: str) -> Path:
    """Write a commented plan for a change of proration; ConfigurationError if the file exists."""
    path = plan_path(home.path, name)
    if path.exists():
        raise ConfigurationError(f"{path} exists; edit it, or give another name")
    text = (files("billing_recon") / "cli" / TEMPLATE).read_text(encoding="utf-8")
    people = list(dict.fromkeys(one.name for one in home.policy.approvers))
    for placeholder, person in zip(("Amara Okafor", "Bo Lindqvist", "Chen Wei"), people, strict=False):
        text = text.replace(placeholder, person)
    salt = re.sub(r"[^A-Za-z0-9]+", "-", f"rollout-{name}-{home.company.name}").strip("-")
    text = text.replace("salt: proration-2026", f"salt: {salt}")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_plan(home: Home, name: str) -> tuple[RolloutPlan, str]:
    """The plan as its file is now, and its text; ConfigurationError lists every problem with its line."""
    path = plan_path(home.path, name)
    if not path.is_file():
        there = sorted(one.stem for one in path.parent.glob("*.yaml"))
        raise ConfigurationError(
            f"{path} does not exist; "
            + (f"there are {', '.join(there)}; " if there else "")
            + f"billing-recon rollout init {name}"
        )
    text = read_text(path)
    return parse_plan(text, f"rollouts/{name}.yaml"), text


def write_down(home: Home, name: str, signatures: Sequence[tuple[str, str]], *, actor: str, reason: str) -> PlanVersion:
    """Make the file the plan's newest version, in the name of one who may widen. Verdicts and rehearsals of the old one lapse.

    Who may is said by the version that is replaced, never by the new one alone, and what loosens it needs two of them (or the
    accountable owner as the second). CloseRefused also while somebody is exposed and the new version takes away what they are
    exposed by.
    """
    plan, text = read_plan(home, name)
    versions = home.control.rollouts.plans(name)
    if versions and versions[-1].text == text:
        return versions[-1]
    why = reasons.reason(reason, "a version of a plan")
    before = state_of(home, name).plan if versions else None
    refused = list(_refused(home, name, plan)) if versions else []
    if refused:
        raise CloseRefused(refused)
    people = list(dict.fromkeys((before or plan).authority.widen))
    loosens = loosened(before, plan) if before else []
    if before and same_person(before.owners.accountable) not in {same_person(one) for one in people}:
        people.append(before.owners.accountable)
    given = {same_person(approver(home, by).name): (by, code) for by, code in signatures}
    strangers = [by for key, (by, _) in given.items() if key not in {same_person(one) for one in people}]
    if strangers:
        version = f"version {versions[-1].number} of the plan" if versions else "its authority.widen"
        raise CloseRefused(
            [f"{', '.join(strangers)} may not write this plan down; {version} names {', '.join(people)}"]
        )
    needed = min(2, len(people)) if loosens else 1
    if len(given) < needed:
        raise CloseRefused(
            [
                f"{'two' if needed == 2 else 'one'} of {', '.join(people)} have to allow it: --as NAME --code NNNNNN for each",
                *(f"it loosens: {sentence}" for sentence in loosens),
            ]
        )
    known = [prove(home, by, code, f"write down the plan of rollout {name}") for by, code in given.values()]
    return home.control.rollouts.write_plan(name, text, f"{', '.join(known)} ({actor})", why)


def _refused(home: Home, name: str, plan: RolloutPlan) -> Iterator[str]:
    state = state_of(home, name)
    if state.plan.salt != plan.salt and state.lists:
        yield f"salt: customers were chosen by '{state.plan.salt}'; it is never changed"
    if state.status is Status.CLOSED:
        yield f"rollout {name} is closed; give a new one another name"
    gone = [stage for stage in state.lists if stage not in plan.names]
    if gone:
        yield f"stages: {', '.join(gone)} has a list of customers that was written down and stays; keep the stage"
    kept = [stage for stage in plan.names if stage in state.lists]
    if kept != [stage for stage in state.plan.names if stage in state.lists] or plan.names[: len(kept)] != tuple(kept):
        yield "stages: those whose customers were written down come first, in their order"
    for stage in state.plan.stages:
        now = next((one for one in plan.stages if one.name == stage.name), None)
        if stage.name in state.lists and now and (now.share, now.cohort) != (stage.share, stage.cohort):
            yield (
                f"stages: the customers of {stage.name} were written down, so its share and cohort stay as they are; give more "
                "customers a stage of their own"
            )
    if state.exposed and {flag.key for flag in state.plan.flags} - {flag.key for flag in plan.flags}:
        yield "flags: a flag cannot be taken out while customers are exposed by it; roll back or finish first"
    found = live_rivals(plan, name, states(home)) if state.exposed else ""
    if found:
        yield f"layers: {found}"
