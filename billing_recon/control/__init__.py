"""Decisions with their author and evidence: policies, verdicts, releases, sign-offs, months. SQLAlchemy."""

from billing_recon.control.database import control_url
from billing_recon.control.months import month_of
from billing_recon.control.records import (
    Baseline,
    BaselineValue,
    CatalogVersion,
    MonthState,
    PartitionState,
    PolicyVersion,
    Release,
    VerdictRecord,
)
from billing_recon.control.shadow_records import Recorded, ShadowRecord
from billing_recon.control.store import ControlStore

__all__ = [
    "Baseline",
    "BaselineValue",
    "CatalogVersion",
    "ControlStore",
    "MonthState",
    "PartitionState",
    "PolicyVersion",
    "Recorded",
    "Release",
    "ShadowRecord",
    "VerdictRecord",
    "control_url",
    "month_of",
]
