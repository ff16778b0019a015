"""The day's release: a manifest that downstream systems wait for. It says PASS only while its verdict is a current PASS.

Downstream asks `billing-recon release verify DAY`, which judges nothing and trusts nothing that was written before. The
manifest alone is enough for a reader that polls files: every step that changes what a release rests on withdraws it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.period import parse_day
from billing_recon.core.reason import Pair
from billing_recon.core.schema import CONTROL_TOTALS, REOPENED_DAYS
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import gate_of, require_pass
from billing_recon.day.home import Home
from billing_recon.day.settings import settings

WITHDRAWN = "WITHDRAWN"


def release(home: Home, day: date, run_id: str, part: str = "") -> Path:
    """Write `<state>/releases/<day>.json` and record the release; GateRefused unless the day's gate is a current PASS.

    The manifest states the evidence hash, the versions of what is set, and the control totals per pair and currency. That
    of a part of the day (`<day>.<part>.json`) has the totals of its pairs.
    """
    verdict = require_pass(home, gate_of(part), str(day))
    chosen = home.policy_on(day).policy.gate.part(part)
    pairs = ", ".join(f"'{pair.value}'" for pair in (chosen.pairs if chosen else Pair))
    with scratch() as con:
        names = ", ".join(CONTROL_TOTALS.names)
        cursor = con.execute(
            f"SELECT {names} FROM ({home.warehouse.scan(CONTROL_TOTALS, day, day)}) WHERE pair IN ({pairs}) "
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
        "settings": settings(home, day),
        "control_totals": totals,
    }
    path = _write(home, day, part, manifest)
    home.control.record_release(_partition(day, part), verdict.evidence_hash, run_id)
    return path


def release_parts(home: Home, day: date, run_id: str) -> list[str]:
    """Release each part of the day whose own gate is a current PASS, whatever the day's verdict; return their names."""
    released = []
    for part in home.policy_on(day).policy.gate.parts:
        with suppress(GateRefused):
            release(home, day, run_id, part.name)
            released.append(part.name)
    return released


def verify_release(home: Home, day: date, part: str = "") -> dict[str, Any]:
    """The manifest of a release that is open and current; otherwise withdraw it, and raise GateRefused with the reason."""
    parts = [one.name for one in home.policy_on(day).policy.gate.parts]
    if part and part not in parts:
        raise ConfigurationError(f"gate.parts of the policy has no part '{part}'; it has {', '.join(parts) or 'none'}")
    manifest = _read(home, day, part)
    if manifest is None:
        require_pass(home, gate_of(part), str(day))
        raise GateRefused(f"{day} is PASS but was never released; run: billing-recon run --day {day}")
    reason = _closed_because(home, day, part, manifest)
    if reason is not None:
        _withdraw(home, day, part, manifest, reason)
        raise GateRefused(f"the release of {day} is withdrawn: {reason}")
    return manifest


def why_shut(home: Home, day: date) -> str:
    """Why the release of a day that is a current PASS is not open; empty if it is. What the warehouse holds is taken as registered."""
    manifest = _read(home, day, "")
    return (
        "PASS, but never released" if manifest is None else _closed_because(home, day, "", manifest, stored=False) or ""
    )


def withdraw_stale(home: Home, first: date, last: date) -> list[date]:
    """Withdraw the releases of `first` to `last` whose verdict has fallen or gone stale; return their days.

    Those of closed months stay: nothing that they rest on can be rewritten.
    """
    withdrawn = []
    for day, part, manifest in _open(home, first, last):
        reason = _closed_because(home, day, part, manifest, stored=False)
        if reason is not None:
            _withdraw(home, day, part, manifest, reason)
            withdrawn.append(day)
    return list(dict.fromkeys(withdrawn))


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
    released = _open(home, date.min, date.max)
    days = [day for day, _, manifest in released if manifest.get("settings") != settings(home, day)]
    return [day for one in dict.fromkeys(days) for day in withdraw_stale(home, one, one)]


def _closed_because(home: Home, day: date, part: str, manifest: dict[str, Any], *, stored: bool = True) -> str | None:
    """Why a release does not hold; None while it does."""
    if manifest.get("verdict") != Verdict.PASS.value:
        return str(manifest.get("reason") or f"its manifest says {manifest.get('verdict')}")
    try:
        verdict = require_pass(home, gate_of(part), str(day), stored=stored)
    except GateRefused as refused:
        return str(refused)
    if part and home.policy_on(day).policy.gate.part(part) is None:
        return f"the policy has no part '{part}' any more"
    recorded = home.control.latest_release(_partition(day, part))
    if recorded is None or recorded.evidence_hash != manifest.get("evidence_hash"):
        return f"its manifest is not the one that was recorded; run: billing-recon run --day {day}"
    if verdict.evidence_hash != manifest.get("evidence_hash"):
        return f"the day was judged again on other evidence; release it again: billing-recon run --day {day}"
    return None


def _open(home: Home, first: date, last: date) -> Iterator[tuple[date, str, dict[str, Any]]]:
    for path in sorted((home.state / "releases").glob("????-??-??*.json")):
        stem, _, part = path.stem.partition(".")
        if str(first) <= stem <= str(last):
            day = parse_day(stem)
            manifest = _read(home, day, part)
            if manifest and manifest.get("verdict") == Verdict.PASS.value and not home.control.is_closed(day):
                yield day, part, manifest


def _withdraw(home: Home, day: date, part: str, manifest: dict[str, Any], reason: str) -> None:
    if manifest.get("verdict") == Verdict.PASS.value:
        home.control.record_withdrawal(_partition(day, part), str(manifest.get("evidence_hash")), reason)
        _write(home, day, part, {**manifest, "verdict": WITHDRAWN, "reason": reason})


def _partition(day: date, part: str) -> str:
    """What a release and its withdrawal are recorded under."""
    return f"{day}.{part}" if part else str(day)


def _path(home: Home, day: date, part: str) -> Path:
    return home.state / "releases" / f"{_partition(day, part)}.json"


def _read(home: Home, day: date, part: str) -> dict[str, Any] | None:
    """A manifest; None if there is none, and one without a verdict if it is not JSON."""
    path = _path(home, day, part)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {"reason": f"its manifest {path} cannot be read; run: billing-recon run --day {day}"}
    return manifest if isinstance(manifest, dict) else {}


def _write(home: Home, day: date, part: str, manifest: dict[str, Any]) -> Path:
    """Replace a manifest at once: a reader sees the old one or the new one."""
    path = _path(home, day, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path
