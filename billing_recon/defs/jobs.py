"""Jobs by which people decide from the UI: each is one op over the function that the command of the same purpose calls.

Their configuration is typed and described, so the Launchpad shows what to fill in. One-time codes are part of it: each is good once, so
what Dagster keeps of it opens nothing. Whoever can launch a run can act under a name; who may reach Dagster is the proxy's affair.
"""

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._config import Array, Shape
from pydantic import Field

from billing_recon.core.break_decision import DECIDABLE
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.quarantine import Verb
from billing_recon.core.reason import Disposition
from billing_recon.core.resolution import Resolution, Told
from billing_recon.core.verdict import Verdict
from billing_recon.defs import checks
from billing_recon.defs.step import refusal, refusing

if TYPE_CHECKING:
    from billing_recon.day import Home
    from billing_recon.day.resolutions import Answer
    from billing_recon.report.terminal import Table

ACTOR = "dagster"


class SignMonth(dg.Config):
    month: str = Field(description="The month, YYYY-MM, as it stands now.")
    approver: str = Field(description="Who signs, as named under approvers in the policy.")
    code: str = Field(description="The approver's one-time code of this moment.")
    note: str = Field(default="", description="Anything to record with the signature.")


class ReopenMonth(dg.Config):
    month: str = Field(description="The closed month, YYYY-MM.")
    approver: str = Field(description="The approver who allows it.")
    code: str = Field(description="The approver's one-time code of this moment.")
    reason: str = Field(description="Why; recorded in the audit chain.")


_ANSWERS = ", ".join([*(one.value for one in DECIDABLE), *(kind.value for kind in Resolution)])


class ResolveBreaks(dg.Config):
    break_ids: list[str] = Field(description="Ids of breaks, or unique beginnings of ids; the day pack shows them.")
    disposition: str = Field(
        description=f"One of {_ANSWERS}. DEFECT and DATA_ERROR keep a break on the gate until it is fixed; OPEN revokes a decision; "
        "TIMING and EXPECTED_CHANGE accept it; the others say how it is corrected (docs/policies.md)."
    )
    decided_by: str = Field(description="Who decides. If the policy names approvers, only they accept.")
    reason: str = Field(description="Why; recorded in the audit chain.")
    code: str = Field(
        default="", description="Their one-time code, to accept several, or any once people are enrolled."
    )
    evidence: str = Field(
        default="",
        description="What proves it, for example the number of the credit note; needed where another document corrects it.",
    )
    customer_told: str = Field(
        default="", description=f"If an issued invoice is corrected: {', '.join(one.value for one in Told)}."
    )


class AcceptBreaks(dg.Config):
    break_ids: list[str] = Field(description="Ids of breaks, or unique beginnings of ids; the day pack shows them.")
    as_timing: bool = Field(
        default=False,
        description="True: a matter of timing (TIMING). False: the change was expected (EXPECTED_CHANGE).",
    )
    decided_by: str = Field(description="Who accepts. If the policy names approvers, only they may.")
    reason: str = Field(description="Why; recorded in the audit chain.")
    code: str = Field(
        default="", description="Their one-time code, to accept several, or any once people are enrolled."
    )


class AssignBreaks(dg.Config):
    break_ids: list[str] = Field(description="Ids of breaks, or unique beginnings of ids; the day pack shows them.")
    to: str = Field(description="Who works on them; empty removes the assignment. It also takes the day's incident.")
    decided_by: str = Field(default="", description="Who assigns them.")
    reason: str = Field(default="", description="Why; recorded in the audit chain.")


class DecideRows(dg.Config):
    row_ids: list[str] = Field(
        description="Ids of quarantined rows, or unique beginnings; billing-recon quarantine list."
    )
    decided_by: str = Field(description="Who decides.")
    reason: str = Field(description="Why; recorded in the audit chain.")
    corrections: dict[str, str] = Field(default={}, description="Column -> the value to read instead; release only.")
    discard: bool = Field(default=False, description="True: the rows do not count. False: they land after all.")


class ApplyPolicy(dg.Config):
    note: str = Field(description="Why policies/*.yaml change; recorded with the new version.")
    applied_by: str = Field(description="Who applies it.")
    approvers: list[str] = Field(default=[], description="The two approvers who allow what it loosens.")
    codes: list[str] = Field(default=[], description="The one-time code of each, in that order.")


