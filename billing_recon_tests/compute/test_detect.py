"""Detectors: what in the data itself deserves a look, and what looks like it and does not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.detector import Detector
from billing_recon.core.policy import Detectors
from billing_recon_tests.compute.reconcile.world import DAY, World

NOTHING = {"gross": Decimal(0), "taxable": Decimal(0), "tax": Decimal(0), "total": Decimal(0)}
YESTERDAY = DAY - timedelta(days=1)


def found(world: World) -> list[tuple[str, str | None]]:
    return [(row["detector"], row["invoice_id"]) for row in world.run().detected()]


def test_a_plain_days_bills_give_no_finding() -> None:
    world = World()
    for n in range(1, 9):
        row = world.invoice(f"INV-{n:03}")
        world.document(row, f"D{n}")
        world.journal(row, f"J{n}")
    assert found(world) == []


class TestInvoiceTotals:
    def test_an_invoice_over_nothing_is_found_with_what_to_do(self) -> None:
        world = World()
        line = world.expect()
        world.bill("INV-1", line, **NOTHING)
        (row,) = world.run().detected()
        assert (row["detector"], row["invoice_id"], row["amount"]) == ("ZERO_INVOICE", "INV-1", 0)
        assert row["finding"] == (
            "Invoice INV-1 to C-S1 totals USD 0.00 from a gross of USD 0.00; neither a credit nor the contract explains it."
        )
        assert json.loads(row["evidence"])["sources"][0]["file"] == f"landing/invoice_lines/{DAY}.csv"

    def test_a_zero_that_the_contract_or_a_credit_explains_is_none(self) -> None:
        world = World()
        world.bill("INV-1", world.expect("S1", "base", gross="0"))
        paid_by_credit = world.expect("S2", "base", gross="100", credit="119.00")
        world.bill("INV-2", paid_by_credit)
        assert found(world) == []

    def test_a_negative_invoice_is_found_and_a_credit_note_is_none(self) -> None:
        world = World()
        line = world.expect()
        less = {name: -line[name] for name in ("gross", "taxable", "tax", "total")}
        world.bill("INV-1", line, **less)
        world.bill("CN-1", world.expect("S2"), invoice_kind="credit_note", **less)
        assert found(world) == [("NEGATIVE_INVOICE", "INV-1")]


class TestMissingTax:
    def bill(self, region: str, **changes: Any) -> list[tuple[str, str | None]]:
        world = World()
        line = world.expect("S1", "base", gross="100")
        world.rows["subscriptions"][0]["tax_region"] = region
        world.bill("INV-1", line, **{"tax": Decimal(0), "total": line["taxable"], **changes})
        return found(world)

    def test_no_tax_where_the_region_is_taxed_is_found(self) -> None:
        assert self.bill("DE") == [("MISSING_TAX", "INV-1")]

    @pytest.mark.parametrize(
        ("region", "changes"),
        [
            ("US-OR", {}),
            ("DE", {"gross": Decimal("0.01"), "taxable": Decimal("0.01"), "total": Decimal("0.01")}),
            ("DE", {"taxable": Decimal(0), "total": Decimal(0), "credit": Decimal(100)}),
        ],
        ids=["an untaxed region", "a tax that rounds to zero", "nothing taxable"],
    )
    def test_no_tax_that_is_due_is_none(self, region: str, changes: dict[str, Any]) -> None:
        assert self.bill(region, **changes) == []

    def test_tax_as_a_line_of_its_own_is_tax(self) -> None:
        world = World()
        line = world.expect("S1", "base", gross="100")
        world.bill("INV-1", line, tax=Decimal(0), total=line["taxable"])
        world.bill("INV-1", line, line_id="2", kind="adjustment", meter="tax", gross=Decimal(0), taxable=Decimal(0),
                   total=line["tax"])  # fmt: skip
        assert found(world) == []


class TestDiscounts:
    def world(self, *earlier: str, contract: str = "0", **policy: Any) -> World:
        """C-1 had invoices with these discounts of 100 on earlier days; today's has one of 40."""
        world = World()
        world.detectors = Detectors.model_validate(policy)
        for n, share in enumerate(earlier):
            line = world.expect(f"S{n}", "base", gross="100", discount=share)
            world.rows["expected_lines"].remove(line)
            world.bill(f"A{n}X", line, on=DAY - timedelta(days=n + 1), customer_id="C-1")
        line = world.expect("SX", "base", gross="100", discount=contract)
        world.bill("BX", line, customer_id="C-1", **world.refigure(line, "100", discount=Decimal("40")))
        return world

    def test_a_discount_far_above_the_customers_history_is_found(self) -> None:
        (row,) = self.world("5", "5", "10", "5", "10").run().detected("UNUSUAL_DISCOUNT")
        assert row["finding"] == (
            "Invoice BX to C-1 gives a discount of USD 40.00 on USD 100.00, 40%; the median of 5 earlier invoices of this "
            "customer is 5%, and up to 15% is usual."
        )

    @pytest.mark.parametrize(
        ("earlier", "contract"),
        [(("35", "5", "40", "40", "40"), "0"), (("5",) * 4, "0"), (("5",) * 5, "40")],
        ids=["usual for the customer", "too few invoices to tell", "the contract gives it"],
    )
    def test_what_is_usual_unknown_or_agreed_is_none(self, earlier: tuple[str, ...], contract: str) -> None:
        assert self.world(*earlier, contract=contract).run().detected("UNUSUAL_DISCOUNT") == []

    def test_the_policys_bound_holds_even_for_what_the_contract_gives(self) -> None:
        (row,) = self.world(contract="40", max_discount="0.30").run().detected("UNUSUAL_DISCOUNT")
        assert "the policy allows 30%" in row["finding"]


