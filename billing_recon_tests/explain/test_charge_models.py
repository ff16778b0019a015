"""The words for each charge model's step as a controller would write them, from the working that rating gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from billing_recon.compute.engine import build
from billing_recon.compute.rating import MODELS, rate
from billing_recon.compute.rating.registry import OPTIONAL
from billing_recon.core.catalog import Charge, Plan
from billing_recon.core.profile import Profile
from billing_recon.explain.charge_models import WORDS, Step, words
from billing_recon_tests.compute.rating.cases import opened
from billing_recon_tests.compute.rating.desk import table

ITEM = {
    "item_id": "INTEGER",
    "plan_id": "VARCHAR",
    "plan_version": "VARCHAR",
    "currency": "VARCHAR",
    "charge_id": "VARCHAR",
    "quantity": "DECIMAL(28,10)",
    "part": "INTEGER",
    "whole": "INTEGER",
    "before": "DECIMAL(28,10)",
    "opens": "BOOLEAN",
    "closes": "BOOLEAN",
    "cell": "VARCHAR",
}
EVENT = {"item_id": "INTEGER", "event_no": "INTEGER", "value": "DECIMAL(28,10)", "prorated": "DECIMAL(28,10)"}


def priced(
    charge: Mapping[str, Any],
    units: object,
    *,
    before: object = 0,
    opens: bool = True,
    closes: bool = True,
    cell: str | None = None,
    events: tuple[tuple[object, object], ...] = (),
    **profile: Any,
) -> tuple[str, dict[str, Any]]:
    """The words and the working of one item."""
    whole = Charge.model_validate({"charge_id": "c", "kind": "usage", "meter": "api_calls", **charge})
    plan = Plan(plan_id="p", plan_version="1", currency="USD", charges=(whole,))
    con = opened([plan], Profile.model_validate(profile))
    table(con, "items", ITEM, [(1, "p", "1", "USD", "c", units, 1, 1, before, opens, closes, cell)])
    table(con, "item_events", EVENT, [(1, n, *event) for n, event in enumerate(events)])
    given = [name for name in ITEM if name in OPTIONAL]
    build(con, rate("items", "rated", given=given, events="item_events"))
    ((text,),) = con.execute("SELECT working FROM rated").fetchall()
    working = json.loads(text, parse_float=lambda _: pytest.fail("a figure went through a float"))
    return words(Step(working["model"], working["steps"], "api calls", "USD", 2, whole.free_units)), working


TIERS = [{"up_to": 1000, "unit": "0.10"}, {"up_to": 5000, "unit": "0", "flat": "25"}, {"unit": "0.05", "flat": "3"}]
RATES = [{"up_to": 1000, "rate": "0.02"}, {"rate": "0.0125", "flat": "5"}]
BLOCKS = [{"block_size": 100, "unit": "1", "max_blocks": 10}, {"block_size": 1000, "unit": "2.5"}]
MATRIX = {"model": "matrix", "dimensions": ["region", "size"], "prices": [{"values": ["eu", "l"], "unit_price": "2"}]}


@pytest.mark.parametrize(
    ("charge", "asked", "phrase"),
    [
        (
            {"model": "graduated", "tiers": TIERS},
            {"units": 6000},
            "1,000 api calls at USD 0.10 + 4,000 above the first 1,000 for USD 25.00 "
            "+ 1,000 above the first 5,000 at USD 0.05 plus USD 3.00",
        ),
        (
            {"model": "graduated", "tiers": TIERS},
            {"units": 500, "before": 4800, "opens": False, "closes": False},
            "200 above the first 1,000 included + 300 above the first 5,000 at USD 0.05 plus USD 3.00",
        ),
        ({"model": "graduated", "tiers": TIERS}, {"units": 0}, "no api calls"),
        (
            {"model": "graduated", "tiers": [{"up_to": 5, "unit": "1", "flat": "9"}, {"unit": "1"}]},
            {"units": 0, "engine": "lago"},
            "no api calls, fee of USD 9.00",
        ),
        (
            {"model": "graduated_percentage", "tiers": RATES},
            {"units": 1500},
            "1,000 api calls at 2% + 500 above the first 1,000 at 1.25% plus USD 5.00",
        ),
        ({"model": "flat", "amount": "1200"}, {"units": 1}, "flat fee of USD 1,200.00"),
        (
            {"model": "volume", "tiers": TIERS},
            {"units": 1001},
            "all 1,001 api calls at USD 0.00 (tier 2) plus USD 25.00",
        ),
        ({"model": "volume", "tiers": TIERS}, {"units": 0}, "no api calls"),
        (
            {"model": "package", "package_size": 1000, "package_price": "5", "free_units": 100},
            {"units": 1500},
            "1,500 api calls less 100 free in 2 packages of 1,000 at USD 5.00",
        ),
        ({"model": "dynamic", "multiplier": "1.2"}, {"units": "1234.5"}, "cost of USD 1,234.5 times 1.2"),
        (
            {"model": "per_unit", "unit_price": "2", "free_units": 100},
            {"units": 150},
            "50 api calls above the 100 included at USD 2.00",
        ),
        (
            {"model": "percentage", "rate": "0.013", "event_fee": "2", "free_events": 1},
            {"units": 800, "events": ((300, 300), (500, 500))},
            "1.3% of 500 above the 300 free api calls plus 1 event at USD 2.00",
        ),
        (
            {"model": "percentage", "rate": "0.0299", "event_minimum": "1.75", "event_maximum": "12"},
            {"units": 10090, "events": ((10, 10), (80, 80), (10000, 10000))},
            "2.99% of 10,090 api calls, each at least USD 1.75 and at most USD 12.00",
        ),
        (MATRIX, {"units": 3, "cell": "eu|l"}, "3 api calls (eu, l) at USD 2.00"),
        (
            {"model": "graduated_blocks", "tiers": BLOCKS},
            {"units": 5325},
            "5,325 api calls, of which 5 blocks of 1,000 in tier 2 at USD 2.50",
        ),
        (
            {"model": "volume_blocks", "tiers": BLOCKS},
            {"units": 950},
            "all 950 api calls, of which 10 blocks of 100 in tier 1 at USD 1.00",
        ),
        (
            {"model": "graduated", "tiers": TIERS, "prorated": True},
            {"units": 10, "events": ((10, "4.5"),)},
            "4.5 prorated api calls (10 in full) in graduated tiers",
        ),
    ],
)
def test_a_step_reads_like_a_line_of_a_bill(charge: dict[str, Any], asked: dict[str, Any], phrase: str) -> None:
    said, working = priced(charge, **asked)
    assert said == phrase
    assert working["proration"] is None
    assert isinstance(working["steps"], dict)


def test_a_tiers_fee_is_in_the_working_only_where_it_is_owed() -> None:
    _, working = priced({"model": "graduated", "tiers": TIERS}, 500, before=4800, opens=False)
    assert [(t["tier"], t["units"], t["flat"], t["amount"]) for t in working["steps"]["tiers"]] == [
        (2, "200", "0", "0"),
        (3, "300", "3", "18"),
    ]


def test_only_charge_models_have_words() -> None:
    assert set(WORDS) <= {model.name for model in MODELS}


def test_a_model_without_words_is_worded_by_its_figures() -> None:
    assert words(Step("new", {"units": "3", "unit_price": "0.5"}, "seats", "USD", 2)) == "3 seats at USD 0.50"
    assert words(Step("new", {"cost": "3", "mark_up": "1"}, "seats", "USD", 2)) == "cost 3, mark up 1"
