"""docker-compose.yml, as processes: its very commands on loopback against a real PostgreSQL, and the daily job through them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml
from compose_spec import PyCompose

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.defs.instance import embedded_home
from billing_recon_tests.browser import PICTURES, WIDE, browser, picture
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.paging.receivers import receiver

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
GOOD, BAD = FIRST, FIRST + timedelta(days=1)
SERVICES = ("migrate", "code", "webserver", "daemon", "reports")
GRACE = 20
"""Seconds in which a service may end by itself."""

BACKFILL = """
mutation ($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
LAUNCH = """
mutation ($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "billing_recon"}


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME:-default}` and `${NAME:?message}` as docker compose reads them."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        if variables.get(name):
            return variables[name]
        assert operator == ":-", f"docker-compose.yml requires {name}"
        return rest

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(name: str, variables: Mapping[str, str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """A service of docker-compose.yml as a process group, gone at the end."""
    command = shlex.split(interpolated(COMPOSE["services"][name]["command"], variables))
    program = Path(sys.executable).parent / command[0]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), *command[1:]],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            if left(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def left(group: int) -> bool:
    """Whether a process of the group is there, a second after its first one ended."""
    for _ in range(10):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def healthy(name: str, variables: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """The service's own health check."""
    kind, *command = (interpolated(str(part), variables) for part in COMPOSE["services"][name]["healthcheck"]["test"])
    assert kind == "CMD"
    program = Path(sys.executable).parent / command[0]
    return (
        subprocess.run([program, *command[1:]], env={**os.environ, **environment}, capture_output=True).returncode == 0
    )


def until(what: str, holds: Callable[[], Any], logs: Path, seconds: float = 240) -> Any:
    """Wait until `holds` gives something; fail with the services' logs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = holds()
        except httpx.HTTPError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in sorted(logs.glob("*.log"))]
    pytest.fail(f"{what} did not happen within {seconds:.0f} s\n" + "\n".join(tails))


def ask(web: str, query: str, params: dict[str, Any]) -> dict[str, Any]:
    """A GraphQL mutation; its only field."""
    answer = httpx.post(f"{web}/graphql", json={"query": query, "variables": {"p": params}}, timeout=60).json()
    assert "errors" not in answer, answer["errors"]
    (field,) = answer["data"].values()
    assert field["__typename"].endswith("Success"), field
    return dict(field)


def finished(instance: dg.DagsterInstance, **wanted: Any) -> list[dg.DagsterRun]:
    """The runs so filtered, if there are any and all are finished."""
    runs = instance.get_runs(filters=dg.RunsFilter(**wanted))
    return list(runs) if runs and all(run.is_finished for run in runs) else []


def test_the_services_of_docker_compose_run_a_backfill_page_its_breach_and_keep_the_release_shut(
    company: Callable[..., Path],
    new_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = company(days=4, customers=30)
    (path / "landing" / "ledger_entries" / f"{BAD}.csv").unlink()
    url, code_port, web_port = new_database(), free_port(), free_port()
    dagster_home, web = tmp_path / "dagster_home", f"http://127.0.0.1:{web_port}"
    dagster_home.mkdir()
    shutil.copy(ROOT / "deploy" / "dagster-postgres.yaml", dagster_home / "dagster.yaml")
    variables = {
        "POSTGRES_PASSWORD": "unused",
        "BILLING_RECON_BIND": "127.0.0.1",
        "BILLING_RECON_CODE_PORT": str(code_port),
        "BILLING_RECON_WEB_PORT": str(web_port),
        "BILLING_RECON_REPORTS_PORT": str(free_port()),
        "BILLING_RECON_REPORTS": str(path / ".state" / "reports"),
    }
    with ExitStack() as stack:
        pager = stack.enter_context(receiver())
        declared = COMPOSE["services"]["code"]["environment"]
        environment = {
            **{name: interpolated(str(value), variables) for name, value in declared.items()},
            # What differs from the containers: where things are.
            "DAGSTER_POSTGRES_URL": url,
            "BILLING_RECON_CONTROL_URL": url,
            "BILLING_RECON_CODE_HOST": "127.0.0.1",
            "BILLING_RECON_HOME": str(path),
            "BILLING_RECON_PAGE_URL": pager.url,
            "DAGSTER_HOME": str(dagster_home),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        instance = stack.enter_context(dg.DagsterInstance.get())
        home = Home.open(path)
        stack.callback(home.control.close)
        # In the order of their depends_on.
        migrate = shlex.split(COMPOSE["services"]["migrate"]["command"])
        program = Path(sys.executable).parent / migrate[0]
        subprocess.run([program, *migrate[1:]], env={**os.environ, **environment}, check=True, capture_output=True)
        stack.enter_context(service("code", variables, environment, tmp_path / "code.log"))
        until("the code server", lambda: healthy("code", variables, environment), tmp_path)
        stack.enter_context(service("webserver", variables, environment, tmp_path / "webserver.log"))
        until("the web server", lambda: healthy("webserver", variables, environment), tmp_path)
        selector = {"partitionSetName": "daily_partition_set", "repositorySelector": REPOSITORY}
        ask(web, BACKFILL, {"selector": selector, "partitionNames": [str(GOOD), str(BAD)]})
        # The daemon looks for backfills when it starts and then every 30 s: one that waits for it is taken up at once.
        stack.enter_context(service("daemon", variables, environment, tmp_path / "daemon.log"))
        until("both days' runs", lambda: len(finished(instance, job_name="daily")) == 2, tmp_path, seconds=480)
        first, second = sorted(
            instance.get_run_records(dg.RunsFilter(job_name="daily")), key=lambda record: record.start_time or 0
        )
        assert first.dagster_run.tags["dagster/partition"] == str(GOOD)
        assert (first.end_time or 0) <= (second.start_time or 0), "days run one at a time, in their order"
        verdicts = home.control.verdicts(DAY_GATE, [str(GOOD), str(BAD)])
        assert {day: v.verdict for day, v in verdicts.items()} == {
            str(GOOD): Verdict.PASS,
            str(BAD): Verdict.INCONCLUSIVE,
        }
        assert home.control.latest_release(str(GOOD)) is not None
        assert home.control.latest_release(str(BAD)) is None

        launched = ask(
            web,
            LAUNCH,
            {
                "selector": {**REPOSITORY, "pipelineName": "daily", "assetSelection": [{"path": ["day_release"]}]},
                "mode": "default",
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(BAD)}]},
            },
        )
        (run,) = until(
            "the separate run of the release",
            lambda: finished(instance, run_ids=[launched["run"]["runId"]]),
            tmp_path,
        )
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert home.control.latest_release(str(BAD)) is None

        # The days had not run when the daemon started, so they are history; BAD was judged since.
        paged = ("trigger", f"data/{BAD}")
        until(
            "the page",
            lambda: paged in [(p["action"], p["incident_key"].split("/", 2)[2]) for p in pager.pages],
            tmp_path,
        )
        assert len([p for p in pager.pages if p["action"] == "trigger"]) <= 2
        assert healthy("daemon", variables, environment)

        stack.enter_context(service("reports", variables, environment, tmp_path / "reports.log"))
        until("the reports", lambda: healthy("reports", variables, environment), tmp_path)
        pack = httpx.get(f"http://127.0.0.1:{variables['BILLING_RECON_REPORTS_PORT']}/{GOOD}/day_pack.html")
        assert "PASS" in pack.text
        if os.environ.get(PICTURES):
            _pictures_of_dagster(web)


def _pictures_of_dagster(web: str) -> None:
    """What the docs show of the Dagster UI."""
    with browser() as running:
        page = running.new_page(viewport=WIDE)  # type: ignore[arg-type]
        for name, path in {"graph": "asset-groups", "runs": "runs", "automation": "automation", "jobs": "jobs"}.items():
            page.goto(f"{web}/{path}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(2000)
            picture(page, f"dagster-{name}", whole=False)


def test_the_file_is_a_compose_file_by_the_specification() -> None:
    text = interpolated((ROOT / "docker-compose.yml").read_text(encoding="utf-8"), {"POSTGRES_PASSWORD": "secret"})
    merged = yaml.safe_dump(yaml.safe_load(text), sort_keys=False)
    assert set(PyCompose.from_yaml(merged).service_names()) == set(COMPOSE["services"])
    with pytest.raises(ValueError, match="health_check"):
        PyCompose.from_yaml(merged.replace("healthcheck:", "health_check:"))


def test_services_are_bounded_unprivileged_and_reached_from_this_machine_only() -> None:
    for name, service in COMPOSE["services"].items():
        if name != "migrate":
            assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        if "command" in service:
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))
    steps = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert steps[-1] == "USER recon", "the last word is that nothing runs as root"


def test_secrets_of_channels_reach_our_processes_and_not_the_server_of_reports() -> None:
    assert COMPOSE["services"]["code"]["env_file"] == [{"path": ".env", "required": False}]
    assert COMPOSE["services"]["reports"]["env_file"] == []
    assert COMPOSE["services"]["reports"]["environment"] == {}


def test_days_run_one_at_a_time_and_in_order_wherever_they_are_started(tmp_path: Path) -> None:
    files = [ROOT / "dagster.yaml", ROOT / "deploy" / "dagster-postgres.yaml", embedded_home(tmp_path) / "dagster.yaml"]
    for file in files:
        runs = yaml.safe_load(file.read_text(encoding="utf-8"))["concurrency"]["runs"]
        assert runs["tag_concurrency_limits"] == [{"key": "dagster/partition", "limit": 1}], file
    with dg.DagsterInstance.from_config(str(embedded_home(tmp_path))) as instance:
        config = instance.get_concurrency_config().run_queue_config
        assert config is not None
        assert list(config.tag_concurrency_limits) == [{"key": "dagster/partition", "limit": 1}]


def test_every_service_that_runs_our_code_is_one_of_those_started_above() -> None:
    assert {name for name, service in COMPOSE["services"].items() if "command" in service} == set(SERVICES)
    assert all("healthcheck" in service for name, service in COMPOSE["services"].items() if name != "migrate")


def test_no_password_is_written_in_the_deployment() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?" in text
    with pytest.raises(AssertionError, match="requires POSTGRES_PASSWORD"):
        interpolated(text, {})
