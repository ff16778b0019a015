"""Every pair hands in all columns of the shape, each of its exact type: a union would widen a type without a word."""

from __future__ import annotations

from billing_recon.compute.breaks import ASSESSED_IN, FOUND_IN
from billing_recon.compute.definitions import DEFINITIONS
from billing_recon.compute.engine import session
from billing_recon.compute.pairs.shape import ASSESSED, FINDING
from billing_recon_tests.compute.reconcile.world import World


def test_findings_and_assessed_items_have_the_columns_and_types_of_their_shape() -> None:
    con = World().run().con
    off = {}
    for shape, relations in ((FINDING, FOUND_IN), (ASSESSED, ASSESSED_IN)):
        for name in relations:
            found = {column: kind for column, kind, *_ in con.execute(f"DESCRIBE {name}").fetchall()}
            off |= {(name, column): found.get(column) for column, kind in shape.items() if found.get(column) != kind}
    assert off == {}


def test_the_empty_shapes_are_defined_in_every_session() -> None:
    con = session()
    assert con.execute("SELECT pair FROM no_finding()").fetchall() == []
    assert con.execute("SELECT pair FROM no_assessed()").fetchall() == []
    assert any("no_finding" in definition for definition in DEFINITIONS)
