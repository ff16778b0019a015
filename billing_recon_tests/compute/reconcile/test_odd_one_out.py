"""Which layer is the odd one out: said where the layers after the bill agree with our own rating and not with the bill."""

from __future__ import annotations

from decimal import Decimal

from billing_recon_tests.compute.reconcile.world import World

SAYS = " This agrees with our own rating: the billing engine is the odd one out."


def test_a_bill_that_nobody_follows_is_the_odd_one_out() -> None:
    world = World()
    due = world.expect()
    wrong = world.bill("INV-1", due, **world.refigure(due, "190.00"))
    right = wrong | world.refigure(due, "180.00")
    world.document(right)
    world.journal(right)
    told = {found["pair"]: found["explanation"] for found in world.run().breaks()}
    assert set(told) == {"expected_billed", "billed_rendered", "billed_booked"}
    assert told["billed_booked"] == "INV-1 is booked at USD 214.20 where USD 226.10 is billed: USD -11.90." + SAYS
    assert told["billed_rendered"].endswith(SAYS)
    assert SAYS not in told["expected_billed"]


def test_a_layer_that_is_off_by_something_else_is_odd_by_itself() -> None:
    world = World()
    due = world.expect()
    wrong = world.bill("INV-1", due, **world.refigure(due, "190.00"))
    world.document(wrong)
    world.journal(wrong, ar=wrong["total"] + Decimal("0.01"))
    told = {found["pair"]: found["explanation"] for found in world.run().breaks()}
    assert set(told) == {"expected_billed", "billed_booked"}
    assert told["billed_booked"] == "INV-1 is booked at USD 226.11 where USD 226.10 is billed: USD +0.01."


def test_where_document_ledger_and_payment_follow_a_wrong_bill_its_sentence_says_so() -> None:
    layers = {
        (): "",
        ("journal",): " The ledger agrees with the bill.",
        ("document", "journal"): " The document and the ledger agree with the bill.",
        ("document", "journal", "payment"): (
            " The document, the ledger and the payment agree with the bill: only the contract says otherwise."
        ),
    }
    for follow, words in layers.items():
        world = World()
        due = world.expect()
        wrong = world.bill("INV-1", due, **world.refigure(due, "190.00"))
        for layer in follow:
            getattr(world, layer)(wrong)
        found = world.run().the_break("expected_billed")
        assert found["explanation"].endswith("in total." + words)
