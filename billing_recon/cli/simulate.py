"""`simulate`: a whole company to try things on, with known billing bugs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.printed_command import home_option
from billing_recon.core.reason import Code
from billing_recon.report.terminal import Screen

EXAMPLES = """
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-01-31 --customers 50 --out try
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-03-01 --customers 200 \\
      --fault USAGE_MISSING=2 --fault LEDGER_DUPLICATE:batch=1 --out try
  billing-recon simulate --list-faults
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-01-31 --customers 50 \\
      --documents mixed --ledger saft-no --out try
  billing-recon simulate --seed 7 --from 2026-01-28 --to 2026-02-06 --customers 200 --candidate rise \
      --fault ROUNDING=1 --fault candidate:TIER_RATE=2 --out try
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-02-10 --customers 200 --rollout proration \
      --rollout-stage 2026-01-12=5% --rollout-stage 2026-01-26=25% --rollout-stage 2026-02-06=100% \
      --fault rollout:INVOICE_DUPLICATE:lines_twice@month_end=2 --fault rollout:ignored=1 --out try"""

CANDIDATE, ROLLOUT = "candidate:", "rollout:"
"""What precedes a bug of the candidate's engine, and of the engine that a rollout bills by."""

Form = TypeVar("Form", bound=StrEnum)


def list_known_faults(wanted: bool) -> None:
    """List every form of every fault with the bug that it injects, and stop."""
    if not wanted:
        return
    from billing_recon.simulate import known_faults

    screen = Screen()
    rows = [(fault.name, fault.reach.value, "by name" if fault.several else "", fault.doc) for fault in known_faults()]
    name, reach, asked = (max(len(row[n]) for row in rows) for n in range(3))
    for row in rows:
        screen.say(f"{row[0]:{name}}  {row[1]:{reach}}  {row[2]:{asked}}  {row[3]}")
    raise typer.Exit


