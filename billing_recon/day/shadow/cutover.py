"""The cutover: what downstream waits for. It asks the recorded decision and everything that it rests on, whoever starts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from billing_recon.control import Recorded
from billing_recon.day.home import Home
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.day.shadow.decisions import require_go
from billing_recon.day.shadow.gate import evidence, latest
from billing_recon.day.shadow.parallel import require_parallel


@dataclass(frozen=True, slots=True)
class Cutover:
    """A launch that is open: from which day on, by whose go, under which evidence."""

    on: date
    decided_by: str
    evidence: str
    rollback: str


def cut_over(home: Home, name: str, actor: str) -> Cutover:
    """Record that the candidate bills from its cutover day on; asked again, answer whether that still holds.

    GateRefused, with every reason: no go, a go that lapsed, or a day of the parallel run that is missing or not PASS.
    """
    decided = require_go(home, name)
    opened = open_candidate(home.path, name)
    require_parallel(home, opened)
    launch = opened.candidate.launch
    assert launch is not None  # a decision needs it
    here = evidence(latest(home, name))
    if not any(record.version == here for record in home.control.shadow_records(Recorded.CUTOVER, name)):
        content = json.dumps(launch.model_dump(mode="json"), sort_keys=True)
        home.control.record_shadow(Recorded.CUTOVER, name, here, content, by=decided.decided_by, actor=actor)
    return Cutover(launch.cutover, decided.decided_by, here, launch.rollback)