class RunStale(dg.Config):
    first: str = Field(
        default="", description="The first day, YYYY-MM-DD; empty: from the first month that is not closed."
    )
    last: str = Field(
        default="", description="The last day, YYYY-MM-DD; empty: the newest day that was landed or judged."
    )
    dry_run: bool = Field(default=False, description="True: list the stale days and why, and run none.")


class MoveRollout(dg.Config):
    rollout: str = Field(description="The rollout: rollouts/NAME.yaml.")
    to: str = Field(description="promote, pause, resume or rollback.")
    people: list[str] = Field(description="Who decides; to promote, every approver of the next stage.")
    codes: list[str] = Field(description="The one-time code of each, in that order.")
    reason: str = Field(default="", description="Why; recorded in the audit chain. Needed for all but a promotion.")
    since: str = Field(
        default="", description="First day that a switch holds from; empty: after the newest judged day."
    )
    accept_corrections: str = Field(
        default="", description="promote: the mark of the wrong bills that are accepted though they are not corrected."
    )


class TakeIncident(dg.Config):
    incident: str = Field(description="As the page names it, for example differences/2026-03-02.")
    taken_by: str = Field(description="Who works on it; it is then not escalated.")


def _home(context: dg.OpExecutionContext) -> "Home":
    """The home. ConfigurationError if the configuration is still what the Launchpad was filled with."""
    left = [name for name, value in context.op_config.items() if any(one[:1] == "<" for one in _texts(value))]
    if left:
        raise ConfigurationError(f"fill in {', '.join(left)} in the Launchpad")
    home: Home = context.resources.home
    return home


def _signatures(field: str, names: list[str], codes: list[str]) -> list[tuple[str, str]]:
    """Who decides, each with their code. ConfigurationError unless there are as many of one as of the other."""
    if len(names) != len(codes):
        raise ConfigurationError(
            f"{field} has {len(names)} and codes has {len(codes)}; give one code for each, in the same order"
        )
    return list(zip(names, codes, strict=True))


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _done(context: dg.OpExecutionContext, said: str, **facts: Any) -> None:
    context.log.info(said)
    context.add_output_metadata({"done": said, **facts})


@dg.op(required_resource_keys={"home"}, description="Signs a month as it stands now.")
def sign(context: dg.OpExecutionContext, config: SignMonth) -> None:
    from billing_recon.day import sign_off

    with refusing(context):
        made = sign_off(_home(context), config.month, config.approver, ACTOR, code=config.code, note=config.note)
        roles = ", ".join(one.role.value for one in made)
        _done(context, f"{config.approver} signed {config.month} for {roles}.", evidence=made[0].evidence_hash)


@dg.op(required_resource_keys={"home"}, description="Opens a closed month again.")
def reopen(context: dg.OpExecutionContext, config: ReopenMonth) -> None:
    from billing_recon.day.month_close import reopen_month

    with refusing(context):
        reopen_month(_home(context), config.month, config.approver, code=config.code, reason=config.reason, actor=ACTOR)
        _done(context, f"{config.month} is open again; any change from now on is a restatement.")


def _resolve(context: dg.OpExecutionContext, ids: list[str], answer: "Answer") -> None:
    from billing_recon.day.exceptions import find
    from billing_recon.day.resolutions import resolve

    home = _home(context)
    made = resolve(home, find(home, *ids), answer)
    days = sorted({str(one.day) for one in made})
    to = (answer.kind or answer.disposition or Disposition.OPEN).value
    said = f"{len(made)} of {count(len(set(ids)), 'break')}: {to}, by {answer.by}. Run again: {', '.join(days) or 'nothing changed'}."
    _done(context, said, breaks=len(made))


@dg.op(required_resource_keys={"home"}, description="Decides what breaks turned out to be, or how they are corrected.")
def resolve(context: dg.OpExecutionContext, config: ResolveBreaks) -> None:
    from billing_recon.day.resolutions import Answer

    with refusing(context):
        text, told = config.disposition.strip(), config.customer_told.strip().lower()
        if told and told not in list(Told):
            raise ConfigurationError(f"'{told}' does not say whether the customer was told; write {', '.join(Told)}")
        kind = (
            Resolution(text.lower())
            if text.lower() in list(Resolution) and text.upper() not in list(DECIDABLE)
            else None
        )
        answer = Answer(
            kind,
            config.decided_by,
            config.reason,
            evidence=config.evidence,
            told=Told(told) if told else None,
            code=config.code,
            actor=ACTOR,
            disposition=None if kind else _disposition(text),
        )
        _resolve(context, config.break_ids, answer)


