"""What a candidate does to revenue and to customers: effects, winners and losers, the spread of changes, who moves most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import amount, delta
from billing_recon.day.shadow.review import Review
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table
from billing_recon.report.waterfall import Waterfall, counted

SIDES = ("currency", "plan", "segment", "region")
"""What the effect on revenue is broken down by; amounts are always of one currency."""
_OF = {
    "currency": "''",
    "plan": "coalesce(old_plan, new_plan, '')",
    "segment": "coalesce(segment, '')",
    "region": "coalesce(tax_region, '')",
}
_RANGES = (
    ("more than 50% less", "down"),
    ("25 to 50% less", "down"),
    ("10 to 25% less", "down"),
    ("up to 10% less", "down"),
    ("no change", "net"),
    ("up to 10% more", "up"),
    ("10 to 25% more", "up"),
    ("25 to 50% more", "up"),
    ("more than 50% more", "up"),
    ("from nothing", "up"),
)
MOVERS_MAX = 10
"""Customers per currency in the list of those that move most."""


def effects(review: Review, by: str) -> Table:
    """The effect on revenue per currency, and per plan, segment or region of it, with how many customers pay more or less."""
    if by not in SIDES:
        raise ConfigurationError(f"--by {by} is unknown; give one of {', '.join(SIDES)}")
    figures = ("old", "new", "change", "in percent", "customers", "pay more", "pay less")
    found = Table([*([Col(by)] if by != "currency" else []), Col("currency"), *(Col(n, right=True) for n in figures)])
    # Customers are counted by the sum of what they pay here, not by their single invoices.
    for row in rows_of(
        f"WITH payers AS (SELECT {_OF[by]} AS part, currency, customer_id, sum(old_total) AS old, sum(new_total) AS new "
        f"FROM {review.table('shadow_invoices')} GROUP BY ALL) "
        "SELECT part, currency, sum(old) AS old, sum(new) AS new, sum(new - old) AS change, ratio(sum(new - old), abs(sum(old))) "
        "AS share, count(*) AS payers, count(*) FILTER (WHERE new > old) AS more, count(*) FILTER (WHERE new < old) AS less "
        "FROM payers GROUP BY part, currency ORDER BY part, currency"
    ):
        currency = row["currency"]
        found.add(
            *([row["part"]] if by != "currency" else []),
            currency,
            amount(row["old"], currency),
            amount(row["new"], currency),
            delta(row["change"], currency),
            percent(row["share"]),
            *(f"{row[name]:,}" for name in ("payers", "more", "less")),
        )
    return found


def winners(review: Review) -> Table:
    """Per currency: how many customers pay less, the same and more, and what that comes to."""
    found = Table(
        [Col("currency"), Col("customers that"), *(Col(n, right=True) for n in ("number", "in all", "largest"))]
    )
    for row in rows_of(
        "SELECT currency, CASE WHEN delta < 0 THEN 'pay less' WHEN delta > 0 THEN 'pay more' ELSE 'pay the same' END AS side, "
        "count(*) AS number, sum(delta) AS total, arg_max(delta, abs(delta)) AS largest "
        f"FROM {review.table('shadow_accounts')} GROUP BY currency, side, sign(delta) ORDER BY currency, sign(delta)"
    ):
        money = [delta(row[name], row["currency"]) for name in ("total", "largest")]
        found.add(row["currency"], row["side"], f"{row['number']:,}", *money)
    return found


def spreads(review: Review) -> list[Waterfall]:
    """The distribution of changes per currency: customers per range. A customer who paid nothing before and pays now has a range of its own."""
    rows = rows_of(
        "SELECT currency, CASE WHEN delta = 0 THEN 'no change' WHEN old_total = 0 AND delta > 0 THEN 'from nothing' "
        "WHEN delta * 2 < -abs(old_total) THEN 'more than 50% less' WHEN delta * 4 < -abs(old_total) THEN '25 to 50% less' "
        "WHEN delta * 10 < -abs(old_total) THEN '10 to 25% less' WHEN delta < 0 THEN 'up to 10% less' "
        "WHEN delta * 2 > abs(old_total) THEN 'more than 50% more' WHEN delta * 4 > abs(old_total) THEN '25 to 50% more' "
        "WHEN delta * 10 > abs(old_total) THEN '10 to 25% more' ELSE 'up to 10% more' END AS range, count(*) AS number "
        f"FROM {review.table('shadow_accounts')} GROUP BY currency, range ORDER BY currency, range"
    )
    return [
        counted("Customers by change of their total", currency, list(_bars(rows, currency)))
        for currency in dict.fromkeys(row["currency"] for row in rows)
    ]


def _bars(rows: Sequence[Row], currency: str) -> Iterator[tuple[str, int, str]]:
    """Every range, the empty ones too; `from nothing` only if there is anybody in it."""
    numbers = {row["range"]: row["number"] for row in rows if row["currency"] == currency}
    for name, side in _RANGES:
        if name in numbers or name != "from nothing":
            yield name, numbers.get(name, 0), side


def movers(review: Review) -> Table:
    """Per currency, the customers whose totals change most."""
    rows = rows_of(
        f"SELECT *, ratio(delta, abs(old_total)) AS share FROM {review.table('shadow_accounts')} WHERE delta <> 0 "
        f"QUALIFY row_number() OVER (PARTITION BY currency ORDER BY abs(delta) DESC, customer_id) <= {MOVERS_MAX} "
        "ORDER BY currency, abs(delta) DESC, customer_id"
    )
    return _customers(rows)


def risen(review: Review, share: Decimal, limit: int) -> tuple[Table, int]:
    """The customers whose total rises by more than a share of it, the largest shares first, and how many there are."""
    above = f"delta > 0 AND delta > abs(old_total) * CAST('{share:f}' AS rate)"
    ((number,),) = (
        r.values() for r in rows_of(f"SELECT count(*) AS n FROM {review.table('shadow_accounts')} WHERE {above}")
    )
    rows = rows_of(
        f"SELECT *, ratio(delta, abs(old_total)) AS share FROM {review.table('shadow_accounts')} WHERE {above} "
        f"ORDER BY share DESC NULLS FIRST, delta DESC, customer_id, currency LIMIT {limit}"
    )
    return _customers(rows), number


def _customers(rows: Sequence[Row]) -> Table:
    names = ("old", "new", "change", "in percent", "meant", "unmeant")
    found = Table([Col("customer"), Col("segment"), Col("currency"), *(Col(name, right=True) for name in names)])
    for row in rows:
        currency = row["currency"]
        found.add(
            row["customer_id"],
            row["segment"] or "",
            currency,
            amount(row["old_total"], currency),
            amount(row["new_total"], currency),
            delta(row["delta"], currency),
            percent(row["share"]),
            delta(row["meant"], currency),
            amount(row["unmeant"], currency),
        )
    return found


def percent(share: Decimal | None) -> str:
    """A change in percent with a sign and two decimals; without anything to be a share of: new.

    >>> percent(Decimal("-0.3")), percent(Decimal("0.05125")), percent(Decimal("-0.00001")), percent(None)
    ('-30.00%', '+5.12%', 'under 0.01%', 'new')
    """
    if share is None:
        return "new"
    return "under 0.01%" if share and abs(share) < Decimal("0.00005") else f"{share * 100:+.2f}%"
