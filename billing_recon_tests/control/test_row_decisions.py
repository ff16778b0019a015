"""Decisions on quarantined rows as they are stored, and the migration of an older database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from billing_recon.control import ControlStore
from billing_recon.control.database import connect, writing
from billing_recon.control.migrate import SCRIPTS
from billing_recon.core.errors import CloseRefused
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import RowDecision, Verb

DAY, APRIL = date(2026, 3, 2), date(2026, 4, 1)
RELEASE = RowDecision(
    "r1",
    "payments",
    DAY,
    Verb.RELEASE,
    "typing error",
    "Ana",
    (("amount", "1"), ("fee", "")),
    "finance",
    "root",
    '{"a": 1}',
)
DISCARD = replace(RELEASE, verb=Verb.DISCARD, corrections=(), reason="sent again")


def test_a_decision_comes_back_as_it_was_made(control: ControlStore) -> None:
    (made,) = control.decide_rows([RELEASE])
    assert made == replace(RELEASE, decided_at="2026-04-01T09:30:00.000+00:00")
    assert control.row_decisions("r") == control.standing_decisions("payments", DAY) == [made]
    assert control.row_decisions("%") == control.standing_decisions("payments", APRIL) == []


def test_deciding_the_same_again_is_no_new_decision_and_deciding_otherwise_is(control: ControlStore) -> None:
    control.decide_rows([RELEASE])
    assert control.decide_rows([replace(RELEASE, decided_by="Bo", reason="the same")]) == []
    control.decide_rows([DISCARD])
    control.decide_rows([RELEASE])
    assert [d.verb.value for d in control.row_decisions("r1")] == ["release", "discard", "release"]
    assert [d.verb for d in control.standing_decisions("payments", DAY)] == [Verb.RELEASE]


def test_the_partition_counts_as_incomplete_until_it_is_landed_again(control: ControlStore) -> None:
    control.end_write("quarantine_payments", DAY, 1, "d1", "run-1")
    control.decide_rows([RELEASE])
    (state,) = control.partition_states(["quarantine_payments"], DAY, DAY)
    assert not state.complete
    control.end_write("quarantine_payments", DAY, 1, "d2", "run-2")
    control.decide_rows([RELEASE])
    (state,) = control.partition_states(["quarantine_payments"], DAY, DAY)
    assert state.complete, "nothing new was decided"


def test_of_decisions_of_which_one_is_in_a_closed_month_none_is_recorded(control: ControlStore) -> None:
    control.close_month("2026-03", "e1")
    april = replace(RELEASE, row_id="r2", day=APRIL)
    with pytest.raises(CloseRefused, match="2026-03 is Closed"):
        control.decide_rows([april, RELEASE])
    assert control.row_decisions("") == []


def test_a_landing_keeps_how_many_rows_are_there_by_a_decision(control: ControlStore) -> None:
    report = LandingReport("payments", DAY, LandingStatus.PRESENT, 5, 3, 2, 0, released=2, discarded=1)
    control.record_landing(report, "run-1")
    assert control.landing_reports(DAY) == [report]


def test_a_database_of_an_older_release_is_migrated_with_what_it_holds(new_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    engine = connect(new_url)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO landing_reports (table_name, day, status, rows_in, accepted, quarantined, duplicates, files, "
                "message, reasons, run_id) VALUES ('payments', '2026-03-02', 'present', 3, 2, 1, 0, "
                "'{\"files\":[]}', '', '{}', 'r')"
            )
        )
    engine.dispose()
    control = ControlStore.open(new_url)
    assert control.landing_reports(DAY) == [LandingReport("payments", DAY, LandingStatus.PRESENT, 3, 2, 1)]
    assert control.decide_rows([RELEASE])
    assert control.verify_audit() == []
    control.close()
