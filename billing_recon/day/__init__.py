"""One day, in order: land, roll up, expect, reconcile, judge, release. Reads the warehouse, calls compute, writes back.

A step's module is loaded when the step is first asked for: who only looks at a day does not wait for what lands one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from billing_recon.day.baselines import capture_baseline
    from billing_recon.day.catalog_versions import admit_catalog
    from billing_recon.day.expected_lines import expect
    from billing_recon.day.gate import evidence_now, judge_day, require_pass
    from billing_recon.day.home import Home
    from billing_recon.day.landing import LANDED, land, land_all
    from billing_recon.day.landing_ahead import LandingAhead
    from billing_recon.day.month_close import close_month, sign_off
    from billing_recon.day.reconciliation import reconcile, withdraw
    from billing_recon.day.releases import release
    from billing_recon.day.step import StepResult
    from billing_recon.day.usage_rollup import roll_up

__all__ = [
    "LANDED",
    "Home",
    "LandingAhead",
    "StepResult",
    "admit_catalog",
    "capture_baseline",
    "close_month",
    "evidence_now",
    "expect",
    "judge_day",
    "land",
    "land_all",
    "reconcile",
    "release",
    "require_pass",
    "roll_up",
    "sign_off",
    "withdraw",
]

_MODULES = {
    "Home": "home",
    "LANDED": "landing",
    "LandingAhead": "landing_ahead",
    "StepResult": "step",
    "admit_catalog": "catalog_versions",
    "capture_baseline": "baselines",
    "close_month": "month_close",
    "evidence_now": "gate",
    "expect": "expected_lines",
    "judge_day": "gate",
    "land": "landing",
    "land_all": "landing",
    "reconcile": "reconciliation",
    "release": "releases",
    "require_pass": "gate",
    "roll_up": "usage_rollup",
    "sign_off": "month_close",
    "withdraw": "reconciliation",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found
