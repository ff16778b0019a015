"""`shadow`: what every customer would pay under other terms or another engine, before anyone is billed by them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import (
    MARKUP,
    DayOption,
    Format,
    FormatOption,
    HomeOption,
    ToOption,
    actor,
    days_or_latest,
    home_hint,
    open_home,
    require_first_day,
)
from billing_recon.core.figures import count
from billing_recon.report.terminal import Screen

if TYPE_CHECKING:
    from billing_recon.day.shadow.gate import Judged

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The candidate: the folder shadow/NAME of the home.")]

app = typer.Typer(
    help="Compare old and new billing on a frozen period.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow snapshot 2026-02\n  billing-recon shadow snapshot 2026-02-01..2026-02-14"
)
def snapshot(
    ctx: typer.Context,
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="A month, or DAY..DAY.")],
    home: HomeOption = None,
) -> None:
    """Freeze a period that has been run: its data, catalog, policy and company, each with a digest."""
    from billing_recon.day.shadow.snapshot import take

    taken = take(open_home(ctx, home), period, actor())
    manifest, screen = taken.manifest, Screen()
    screen.say(
        f"snapshot {taken.label}: {manifest.first} to {manifest.last}, {count(taken.rows('invoice_lines'), 'invoice line')}, "
        f"{count(len(manifest.files), 'file')}, digest {manifest.digest[:12]}",
        style="bold",
    )
    if not manifest.closed:
        screen.say("the period is not closed yet: what is corrected in it from now on is not in this snapshot")
    screen.say(
        f"next: describe what changes in shadow/NAME/candidate.yaml, then: billing-recon shadow run{home_hint(ctx, home)} NAME"
    )


@app.command(epilog="\b\nExamples:\n  billing-recon shadow verify\n  billing-recon shadow verify 2026-02-28")
def verify(
    ctx: typer.Context,
    label: Annotated[str | None, typer.Argument(metavar="[LABEL]", help="One snapshot; default: all.")] = None,
    home: HomeOption = None,
) -> None:
    """Read every byte of the snapshots again. Exit 1 if anything is not what was frozen."""
    from billing_recon.day.shadow.snapshot import find, problems, snapshots

    opened, screen = open_home(ctx, home), Screen()
    asked = [find(opened, label)] if label else snapshots(opened) or [find(opened, None)]
    changed = False
    for one in asked:
        found = list(problems(opened.control, one))
        for problem in found:
            screen.say(problem)
        if not found:
            screen.say(
                f"snapshot {one.label} is what was frozen: {count(len(one.manifest.files), 'file')}, {one.manifest.digest[:12]}"
            )
        changed |= bool(found)
    if changed:
        raise typer.Exit(1)


@app.command(epilog="\b\nExamples:\n  billing-recon shadow run rise-2026")
def run(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Compare a candidate with the frozen period: every line's old and new amount, and what each should be."""
    from billing_recon.day.shadow.gate import check as judge
    from billing_recon.day.shadow.review import run as review
    from billing_recon.report.shadow_page import write_page

    opened = open_home(ctx, home)
    screen = Screen()
    with screen.progress(f"reviewing candidate {name}"):
        review(opened, name, actor())
    judged = judge(opened, name)
    _show(screen, judged)
    screen.say(f"page: {write_page(opened, judged)}")
    screen.say(f"next: billing-recon shadow causes{home_hint(ctx, home)} {name}")


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow show rise-2026\n  billing-recon shadow show rise-2026 --by segment"
)
def show(
    ctx: typer.Context,
    name: NameArgument,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="Revenue by currency, plan, segment or region.")
    ] = "plan",
    home: HomeOption = None,
) -> None:
    """Show a candidate's review: the launch rule, states, the effect on revenue, who pays more or less, who moves most."""
    from billing_recon.day.shadow.gate import check as judge
    from billing_recon.report import shadow as report
    from billing_recon.report import shadow_impact as impact

    judged = judge(open_home(ctx, home), name)
    screen = Screen()
    _show(screen, judged)
    screen.table(report.states(judged.review))
    screen.table(impact.effects(judged.review, by))
    screen.table(impact.winners(judged.review))
    screen.table(impact.movers(judged.review))


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow lines rise-2026\n"
    "  billing-recon shadow lines rise-2026 --by invoice --state unmeant\n"
    "  billing-recon shadow lines rise-2026 --format json | jq -r .explanation"
)
def lines(
    ctx: typer.Context,
    name: NameArgument,
    by: Annotated[str, typer.Option("--by", metavar="LEVEL", help="line, invoice or account.")] = "line",
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="STATE", help="equal, split, meant, fixed, kept, unmeant, accepted or unknown."
        ),
    ] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List every line with its four corners. The table leaves out what is equal; csv and json have every row."""
    from billing_recon.day.shadow.gate import latest
    from billing_recon.report import shadow as report

    review = latest(open_home(ctx, home), name)
    rows = report.rows(review, by, state, differing=form is Format.TABLE and state is None)
    if form is not Format.TABLE:
        sys.stdout.writelines(report.exported(rows, form.value))
        return
    screen = Screen()
    screen.say(
        f"{count(len(rows), by)} of candidate {name} {'differ' if state is None else 'are ' + state}", style="bold"
    )
    screen.table(report.table(rows, by))


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow causes rise-2026\n  billing-recon shadow causes rise-2026 --format json"
)
def causes(ctx: typer.Context, name: NameArgument, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Group the differences by what caused them, biggest first; meant and unmeant apart."""
    from billing_recon.day.shadow.gate import latest
    from billing_recon.day.shadow.marks import marks
    from billing_recon.report import shadow as report

    opened = open_home(ctx, home)
    rows = report.causes(latest(opened, name), marks(opened, name))
    if form is not Format.TABLE:
        sys.stdout.writelines(report.exported(rows, form.value))
        return
    screen = Screen()
    screen.table(report.cause_table(rows))
    screen.say(f"next: billing-recon shadow explain{home_hint(ctx, home)} {name} INVOICE")


