"""The services of docker-compose.yml as processes on loopback: started by their own commands, asked by their own health checks."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from sqlalchemy.exc import DBAPIError

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PORTS = {
    "code": "BILLING_RECON_CODE_PORT",
    "webserver": "BILLING_RECON_WEB_PORT",
    "reports": "BILLING_RECON_REPORTS_PORT",
}
SERVICES = ("code", "webserver", "daemon", "reports")
"""In the order of their depends_on; `migrate` before them."""
GRACE = 60
"""Seconds in which a service ends by itself: `stop_grace_period` of the compose file."""
PATIENCE = 240
"""Seconds without any progress after which something is given up. Slow machines are slow; what is stuck does not move."""

BACKFILL = """
mutation ($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
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


def _as_a_container_begins() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class NotTaken(Exception):
    """The web server did not do what it was asked."""


class Services:
    """The services of one home on one database, each a group of processes."""

    def __init__(self, home: Path, url: str, folder: Path, page_url: str) -> None:
        self._folder, self._running = folder, dict[str, subprocess.Popen[bytes]]()
        self.restarts = False
        dagster_home = folder / "dagster_home"
        dagster_home.mkdir()
        # Only how often the monitor looks, and how long it waits, differs from the containers' instance.
        text = (ROOT / "deploy" / "dagster-postgres.yaml").read_text(encoding="utf-8")
        often = text.replace(
            "  enabled: true\ncompute_logs", "  enabled: true\n  poll_interval_seconds: 5\ncompute_logs"
        )
        monitored = often.replace("quiet_minutes: 10", "quiet_minutes: 0")
        assert text != often != monitored
        (dagster_home / "dagster.yaml").write_text(monitored, encoding="utf-8")
        self._variables = {
            "POSTGRES_PASSWORD": "unused",
            "BILLING_RECON_BIND": "127.0.0.1",
            "BILLING_RECON_REPORTS": str(home / ".state" / "reports"),
            **{variable: str(free_port()) for variable in PORTS.values()},
        }
        declared = COMPOSE["services"]["code"]["environment"]
        self.environment = {
            **{name: interpolated(str(value), self._variables) for name, value in declared.items()},
            # What differs from the containers: where things are.
            "DAGSTER_POSTGRES_URL": url,
            "BILLING_RECON_CONTROL_URL": url,
            "BILLING_RECON_CODE_HOST": "127.0.0.1",
            "BILLING_RECON_HOME": str(home),
            "BILLING_RECON_PAGE_URL": page_url,
            "DAGSTER_HOME": str(dagster_home),
            "PYTHONFAULTHANDLER": "1",
        }

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._variables[PORTS[name]]}"

    def _program(self, command: list[str]) -> list[str]:
        return [str(Path(sys.executable).parent / command[0]), *command[1:]]

    def once(self, name: str) -> None:
        """Run a service that ends by itself."""
        command = shlex.split(interpolated(COMPOSE["services"][name]["command"], self._variables))
        done = subprocess.run(
            self._program(command), env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def start(self, name: str) -> None:
        """Start a service; it is not up yet."""
        command = shlex.split(interpolated(COMPOSE["services"][name]["command"], self._variables))
        with (self._folder / f"{name}.log").open("ab") as out:
            self._running[name] = subprocess.Popen(
                self._program(command),
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Dagster treats SIGTERM as SIGINT, in this process too. A shell has background commands ignore that, and no
                # container does.
                preexec_fn=_as_a_container_begins,
            )

    def up(self, name: str) -> None:
        """Wait until a service answers, and hold it to its own health check."""
        if name in PORTS:
            address = ("127.0.0.1", int(self._variables[PORTS[name]]))

            def answers() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(address) == 0

            self.until(f"the port of {name}", answers)
        self.until(f"the health check of {name}", lambda: self.healthy(name), every=2)

    def healthy(self, name: str) -> bool:
        """The service's own health check."""
        test = COMPOSE["services"][name]["healthcheck"]["test"]
        kind, *command = (interpolated(str(part), self._variables) for part in test)
        assert kind == "CMD"
        environment = {**os.environ, **self.environment}
        return subprocess.run(self._program(command), env=environment, capture_output=True).returncode == 0

    def processes(self, name: str) -> list[psutil.Process]:
        """The processes of a service: a code server's children and runs too."""
        group, found = self._running[name].pid, []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def runs(self) -> list[psutil.Process]:
        """The processes of runs, which are those that the code server's own server started."""
        found = []
        for process in self.processes("code"):
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill(self, name: str) -> None:
        """End a service as a power cut would."""
        os.killpg(self._running[name].pid, signal.SIGKILL)
        self._running.pop(name).wait()

    def stop(self, name: str) -> str:
        """End a service as `docker compose stop` does; what was not as it should be."""
        process, before = self._running[name], self.processes(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # leaves the stacks of its threads in the log
            process.wait(GRACE)
            log = (self._folder / f"{name}.log").read_text(errors="replace")
            return f"{name} was there {GRACE} s after SIGTERM:\n{log[-6000:]}"
        _, left = psutil.wait_procs([one for one in before if one.pid != process.pid], timeout=5)
        said = f"{name} left {[' '.join(one.cmdline())[:200] for one in left]}" if left else ""
        if left:
            os.killpg(process.pid, signal.SIGKILL)
        self._running.pop(name)
        return said

    def end(self) -> None:
        """Kill whatever is left."""
        for name in list(self._running):
            with suppress(ProcessLookupError):
                self.kill(name)

    def ask(self, query: str, params: dict[str, Any]) -> dict[str, Any]:
        """A GraphQL mutation; its only field."""
        asked = {"query": query, "variables": {"p": params}}
        answer = httpx.post(f"{self.url('webserver')}/graphql", json=asked, timeout=60).json()
        if "errors" in answer:
            raise NotTaken(answer["errors"])
        (field,) = answer["data"].values()
        if not field["__typename"].endswith("Success"):
            raise NotTaken(field)
        return dict(field)

    def backfill(self, *days: object) -> str:
        """Launch the daily job for some days, as the UI does."""
        selector = {"partitionSetName": "daily_partition_set", "repositorySelector": REPOSITORY}
        return str(self.ask(BACKFILL, {"selector": selector, "partitionNames": list(map(str, days))})["backfillId"])

    def until(
        self, what: str, holds: Callable[[], Any], *, moving: Callable[[], object] = lambda: None, every: float = 0.2
    ) -> Any:
        """Wait until `holds` gives something. Fail when a service has ended, or when nothing has moved for long."""
        deadline, seen = time.monotonic() + PATIENCE, moving()
        while True:
            try:
                if found := holds():
                    return found
                if (now := moving()) != seen:
                    deadline, seen = time.monotonic() + PATIENCE, now
            except (httpx.HTTPError, DBAPIError, NotTaken):
                pass  # it is being started again
            ended = [name for name, process in self._running.items() if process.poll() is not None]
            while self.restarts and ended:
                self.start(ended.pop())  # as `restart: unless-stopped` does
            if ended or time.monotonic() > deadline:
                why = f"{', '.join(ended)} ended" if ended else f"nothing moved for {PATIENCE} s"
                logs = sorted(self._folder.glob("*.log"))
                tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs]
                pytest.fail(f"{what}: {why}\n" + "\n".join(tails))
            time.sleep(every)