def simulate(
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same bytes.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day with files.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day with files.")],
    customers: Annotated[int, typer.Option("--customers", metavar="N", min=1, help="How many customers.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder, or an earlier simulation.")],
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="CODE[:FORM]=COUNT",
            help="A billing bug and how often to inject it, in one form or in each in turn; candidate:CODE=COUNT puts it into "
            "the candidate's engine, rollout:CODE[:FORM][@BOUNDARY]=COUNT into bills of the rollout's new engine (that cross a "
            "boundary), and rollout:ignored=COUNT bills by the other engine than the flag says. Repeatable.",
        ),
    ] = None,
    list_faults: Annotated[
        bool,
        typer.Option("--list-faults", is_eager=True, callback=list_known_faults, help="List every CODE:FORM and stop."),
    ] = False,
    documents: Annotated[
        str,
        typer.Option("--documents", metavar="FORM", help="Invoices as csv, ubl, cii, facturx, html or mixed."),
    ] = "csv",
    ledger: Annotated[
        str,
        typer.Option(
            "--ledger",
            metavar="FORM",
            help="Ledger as csv, saft-no, saft-pt, datev, beancount, hledger, quickbooks or xero.",
        ),
    ] = "csv",
    late_events: Annotated[
        int,
        typer.Option(
            "--late-events", metavar="N", min=0, help="How many usage events arrive after their period's late window."
        ),
    ] = 0,
    in_advance: Annotated[
        bool,
        typer.Option("--in-advance", help="Bill base fees and seats of some plans in advance."),
    ] = False,
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", metavar="NAME", help="Also a candidate for shadow billing, as shadow/NAME."),
    ] = None,
    rollout: Annotated[
        str | None,
        typer.Option("--rollout", metavar="NAME", help="A new engine bills some customers from some days on."),
    ] = None,
    rollout_stage: Annotated[
        list[str] | None,
        typer.Option(
            "--rollout-stage",
            metavar="DAY=SHARE",
            help="From DAY on that share of the customers, such as 5%; off switches back. Left out: 5%, 25% and 100%. Repeatable.",
        ),
    ] = None,
) -> None:
    """Make a company to try things on, with known billing bugs.

    Writes a whole home as files: usage, bills, documents, ledger, payments. The same seed gives the same bytes. Invoices
    and ledger may be real files of a format; company.yaml then says how to read them.

    DIR/truth.csv lists every injected bug, to compare with the breaks found; DIR/faults.csv adds the form of each.
    CODE=COUNT injects the bug into COUNT invoices, in each of its forms in turn. CODE:FORM=COUNT injects one form; forms
    that affect a whole account or batch are only injected this way.
    """
    given = fault or []
    faults = parse_faults([one for one in given if not one.startswith((CANDIDATE, ROLLOUT))])
    candidate_faults = parse_faults([one.removeprefix(CANDIDATE) for one in given if one.startswith(CANDIDATE)])
    if candidate_faults and candidate is None:
        raise ConfigurationError("--fault candidate:... needs --candidate NAME, the candidate whose engine has it")
    of_rollout = [one.removeprefix(ROLLOUT) for one in given if one.startswith(ROLLOUT)]
    if (of_rollout or rollout_stage) and rollout is None:
        raise ConfigurationError("--fault rollout:... and --rollout-stage need --rollout NAME")
    begin, end = parse_day(first), parse_day(last)
    days = days_between(begin, end)
    from billing_recon.simulate import BookedAs, RenderedAs
    from billing_recon.simulate import simulate as make
    from billing_recon.simulate.rollouts import IGNORED, Rollout, Step

    rendered_as = parse_form("--documents", documents, RenderedAs)
    booked_as = parse_form("--ledger", ledger, BookedAs)
    screen = Screen()
    with screen.progress(f"simulating {count(len(days), 'day')} of {count(customers, 'customer')}") as progress:
        make(
            seed=seed,
            first=begin,
            last=end,
            customers=customers,
            faults=faults,
            out=out,
            documents=rendered_as,
            ledger=booked_as,
            late_events=late_events,
            in_advance=in_advance,
            candidate=candidate,
            candidate_faults=candidate_faults,
            rollout=None
            if rollout is None
            else Rollout(
                rollout,
                tuple(Step(day, share) for day, share in map(parse_stage, rollout_stage or ())),
                parse_faults(of_rollout, (IGNORED,)),
            ),
            progress=lambda stage, done, of: progress(f"{stage} {done:,} of {of:,}", done) if done == of else None,
        )
    injected = {
        out / "truth.csv": faults,
        out / "shadow" / str(candidate) / "truth.csv": candidate_faults,
        out / "rollouts" / str(rollout) / "truth.csv": parse_faults(of_rollout, (IGNORED,)),
    }
    listed = [f"{count(sum(of.values()), 'injected fault')} (listed in {file})" for file, of in injected.items() if of]
    screen.say(
        f"{out}: {count(customers, 'customer')}, {begin} to {end}, {', '.join(listed) or '0 injected faults'}",
        style="bold",
    )
    screen.say(f"next: billing-recon run{home_option(out)} --day {begin} --to {end}")


def parse_form(option: str, given: str, forms: type[Form]) -> Form:
    """The form of that name; ConfigurationError lists all forms."""
    try:
        return forms(given)
    except ValueError:
        raise ConfigurationError(f"{option} {given}: unknown form; choose one of {', '.join(forms)}") from None


def parse_stage(text: str) -> tuple[date, Decimal]:
    """DAY=SHARE: a share as 5% or 0.05, or off."""
    day, _, given = text.partition("=")
    figure, percent, rest = given.partition("%")
    try:
        share = Decimal(0) if given == "off" else Decimal(figure) / (100 if percent else 1)
    except InvalidOperation:
        share = Decimal(-1)
    if rest or not 0 <= share <= 1 or (share == 0 and given != "off"):
        raise ConfigurationError(f"--rollout-stage {text}: write DAY=SHARE, such as 2026-01-12=5%, or DAY=off")
    return parse_day(day), share


def parse_faults(given: list[str], others: Collection[str] = ()) -> dict[str, int]:
    """CODE=COUNT and CODE:FORM=COUNT options as a mapping, and those of `others`; ConfigurationError lists every invalid one."""
    faults: dict[str, int] = {}
    problems = []
    for text in given:
        name, _, number = text.partition("=")
        code = name.partition(":")[0].partition("@")[0]
        if code not in Code.__members__ and name not in others:
            problems.append(f"--fault {text}: '{code}' is not a reason code; for example USAGE_MISSING=2")
        elif not number.isdecimal() or int(number) < 1:
            problems.append(f"--fault {text}: write CODE=COUNT with a count of at least 1, for example {name}=2")
        else:
            faults[name] = faults.get(name, 0) + int(number)
    if problems:
        raise ConfigurationError(problems)
    return faults
