"""A rollout driven as people drive it: every decision is a command with one-time codes, on a simulated company whose days are run."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from billing_recon.cli.app import app
from billing_recon.cli.simulate import parse_stage
from billing_recon.control.one_time_codes import STEP_SECONDS
from billing_recon.day import Home
from billing_recon.day.rollout.gate import judge_stages
from billing_recon.simulate import simulate
from billing_recon.simulate.rollouts import Rollout, Step
from billing_recon_tests.day.run import run_day
from billing_recon_tests.people import code_of, enrol_everyone


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@dataclass
class TypedLaunch:
    """A home with a simulated rollout, and everybody enrolled."""

    name: str
    home: Home
    secrets: dict[str, str]
    _used: dict[str, int] = field(default_factory=dict)

    @classmethod
    def simulated(
        cls, name: str, path: Path, first: str, last: str, steps: Sequence[str], bug: str, seed: int
    ) -> TypedLaunch:
        rollout = Rollout(name, tuple(Step(*parse_stage(one)) for one in steps), {bug: 1})
        days = date.fromisoformat(first), date.fromisoformat(last)
        simulate(seed=seed, first=days[0], last=days[1], customers=60, faults={}, out=path, rollout=rollout)
        home = Home.open(path)
        return cls(name, home, enrol_everyone(home))

    @property
    def people(self) -> list[str]:
        return list(self.secrets)

    @property
    def bug(self) -> dict[str, str]:
        (one,) = rows(self.home.path / "rollouts" / self.name / "truth.csv")
        return one

    def members(self, stage: str) -> list[str]:
        """Whom the simulated engine bills by the new path from a stage on."""
        found = rows(self.home.path / "rollouts" / self.name / "members.csv")
        return sorted({row["customer_id"] for row in found if row["stage"] == stage})

    def signed(self, *people: str) -> list[str]:
        """--as and --code of each, with a code that was not used yet; it waits for one if there is none."""
        words = []
        for one in people:
            step = max(self._used.get(one, int(time.time()) // STEP_SECONDS - 1) + 1, int(time.time()) // STEP_SECONDS)
            while step > int(time.time()) // STEP_SECONDS + 1:
                time.sleep(0.2)
            self._used[one] = step
            now = int(time.time()) // STEP_SECONDS
            words += ["--as", one, "--code", code_of(self.secrets[one], later=step - now)]
        return words

    def type_in(self, command: str, *words: object, named: bool = True) -> Result:
        """`billing-recon rollout COMMAND NAME ...`."""
        told = ["rollout", command, *([self.name] if named else []), *map(str, words), "--home", str(self.home.path)]
        return CliRunner().invoke(app, told, catch_exceptions=False)

    def done(self, command: str, *words: object) -> str:
        """The same of a command that has to succeed; what it prints."""
        result = self.type_in(command, *words)
        assert result.exit_code == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout

    def refused(self, command: str, *words: object) -> str:
        """The same of a command that has to be refused; why, on one line."""
        result = self.type_in(command, *words)
        assert result.exit_code == 1, f"{command}: {result.stdout}"
        return " ".join((result.stdout + result.stderr).split())

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.done("status", "--format", "json")))

    def write_plan(self, **parts: Any) -> None:
        """Start from the plan that `init` writes, put these parts into it, and have it checked, written down and rehearsed by hand."""
        self.done("init")
        path = self.home.path / "rollouts" / f"{self.name}.yaml"
        first, second, third = self.people
        plan = yaml.safe_load(path.read_text(encoding="utf-8")) | parts
        plan["owners"]["accountable"] = first
        plan["authority"] |= dict.fromkeys(("widen", "stop", "roll_back"), self.people)
        plan["correction"] |= {"small": {}, "nothing_below": {}}
        path.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
        self.refused("check", "--write", *self.signed(first, second), "--reason", "agreed by everybody")
        assert any("rehearsal of the plan" in one for one in self.status()["waiting_for"])
        self.done("rehearsed", *self.signed(third), "--reason", "on a copy, nothing else was wrong")
        self.done("check")

    def stages(
        self,
        thresholds: Sequence[Mapping[str, object]],
        days: int,
        lists: Mapping[str, Sequence[str]],
        **window: object,
    ) -> list[dict[str, object]]:
        """A stage per list, then everybody; each person allows one of the first, and the third the last."""
        whole = {"days": days, "invoices": 1, "boundaries": [], **window}
        named: list[tuple[str, dict[str, object]]] = []
        for name, members in lists.items():
            named.append((name, {"cohort": {"customers": list(members)}}))
        named.append(("all", {"share": "1"}))
        return [
            {"name": name, "approvers": [person], "window": whole, "thresholds": list(thresholds), **who}
            for (name, who), person in zip(named, self.people, strict=True)
        ]

    def run(self, first: str, last: str = "") -> None:
        """The days as their runs do them: reconciled, judged, and their stage judged."""
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            run_day(self.home, day)
            judge_stages(self.home, day)
            day += timedelta(days=1)

    def promote(self, *, accepting: bool = False) -> dict[str, Any]:
        """With the approver of the next stage (or the accountable person, at its end), and the list of open corrections accepted."""
        shown = self.status()
        stages = [None, *("first", "second", "all")]
        place = stages.index(shown["stage"])
        person = (*self.people, self.people[0])[place]
        accepted = ["--accept-corrections", shown["corrections_mark"], "--reason", "it is being corrected"]
        self.done("promote", *self.signed(person), *(accepted if accepting else []))
        return self.status()
