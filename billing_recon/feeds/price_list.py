"""Prices that live in a table: per-unit charges of the catalog, read from the company's price lists."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
from pydantic import ValidationError

from billing_recon.core.catalog import Charge, Plan
from billing_recon.core.company import Company, Feed
from billing_recon.core.errors import ConfigurationError, LandingRefused
from billing_recon.core.tables import Column, Kind, TableSpec
from billing_recon.feeds.files import open_file
from billing_recon.feeds.loading import FAULTS, REJECTED, TYPED, load, prepare, read_again, unreadable_faults
from billing_recon.feeds.raw import text

PRICE_LIST = TableSpec(
    "price_list",
    (
        Column("plan_id"),
        Column("plan_version"),
        Column("currency", Kind.CURRENCY),
        Column("meter"),
        Column("unit_price", Kind.PRICE),
        Column("kind", required=False, default="usage", one_of=("usage", "subscription")),
    ),
    key=("plan_id", "plan_version", "currency", "kind", "meter"),
    own_day="",
    doc="One row a price. A price may be repeated; two prices for one key are an error.",
)
_SHOWN = 5


def read_price_lists(con: duckdb.DuckDBPyConnection, home: Path, company: Company) -> tuple[Plan, ...]:
    """The plans of every price list, each price a per_unit charge named after its meter, in a fixed order.

    Raises ConfigurationError that names file and rows: a price that cannot be read, two prices for one plan, version,
    currency and meter. A wrong price is configuration, so unlike a day's data nothing is set aside.
    """
    problems: list[str] = []
    prices: dict[tuple[str, str, str, str, str], tuple[Decimal, str]] = {}
    for name, feed in sorted(company.price_lists.items()):
        try:
            for key, price, where in _prices(con, home, name, feed):
                other = prices.setdefault(key, (price, where))
                if other[0] != price:
                    problems.append(
                        f"price list '{name}': {' '.join(key)} costs {other[0]:f} in {other[1]} and {price:f} in {where}; "
                        "keep one, or give the other a plan_version of its own"
                    )
        except LandingRefused as error:
            problems.append(f"price list '{name}': {error}")
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return tuple(_plans(prices))


def _prices(
    con: duckdb.DuckDBPyConnection, home: Path, name: str, feed: Feed
) -> list[tuple[tuple[str, str, str, str, str], Decimal, str]]:
    """Every distinct price of one list: (plan_id, plan_version, currency, kind, meter), the price, and where it stands."""
    if not feed.path or "{day}" in feed.path:
        raise LandingRefused(f"price_lists.{name}.path must name one file for all days; {{day}} has no meaning here")
    paths = sorted(path for path in home.glob(feed.path) if path.is_file())
    if not paths:
        raise LandingRefused(f"no file at {feed.path}; correct price_lists.{name}.path or put the file there")
    prepare(con, PRICE_LIST)
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        files = [open_file(home, path, feed, Path(scratch)) for path in paths]
        for number, file in enumerate(files, 1):
            loaded = load(
                con, number=number, file=file, spec=PRICE_LIST, feed=feed, key=f"price_lists.{name}", roles={}
            )
            if loaded is not None and loaded.unreadable:
                wanted = f"(SELECT * FROM ({read_again(loaded)}) SEMI JOIN (SELECT * FROM {TYPED} WHERE unreadable) USING (file_no, ordinal))"
                con.execute(f"INSERT INTO {FAULTS} {unreadable_faults(loaded, wanted)}")
    where = f"CASE t.file_no {' '.join(f'WHEN {n} THEN {text(f.name)}' for n, f in enumerate(files, 1))} END"
    wrong = con.execute(
        f"SELECT {where} || ' row ' || t.source_row || ': ' || coalesce(f.field, 'the row') || ' ' || f.says "
        f"FROM {FAULTS} f JOIN {TYPED} t USING (file_no, ordinal) UNION ALL "
        f"SELECT {where.replace('t.file_no', 'file_no')} || ' row ' || source_row || ': the row ' || says FROM {REJECTED} "
        f"UNION ALL SELECT {where} || ' row ' || source_row || ': ' || CASE WHEN unit_price < 0 THEN 'unit_price is below 0' "
        "ELSE 'plan_id, plan_version, currency, meter and unit_price must not be empty' END "
        f"FROM {TYPED} t WHERE NOT unreadable AND (unit_price < 0 OR plan_id IS NULL OR plan_version IS NULL OR "
        "currency IS NULL OR meter IS NULL OR unit_price IS NULL) ORDER BY 1"
    ).fetchall()
    if wrong:
        more = [f"price list '{name}': {len(wrong) - _SHOWN} more rows are wrong"] if len(wrong) > _SHOWN else []
        raise ConfigurationError([f"price list '{name}': {row[0]}" for row in wrong[:_SHOWN]] + more)
    found = con.execute(
        f"SELECT plan_id, plan_version, currency, kind, meter, unit_price, {where} || ' row ' || min(t.source_row) "
        f"FROM {TYPED} t GROUP BY ALL, t.file_no ORDER BY ALL".replace(
            "GROUP BY ALL, t.file_no", "GROUP BY 1, 2, 3, 4, 5, 6, t.file_no"
        )
    ).fetchall()
    return [((str(p), str(v), str(c), str(k), str(m)), price, str(at)) for p, v, c, k, m, price, at in found]


def _plans(prices: dict[tuple[str, str, str, str, str], tuple[Decimal, str]]) -> list[Plan]:
    charges: dict[tuple[str, str, str], list[Charge]] = {}
    for (plan_id, version, currency, kind, meter), (price, where) in sorted(prices.items()):
        known: tuple[str, ...] = ("usage", "subscription")
        if kind not in known:
            raise ConfigurationError(f"{where}: kind '{kind}' is neither usage nor subscription")
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
