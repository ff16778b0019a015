"""The exported flag files, evaluated as systems do that read them."""

from __future__ import annotations

import csv
import json
import os
import random
from pathlib import Path

import pytest

from billing_recon.compute.engine import scratch
from billing_recon.control.rollout_records import RolloutEvent, Verb
from billing_recon.day.rollout import flags
from billing_recon.day.rollout.members import write_list
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "2"))


@pytest.fixture
def evaluate(launch: Launch, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """`evaluate(customers)` -> what flagd's provider gives each of them, reading the live file."""
    from openfeature import api
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.evaluation_context import EvaluationContext

    def ask(customers: list[str]) -> dict[str, str]:
        file = flags.current(launch.home, NAME) / flags.FLAGD
        provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file.resolve()))
        api.set_provider_and_wait(provider, domain=str(file))
        client = api.get_client(domain=str(file))
        try:
            return {
                one: client.get_string_value("proration_by_day", "error", EvaluationContext(targeting_key=one))
                for one in customers
            }
        finally:
            provider.shutdown()

    return ask


def _written(launch: Launch, stage: str, customers: list[str]) -> None:
    with scratch() as con:
        con.execute("CREATE TABLE chosen AS SELECT unnest($names) AS customer_id", {"names": customers})
        rows, digest = write_list(con, launch.home, NAME, stage, "FROM chosen")
    content = json.dumps({"rows": rows, "digest": digest, "customers": 100_000})
    launch.home.control.rollouts.append(RolloutEvent(NAME, Verb.MEMBERS, stage, day=str(DAY), content=content))


def test_flagd_evaluates_every_customer_as_our_list_does(launch: Launch, evaluate) -> None:  # type: ignore[no-untyped-def]
    """BILLING_RECON_ROUNDS thousand customers, with odd names; two stages, of which one is exposed."""
    chance = random.Random(18)
    beginnings = ["C-", "\u00dc ", "7", "a|b", '"']
    everyone = [f"{chance.choice(beginnings)}{n}" for n in range(ROUNDS * 1000)]
    listed = chance.sample(everyone, len(everyone) // 50)
    _written(launch, "internal", listed[::2])
    _written(launch, "small", listed[1::2])
    state = launch.state
    flags.switch(launch.home, NAME, flags.contents(launch.home, state, ["internal"]))
    expected = {one: "candidate" if one in set(listed[::2]) else "control" for one in everyone}
    assert evaluate(everyone) == expected
    flags.switch(launch.home, NAME, flags.contents(launch.home, state, []))
    assert set(evaluate(everyone[:50]).values()) == {"control"}


def test_when_everybody_is_exposed_flagd_gives_the_new_path_to_customers_of_no_list(launch: Launch, evaluate) -> None:  # type: ignore[no-untyped-def]
    flags.switch(launch.home, NAME, flags.contents(launch.home, launch.state, ["internal", "all"]))
    assert evaluate(["CUS-00001", "somebody new"]) == {"CUS-00001": "candidate", "somebody new": "candidate"}


def test_csv_and_json_have_the_same_list_for_flags_of_ones_own(launch: Launch) -> None:
    launch.promote()
    place = flags.current(launch.home, NAME)
    rows = list(csv.DictReader((place / flags.CSV).read_text(encoding="utf-8").splitlines()))
    assert [(row["customer_id"], row["stage"], row["variant"]) for row in rows] == [
        ("CUS-00001", "internal", "candidate"),
        ("CUS-00002", "internal", "candidate"),
    ]
    plain = json.loads((place / flags.JSON).read_text(encoding="utf-8"))
    assert plain["customers"] == {"CUS-00001": "candidate", "CUS-00002": "candidate"}
    assert plain["default"] == "control"


def test_all_files_change_at_once_and_old_ones_are_cleared(launch: Launch) -> None:
    launch.promote()
    place = flags.current(launch.home, NAME)
    first = place.resolve()
    launch.rollback()
    assert place.resolve() != first
    assert not first.exists()
    assert [p.name for p in place.parent.glob("flags-*")] == [place.resolve().name]
    assert json.loads((place / flags.FLAGD).read_text())["flags"]["proration_by_day"]["defaultVariant"] == "control"
    assert Path(place / flags.CSV).read_text() == "customer_id,stage,variant\n"