class TestDuplicateCharges:
    def test_one_period_charged_on_two_invoices_is_found(self) -> None:
        world = World()
        line = world.expect()
        world.bill("A-X", line, on=YESTERDAY)
        world.bill("B-X", line)
        (row,) = world.run().detected("DUPLICATE_CHARGE")
        assert (row["invoice_id"], row["amount"]) == ("B-X", line["total"])
        assert row["finding"] == (
            "Customer C-S1 is charged twice for 2026-02-01 to 2026-03-01: USD 214.20 on invoice B-X is also on A-X (1 line)."
        )
        assert len(json.loads(row["evidence"])["sources"]) == 2

    def test_a_subscription_that_the_contract_does_not_know_hides_none(self) -> None:
        world = World()
        line = world.expect()
        world.bill("A-X", line)
        world.bill("B-X", line, subscription_id="UNKNOWN")
        assert [name for name, _ in found(world)] == ["DUPLICATE_CHARGE"]

    def test_two_subscriptions_or_periods_of_one_customer_are_none(self) -> None:
        world = World()
        world.bill("A-X", world.expect("S1"), customer_id="C-1")
        world.bill("B-X", world.expect("S2"), customer_id="C-1")
        january = (date(2026, 1, 1), date(2026, 2, 1))
        world.bill("C-X", world.expect("S1", period=january, due_on=DAY), customer_id="C-1")
        assert found(world) == []

    def test_a_void_invoice_charges_nobody(self) -> None:
        world = World()
        line = world.expect()
        world.bill("A-X", line, status="void")
        world.bill("B-X", line)
        assert found(world) == []


