"""The day's release: a manifest that downstream systems wait for. It is written only under a current PASS."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

from billing_recon.compute.engine import scratch
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.day.gate import DAY_GATE, require_pass
from billing_recon.day.home import Home


def release(home: Home, day: date, run_id: str) -> Path:
    """Write `<state>/releases/<day>.json` and record the release; GateRefused unless the day's gate is a current PASS.

    The manifest states the evidence hash, the policy version, and the control totals per pair and currency.
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
        "verdict": verdict.verdict,
        "evidence_hash": verdict.evidence_hash,
        "policy_version": verdict.policy_version,
        "code_version": verdict.code_version,
        "control_totals": totals,
    }
    path = home.state / "releases" / f"{day}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    home.control.record_release(str(day), verdict.evidence_hash, run_id)
    return path
