"""The relations that rating builds on demand keep the same rules as all others: no division, no float, declared inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing_recon.compute.rating import price, rate
from billing_recon.compute.rating.changes import change
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.rating.cycles import cycles
from billing_recon.compute.rating.metering import meter
from billing_recon.compute.rating.proration import counted, shares, stubs
from billing_recon.compute.rating.registry import OPTIONAL
from billing_recon.compute.relation import Relation
from billing_recon_tests.compute.test_sql_keeps_money_exact import RULES, offenders

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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_relation_on_demand(rule: Callable[[Relation], list[str]]) -> None:
    assert offenders(rule, ON_DEMAND) == {}
