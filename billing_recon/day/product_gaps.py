"""Causes that come back month after month: not exceptions to work on one by one, but something to change in the product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_recon.compute.engine import scratch
from billing_recon.core.schema import BREAKS
from billing_recon.day.exceptions import EARLIEST
from billing_recon.day.home import Home


@dataclass(frozen=True, slots=True)
class Gap:
    """A cause with breaks in several months, in one currency (None: units). `months` are those, in order (YYYY-MM)."""

    code: str
    pair: str
    owner: str
    currency: str | None
    months: tuple[str, ...]
    breaks: int
    net: Decimal
    gross: Decimal
    accepted: int


def product_gaps(home: Home, through: date) -> list[Gap]:
    """Causes found in at least `exceptions.gap_months` months up to a day, the dearest first.

    Every break counts, also those that were accepted (`accepted`): a cause that is accepted every month is one all the more.
    """
    least = home.policy.exceptions.gap_months
    with scratch() as con:
        rows = con.execute(
            "WITH found AS (SELECT code, pair, owner, currency, strftime(day, '%Y-%m') AS month, delta, disposition "
            f"FROM ({home.warehouse.scan(BREAKS, EARLIEST, through)})), "
            "months AS (SELECT code, pair, list(DISTINCT month ORDER BY month) AS months FROM found GROUP BY code, pair) "
            "SELECT code, pair, max(owner), currency, any_value(months.months), count(*), sum(delta), sum(abs(delta)), "
            "count(*) FILTER (WHERE disposition NOT IN ('OPEN', 'DEFECT', 'DATA_ERROR')) "
            "FROM found JOIN months USING (code, pair) WHERE len(months.months) >= ? "
            "GROUP BY code, pair, currency ORDER BY sum(abs(delta)) DESC, code, pair, currency",
            [least],
        ).fetchall()
    return [
        Gap(code, pair, owner, currency, tuple(months), breaks, net, gross, accepted)
        for code, pair, owner, currency, months, breaks, net, gross, accepted in rows
    ]
