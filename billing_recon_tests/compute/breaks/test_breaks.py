"""The tables that the day writes have exactly the columns and types of the catalogue of schemas."""

from __future__ import annotations

from datetime import timedelta

from billing_recon.core.schema import BREAKS, DETECTIONS
from billing_recon_tests.compute.reconcile.world import DAY, World


def test_breaks_and_detections_have_the_columns_and_types_of_their_schema() -> None:
    world = World()
    row = world.invoice(on=DAY - timedelta(days=5))
    world.payment(row, "P1", "1.00", on=DAY - timedelta(days=5))
    world.payment(row, "P2", "0", on=DAY)
    outcome = world.run()
    assert outcome.detected()
    assert outcome.breaks()
    for spec in (BREAKS, DETECTIONS):
        found = [(name, kind) for name, kind, *_ in outcome.con.execute(f"DESCRIBE {spec.name}").fetchall()]
        assert found == [(column.name, column.sql_type) for column in spec.columns]
