"""Nothing downstream opens unless the day's gate is a current PASS: in the same run, in another, and after a change."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from billing_recon.core.errors import CloseRefused, GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day import sign_off
from billing_recon.day.gate import DAY_GATE, judge_day
from billing_recon.day.releases import verify_release, withdraw_unsettled
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day
from billing_recon_tests.defs.plant import Plant, failures, materialized, refusal
from billing_recon_tests.people import code_of, enrol_everyone

SECOND = FIRST + timedelta(days=1)


def verdict(works: Plant) -> Verdict | None:
    found = works.home.control.latest_verdict(DAY_GATE, str(FIRST))
    return found.verdict if found else None


def test_a_green_day_is_released_in_its_own_run_and_may_be_again_in_another(works: Plant) -> None:
    result = works.run(FIRST)
    assert failures(result) == []
    assert {"day_gate", "day_pack", "day_release"} <= materialized(result)
    assert verdict(works) is Verdict.PASS
    assert failures(works.run(FIRST, "day_release")) == []


def test_a_gate_that_is_not_passed_stops_the_release_in_its_own_run_and_in_another_and_not_the_day_pack(
    works: Plant,
) -> None:
    works.file("ledger_entries", FIRST).unlink()
    result = works.run(FIRST)
    assert not result.success
    assert verdict(works) is Verdict.INCONCLUSIVE
    assert "day_pack" in materialized(result)
    assert "day_release" not in materialized(result)
    assert not works.released(FIRST)
    said = refusal(works.run(FIRST, "day_release"))
    assert "INCONCLUSIVE: No file of ledger_entries was delivered" in said
    assert f"billing-recon run --day {FIRST}" in said
    assert not works.released(FIRST)


def test_a_day_that_was_never_judged_is_not_released(works: Plant) -> None:
    assert "has never been judged" in refusal(works.run(FIRST, "day_release"))


@pytest.mark.long
def test_a_verdict_is_stale_after_an_upstream_table_was_landed_again_with_other_rows(green: Plant) -> None:
    green.shorten("usage_events", FIRST)
    assert failures(green.run(FIRST, "usage_events")) == []
    for day in (FIRST, SECOND):
        assert "was PASS, but its evidence" in refusal(green.run(day, "day_release"))


def test_a_verdict_stays_current_after_a_rerun_of_the_same_data(green: Plant) -> None:
    assert failures(green.run(FIRST, "usage_events", "payments")) == []
    assert failures(green.run(FIRST, "day_release")) == []


@pytest.mark.long
def test_a_write_that_was_cut_off_makes_the_verdict_unusable(green: Plant) -> None:
    green.home.control.begin_write("breaks", FIRST, "killed")
    assert "is incomplete" in refusal(green.run(FIRST, "day_release"))
    assert failures(green.run(FIRST)) == []


def test_another_policy_needs_another_verdict(green: Plant) -> None:
    green.home.control.apply_policy(f"# looser\n{green.home.control.current_policy().text}", "ana", "")  # type: ignore[union-attr]
    assert "data, policy, catalog or code changed" in refusal(green.run(FIRST, "day_release"))


@pytest.mark.long
def test_a_month_closes_only_when_every_day_is_green_and_three_people_signed(green: Plant) -> None:
    days = [FIRST + timedelta(days=n) for n in range(7)]
    run_day(green.home, days[2])
    said = refusal(green.close("2026-01"))
    assert "1 day (2026-01-31) not reconciled" in said
    assert "finance: not signed yet" in said
    for day in days[3:]:
        run_day(green.home, day)
    secrets = enrol_everyone(green.home)
    for person in ("Amara Okafor", "Jonas Weber"):
        sign_off(green.home, "2026-01", person, actor="test", code=code_of(secrets[person], later=1))
    with pytest.raises(CloseRefused, match="not that of Mei Tanaka"):
        sign_off(green.home, "2026-01", "Mei Tanaka", actor="test", code=code_of(secrets["Jonas Weber"], later=1))
    with pytest.raises(CloseRefused, match="with the code of their authenticator"):
        sign_off(green.home, "2026-01", "Mei Tanaka", actor="test", code="")
    assert refusal(green.close("2026-01")).startswith(
        "sign_off (finance-operations, due 2026-02-06) is FAIL: engineering: not signed yet"
    )
    sign_off(green.home, "2026-01", "Mei Tanaka", actor="test", code=code_of(secrets["Mei Tanaka"], later=1))
    assert failures(green.close("2026-01")) == []
    assert green.home.control.is_closed(FIRST)
    assert "is closed" in refusal(green.run(FIRST))
    assert green.home.control.verify_audit() == []


def manifest(works: Plant) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((works.home.state / "releases" / f"{FIRST}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.long
def test_the_gate_gives_no_verdict_over_breaks_of_before_a_table_was_landed_again(green: Plant) -> None:
    """A line less, landed alone and judged alone, must not pass on the breaks of before."""
    green.shorten("invoice_lines", FIRST)
    assert manifest(green)["verdict"] == "PASS"
    green.run(FIRST, "invoice_lines")
    assert manifest(green)["verdict"] == "WITHDRAWN"
    green.run(FIRST, "day_gate")
    assert verdict(green) is Verdict.INCONCLUSIVE
    record = green.home.control.latest_verdict(DAY_GATE, str(FIRST))
    assert record is not None
    assert "before the data or settings became what they are now" in record.held_back_by[0].sentence
    assert "was PASS" not in refusal(green.run(FIRST, "day_release"))
    green.run(FIRST, "breaks", "control_totals", "metrics")
    green.run(FIRST, "day_gate")
    assert verdict(green) is Verdict.INCONCLUSIVE, "the expected lines are still those of before"
    green.run(FIRST)
    assert verdict(green) is Verdict.FAIL
    assert manifest(green)["verdict"] == "WITHDRAWN"


def test_the_gate_gives_no_verdict_over_results_of_another_catalog(green: Plant) -> None:
    plans = next((green.path / "catalog").glob("*.yaml"))
    plans.write_text(plans.read_text(encoding="utf-8") + "\n# another price list\n", encoding="utf-8")
    green.run(FIRST, "day_gate")
    assert verdict(green) is Verdict.INCONCLUSIVE
    assert manifest(green)["verdict"] == "WITHDRAWN"


@pytest.mark.long
def test_breaks_that_vanished_from_the_warehouse_do_not_pass(works: Plant) -> None:
    works.shorten("invoice_lines", FIRST)
    works.run(FIRST)
    assert verdict(works) is Verdict.FAIL
    shutil.rmtree(works.home.state / "warehouse" / "breaks")
    works.home.warehouse._tables.clear()
    assert judge_day(works.home, FIRST, "test").verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("table", ["invoice_lines", "control_totals"])
def test_a_release_is_refused_when_a_file_that_it_rests_on_was_changed_or_removed(green: Plant, table: str) -> None:
    assert verify_release(green.home, FIRST)["verdict"] == "PASS"
    (file,) = (green.home.state / "warehouse" / table / f"day={FIRST}").glob("*.parquet")
    if table == "invoice_lines":
        file.unlink()
        said = "rows are gone|cannot be read"
    else:
        rows = pq.ParquetFile(file).read()
        pq.write_table(rows.slice(1), file)
        said = "its rows were changed"
    with pytest.raises(GateRefused, match=said):
        verify_release(green.home, FIRST)
    assert manifest(green)["verdict"] == "WITHDRAWN"
    assert manifest(green)["reason"]


def test_a_compaction_changes_nothing(green: Plant) -> None:
    from deltalake import DeltaTable

    for table in ("invoice_lines", "control_totals"):
        delta = DeltaTable(str(green.home.state / "warehouse" / table))
        delta.optimize.z_order([delta.schema().fields[1].name])
    assert verify_release(green.home, FIRST)["verdict"] == "PASS"


def test_another_policy_withdraws_the_releases_made_under_the_one_before(green: Plant) -> None:
    from billing_recon.day import Home

    green.home.control.apply_policy(f"# looser\n{green.home.control.current_policy().text}", "ana", "")  # type: ignore[union-attr]
    assert withdraw_unsettled(Home.open(green.path)) == [FIRST, SECOND]
    assert manifest(green)["verdict"] == "WITHDRAWN"
    assert green.home.control.verify_audit() == []


def test_a_manifest_written_by_hand_is_no_release(green: Plant) -> None:
    path: Path = green.home.state / "releases" / f"{FIRST}.json"
    path.write_text(json.dumps({**manifest(green), "evidence_hash": "0" * 64}), encoding="utf-8")
    with pytest.raises(GateRefused, match="not the one that was recorded"):
        verify_release(green.home, FIRST)
    with pytest.raises(GateRefused, match="withdrawn"):
        verify_release(green.home, FIRST)
