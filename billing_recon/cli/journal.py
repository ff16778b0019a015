"""`journal`: the revenue journal of a month."""

from __future__ import annotations

import sys

import typer

from billing_recon.cli.options import Format, FormatOption, HomeOption, MonthArgument, open_home
from billing_recon.core.figures import with_currency
from billing_recon.core.period import parse_month
from billing_recon.report.exports import rows_csv, rows_json, text
from billing_recon.report.terminal import Col, Screen, table_of

EXAMPLES = """
  billing-recon journal 2026-03
  billing-recon journal 2026-03 --format csv > journal.csv"""
NAMES = ("at", "kind", "subject", "change", "amount", "currency", "who", "why")


def journal(
    ctx: typer.Context, month: MonthArgument, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """List what changed that bears on a month's revenue, with who and why.

    Changes of the catalog, company.yaml and the policy since the close before; contracts that began or have other terms; credit notes, voided
    and corrected invoice lines; decisions about breaks and quarantined rows; and each lock, close and reopening.
    """
    from billing_recon.day.revenue_journal import revenue_journal

    parse_month(month)
    changes = revenue_journal(open_home(ctx, home), month)
    if form is not Format.TABLE:
        rows = ({name: text(getattr(one, name), one.currency) for name in NAMES} for one in changes)
        sys.stdout.write(rows_csv(rows, NAMES) if form is Format.CSV else rows_json(rows, NAMES))
        return
    columns = (
        Col("at", lambda one: one.at),
        Col("kind", lambda one: one.kind),
        Col("subject", lambda one: one.subject, wrap=True),
        Col("change", lambda one: one.change, wrap=True),
        Col("amount", lambda one: with_currency(one.amount, one.currency, signed=True), right=True),
        Col("who", lambda one: one.who, wrap=True),
        Col("why", lambda one: one.why, wrap=True),
    )
    Screen().table(table_of(changes, columns, f"Revenue journal of {month}"))
