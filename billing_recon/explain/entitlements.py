"""How far included units are used, in words: a sentence per row of `entitlement_signals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from billing_recon.compute.registration import register
from billing_recon.core.schema import ENTITLEMENT_SIGNALS
from billing_recon.explain.facts import units
from billing_recon.explain.texts import rows_of

WORDED = "entitlements_reached"


def write_entitlements(con: duckdb.DuckDBPyConnection) -> None:
    """Create `entitlements_reached`: the rows of `entitlement_signals`, each with its sentence."""
    rows = rows_of(con, "SELECT * FROM entitlement_signals ORDER BY subscription_id, charge_id, period_start, percent")
    register(con, ENTITLEMENT_SIGNALS, [row | {"sentence": _sentence(row)} for row in rows], WORDED)


def _sentence(row: Mapping[str, Any]) -> str:
    return (
        f"{row['subscription_id']} has used {units(row['used'])} of the {units(row['included'])} "
        f"{row['meter'].replace('_', ' ')} included from {row['period_start']}: {row['percent']}% are reached."
    )
