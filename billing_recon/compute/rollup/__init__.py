"""Usage rolled up: the net change that one day's arrivals make, per usage day. What the usage costs is in compute.expect.

The state as of a day is the sum of the changes up to it, whatever the order of arrival. It holds because each change is
`state after - state before`, and a state depends only on the set of events known: an event is superseded when another
event of the same correction chain outranks it (rollup_touched.sql).
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

ZONES, REPEATED, LINKS, KNOWN_LINKS, ROOTS = load(
    __package__, "rollup_zones", "rollup_repeated", "rollup_links", "rollup_known_links", "rollup_roots"
)
ROOTS_BEFORE = ROOTS.over("rollup_known_links", name="rollup_roots_before", doc="The roots as known before today.")

RELATIONS: tuple[Relation, ...] = (
    ZONES,
    REPEATED,
    LINKS,
    KNOWN_LINKS,
    ROOTS,
    ROOTS_BEFORE,
    *load(
        __package__,
        "rollup_chains",
        "rollup_touched",
        "rollup_changes",
        "rollup_quarters",
        "rollup_parts",
        "rollup_shared",
        "rollup_sums",
        "rollup_day",
        "reopened_days",
    ),
)
"""Inputs: new_events, known_events, subscriptions, landing_duplicates, run_params. Results: rollup_day and reopened_days."""


def chain_roots(links: str) -> str:
    """SELECT of source, event_id and root of each correction in `links` (source, event_id, corrects)."""
    return ROOTS.over(links, name="roots", doc=ROOTS.doc).sql
