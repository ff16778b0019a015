"""The commands around a day: help, homes, init, baseline, policy, month; and what each mistake exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import Result

from billing_recon import cli
from billing_recon.cli.app import COMMANDS, app, program
from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.schema import CANONICAL
from billing_recon.day.home import Home

Typed = Callable[..., Result]
FIXED = ("init", "simulate", "run", "status", "breaks", "explain", "baseline", "signoff", "close", "policy")


@pytest.mark.long
def test_help_names_every_command_with_examples(typed: Typed) -> None:
    output = typed("--help").stdout
    names = [name.replace("_", "-") for name in COMMANDS]
    assert set(FIXED) <= set(names)
    assert [name for name in names if f"\n  {name} " not in output] == []
    assert "Exit codes:\n    0  all gates PASS\n    1  a gate is FAIL or INCONCLUSIVE" in output
    groups = {
        group.name: [one.name or one.callback.__name__ for one in group.typer_instance.registered_commands]
        for group in app.registered_groups
    }
    words = [(name, *rest) for name in names for rest in ([(one,) for one in groups.get(name, [])] or [()])]
    assert [w for w in words if "Examples:\n    billing-recon" not in typed(*w, "--help").stdout] == []


def test_every_command_module_is_registered() -> None:
    modules = {path.stem for path in Path(cli.__file__).parent.glob("*.py")}
    assert modules == {*COMMANDS, "__init__", "__main__", "app", "options"}


def test_the_installed_command_answers_at_once_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['billing-recon', '--help']\n"
        "from billing_recon.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert done.code == 0\n"
        "heavy = {'duckdb', 'dagster', 'pandas', 'polars', 'pandera', 'pydantic', 'sqlalchemy', 'deltalake', 'rich.table',"
        " 'yaml'}\n"
        "sys.stderr.write(','.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout, "a pipe gets no colours"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("breaks", "--day", "yesterday"), "'yesterday' is not a day; write it as YYYY-MM-DD"),
        (("run", "--day", "2026-03-02", "--to", "2026-03-01"), "ends (2026-03-01) before it starts"),
        (("status", "--month", "march"), "'march' is not a month"),
        (("run",), "--day"),
        (("breaks", "--format", "xml"), "xml"),
        (("wrong",), "wrong"),
        (("baseline", "capture", "--name", "x", "--from", "2026-03-02", "--to", "2026-03-09"), "not reconciled yet"),
        (("signoff", "2026-03", "--as", "nobody"), "'nobody' may not sign"),
    ],
)
def test_a_mistake_exits_2_and_says_what_to_write(kept: Path, typed: Typed, words: tuple[str, ...], said: str) -> None:
    result = typed("--home", kept, *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_home_that_is_not_there_exits_2_and_says_how_to_start_one(tmp_path: Path, typed: Typed) -> None:
    result = typed("status", "--home", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "billing-recon init" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_home_comes_from_the_command_or_before_it_or_the_environment(
    kept: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_RECON_HOME", str(tmp_path / "nowhere"))
    assert typed("breaks", "--home", kept).exit_code == 0
    assert typed("--home", kept, "breaks").exit_code == 0
    assert typed("--home", tmp_path, "breaks", "--home", kept).exit_code == 0, "the nearer one wins"
    assert typed("breaks").exit_code == 2
    monkeypatch.setenv("BILLING_RECON_HOME", str(kept))
    assert typed("breaks").exit_code == 0


def test_init_makes_a_valid_home_that_explains_every_table(tmp_path: Path, typed: Typed) -> None:
    path = tmp_path / "acme"
    assert typed("init", path).exit_code == 0
    home = Home.open(path)
    assert home.company.name == "My Company"
    assert home.policy.gate.max_breaks == 0
    files = sorted((path / "catalog").glob("*.yaml"))
    assert load_catalog((f.name, f.read_text(encoding="utf-8")) for f in files).plans == home.catalog.plans
    for spec in CANONICAL:
        readme = (path / "landing" / spec.name / "README.md").read_text(encoding="utf-8")
        for column in spec.columns:
            assert f"| {column.name} |" in readme


def test_init_writes_schemas_that_its_own_catalog_satisfies(tmp_path: Path, typed: Typed) -> None:
    typed("init", tmp_path / "acme")
    schema = json.loads((tmp_path / "acme" / "schemas" / "catalog.schema.json").read_text(encoding="utf-8"))
    for name in ("plans.yaml", "taxes.yaml"):
        text = (tmp_path / "acme" / "catalog" / name).read_text(encoding="utf-8")
        jsonschema.validate(yaml.load(text, yaml.BaseLoader), _of_texts(schema))
    assert (tmp_path / "acme" / "schemas" / "contract.schema.json").is_file()


def _of_texts(schema: Any) -> Any:
    """The schema for YAML of which every value was read as text."""
    if isinstance(schema, list):
        return [_of_texts(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _of_texts(v) for k, v in schema.items() if (k, v) not in (("type", "boolean"), ("type", "integer"))}


def test_init_explains_every_field_of_the_configuration(tmp_path: Path, typed: Typed) -> None:
    from billing_recon.core.catalog import Charge, Plan, TaxRate, Tier
    from billing_recon.core.close_policy import Close, SpotChecks
    from billing_recon.core.company import ColumnMap, Company, Feed, Profile
    from billing_recon.core.expected_change import ExpectedChange, Scope
    from billing_recon.core.operations import Channel, MoneyStep, Operations, Schedule
    from billing_recon.core.operations import Paging as Pages
    from billing_recon.core.policy import (
        Approver,
        Detectors,
        Drift,
        Gate,
        Paging,
        Policy,
        Threshold,
        Tolerance,
        Windows,
    )

    typed("init", tmp_path / "acme")
    told = {
        name: (tmp_path / "acme" / name).read_text(encoding="utf-8")
        for name in (
            "company.yaml",
            "catalog/plans.yaml",
            "catalog/taxes.yaml",
            "policies/policy.yaml",
            "operations.yaml",
        )
    }
    models = {
        "operations.yaml": (Operations, Schedule, Pages, Channel, MoneyStep),
        "company.yaml": (Company, Profile, Feed, ColumnMap),
        "catalog/plans.yaml": (Plan, Charge, Tier),
        "catalog/taxes.yaml": (TaxRate,),
        "policies/policy.yaml": (
            *(Policy, Windows, Tolerance, Threshold, Gate, Approver, Paging),
            *(ExpectedChange, Scope, Drift, Detectors, Close, SpotChecks),
        ),
    }
    for name, of in models.items():
        for model in of:
            for field in model.model_fields:
                assert f"{field}:" in told[name], f"{name} does not mention {model.__name__}.{field}"


def test_a_fresh_home_can_be_operated_as_it_is(tmp_path: Path, typed: Typed) -> None:
    """Every line of a section may be a comment; and with the first channel, pages go there."""
    from billing_recon.core.operations import Operations
    from billing_recon.paging.operations_file import read_operations

    typed("init", tmp_path / "acme")
    assert read_operations(tmp_path / "acme") == Operations()
    file = tmp_path / "acme" / "operations.yaml"
    text = (
        file.read_text("utf-8")
        .replace("  # channels:", "  channels:")
        .replace("  #   - {name: lead", "    - {name: lead")
    )
    file.write_text(text, "utf-8")
    (channel,) = read_operations(tmp_path / "acme").paging.channels
    assert channel.name == "lead"


def test_init_refuses_a_folder_with_something_in_it(tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    result = typed("init", tmp_path)
    assert result.exit_code == 2
    assert "not an empty folder" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_faults_that_cannot_be_meant_are_all_named(tmp_path: Path, typed: Typed) -> None:
    result = typed(
        *(
            "simulate",
            "--seed",
            1,
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02",
            "--customers",
            2,
            "--out",
            tmp_path / "x",
        ),
        *("--fault", "WRONG=1", "--fault", "ROUNDING=few", "--fault", "ROUNDING"),
    )
    assert result.exit_code == 2
    assert result.stderr.count("error: --fault") == 3
    assert not (tmp_path / "x").exists()


def test_simulate_counts_the_bugs_of_a_candidate_where_they_are_listed(tmp_path: Path, typed: Typed) -> None:
    days = ("--seed", 7, "--from", "2026-01-28", "--to", "2026-01-28", "--customers", 200, "--out", tmp_path / "x")
    done = typed("simulate", *days, "--candidate", "rise", "--fault", "candidate:TIER_RATE=1")
    assert "1 injected fault (listed in" in done.stdout, done.stderr
    assert "x/shadow/rise/truth.csv)" in "".join(done.stdout.split())


def test_simulate_writes_a_home_with_the_truth_of_what_was_injected(tmp_path: Path, typed: Typed) -> None:
    result = typed(
        *(
            "simulate",
            "--seed",
            3,
            "--from",
            "2026-01-01",
            "--to",
            "2026-02-09",
            "--customers",
            20,
            "--out",
            tmp_path / "x",
        ),
        *("--fault", "PRICE_VERSION=1"),
    )
    assert result.exit_code == 0, result.stderr
    assert "1 injected fault" in result.stdout
    header, *rows = (tmp_path / "x" / "truth.csv").read_text(encoding="utf-8").splitlines()
    assert header == "code,pair,invoice_id,line_id,subscription_id,day,delta"
    assert [row.split(",")[0] for row in rows] == ["PRICE_VERSION"]


def test_a_baseline_is_kept_in_versions_and_shown(books: Path, typed: Typed) -> None:
    words = (
        "--home",
        books,
        "baseline",
        "capture",
        "--name",
        "pre-launch",
        "--from",
        "2026-03-02",
        "--to",
        "2026-03-03",
    )
    assert "version 1: 2 days" in typed(*words).stdout
    assert "version 2: 2 days" in typed(*words).stdout
    assert "the policy names no baseline" in typed("baseline", "show", "--home", books).stdout
    policy = books / "policies" / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("# baseline: pre-launch", "baseline: pre-launch"))
    assert "policy version 2 is in force" in typed("policy", "apply", "--home", books, "--note", "launch").stdout
    shown = typed("baseline", "show", "--home", books).stdout
    assert ["total_billed", "EUR", "2", "1,234,585.35", "1,234,585.35", "1,234,585.35"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "NO DATA" in shown, "a metric without a population is not zero"


def test_a_correction_of_the_catalog_is_shown_recorded_with_its_reason_and_listed(
    books: Path, typed: Callable[..., Result]
) -> None:
    assert "catalog version 1 is recorded" in typed("catalog", "apply", "--home", books, "--note", "as sold").stdout
    plans = books / "catalog" / "plans.yaml"
    plans.write_text(plans.read_text(encoding="utf-8").replace('amount: "10.00"', 'amount: "12.00"'), encoding="utf-8")
    edit = "plan 'team' version '2026-01' in USD: charges[base].amount 10 -> 12"
    assert edit in typed("catalog", "show", "--home", books).stdout
    assert typed("catalog", "apply", "--home", books, "--note", " ").exit_code == 2
    recorded = typed("catalog", "apply", "--home", books, "--note", "base fee was mistyped").stdout
    assert "catalog version 2 is recorded" in recorded
    assert edit in recorded
    listed = " ".join(typed("catalog", "history", "--home", books).stdout.split())
    assert "as sold" in listed
    assert "base fee was mistyped" in listed
    assert edit in listed
    assert "nothing differs" in typed("catalog", "apply", "--home", books, "--note", "again").stdout


def test_an_edited_policy_takes_effect_only_when_applied(books: Path, typed: Typed) -> None:
    policy = books / "policies" / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("max_breaks: 0", "max_breaks: 5"))
    shown = typed("policy", "show", "--home", books).stdout
    assert "-  max_breaks: 0" in shown
    assert "+  max_breaks: 5" in shown
    assert Home.open(books).policy.gate.max_breaks == 0
    typed("policy", "apply", "--home", books, "--note", "five are fine")
    assert Home.open(books).policy.gate.max_breaks == 5
    assert "in force already" in typed("policy", "apply", "--home", books).stdout
    history = [line.split() for line in typed("policy", "history", "--home", books).stdout.splitlines()]
    assert [line[0] for line in history[1:3]] == ["1", "2"]
    assert history[2][3:6] == ["five", "are", "fine"]


def test_a_policy_that_is_wrong_is_not_applied(books: Path, typed: Typed) -> None:
    (books / "policies" / "policy.yaml").write_text("gate: {max_brakes: 5}\n")
    result = typed("policy", "apply", "--home", books)
    assert result.exit_code == 2
    assert "max_brakes" in result.stderr


def test_a_month_with_missing_days_does_not_close(kept: Path, typed: Typed) -> None:
    result = typed("close", "2026-03", "--home", kept)
    assert result.exit_code == 1
    assert "not reconciled" in result.stderr
    assert "finance: not signed yet" in result.stderr


def test_a_command_that_is_typed_is_the_only_one_made_and_what_is_misspelt_is_looked_for_among_all() -> None:
    def made(*words: str) -> int:
        app = program(words)
        return len(app.registered_commands) + len(app.registered_groups)

    assert (
        made("status", "--day", "2026-03-02") == made("credit-notes") == made("--home", "acme", "state", "verify") == 1
    )
    assert (
        made()
        == made("stats")
        == made("--help")
        == made("--home", "acme")
        == made("--home=acme", "run")
        == len(COMMANDS)
    )
