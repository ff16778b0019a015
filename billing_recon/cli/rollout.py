"""`rollout`: bill customers by a new path in stages, and switch back."""

from __future__ import annotations

import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import MARKUP, Format, FormatOption, HomeOption, actor, home_hint, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.money import plain
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.day.rollout.state import State

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The rollout: rollouts/NAME.yaml of the home.")]
AsOption = Annotated[str, typer.Option("--as", metavar="APPROVER", help="As named under approvers in the policy.")]
CodeOption = Annotated[str, typer.Option("--code", metavar="NNNNNN", help="That person's one-time code.")]
SeveralOption = Annotated[
    list[str] | None, typer.Option("--as", metavar="APPROVER", help="Each person who has to allow it.")
]
CodesOption = Annotated[
    list[str] | None, typer.Option("--code", metavar="NNNNNN", help="Their codes, in the same order.")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="WHEN",
        help="First day, or instant with offset, that it holds from; default: the day after the newest judged day.",
    ),
]

app = typer.Typer(
    help="Expose customers to a new billing path in stages.", no_args_is_help=True, rich_markup_mode=MARKUP
)


@app.command(epilog="\b\nExamples:\n  billing-recon rollout init proration")
def init(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Write a commented plan to rollouts/NAME.yaml."""
    from billing_recon.day.rollout.plan_file import write_template

    path = write_template(open_home(ctx, home), name)
    Screen().say(f"wrote {path}; edit it, then: billing-recon rollout check{home_hint(ctx, home)} {name}")


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout check proration\n"
    "  billing-recon rollout check proration --write --as 'Ana Ruiz' --code 492039 --reason 'agreed on 3 March'"
)
def check(
    ctx: typer.Context,
    name: NameArgument,
    write: Annotated[bool, typer.Option("--write", help="Write the file down as the plan's version.")] = False,
    names: SeveralOption = None,
    codes: CodesOption = None,
    reason: ReasonOption = "",
    home: HomeOption = None,
) -> None:
    """The launch checklist: what is done, and what is missing. Exit 0 if nothing is missing, else 1.

    A version that loosens the one before needs two people of that version, each with a code.
    """
    from billing_recon.day.rollout.checklist import checklist
    from billing_recon.day.rollout.plan_file import write_down
    from billing_recon.report import rollout as report

    opened, screen = open_home(ctx, home), Screen()
    if write:
        version = write_down(opened, name, _signatures(names, codes), actor=actor(), reason=reason)
        screen.say(f"plan of rollout {name}: version {version.number}, {version.digest[:12]}", style="bold")
    items = checklist(opened, name)
    screen.table(report.checklist(items))
    if any(item.blocks and not item.done for item in items):
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout cohorts proration\n  billing-recon rollout cohorts proration --format json"
)
def cohorts(ctx: typer.Context, name: NameArgument, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """For each stage: customers, money, and scenarios that it covers and misses. Nothing is written."""
    from billing_recon.day.rollout.cohorts import cohorts as sizes
    from billing_recon.day.rollout.plan_file import read_plan
    from billing_recon.day.rollout.state import state_of
    from billing_recon.report import rollout as report

    opened = open_home(ctx, home)
    plan, _ = read_plan(opened, name)
    state = state_of(opened, name) if name in opened.control.rollouts.names() else None
    first = form is Format.TABLE and (state is None or not state.lists)
    found = sizes(opened, plan, state, proposed=first)
    if form is not Format.TABLE:
        sys.stdout.writelines(report.json_lines(report.cohort_rows(found)))
        return
    screen = Screen()
    screen.say(
        f"{count(found.customers, 'customer')} as of {found.day}; each stage also holds those before it", style="bold"
    )
    screen.table(report.cohorts(found))
    for rule, size in found.low_risk:
        misses = f"; misses {', '.join(size.misses)}" if size.misses else ""
        screen.say(f"low risk, for a first stage: {rule}  ({count(size.customers, 'customer')}{misses})")


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout export proration --to /etc/flags\n"
    "  billing-recon rollout export proration"
)
def export(
    ctx: typer.Context,
    name: NameArgument,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Also write the files into this folder.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the flag files again as the record has them: flagd.json, members.csv, members.json; print where they are."""
    from billing_recon.day.rollout import flags
    from billing_recon.day.rollout.switch import opened as completed

    here = open_home(ctx, home)
    state = completed(here, name)
    files = flags.contents(here, state, state.exposed)
    flags.switch(here, name, files)
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            draft = to / f".{file}"
            draft.write_text(text, encoding="utf-8")
            draft.replace(to / file)
    for file in flags.FILES:
        Screen().say(str((to or flags.current(here, name)) / file))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout rehearsed proration --as 'Ana Ruiz' --code 492039 \\\n"
    "      --reason 'three weeks on a copy, rolled back in mid-cycle: no invoice doubled or missing'"
)
def rehearsed(
    ctx: typer.Context,
    name: NameArgument,
    approver: AsOption,
    reason: ReasonOption,
    code: CodeOption = "",
    home: HomeOption = None,
) -> None:
    """Record that the plan as it is was rehearsed by hand on a copy of the home; a later version needs it again."""
    from billing_recon.day.rollout import switch

    _show(switch.record_rehearsal(open_home(ctx, home), name, approver, code, reason=reason, actor=actor()))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout promote proration --as 'Ana Ruiz' --code 492039 --as 'Bo Lind' --code 118203"
)
def promote(
    ctx: typer.Context,
    name: NameArgument,
    names: SeveralOption = None,
    codes: CodesOption = None,
    reason: ReasonOption = "",
    since: FromOption = None,
    accept: Annotated[
        str,
        typer.Option(
            "--accept-corrections",
            metavar="MARK",
            help="Widen though these wrong bills are not corrected yet: the mark of the list, as the refusal names it. Needs --reason.",
        ),
    ] = "",
    home: HomeOption = None,
) -> None:
    """Expose the next stage: only on a current PASS, with every approver of it. After the last stage: close the rollout.

    Bills that the new path got wrong and that are not corrected yet hold it back, unless they are accepted.
    """
    from billing_recon.day.rollout import switch

    signatures = _signatures(names, codes)
    here = open_home(ctx, home)
    _show(switch.promote(here, name, signatures, actor=actor(), since=since, reason=reason, accept_corrections=accept))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout pause proration --as 'Ana Ruiz' --code 492039 --reason 'tickets double'"
)
def pause(
    ctx: typer.Context,
    name: NameArgument,
    approver: AsOption,
    reason: ReasonOption,
    code: CodeOption = "",
    home: HomeOption = None,
) -> None:
    """Hold the rollout where it is."""
    from billing_recon.day.rollout import switch

    _show(switch.pause(open_home(ctx, home), name, approver, code, reason=reason, actor=actor()))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout resume proration --as 'Ana Ruiz' --code 492039 --reason 'tickets were about mail'"
)
def resume(
    ctx: typer.Context,
    name: NameArgument,
    approver: AsOption,
    reason: ReasonOption,
    code: CodeOption = "",
    home: HomeOption = None,
) -> None:
    """Let a paused or rolled back rollout go on; the reason names what was accepted or mended."""
    from billing_recon.day.rollout import switch

    _show(switch.resume(open_home(ctx, home), name, approver, code, reason=reason, actor=actor()))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout rollback proration --as 'Ana Ruiz' --code 492039 --reason 'lines are billed twice'"
)
def rollback(
    ctx: typer.Context,
    name: NameArgument,
    approver: AsOption,
    reason: ReasonOption,
    code: CodeOption = "",
    since: FromOption = None,
    home: HomeOption = None,
) -> None:
    """Switch everybody back to the old path; one person who may is enough."""
    from billing_recon.day.rollout import switch

    _show(switch.rollback(open_home(ctx, home), name, approver, code, reason=reason, actor=actor(), since=since))


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout status proration\n  billing-recon rollout status proration --format json"
)
def status(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One rollout; default: all.")] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Where a rollout stands, and what the next stage waits for."""
    from billing_recon.day.rollout.progress import progress
    from billing_recon.day.rollout.switch import opened as completed
    from billing_recon.report import rollout as report

    here = open_home(ctx, home)
    rows = [
        report.status(progress(here, completed(here, one)))
        for one in ([name] if name else here.control.rollouts.names())
    ]
    if form is not Format.TABLE:
        sys.stdout.writelines(report.json_lines(rows))
        return
    screen = Screen()
    for row in rows:
        if row["verdict"]:
            screen.verdict(row["verdict"], f"stage {row['stage']} of rollout {row['rollout']}")
        for line in report.status_lines(row):
            screen.say(line)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout rehearse proration\n  billing-recon rollout rehearse proration --simulated"
)
def rehearse(
    ctx: typer.Context,
    name: NameArgument,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="On a simulated company, whatever days the home has.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Rehearse the plan on a copy of the home whose new path fails, and record what was found. Exit 0 if all held, else 1.

    The newest four days are billed again: bills are doubled, left out, sent twice and made against the flag, a write is cut off,
    payments are refused and heard of late; then everybody is switched back within a cycle. The home's own days are not touched.
    Without four such days in a row it is a simulated company. A plan that was changed since has to be rehearsed again.
    """
    from billing_recon.day.rollout.rehearsal import days_for, rehearse_on_copy
    from billing_recon.report import rollout_gate as report
    from billing_recon.simulate.rehearsal import rehearse as rehearse_simulated

    here, screen = open_home(ctx, home), Screen()
    days = [] if simulated else days_for(here)
    with screen.progress(f"rehearsing rollout {name}") as progress:
        if days:
            found = rehearse_on_copy(here, name, days, actor=actor(), progress=lambda said: progress(said, 0))
        else:
            found = rehearse_simulated(here, name, actor=actor(), progress=lambda said: progress(said, 0))
    screen.say(f"rehearsed on {found.on}", style="bold")
    screen.table(report.checks((check.name, check.holds, check.says) for check in found.checks))
    if not found.passed:
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout judge proration\n  billing-recon rollout judge proration --day 2026-03-02"
)
def judge(
    ctx: typer.Context,
    name: NameArgument,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Default: the newest judged day.")
    ] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Judge the exposed stage again, clause by clause; the day's run does it by itself. Exit 0 on PASS, else 1.

    After a rollback it shows the last answer about the stage that was exposed; nothing is judged.
    """
    from billing_recon.core.period import parse_day
    from billing_recon.core.verdict import Verdict
    from billing_recon.day.gate import DAY_GATE
    from billing_recon.day.rollout.gate import judge_rollout
    from billing_recon.day.rollout.state import last_answer, state_of
    from billing_recon.report import rollout_gate as report

    here = open_home(ctx, home)
    judged = day or max(here.control.answers(DAY_GATE), default=None)
    if judged is None:
        raise ConfigurationError("no day was judged yet; run one: billing-recon run --day DAY")
    state = state_of(here, name)
    before = last_answer(here, state) if not state.exposed and not day else None
    answer = before or judge_rollout(here, name, parse_day(judged), actor())
    if form is not Format.TABLE:
        _rows(report.clause_rows(answer), form)
    else:
        screen = Screen()
        ended = "; nobody is exposed any more" if before else ""
        screen.verdict(answer.verdict.value, f"stage {answer.stage} of rollout {name} on {answer.day}{ended}")
        screen.table(report.clauses(answer))
        for line in report.waiting(answer):
            screen.say(line)
    if answer.verdict is not Verdict.PASS:
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout page proration\n"
    "  billing-recon rollout page proration --workbook proration.xlsx"
)
def page(
    ctx: typer.Context,
    name: NameArgument,
    workbook: Annotated[
        Path | None, typer.Option("--workbook", metavar="FILE", help="Also write it as an Excel file.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the rollout's page: where it stands, what it waits for, cohort against control by day."""
    from billing_recon.report.rollout_page import write_rollout_page

    here = open_home(ctx, home)
    Screen().say(f"wrote {write_rollout_page(here, name)}")
    if workbook is not None:
        from billing_recon.report.rollout_workbook import write_rollout_workbook

        Screen().say(f"wrote {write_rollout_workbook(here, name, workbook)}")


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout dunning proration\n  billing-recon rollout dunning proration --format json"
)
def dunning(
    ctx: typer.Context,
    name: NameArgument,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Compare how the exposed stage and the control cohort are collected: attempts, recovery, money left; and faults of the new path.

    Exit 1 if an invoice was asked for after it was paid or void, twice, or against the plan's retry_days.
    """
    from billing_recon.day.rollout import dunning as collection
    from billing_recon.day.rollout.state import state_of

    here = open_home(ctx, home)
    state = state_of(here, name)
    faults = collection.faults(here, state)
    tables = {
        "attempts": collection.retries(here, state),
        "recovery": collection.recovery(here, state),
        "faults": faults,
    }
    for title, rows in tables.items():
        if form is Format.TABLE:
            Screen().say(title, style="bold")
        named: dict[str, object] = {} if form is Format.TABLE else {"table": title}
        shown = [
            {
                key: plain(value, row["currency"]) if isinstance(value, Decimal) else str(value)
                for key, value in row.items()
            }
            for row in rows
        ]
        _rows([row | named for row in shown], form)
    if faults:
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout corrections proration\n"
    "  billing-recon rollout corrections proration --format csv > worklist.csv\n"
    "  billing-recon rollout corrections proration --ubl credit-notes --on 2026-03-09"
)
def corrections(
    ctx: typer.Context,
    name: NameArgument,
    form: FormatOption = Format.TABLE,
    ubl: Annotated[
        Path | None,
        typer.Option("--ubl", metavar="DIR", help="Also write a UBL credit note per invoice to be credited."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="YYYY-MM-DD", help="Date of the credit notes; default: the newest landed day."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Bills of the new path that are wrong: what each should have been, how it is corrected, and how far that is.

    Exit 0 if every correction is done, else 1.
    """
    from billing_recon.core.period import parse_day
    from billing_recon.day.rollout.corrections import OPEN
    from billing_recon.day.rollout.corrections import corrections as worklist
    from billing_recon.day.rollout.state import state_of
    from billing_recon.report import rollout_corrections as report

    here = open_home(ctx, home)
    state = state_of(here, name)
    found = worklist(here, state)
    if form is not Format.TABLE:
        sys.stdout.write(report.EXPORTS[form.value](found))
    screen = Screen()
    if form is Format.TABLE:
        screen.say(f"{count(len(found), 'wrong bill')} of the new path of rollout {name}", style="bold")
        if found:
            screen.table(report.totals(found))
            if any(one.state in OPEN for one in found):
                screen.table(report.open_items(found, 20))
    if ubl is not None:
        written = report.write_credit_notes(
            here, state, found, ubl, parse_day(on) if on else here.control.landed_days()[-1]
        )
        if form is Format.TABLE:
            screen.say(f"{count(written, 'credit note')} in {ubl}")
    if any(one.state in OPEN for one in found):
        raise typer.Exit(1)


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout note proration --about intervention --as 'Ana Ruiz' 'job restarted by hand'\n"
    "  billing-recon rollout note proration --about observed --metric tickets --as 'Ana Ruiz' 12"
)
def note(
    ctx: typer.Context,
    name: NameArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What happened, a flag's key, or a figure.")],
    about: Annotated[
        str,
        typer.Option(
            "--about", metavar="WHAT", help="intervention, ticket, feedback, lesson, flag_removed or observed."
        ),
    ],
    by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who says so; recorded in the audit chain.")],
    metric: Annotated[str, typer.Option("--metric", metavar="METRIC", help="observed: which metric of success.")] = "",
    home: HomeOption = None,
) -> None:
    """Record an intervention, ticket, feedback, lesson, a removed flag or an observed figure."""
    from billing_recon.day.rollout import review

    review.note(open_home(ctx, home), name, about, text, by=by, actor=actor(), metric=metric)
    Screen().say(f"noted for rollout {name}: {about} {text}")


@app.command(
    epilog="\b\nExamples:\n  billing-recon rollout log proration\n  billing-recon rollout log proration --format json"
)
def log(ctx: typer.Context, name: NameArgument, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Every decision and verdict of a rollout in order, with names."""
    from billing_recon.day.rollout import review

    _rows(review.log(open_home(ctx, home), name), form)


@app.command(
    name="review", epilog="\b\nExamples:\n  billing-recon rollout review proration\n  billing-recon rollout review"
)
def review_(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One rollout as JSON; default: all, by kind of change.")
    ] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """What was expected and observed; without a name, which kinds of change were held or rolled back."""
    import json

    from billing_recon.day.rollout import review

    here = open_home(ctx, home)
    if name is None:
        _rows(review.history(here), form)
        return
    found = review.review(here, name)
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=None if form is Format.JSON else 2) + "\n")


@app.command(epilog="\b\nExamples:\n  billing-recon rollout flags --as-of 2026-03-31")
def flags(
    ctx: typer.Context,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day; default: the newest landed day.")
    ] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Flags that should be gone: older than allowed, or of a rollout that is over. Exit 1 if there are any."""
    from billing_recon.core.period import parse_day
    from billing_recon.day.rollout import review
    from billing_recon.day.rollout.cohorts import newest_day

    here = open_home(ctx, home)
    rows = [asdict(one) for one in review.flag_report(here, parse_day(as_of) if as_of else newest_day(here))]
    _rows([{**row, "remove_by": str(row["remove_by"])} for row in rows], form)
    if rows:
        raise typer.Exit(1)


def _signatures(names: list[str] | None, codes: list[str] | None) -> list[tuple[str, str]]:
    if len(names or []) != len(codes or []):
        raise ConfigurationError("each --as needs its --code, in the same order")
    return list(zip(names or [], codes or [], strict=True))


def _rows(rows: list[dict[str, object]], form: Format) -> None:
    from billing_recon.report.rollout import json_lines, rows_table

    if form is Format.TABLE:
        Screen().table(rows_table(rows))
    else:
        sys.stdout.writelines(json_lines(rows))


def _show(state: State) -> None:
    Screen().say(
        f"rollout {state.name} is {state.status.value.replace('_', ' ')}, stage {state.stage or 'none'}: "
        f"{count(state.exposed_customers, 'customer')} exposed, {state.percentage}%",
        style="bold",
    )
