"""The day's release: a manifest that downstream systems wait for. It says PASS only while its verdict is a current PASS.

Downstream asks `billing-recon release verify DAY`, which judges nothing and trusts nothing that was written before. The
manifest alone is enough for a reader that polls files: every step that changes what a release rests on withdraws it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import GateRefused
from billing_recon.core.period import parse_day
from billing_recon.core.schema import CONTROL_TOTALS, REOPENED_DAYS
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE, require_pass
from billing_recon.day.home import Home
from billing_recon.day.settings import settings

WITHDRAWN = "WITHDRAWN"


def release(home: Home, day: date, run_id: str) -> Path:
    """Write `<state>/releases/<day>.json` and record the release; GateRefused unless the day's gate is a current PASS.

    The manifest states the evidence hash, the versions of what is set, and the control totals per pair and currency.
    """
    verdict = require_pass(home, DAY_GATE, str(day))
    with scratch() as con:
        names = ", ".join(CONTROL_TOTALS.names)
        cursor = con.execute(
            f"SELECT {names} FROM ({home.warehouse.scan(CONTROL_TOTALS, day, day)}) "
            "ORDER BY pair, currency, cohort, variant"
        )
        totals = [{k: str(v) for k, v in zip(CONTROL_TOTALS.names, row, strict=True)} for row in cursor.fetchall()]
    manifest = {
        "day": str(day),
        "gate": verdict.gate,
        "verdict": verdict.verdict.value,
        "evidence_hash": verdict.evidence_hash,
        "policy_version": verdict.policy_version,
        "code_version": verdict.code_version,
        "settings": settings(home),
        "control_totals": totals,
    }
    path = _write(home, day, manifest)
    home.control.record_release(str(day), verdict.evidence_hash, run_id)
    return path


def verify_release(home: Home, day: date) -> dict[str, Any]:
    """The manifest of a release that is open and current; otherwise withdraw it, and raise GateRefused with the reason."""
    manifest = _read(home, day)
    if manifest is None:
        require_pass(home, DAY_GATE, str(day))
        raise GateRefused(f"{day} is PASS but was never released; run: billing-recon run --day {day}")
    reason = _closed_because(home, day, manifest)
    if reason is not None:
        _withdraw(home, day, manifest, reason)
        raise GateRefused(f"the release of {day} is withdrawn: {reason}")
    return manifest


def withdraw_stale(home: Home, first: date, last: date) -> list[date]:
    """Withdraw the releases of `first` to `last` whose verdict has fallen or gone stale; return their days.

    Those of closed months stay: nothing that they rest on can be rewritten.
    """
    withdrawn = []
    for day, manifest in _open(home, first, last):
        reason = _closed_because(home, day, manifest, stored=False)
        if reason is not None:
            _withdraw(home, day, manifest, reason)
            withdrawn.append(day)
    return withdrawn


def withdraw_after(home: Home, day: date) -> list[date]:
    """Withdraw what a change of one day's tables has made stale: of that day, and of the days that read it."""
    return withdraw_stale(home, day, day + timedelta(days=home.policy.windows.lookback_days))


def withdraw_reopened(home: Home, day: date) -> list[date]:
    """Withdraw the releases of earlier days that usage arriving on `day` has re-opened."""
    if not any(state.rows for state in home.control.partition_states((REOPENED_DAYS.name,), day, day)):
        return []
    return withdraw_stale(home, day - timedelta(days=home.policy.windows.late_window_days), day - timedelta(days=1))


def withdraw_unsettled(home: Home) -> list[date]:
    """Withdraw every release that was made under another policy, catalog, company, baseline or version of the code."""
    now = settings(home)
    days = [day for day, manifest in _open(home, date.min, date.max) if manifest.get("settings") != now]
    return [day for one in days for day in withdraw_stale(home, one, one)]


def _closed_because(home: Home, day: date, manifest: dict[str, Any], *, stored: bool = True) -> str | None:
    """Why a release does not hold; None while it does."""
    if manifest.get("verdict") != Verdict.PASS.value:
        return str(manifest.get("reason") or f"its manifest says {manifest.get('verdict')}")
    try:
        verdict = require_pass(home, DAY_GATE, str(day), stored=stored)
    except GateRefused as refused:
        return str(refused)
    recorded = home.control.latest_release(str(day))
    if recorded is None or recorded.evidence_hash != manifest.get("evidence_hash"):
        return f"its manifest is not the one that was recorded; run: billing-recon run --day {day}"
    if verdict.evidence_hash != manifest.get("evidence_hash"):
        return f"the day was judged again on other evidence; release it again: billing-recon run --day {day}"
    return None


def _open(home: Home, first: date, last: date) -> Iterator[tuple[date, dict[str, Any]]]:
    for path in sorted((home.state / "releases").glob("????-??-??.json")):
        if str(first) <= path.stem <= str(last):
            day = parse_day(path.stem)
            manifest = _read(home, day)
            if manifest and manifest.get("verdict") == Verdict.PASS.value and not home.control.is_closed(day):
                yield day, manifest


def _withdraw(home: Home, day: date, manifest: dict[str, Any], reason: str) -> None:
    if manifest.get("verdict") == Verdict.PASS.value:
        home.control.record_withdrawal(str(day), str(manifest.get("evidence_hash")), reason)
        _write(home, day, {**manifest, "verdict": WITHDRAWN, "reason": reason})


def _path(home: Home, day: date) -> Path:
    return home.state / "releases" / f"{day}.json"


def _read(home: Home, day: date) -> dict[str, Any] | None:
    """A day's manifest; None if there is none, and one without a verdict if it is not JSON."""
    try:
        manifest = json.loads(_path(home, day).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {"reason": f"its manifest {_path(home, day)} cannot be read; run: billing-recon run --day {day}"}
    return manifest if isinstance(manifest, dict) else {}


def _write(home: Home, day: date, manifest: dict[str, Any]) -> Path:
    """Replace a manifest at once: a reader sees the old one or the new one."""
    path = _path(home, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path