@app.command(epilog="\b\nExamples:\n  billing-recon shadow explain rise-2026 INV-2026-000042")
def explain(
    ctx: typer.Context,
    name: NameArgument,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="An invoice, a subscription or a customer.")],
    home: HomeOption = None,
) -> None:
    """Say why an invoice changes: the bill step by step, old and new, then each line."""
    from billing_recon.day.shadow.gate import latest
    from billing_recon.report import shadow as report

    review = latest(open_home(ctx, home), name)
    screen = Screen()
    for line in report.explained(review, invoice):
        screen.say(line)


@app.command(epilog="\b\nExamples:\n  billing-recon shadow check rise-2026")
def check(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Judge a candidate by its launch rule. Exit 0 on PASS, 1 otherwise."""
    from billing_recon.core.verdict import Verdict
    from billing_recon.day.shadow.gate import check as judge

    judged = judge(open_home(ctx, home), name, records=True)
    _show(Screen(), judged)
    if judged.verdict is not Verdict.PASS:
        raise typer.Exit(1)


def _show(screen: Screen, judged: Judged) -> None:
    facts = judged.review.facts
    screen.verdict(
        judged.verdict.value,
        f"candidate {judged.review.name} (version {facts['candidate'][:8]}) on snapshot {facts['label']}",
    )
    for clause in judged.clauses:
        screen.say(f"  {clause.verdict:12}  {clause.name}: {clause.says}")


@app.command(epilog="\b\nExamples:\n  billing-recon shadow preview CUS-00017 --candidate rise-2026")
def preview(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer, or one of its invoices.")],
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", metavar="NAME", help="The candidate; may be left out if there is only one."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show a customer's old and new bill side by side, with what the customer is told and what the new engine gets wrong."""
    from billing_recon.core.errors import ConfigurationError
    from billing_recon.day.shadow.gate import latest
    from billing_recon.day.shadow.parallel import candidates
    from billing_recon.report import shadow as report

    opened, screen = open_home(ctx, home), Screen()
    known = candidates(opened)
    if candidate is None and len(known) != 1:
        raise ConfigurationError(f"name one with --candidate: there are {', '.join(known) or 'none'}")
    for bill in report.preview(latest(opened, candidate or known[0]), customer):
        screen.say(bill.says, style="bold")
        screen.table(bill.lines)
        for fault in bill.faults:
            screen.say(fault)


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow page rise-2026\n  billing-recon shadow page rise-2026 --workbook rise.xlsx"
)
def page(
    ctx: typer.Context,
    name: NameArgument,
    workbook: Annotated[
        Path | None, typer.Option("--workbook", metavar="FILE", help="Also write the workbook for finance.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the review's page as it stands now, with marks, approvals and the parallel run."""
    from billing_recon.day.shadow.gate import check as judge
    from billing_recon.report.shadow_page import write_page
    from billing_recon.report.shadow_workbook import write_shadow_workbook

    opened = open_home(ctx, home)
    judged = judge(opened, name)
    Screen().say(f"page: {write_page(opened, judged)}")
    if workbook is not None:
        Screen().say(f"workbook: {write_shadow_workbook(opened, judged, workbook)}")


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow export rise-2026 --out rise\n"
    "  billing-recon shadow export rise-2026 --out rise --format csv"
)
def export(
    ctx: typer.Context,
    name: NameArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to; files in it are replaced.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="parquet or csv.")] = "parquet",
    home: HomeOption = None,
) -> None:
    """Write every line, invoice, account and cause of a review as files."""
    from billing_recon.core.errors import ConfigurationError
    from billing_recon.day.shadow.gate import latest
    from billing_recon.report import shadow as report

    if form not in ("parquet", "csv"):
        raise ConfigurationError(f"--format {form} is unknown; give parquet or csv")
    for path in report.export(latest(open_home(ctx, home), name), out, form):
        Screen().say(str(path))


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow parallel rise-2026\n"
    "  billing-recon shadow parallel rise-2026 --day 2026-03-01 --to 2026-03-05"
)
def parallel(
    ctx: typer.Context,
    name: NameArgument,
    day: DayOption = None,
    to: ToOption = None,
    home: HomeOption = None,
) -> None:
    """Compare days beside live billing, or show those that were compared. Exit 1 unless each keeps to the accepted pattern."""
    from billing_recon.core.verdict import Verdict
    from billing_recon.day.shadow.parallel import parallel_days, run_parallel
    from billing_recon.report.shadow_page import parallel_table

    require_first_day(day, to)
    opened, screen = open_home(ctx, home), Screen()
    if day is not None:
        made = [run_parallel(opened, name, one, actor()) for one in days_or_latest(opened, day, to)]
    else:
        made = parallel_days(opened, name)
    if not made:
        screen.say(
            f"no day of candidate {name} was compared yet; its days are under launch in shadow/{name}/candidate.yaml"
        )
        raise typer.Exit(1)
    screen.table(parallel_table(made))
    if any(one.verdict is not Verdict.PASS for one in made):
        raise typer.Exit(1)


