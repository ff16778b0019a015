"""What is set rather than delivered, as digests: policy, catalog, company, baseline, and the code itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from billing_recon import __version__
from billing_recon.day.home import Home


@cache
def code_version() -> str:
    """The version and the digest of the code that computes and judges: all that is in core, compute and day, SQL included."""
    digest = hashlib.sha256()
    for package in ("core", "compute", "day"):
        for path, file in sorted(_sources(files("billing_recon") / package, package), key=lambda source: source[0]):
            digest.update(f"{path}\n".encode() + file.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        below = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, below)
        elif entry.name.endswith((".py", ".sql")):
            yield below, entry


def _rollouts(home: Home, day: date) -> dict[str, str]:
    """What the flags of rollouts gave until the end of the day; nothing before the first was exposed."""
    if not home.control.rollouts.names():
        return {}
    # Imported here: most companies have no rollout, and wait for none of its models.
    from billing_recon.day.rollout.members import flags_digest

    digest = flags_digest(home, day)
    return {"rollouts": digest} if digest else {}


def rollout_states(home: Home) -> list[str]:
    """Where every rollout stands, as texts that change with it."""
    if not home.control.rollouts.names():
        return []
    from billing_recon.day.rollout.state import states

    return [repr(state) for state in states(home)]


def settings(home: Home, day: date) -> dict[str, str]:
    """The digests by name, as they hold for a day. Its results, verdict and release rest on all of them."""
    in_force = home.policy_on(day)
    name = in_force.policy.gate.baseline
    versions = [baseline.version for baseline in home.control.baselines() if baseline.name == name] if name else []
    return {
        "policy": in_force.digest,
        "catalog": home.catalog.digest,
        "company": home.company_digest,
        "code": code_version(),
        "baseline": f"{name} {versions[-1]}" if versions else "",
        **_rollouts(home, day),
    }