def _disposition(text: str) -> Disposition:
    try:
        return Disposition(text.upper())
    except ValueError:
        raise ConfigurationError(f"'{text}' is not a disposition; choose one of {_ANSWERS}") from None


@dg.op(required_resource_keys={"home"}, description="Takes breaks off their day's gate.")
def accept(context: dg.OpExecutionContext, config: AcceptBreaks) -> None:
    from billing_recon.day.resolutions import Answer

    to = Disposition.TIMING if config.as_timing else Disposition.EXPECTED_CHANGE
    with refusing(context):
        by, reason, code = config.decided_by, config.reason, config.code
        _resolve(context, config.break_ids, Answer(None, by, reason, code=code, actor=ACTOR, disposition=to))


@dg.op(required_resource_keys={"home"}, description="Says who works on breaks.")
def assign(context: dg.OpExecutionContext, config: AssignBreaks) -> None:
    from billing_recon.day.resolutions import assign as assign_breaks

    with refusing(context):
        made = assign_breaks(
            _home(context), config.break_ids, config.to.strip(), by=config.decided_by, reason=config.reason, actor=ACTOR
        )
        _done(context, f"{count(len(made), 'break')} assigned to {config.to.strip() or 'nobody'}.")


@dg.op(required_resource_keys={"home"}, description="Releases or discards quarantined rows.")
def release_or_discard(context: dg.OpExecutionContext, config: DecideRows) -> None:
    from billing_recon.core.errors import GateRefused
    from billing_recon.day.quarantine import decide

    verb = Verb.DISCARD if config.discard else Verb.RELEASE
    with refusing(context):
        if config.discard and config.corrections:
            raise ConfigurationError(
                "a row that is discarded is not corrected: leave corrections empty, or set discard to false"
            )
        decided = decide(
            _home(context),
            verb,
            config.row_ids,
            by=config.decided_by,
            reason=config.reason,
            corrections=config.corrections,
            actor=ACTOR,
        )
        if decided.refused:
            raise GateRefused("; ".join(f"{one.row.row_id}: {one.says}" for one in decided.refused))
        days: list[date] = sorted({report.day for report in decided.reports})
        again = ", ".join(map(str, days)) or "nothing changed"
        _done(context, f"{verb.value}: {count(len(decided.outcomes), 'row')}. Run again: {again}.")


@dg.op(required_resource_keys={"home"}, description="Applies policies/*.yaml as a new version.")
def apply(context: dg.OpExecutionContext, config: ApplyPolicy) -> None:
    from billing_recon.day import Home
    from billing_recon.day.configuration import policy_text
    from billing_recon.day.policies import apply as apply_proposal
    from billing_recon.day.policies import propose
    from billing_recon.day.releases import withdraw_unsettled

    with refusing(context):
        home = _home(context)
        proposal = propose(home, policy_text(home.path))
        signatures = _signatures("approvers", config.approvers, config.codes)
        applied = apply_proposal(home, proposal, config.note, f"{config.applied_by} ({ACTOR})", signatures)
        withdrawn = withdraw_unsettled(Home.open(home.path))
        same = applied.number == home.policy_number
        said = "in force already; nothing changed" if same else f"in force; {len(withdrawn)} releases withdrawn"
        _done(context, f"Policy version {applied.number} is {said}.", version=applied.number)


@dg.op(required_resource_keys={"home"}, description="Runs stale days, one after another, each as a run of its own.")
def rerun(context: dg.OpExecutionContext, config: RunStale) -> None:
    from billing_recon.core.period import parse_day
    from billing_recon.day.stale_days import days_asked_about, stale_days
    from billing_recon.defs.runner import run_stale
    from billing_recon.report import rerun as report

    with refusing(context):
        home = _home(context)
        first, last = (parse_day(day) if day else None for day in (config.first, config.last))
        days = days_asked_about(home, first, last)
        if config.dry_run:
            found = list(stale_days(home, days))
            _done(context, f"stale: {count(len(found), 'day')}.", days=_shown(report.stale_table(found)))
            return
        done = run_stale(home.path, days, actor=ACTOR, on_instance=context.instance)
        facts = {
            "days": report.verdicts_table(done.why, done.changes),
            "money": report.money_table(done.changes),
            "largest changes": report.breaks_table(done.changes),
        }
        shown: dict[str, Any] = {name: _shown(table) for name, table in facts.items() if table.rows}
        shown |= {"lapsed": list(done.changes.lapsed)} if done.changes.lapsed else {}
        said = f"run again: {count(len(done.outcomes), 'day')}."
        red = [f"{one.day} {one.verdict or one.error}" for one in done.outcomes if one.verdict != Verdict.PASS.value]
        if red:
            raise refusal(context, f"{said} Not PASS: {'; '.join(red)}", **shown)
        _done(context, said, **shown)


