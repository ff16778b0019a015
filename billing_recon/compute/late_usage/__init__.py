"""Late usage: the days that it re-opens, the bills that still wait for usage, and the fate of each event.

Nothing is rated here: what late usage costs is in compute.expect, and the day it belongs to in compute.rollup.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(__package__, "usage_awaited", "late_usage")
"""After compute.expect, in its session."""

SINCE, FRESHNESS, FATES, DUPLICATES = ON_DEMAND = load(
    __package__, "usage_since", "usage_freshness", "event_fates", "duplicates_report"
)
"""Built for reports and checks, one at a time."""
