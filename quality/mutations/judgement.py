"""A mutated company reconciled, and its breaks compared with foretold.csv."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon.compute.engine import session
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.day import Home
from quality.mutations.finding import Finding
from quality.scores import Found, Score, breaks, run


def judge(out: Path, days: int, first: date) -> Score:
    """A finding counts under the code under which it was found where that is one of its honest codes, else under ours."""
    home = run(out, days, first)
    found = breaks(home, days, first)
    result = Score(unsummed=sum(not sums for _, _, sums in found))
    left = list(found)
    for mutation, wanted in foretold(out):
        match = next((one for one in left if _same(wanted, one[0])), None)
        if match is not None:
            left.remove(match)
            result.injected[match[0][0]] += 1
        elif wanted.required:
            result.injected[wanted.codes[0]] += 1
            result.missed[wanted.codes[0]] += 1
            result.details.append(
                f"missed    {'|'.join(wanted.codes)} {wanted.pair} {wanted.invoice} {wanted.line} {wanted.subscription} "
                f"{wanted.day or ''} {wanted.delta}: {mutation}"
            )
    mutated = {wanted.invoice or wanted.subscription: mutation for mutation, wanted in foretold(out)}
    for one, sentence, _ in left:
        result.invented[one[0]] += 1
        named = mutated.get(one[2]) or mutated.get(one[4]) or "no mutation"
        result.details.append(f"invented  {' '.join(map(str, one))}: {sentence} [{named}]")
    for failure in _unfooted(home, days, first):
        result.unsummed += 1
        result.details.append(failure)
    return result


def _unfooted(home: Home, days: int, first: date) -> list[str]:
    """Control totals with layers that differ by another amount than their breaks: a row was lost or counted twice."""
    con = session()
    scan = home.warehouse.scan(CONTROL_TOTALS, first, first + timedelta(days=days - 1))
    rows = con.execute(
        "SELECT 'does not foot ' || CAST(day AS VARCHAR) || ' ' || pair || ' ' || coalesce(currency, meter, '') "
        f"FROM ({scan}) WHERE delta <> break_net ORDER BY ALL"
    ).fetchall()
    con.close()
    return [row[0] for row in rows]


def foretold(out: Path) -> list[tuple[str, Finding]]:
    """The findings of foretold.csv with their mutations; those with only one correct code first, so that they are matched first."""
    with (out / "foretold.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = [
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
    return sorted(wanted, key=lambda one: (not one[1].required, len(one[1].codes)))


def _same(wanted: Finding, one: Found) -> bool:
    code, pair, invoice, line, subscription, day, delta = one
    return (
        code in wanted.codes
        and (pair, invoice, line, delta) == (wanted.pair, wanted.invoice, wanted.line, wanted.delta)
        and wanted.subscription in (subscription, "*")
        and str(wanted.day or day) == day
    )