def _shown(table: "Table") -> dg.MetadataValue:
    names = [column.name for column in table.columns]
    return checks.table([dict(zip(names, row, strict=True)) for row in table.rows], names)


@dg.op(required_resource_keys={"home"}, description="Promotes, pauses, resumes or rolls back a rollout.")
def move(context: dg.OpExecutionContext, config: MoveRollout) -> None:
    from billing_recon.day.rollout import switch

    with refusing(context):
        home, name, why, since = _home(context), config.rollout, config.reason, config.since or None
        signatures = _signatures("people", config.people, config.codes)
        if not signatures:
            raise ConfigurationError("give people, and one code for each of them")
        (who, code), *_ = signatures
        match config.to:
            case "promote":
                state = switch.promote(
                    home, name, signatures, actor=ACTOR, since=since, reason=why,
                    accept_corrections=config.accept_corrections,
                )  # fmt: skip
            case "pause":
                state = switch.pause(home, name, who, code, reason=why, actor=ACTOR)
            case "resume":
                state = switch.resume(home, name, who, code, reason=why, actor=ACTOR)
            case "rollback":
                state = switch.rollback(home, name, who, code, reason=why, actor=ACTOR, since=since)
            case _:
                raise ConfigurationError(f"'{config.to}' is unknown; write promote, pause, resume or rollback")
        shown = f"{state.status.value}, stage {state.stage or 'none'}, {state.percentage}% of customers"
        _done(context, f"Rollout {name}: {shown}.", stage=state.stage or "")


@dg.op(required_resource_keys={"home"}, description="Records who works on an incident.")
def take(context: dg.OpExecutionContext, config: TakeIncident) -> None:
    from billing_recon.control.store import utc_now

    with refusing(context):
        if not _home(context).control.pages.take(config.incident, config.taken_by, utc_now()):
            raise ConfigurationError(f"there is no open incident '{config.incident}'; see billing-recon page list")
        _done(context, f"{config.incident} is taken by {config.taken_by}.")


_JOBS = (
    ("sign_month", sign, "Sign a month as it stands now, with a one-time code."),
    ("reopen_month", reopen, "Open a closed month again, with an approver's one-time code and a reason."),
    ("resolve_breaks", resolve, "Decide what breaks turned out to be; then run their days again."),
    ("accept_breaks", accept, "Accept breaks as timing or an expected change; then run their days again."),
    ("assign_breaks", assign, "Say who works on breaks."),
    ("decide_rows", release_or_discard, "Release or discard quarantined rows; then run their days again."),
    ("run_stale", rerun, "After a fix: run only the days that it made stale, in order, and show what changed."),
    ("apply_policy", apply, "Put edits of policies/*.yaml in force as a new version."),
    ("move_rollout", move, "Promote, pause, resume or roll back a rollout, with one-time codes."),
    ("take_incident", take, "Take an incident, so that it is not escalated."),
)


def decision_jobs(home: dg.ResourceDefinition) -> list[dg.JobDefinition]:
    """One job per decision."""
    return [
        dg.GraphDefinition(name=name, node_defs=[op]).to_job(
            name=name,
            description=doc,
            resource_defs={"home": home},
            tags={"billing_recon/decision": name},
            executor_def=dg.in_process_executor,
            # A job's config fills the Launchpad, where people replace it.
            config={"ops": {op.name: {"config": prefilled(op)}}},
        )
        for name, op, doc in _JOBS
    ]


def prefilled(op: dg.OpDefinition) -> dict[str, Any]:
    """A configuration with every field: the defaults, and <...> where something has to be filled in."""
    shape = op.config_schema.config_type
    assert isinstance(shape, Shape)
    filled: dict[str, Any] = {}
    for name, field in shape.fields.items():
        if not field.is_required:
            filled[name] = field.default_value
            continue
        asked = f"<{re.split(r'[.;](?: |$)', field.description or name)[0]}>"
        filled[name] = [asked] if isinstance(field.config_type, Array) else asked
    return filled
