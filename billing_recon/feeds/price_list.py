"""Read price lists: tables of per-unit prices that become charges of the catalog."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
from pydantic import ValidationError

from billing_recon.core.catalog import Charge, Plan
from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError, LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import span_of
from billing_recon.core.schema import Column, Kind, TableSpec
from billing_recon.feeds.effective_feed import completed
from billing_recon.feeds.landing.loaded_file import TYPED, load, prepare
from billing_recon.feeds.landing.quarantine import fill_quarantine
from billing_recon.feeds.landing.validation import check_contract
from billing_recon.feeds.tables.day_files import file_name, open_file

Key = tuple[str, str, str, str, str]
"""plan_id, plan_version, currency, kind, meter."""

_Price = tuple[Key, Decimal, str]
"""A key, its price, and the row that states it."""

PRICE_LIST = TableSpec(
    "price_list",
    (
        Column("plan_id"),
        Column("plan_version"),
        Column("currency", Kind.CURRENCY),
        Column("meter"),
        Column("unit_price", Kind.PRICE, minimum="0"),
        Column("kind", required=False, nullable=True, default="usage", one_of=("usage", "subscription")),
    ),
    key=("plan_id", "plan_version", "currency", "kind", "meter"),
    own_day="",
    doc="One row per price. A price may be repeated; two prices for one key are an error.",
)
_SHOWN = 5
"""Wrong rows that are listed; the others are counted."""


def read_price_lists(con: duckdb.DuckDBPyConnection, home: Path, company: Company) -> tuple[Plan, ...]:
    """Return the plans of every price list in a fixed order. Each price is a per_unit charge named after its meter.

    Raise ConfigurationError, naming file and rows, for an unreadable price or two prices for one plan, version, currency
    and meter. Prices are configuration, so unlike a day's data a wrong row is an error and not quarantined.
    """
    problems: list[str] = []
    prices: dict[Key, tuple[Decimal, str]] = {}
    for name, feed in sorted(company.price_lists.items()):
        try:
            for key, price, where in _prices(con, home, company, name, feed):
                other = prices.setdefault(key, (price, where))
                if other[0] != price:
                    problems.append(
                        f"price list '{name}': {' '.join(key)} costs {other[0]:f} in {other[1]} and {price:f} in {where}; "
                        "keep one, or give the other its own plan_version"
                    )
        except LandingRefused as error:
            problems.append(f"price list '{name}': {error}")
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return tuple(_plans(prices))


def _prices(con: duckdb.DuckDBPyConnection, home: Path, company: Company, name: str, feed: Feed) -> list[_Price]:
    """Return the distinct prices of one list, each with the first row that states it."""
    from billing_recon.contracts.rule import Contract, column_rules

    feed = completed(feed, PRICE_LIST.name)
    if not feed.path or span_of(feed.path):
        raise LandingRefused(f"price_lists.{name}.path must name one file for all days; {{day}} has no meaning here")
    if feed.is_remote:
        raise LandingRefused(f"price_lists.{name}.path is in an object store; copy the price list into the home")
    paths = sorted(path for path in home.glob(feed.path) if path.is_file())
    if not paths:
        raise LandingRefused(f"no file at {feed.path}; correct price_lists.{name}.path or put the file there")
    prepare(con, PRICE_LIST)
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        files = [open_file(home, path, feed, Path(scratch)) for path in paths]
        attempts = [
            load(con, number=n, file=file, spec=PRICE_LIST, feed=feed, key=f"price_lists.{name}", roles={})
            for n, file in enumerate(files, 1)
        ]
        check_contract(con, Contract(PRICE_LIST, column_rules(PRICE_LIST, company.currencies), ()))
        fill_quarantine(con, PRICE_LIST, [one for one in attempts if one is not None], files, owner="")
    wrong = con.execute("SELECT message FROM landed_quarantine ORDER BY source_file, source_row").fetchall()
    if wrong:
        more = [f"price list '{name}': {len(wrong) - _SHOWN} more rows are wrong"] if len(wrong) > _SHOWN else []
        raise ConfigurationError([f"price list '{name}': {row[0]}" for row in wrong[:_SHOWN]] + more)
    where = file_name(files)
    found = con.execute(
        f"SELECT plan_id, plan_version, currency, kind, meter, unit_price, {where} || ' row ' || min(source_row) "
        f"FROM {TYPED} GROUP BY plan_id, plan_version, currency, kind, meter, unit_price, file_no ORDER BY ALL"
    ).fetchall()
    return [
        ((plan_id, version, code, kind, meter), price, at) for plan_id, version, code, kind, meter, price, at in found
    ]


def _plans(prices: dict[Key, tuple[Decimal, str]]) -> list[Plan]:
    charges: dict[tuple[str, str, str], list[Charge]] = {}
    for (plan_id, version, currency, kind, meter), (price, _) in sorted(prices.items()):
        charges.setdefault((plan_id, version, currency), []).append(
            Charge.model_validate(
                {
                    "charge_id": meter if kind == "usage" else f"{kind}:{meter}",
                    "kind": kind,
                    "model": "per_unit",
                    "meter": meter,
                    "unit_price": price.normalize(),
                }
            )
        )
    try:
        return [
            Plan(plan_id=plan_id, plan_version=version, currency=currency, charges=tuple(listed))
            for (plan_id, version, currency), listed in sorted(charges.items())
        ]
    except ValidationError as error:
        raise ConfigurationError(
            [str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors()]
        ) from None
