"""A mutated company reconciled, and its breaks held against what was foretold."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon.compute.engine import session
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.day import Home
from quality.measuring import Found, Score, breaks, run
from quality.mutations.finding import Finding


def judge(out: Path, days: int, first: date) -> Score:
    """A finding counts under the code under which it was found where that is one of its honest codes, else under ours."""
    home = run(out, days, first)
    found = breaks(home, days, first)
    result = Score(unsummed=sum(not sums for _, _, sums in found))
    left = list(found)
    for mutation, told in foretold(out):
        match = next((one for one in left if _same(told, one[0])), None)
        if match is not None:
            left.remove(match)
            result.injected[match[0][0]] += 1
        elif told.required:
            result.injected[told.codes[0]] += 1
            result.missed[told.codes[0]] += 1
            result.details.append(
                f"missed    {'|'.join(told.codes)} {told.pair} {told.invoice} {told.line} {told.subscription} "
                f"{told.day or ''} {told.delta}: {mutation}"
            )
    struck = {told.invoice or told.subscription: mutation for mutation, told in foretold(out)}
    for one, sentence, _ in left:
        result.invented[one[0]] += 1
        named = struck.get(one[2]) or struck.get(one[4]) or "nothing struck it"
        result.details.append(f"invented  {' '.join(map(str, one))}: {sentence} [{named}]")
    for failure in _unfooted(home, days, first):
        result.unsummed += 1
        result.details.append(failure)
    return result


def _unfooted(home: Home, days: int, first: date) -> list[str]:
    """Control totals whose layers differ by another amount than their breaks: a row was lost, or counted twice."""
    con = session()
    scan = home.warehouse.scan(CONTROL_TOTALS, first, first + timedelta(days=days - 1))
    rows = con.execute(
        "SELECT 'does not foot ' || CAST(day AS VARCHAR) || ' ' || pair || ' ' || coalesce(currency, meter, '') "
        f"FROM ({scan}) WHERE delta <> break_net ORDER BY ALL"
    ).fetchall()
    con.close()
    return [row[0] for row in rows]


def foretold(out: Path) -> list[tuple[str, Finding]]:
    """What foretold.csv says, each with its mutation; those with one honest code first, so that they choose first."""
    with (out / "foretold.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [
        (
            row["mutation"],
            Finding(
                tuple(row["codes"].split("|")),
                row["pair"],
                row["invoice_id"],
                row["line_id"],
                row["subscription_id"],
                Decimal(row["delta"]),
                date.fromisoformat(row["day"]) if row["day"] else None,
                row["required"] == "True",
            ),
        )
        for row in rows
    ]
    return sorted(told, key=lambda one: (not one[1].required, len(one[1].codes)))


def _same(told: Finding, one: Found) -> bool:
    code, pair, invoice, line, subscription, day, delta = one
    return (
        code in told.codes
        and (pair, invoice, line, delta) == (told.pair, told.invoice, told.line, told.delta)
        and told.subscription in (subscription, "*")
        and str(told.day or day) == day
    )
