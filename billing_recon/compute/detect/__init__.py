"""Findings about the data itself as one table: identity, owner, source rows. What each detector looks for is in its module."""

from __future__ import annotations

from billing_recon.compute.detect import invoices, numbers, payments, shape
from billing_recon.compute.detect.shape import DETECTED
from billing_recon.compute.pairs.shape import SOURCES
from billing_recon.compute.relation import Relation
from billing_recon.core.schema import DETECTIONS

_FINDERS: tuple[Relation, ...] = (
    *invoices.RELATIONS,
    *numbers.RELATIONS,
    *payments.RELATIONS,
)
_FOUND_IN = tuple(relation.name for relation in _FINDERS)
_FOUND = "\n    UNION ALL\n    ".join(f"SELECT {', '.join(DETECTED)} FROM {name}" for name in _FOUND_IN)

DETECTED_TODAY = Relation(
    name="detections",
    inputs=(*_FOUND_IN, "policy_detectors"),
    rows_from=_FOUND_IN,
    doc="What the detectors found on the day, without those that policy turned off (core.schema.DETECTIONS).",
    sql=f"""
WITH found AS (
    {_FOUND}
),
named AS (
    SELECT 'D' || left(sha256(concat_ws('|', f.detector, f.identity)), 16) AS detection_id, f.detector, f.customer_id,
        f.subscription_id, f.invoice_id, f.payment_id, f.currency, f.amount, f.finding, f.next_step, q.owner,
        CAST(json_object('sources', coalesce(f.sources, CAST([] AS {SOURCES}))) AS VARCHAR) AS evidence
    FROM found AS f
    CROSS JOIN policy_detectors AS q
    WHERE NOT list_contains(q.turned_off, f.detector)
)
SELECT {", ".join(f"CAST({c.name} AS {c.sql_type}) AS {c.name}" for c in DETECTIONS.columns)}
FROM named ORDER BY detection_id""",
)

RELATIONS: tuple[Relation, ...] = (shape.FRESH, *_FINDERS, DETECTED_TODAY)
"""Inputs: the reconciler's relations, terms and the day's tables. Result: detections."""
