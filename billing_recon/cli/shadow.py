"""`shadow`: what every customer would pay under other terms or another engine, before anyone is billed by them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import MARKUP, Format, FormatOption, HomeOption, actor, home_hint, open_home
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

    opened = open_home(ctx, home)
    screen = Screen()
    with screen.progress(f"reviewing candidate {name}"):
        review(opened, name, actor())
    judged = judge(opened, name)
    _show(screen, judged)
    screen.say(f"next: billing-recon shadow causes{home_hint(ctx, home)} {name}")


@app.command(epilog="\b\nExamples:\n  billing-recon shadow show rise-2026")
def show(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Show a candidate's review: sums per currency, states, and the launch rule."""
    from billing_recon.day.shadow.gate import check as judge
    from billing_recon.report import shadow as report

    judged = judge(open_home(ctx, home), name)
    screen = Screen()
    _show(screen, judged)
    screen.table(report.states(judged.review))
    screen.table(report.effects(judged.review))


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
        typer.Option("--state", metavar="STATE", help="equal, meant, fixed, kept, unmeant, accepted or unknown."),
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
    from billing_recon.report import shadow as report

    review = latest(open_home(ctx, home), name)
    rows = report.causes(review)
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

    judged = judge(open_home(ctx, home), name)
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
    candidate: Annotated[str, typer.Option("--candidate", metavar="NAME", help="The candidate.")],
    home: HomeOption = None,
) -> None:
    """Show a customer's old and new bill side by side, with what the customer is told."""
    from billing_recon.day.shadow.gate import latest
    from billing_recon.report import shadow as report

    screen = Screen()
    for says, bill in report.preview(latest(open_home(ctx, home), candidate), customer):
        screen.say(says, style="bold")
        screen.table(bill)


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
        typer.Option("--as", metavar="MARK", help="A cause: understood, to-fix, comment. An invoice: right, wrong."),
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; recorded in the audit chain.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    owner: Annotated[str, typer.Option("--owner", metavar="TEAM", help="Who works on the cause.")] = "",
    home: HomeOption = None,
) -> None:
    """Say what a cause is, or that an invoice of the hand-checked sample is right or wrong."""
    from billing_recon.day.shadow import decisions

    opened = open_home(ctx, home)
    if verdict in ("right", "wrong"):
        decisions.check_row(opened, name, what, verdict == "right", by=by, actor=actor(), note=note)
    else:
        decisions.mark_cause(opened, name, what, verdict, by=by, actor=actor(), note=note, owner=owner)
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
