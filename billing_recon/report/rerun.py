"""What running stale days again changed, as tables: the days with verdicts before and after, money per currency, single breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.day.rerun_changes import RerunChanges
from billing_recon.day.stale_days import StaleDay
from billing_recon.report.terminal import Col, Table


def stale_table(stale: Iterable[StaleDay]) -> Table:
    """The days that are stale, and why."""
    table = Table([Col("day"), Col("stale because", wrap=True)])
    for one in stale:
        table.add(str(one.day), one.why)
    return table


def verdicts_table(why: Mapping[date, str], changes: RerunChanges) -> Table:
    """The days that were run again: their verdict before and after, and why."""
    table = Table([Col("day"), Col("before"), Col("after"), Col("was stale because", wrap=True)])
    for day, reason in sorted(why.items()):
        before, after = changes.verdicts[day]
        table.add(str(day), before or "-", after or "-", reason)
    return table


def money_table(changes: RerunChanges) -> Table:
    """Breaks closed, opened and changed per currency, with their money before and after."""
    heads = ("breaks", "gross before", "gross after", "net before", "net after")
    table = Table([Col("change"), Col("currency"), *(Col(head, right=True) for head in heads)])
    for one in changes.money:
        currency = one.currency
        table.add(
            one.change,
            currency or "units",
            f"{one.breaks:,}",
            amount(one.gross_before, currency),
            amount(one.gross_after, currency),
            delta(one.net_before, currency),
            delta(one.net_after, currency),
        )
    return table


def breaks_table(changes: RerunChanges) -> Table:
    """The changes of the most money, break by break."""
    table = Table([Col("break"), Col("day"), Col("change"), Col("before", wrap=True), Col("after", wrap=True)])
    for one in changes.largest:
        table.add(
            one.break_id,
            str(one.day),
            one.change,
            _side(one.before, one.delta_before, one.currency),
            _side(one.after, one.delta_after, one.currency),
        )
    return table


def _side(what: str | None, figure: Decimal | None, currency: str | None) -> str:
    return f"{what} {with_currency(figure, currency, signed=True)}" if what else "-"
