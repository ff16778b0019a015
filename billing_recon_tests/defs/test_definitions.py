"""The Dagster definitions: they load fast, with and without a home, and are in the order of the layers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from billing_recon.core.gate_policy import Gate
from billing_recon.core.reason import Pair
from billing_recon.defs import assets
from billing_recon.defs.assets.stage_gate import CHECK as STAGE_CHECK
from billing_recon.defs.build import DAILY_JOB, MONTH_JOB, build_definitions
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.checks import LAYERS
from billing_recon.defs.ui import command

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "polars", "pandera", "great_expectations", "deltalake", "duckdb", "pyarrow")


def company(folder: Path, **fields: object) -> Path:
    """A company.yaml and nothing else."""
    folder.mkdir(exist_ok=True)
    content = {"name": "Acme", "currencies": ["USD"], "first_day": "2026-03-01", **fields}
    (folder / "company.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def test_the_code_location_loads_without_a_home_and_without_what_is_heavy(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from billing_recon.definitions import defs\n"
        "defs.get_repository_def()\n"
        f"print(json.dumps([sorted(set({HEAVY!r}) & set(sys.modules)), defs.metadata['problem'].value]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"BILLING_RECON_HOME": str(tmp_path / "nowhere"), "PATH": ""},
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    heavy, problem = json.loads(done.stdout)
    assert heavy == []
    assert f"There is no company at {tmp_path / 'nowhere'} yet" in problem
    assert "billing-recon simulate --seed 7" in problem


def test_everything_loads_as_a_code_server_loads_it(tmp_path: Path) -> None:
    repository = build_definitions(company(tmp_path / "home")).get_repository_def()
    repository.load_all_definitions()
    assert {DAILY_JOB, MONTH_JOB, "sign_month", "decide_rows"} <= {job.name for job in repository.get_all_jobs()}


def test_every_step_module_is_registered() -> None:
    modules = {path.stem for path in Path(assets.__file__).parent.glob("*.py")}
    assert modules == {*assets.DAY_STEPS, *assets.MONTH_STEPS, *assets.ROLLOUT_STEPS, *assets.SHADOW_STEPS, "__init__"}


def test_days_begin_with_the_company_and_end_yesterday_in_its_time_zone(tmp_path: Path) -> None:
    # 23:30 UTC on the 9th is the 10th in Tokyo.
    now = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    tokyo = read_calendar(company(tmp_path / "t", timezone="Asia/Tokyo"), now).daily
    assert tokyo.get_partition_keys(current_time=now)[0] == "2026-03-01"
    assert tokyo.get_partition_keys(current_time=now)[-1] == "2026-03-09"
    utc = read_calendar(company(tmp_path / "u"), now).daily
    assert utc.get_partition_keys(current_time=now)[-1] == "2026-03-08"


def test_a_company_whose_data_ends_has_no_days_after_its_last(tmp_path: Path) -> None:
    calendar = read_calendar(company(tmp_path, last_day="2026-03-04"), datetime(2026, 11, 21, tzinfo=UTC))
    assert calendar.daily.get_partition_keys()[-1] == "2026-03-04"
    assert calendar.monthly.get_partition_keys() == ["2026-03"]


def test_a_first_day_may_stand_in_the_file_without_quotes(tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_text("name: Acme\ncurrencies: [USD]\nfirst_day: 2026-03-05\n", encoding="utf-8")
    calendar = read_calendar(tmp_path)
    assert calendar.problem is None
    assert calendar.daily.get_first_partition_key() == "2026-03-05"


def test_days_run_on_to_the_newest_landed_file(tmp_path: Path) -> None:
    home = company(tmp_path / "home")
    (home / "landing" / "payments").mkdir(parents=True)
    (home / "landing" / "payments" / "2026-04-02.csv").touch()
    now = datetime(2026, 3, 20, tzinfo=UTC)
    calendar = read_calendar(home, now)
    assert calendar.daily.get_partition_keys(current_time=now)[-1] == "2026-04-02"
    assert calendar.monthly.get_partition_keys(current_time=now) == ["2026-03"]


@pytest.mark.parametrize("fields", [{"currencies": ["XXL"]}, {"first_day": "March"}, {"unheard": "of"}])
def test_a_company_that_cannot_be_read_still_loads_and_says_why(tmp_path: Path, fields: dict[str, object]) -> None:
    calendar = read_calendar(company(tmp_path / "home", **fields))
    assert calendar.problem is not None
    assert "company.yaml" in calendar.problem


def test_every_asset_has_a_group_a_sentence_and_an_owner(tmp_path: Path) -> None:
    graph = build_definitions(company(tmp_path / "home")).resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert all(node.description and node.owners and node.kinds for node in nodes)
    assert {node.group_name for node in nodes} == {
        "landing",
        "rating",
        "reconciliation",
        "gate",
        "release",
        "month_end",
        "shadow",
    }
    assert set(LAYERS) <= {node.key.to_user_string() for node in nodes}
    layers = [node for node in nodes if node.key.to_user_string() in LAYERS]
    assert all("dagster/column_schema" in node.metadata for node in layers), "its columns are shown with it"
    fresh = {node.key.to_user_string() for node in nodes if node.freshness_policy is not None}
    assert {*Gate().required_layers, "expected_lines", "breaks", "day_gate"} <= fresh


def test_the_lineage_follows_the_layers(tmp_path: Path) -> None:
    graph = build_definitions(company(tmp_path / "home")).resolve_asset_graph()
    order = [
        {key.to_user_string() for key in level}
        for level in graph.toposorted_asset_keys_by_level
        if not {key.to_user_string() for key in level} <= set(LAYERS)
    ]
    flat = [name for level in order for name in sorted(level) if name not in LAYERS]
    review = ["shadow_snapshot", "shadow_lines", "shadow_causes", "shadow_gate", "cutover"]
    assert [name for name in flat if name in review] == review
    assert [name for name in flat if name not in (*review, "shadow_day")] == [
        "usage_rollup",
        "expected_lines",
        "breaks",
        "control_totals",
        "metrics",
        "day_gate",
        "day_pack",
        "day_release",
        "stage_gate",
        "month_close",
        "month_evidence",
    ]


def test_the_steps_of_a_day_are_five(tmp_path: Path) -> None:
    definitions = build_definitions(company(tmp_path / "home"))
    steps = [node.name for node in definitions.resolve_job_def(DAILY_JOB).graph.nodes]
    assert sorted(steps) == ["judge", "land", "rate", "reconcile", "release"]
    assert sorted(n.name for n in definitions.resolve_job_def(MONTH_JOB).graph.nodes) == ["close", "prove"]


def test_every_check_has_the_partitions_of_its_asset(tmp_path: Path) -> None:
    definitions = build_definitions(company(tmp_path / "home"))
    graph = definitions.resolve_asset_graph()
    every = [spec for asset in graph.assets_defs for spec in asset.check_specs]
    assert all(spec.partitions_def == graph.get(spec.asset_key).partitions_def for spec in every)
    specs = [spec for spec in every if not spec.asset_key.to_user_string().startswith("shadow_")]
    specs = [spec for spec in specs if spec.name != STAGE_CHECK]  # a rollout's, per rollout and day
    assert len(specs) == 2 * len(LAYERS) + len(Pair) + 5 + 1
    assert all(isinstance(spec.partitions_def, dg.DailyPartitionsDefinition) for spec in specs)


def test_schedules_run_in_the_companys_time_zone_after_the_day(tmp_path: Path) -> None:
    definitions = build_definitions(company(tmp_path / "home", timezone="Europe/Berlin"))
    found = {s.name: (s.cron_schedule, s.execution_timezone) for s in definitions.get_repository_def().schedule_defs}
    assert found == {
        "after_each_day": ("0 3 * * *", "Europe/Berlin"),
        "after_each_month": ("0 6 3 * *", "Europe/Berlin"),
    }


@pytest.mark.parametrize(("setting", "running"), [("on", True), ("", False)])
def test_automation_runs_by_itself_only_where_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, running: bool
) -> None:
    monkeypatch.setenv("BILLING_RECON_AUTOMATION", setting)
    repository = build_definitions(company(tmp_path / "home")).get_repository_def()
    states = {s.default_status.value for s in (*repository.schedule_defs, *repository.sensor_defs)}
    assert states == {"RUNNING" if running else "STOPPED"}


def test_the_ui_opens_on_the_instance_that_the_commands_record_their_runs_on(
    simulated: Callable[..., Path], tmp_path: Path
) -> None:
    program, environment = command(company(tmp_path / "home"), 3000)
    assert program[1:] == ["-m", "dagster", "dev", "-m", "billing_recon.definitions", "-h", "127.0.0.1", "-p", "3000"]
    assert environment["DAGSTER_HOME"] == str(tmp_path / "home" / ".state" / "dagster")
    assert environment["BILLING_RECON_HOME"] == str(tmp_path / "home")


@pytest.mark.parametrize("name", ["dagster.yaml", "deploy/dagster-postgres.yaml"])
def test_no_instance_calls_home(name: str) -> None:
    content = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert content["telemetry"] == content["nux"] == {"enabled": False}
