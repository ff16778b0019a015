"""Control totals foot with their breaks, in every currency by itself."""

from __future__ import annotations

from decimal import Decimal

from billing_recon_tests.compute.reconcile.world import World


def test_totals_are_kept_per_currency_cohort_and_variant() -> None:
    world = World()
    for n, (currency, cohort) in enumerate((("USD", "all"), ("USD", "early"), ("JPY", "all"))):
        line = world.expect(f"S{n}", currency=currency)
        world.bill(f"INV-{n}", line, cohort=cohort, **world.refigure(line, "200"))
    totals = world.run("expected_billed").totals("expected_billed")
    assert [(t["currency"], t["cohort"], t["delta"], t["break_net"], t["breaks"]) for t in totals] == [
        ("JPY", "all", Decimal(24), Decimal(24), 1),
        ("USD", "all", Decimal("23.80"), Decimal("23.80"), 1),
        ("USD", "early", Decimal("23.80"), Decimal("23.80"), 1),
    ]


def test_gross_adds_what_net_cancels() -> None:
    world = World()
    for n, gross in enumerate(("190", "170")):
        line = world.expect(f"S{n}")
        world.bill(f"INV-{n}", line, **world.refigure(line, gross))
    (total,) = world.run("expected_billed").totals("expected_billed")
    assert (total["break_net"], total["break_gross"], total["breaks"]) == (0, Decimal("23.80"), 2)


def test_pending_is_counted_beside_the_population() -> None:
    world = World()
    world.expect("S1")
    world.bill("INV-2", world.expect("S2"))
    (total,) = world.run("expected_billed").totals("expected_billed")
    assert (total["left_count"], total["matched"], total["pending"], total["pending_amount"]) == (
        1,
        1,
        1,
        Decimal("214.20"),
    )


def test_footing_says_what_was_lost() -> None:
    world = World()
    world.bill("INV-1", world.expect())
    outcome = world.run("expected_billed")
    assert outcome.foots()
    outcome.con.execute("UPDATE control_totals SET delta = delta + 1")
    from billing_recon.compute.engine import build
    from billing_recon.compute.totals import FOOTING

    build(outcome.con, [FOOTING])
    (lost,) = outcome.rows("FROM footing")
    assert (lost["pair"], lost["lost"]) == ("expected_billed", 1)
