"""`ownership`: what of a home lives in code and what in configuration, where trails have gaps, and who answers for what."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

import typer

from billing_recon.cli.options import DayOption, Format, FormatOption, HomeOption, home_hint, open_home
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import parse_day
from billing_recon.core.shown_text import visible_json
from billing_recon.report.exports import rows_csv
from billing_recon.report.terminal import Col, Screen, table_of

if TYPE_CHECKING:
    from billing_recon.day.home import Home

EXAMPLES = """
  billing-recon ownership
  billing-recon ownership --format csv > handoff-contract.csv"""


def ownership(
    ctx: typer.Context, day: DayOption = None, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """Show what lives in code and what in configuration, where trails have gaps, and the handoff contract.

    The handoff contract is made from the policy's owners, approvers and close, and from company.yaml's sources. As csv it is
    the contract alone. Expired entries are those of the day, by default the newest with a verdict.
    """
    from billing_recon.day.ownership import Duty, duties, gaps, parts

    opened = open_home(ctx, home)
    found, agreed = parts(opened, _as_of(opened, day)), duties(opened)
    missing = gaps(found, agreed)
    if form is Format.CSV:
        sys.stdout.write(rows_csv((asdict(one) for one in agreed), list(Duty.__slots__)))
        return
    if form is Format.JSON:
        content = {"parts": [asdict(p) for p in found], "handoff": [asdict(d) for d in agreed], "gaps": missing}
        sys.stdout.write(visible_json(json.dumps(content, ensure_ascii=False, indent=1)) + "\n")
        return
    screen = Screen()
    screen.say(opened.company.name, style="bold")
    screen.table(
        table_of(
            found,
            (
                Col("what", lambda one: one.what, wrap=True),
                Col("lives in", lambda one: one.kind),
                Col("where", lambda one: one.where),
                Col("trail", lambda one: one.trail, wrap=True),
            ),
            "What decides about results",
        )
    )
    screen.table(
        table_of(
            agreed,
            (
                Col("about", lambda one: one.about, wrap=True),
                Col(
                    "owner", lambda one: (one.owner or "nobody") + ("" if one.named or not one.owner else " (default)")
                ),
                Col("how", lambda one: one.how, wrap=True, spare=True),
            ),
            "Handoff contract",
        )
    )
    for sentence in missing:
        screen.say(f"gap: {sentence}")
    if not missing:
        screen.say("no gaps")
    screen.say(f"next: edit policies/, then billing-recon policy apply{home_hint(ctx, home)}")


def _as_of(home: Home, day: str | None) -> date:
    from billing_recon.day.gate import DAY_GATE

    judged = home.control.answers(DAY_GATE)
    found = parse_day(day or max(judged)) if day or judged else home.first_day
    if found is None:
        raise ConfigurationError("no day has a verdict yet, so say as of when: --day YYYY-MM-DD")
    return found