class TestNumbering:
    def numbered(self, *numbers: int, on: date = YESTERDAY, form: str = "INV-{:04}") -> World:
        world = World()
        for number in numbers:
            world.invoice(form.format(number), on=on)
        return world

    def test_a_gap_is_found_once_the_grace_has_passed(self) -> None:
        (row,) = self.numbered(1, 2, 3, 6, 7).run().detected("NUMBER_GAP")
        assert row["finding"] == "The series skips 2 numbers between invoices INV-0003 and INV-0006."
        assert self.numbered(1, 2, 3, 6, 7, on=DAY).run().detected("NUMBER_GAP") == [], "they may still come"
        old = self.numbered(1, 2, 3, 6, 7, on=DAY - timedelta(days=2))
        assert old.run().detected("NUMBER_GAP") == [], "said the day before"

    def test_void_invoices_and_rows_in_quarantine_use_their_numbers(self) -> None:
        world = self.numbered(1, 2, 3, 6, 7)
        world.invoice("INV-0004", on=YESTERDAY, status="void")
        world.quarantine("invoice_lines", invoice_id="INV-0005")
        assert found(world) == []

    def test_ids_that_are_no_series_have_no_gaps(self) -> None:
        assert found(self.numbered(1, 50, 9000, 777, 123456)) == []
        assert found(self.numbered(1, 3, 4)) == []
        assert found(self.numbered(1, 3, 4, 5, 6, form="{0}/A")) == [("NUMBER_GAP", "3/A")]

    def test_one_number_for_two_customers_or_two_spellings_is_found(self) -> None:
        world = World()
        world.bill("R-1", world.expect("S1", "base"), line_id="1")
        world.bill("R-1", world.expect("S2", "seats"), line_id="2")
        world.invoice("R-01")
        assert [(r["detector"], r["finding"]) for r in world.run().detected()] == [
            ("NUMBER_REPEAT", "Invoice numbers R-01 and R-1 are one number in two spellings."),
            ("NUMBER_REPEAT", "Invoice number R-1 is used for 2 customers, including C-S1 and C-S2."),
        ]


class TestPaymentStatus:
    def test_a_success_over_nothing_is_found(self) -> None:
        world = World()
        world.payment(world.invoice(), "P1", "0")
        (row,) = world.run().detected()
        assert (row["detector"], row["payment_id"]) == ("PAYMENT_STATUS", "P1")

    def test_a_failed_payment_whose_money_the_ledger_has_is_found(self) -> None:
        two_days_ago = DAY - timedelta(days=2)
        for booked, expected in (("119.00", ["P1"]), ("0", [])):
            world = World()
            row = world.invoice(on=two_days_ago)
            world.payment(row, "P1", status="failed", on=two_days_ago)
            cash: dict[str, Any] = {"posted_on": two_days_ago, "currency": "USD", "invoice_id": row["invoice_id"]}
            world.add("ledger_entries", on=two_days_ago, entry_id="E1", journal_id="JC", account="1200", role="cash",
                      debit=Decimal(booked), credit=Decimal(0), **cash)  # fmt: skip
            assert [r["payment_id"] for r in world.run().detected()] == expected

    def test_money_kept_for_a_void_invoice_is_found_once_payments_must_tie(self) -> None:
        settled = DAY - timedelta(days=5)
        world = World()
        row = world.invoice(on=settled, status="void")
        world.payment(row, "P1", on=settled)
        assert [r["invoice_id"] for r in world.run().detected()] == ["INV-1"]
        world.payment(row, "P2", kind="refund", on=settled)
        assert world.run().detected() == []

    def test_more_returned_than_paid_is_found(self) -> None:
        world = World()
        row = world.invoice()
        world.payment(row, "P1", "50.00")
        world.payment(row, "P2", "80.00", kind="chargeback")
        (finding,) = world.run().detected()
        assert finding["finding"] == "More was returned for invoice INV-1 than was ever paid for it: USD -30.00."


def test_a_gap_and_a_repeat_that_make_up_for_each_other_are_both_found() -> None:
    world = World()
    for name in ("INV-1", "INV-2", "INV-4", "INV-5", "INV-6", "INV-7"):
        world.invoice(name, on=YESTERDAY)
    world.invoice("INV-02")
    assert [name for name, _ in found(world)] == ["NUMBER_GAP", "NUMBER_REPEAT"]


def test_a_detector_that_policy_turned_off_finds_nothing_and_the_owner_is_policys() -> None:
    world = World()
    world.bill("INV-1", world.expect(), **NOTHING)
    (row,) = world.run().detected()
    assert row["owner"] == "team"
    world.detectors = Detectors(severities={Detector.ZERO_INVOICE: "off"})
    assert world.run().detected() == []


def test_a_rerun_in_another_order_finds_the_same() -> None:
    world = World()
    line = world.expect()
    for n in range(6):
        world.bill(f"N-{n * 2}", line, on=YESTERDAY if n % 2 else DAY)
    first, second = (world.run(shuffle=seed).detected() for seed in (1, 2))
    assert first == second
    assert first
