"""The relations that rating builds on demand are held to the same rules as all others: no division, no float, declared inputs."""

from __future__ import annotations

import pytest

from billing_recon.compute.rating import price, rate
from billing_recon.compute.rating.changes import change
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.rating.cycles import cycles
from billing_recon.compute.rating.metering import meter
from billing_recon.compute.rating.proration import counted, shares, stubs
from billing_recon.compute.rating.registry import OPTIONAL
from billing_recon.compute.relation import Relation
from billing_recon_tests.compute import test_sql_keeps_money_exact as rules

ON_DEMAND: tuple[Relation, ...] = (
    *price("a", "priced", given=OPTIONAL, events="e"),
    *rate("b", "told", given=OPTIONAL, events="e"),
    *commit("c", "agreed"),
    *meter("d", "e", "metered"),
    *counted("f", "counted"),
    *shares("g", "shares"),
    *stubs("h", "stubs"),
    *cycles("i", "cycles"),
    *change("j", "changed"),
)
CHECKS = tuple(name for name in dir(rules.TestRelation) if name.startswith("test_"))
WHOLE_NUMBERS = "test_multiplies_only_whole_numbers_of_days_or_rows"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for relation in ON_DEMAND:
        monkeypatch.setitem(rules.RELATIONS, relation.name, relation)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", [relation.name for relation in ON_DEMAND])
def test_a_relation_on_demand_keeps_the_rules(name: str, check: str) -> None:
    getattr(rules.TestRelation(), check)(name)