@app.command(epilog="\b\nExamples:\n  billing-recon shadow cutover rise-2026")
def cutover(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Open the launch for what is downstream, or say whether it is still open. Exit 1, with every reason, if it is not."""
    from billing_recon.day.shadow.cutover import cut_over

    made = cut_over(open_home(ctx, home), name, actor())
    Screen().say(
        f"candidate {name} bills from {made.on} on, by {made.decided_by}'s go under evidence {made.evidence[:12]}; "
        f"back: {made.rollback}",
        style="bold",
    )


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow mark rise-2026 367e639e01 --as to-fix --by ana --note 'tier ends early'\n"
    "  billing-recon shadow mark rise-2026 INV-2026-000042 --as right --by ana"
)
def mark(
    ctx: typer.Context,
    name: NameArgument,
    what: Annotated[str, typer.Argument(metavar="CAUSE|INVOICE", help="A cause, or an invoice of the sample.")],
    verdict: Annotated[
        str,
        typer.Option(
            "--as", metavar="MARK", help="A cause: understood, to-fix, assign, comment. An invoice: right, wrong."
        ),
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; recorded in the audit chain.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    owner: Annotated[str, typer.Option("--owner", metavar="TEAM", help="Who works on the cause.")] = "",
    code: Annotated[
        str,
        typer.Option("--code", metavar="NNNNNN", help="An approver's code, to take back to-fix or wrong."),
    ] = "",
    home: HomeOption = None,
) -> None:
    """Say what a cause is, or that an invoice of the hand-checked sample is right or wrong."""
    from billing_recon.day.shadow import decisions

    opened = open_home(ctx, home)
    if verdict in ("right", "wrong"):
        decisions.check_row(opened, name, what, verdict == "right", by=by, actor=actor(), note=note, code=code)
    else:
        decisions.mark_cause(opened, name, what, verdict, by=by, actor=actor(), note=note, owner=owner, code=code)
    Screen().say(f"{what} of candidate {name} is marked {verdict} by {by}")


@app.command(epilog="\b\nExamples:\n  billing-recon shadow approve rise-2026 --as 'Ana Ruiz' --code 492039")
def approve(
    ctx: typer.Context,
    name: NameArgument,
    approver: Annotated[str, typer.Option("--as", metavar="APPROVER", help="As named under approvers in the policy.")],
    code: Annotated[str, typer.Option("--code", metavar="NNNNNN", help="The approver's one-time code.")] = "",
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="Only this role.")] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Recorded with the approval.")] = "",
    home: HomeOption = None,
) -> None:
    """Approve a candidate as it was reviewed, for finance, product or engineering. Any change voids it."""
    from billing_recon.day.shadow.decisions import approve as sign

    for signed in sign(open_home(ctx, home), name, approver, actor(), code=code, role=role, note=note):
        Screen().say(
            f"{signed.approver} approved candidate {name} for {signed.role.value} under evidence {signed.evidence_hash[:12]}"
        )


@app.command(
    epilog="\b\nExamples:\n  billing-recon shadow decide rise-2026 go --as 'Ana Ruiz' --code 492039 --reason 'all causes meant'\n"
    "  billing-recon shadow decide rise-2026 no-go --as 'Ana Ruiz' --code 492039 --reason 'tier 2 ends early'"
)
def decide(
    ctx: typer.Context,
    name: NameArgument,
    answer: Annotated[str, typer.Argument(metavar="go|no-go")],
    decider: Annotated[str, typer.Option("--as", metavar="NAME", help="The person whom launch.decided_by names.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit chain.")],
    code: Annotated[str, typer.Option("--code", metavar="NNNNNN", help="That person's one-time code.")] = "",
    home: HomeOption = None,
) -> None:
    """Decide about the launch: go needs a PASS and three approvals of the same evidence."""
    from billing_recon.core.errors import ConfigurationError
    from billing_recon.day.shadow.decisions import decide as record

    if answer not in ("go", "no-go"):
        raise ConfigurationError(f"'{answer}' is no decision; write go or no-go")
    made = record(open_home(ctx, home), name, answer == "go", decider, actor(), code=code, reason=reason)
    Screen().say(f"{made.decided_by} decided {answer} for candidate {name}: {made.reason}", style="bold")
