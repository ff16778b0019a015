"""Each sentence about an expected or billed line in full, from facts as SQL states them. The cases state the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing_recon.explain.facts import Facts
from billing_recon.explain.sentences import SENTENCES

LINE: dict[str, Any] = {
    "code": "PRICE_VERSION",
    "invoice_id": "INV-1",
    "line_ids": "INV-1/2",
    "parts": 1,
    "kind": "usage",
    "billed_kind": "usage",
    "meter": "api_calls",
    "period_start": "2026-02-01",
    "period_end": "2026-03-01",
    "billed_start": "2026-02-02",
    "billed_end": "2026-03-02",
    "figure": "gross",
    "before_tax": 5.0,
    "delta": 5.95,
    "discounted": False,
    "expected": 180.0,
    "billed": 185.0,
    "exact": 184.995,
    "rounding": "half_up",
    "expected_quantity": 12000.0,
    "billed_quantity": 12400.0,
    "plan": "api",
    "plan_version": "v2",
    "billed_version": "v2",
    "deduction": "credit",
}
BEFORE, TAIL = "INV-1 line 2", "USD +5.00 before tax, USD +5.95 in total."
CHARGED = f"{BEFORE} charges USD 185.00 for 12,400 api_calls where api v2 gives USD 180.00: "
STRAY: dict[str, Any] = {
    "invoice_id": "INV-1",
    "subscription_id": "S1",
    "period_start": "2026-02-01",
    "period_end": "2026-03-01",
    "original": "INV-0",
    "lines": 2,
    "billed": 20.0,
    "due_on": "2026-03-02",
    "expected": 20.0,
    "delta": 20.0,
}


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("line_price_version", {"other_version": "v1"}, f"{CHARGED}it is the price of version v1, {TAIL}"),
        ("line_price_version", {"billed_version": "v3"}, f"{CHARGED}the line names version v3, {TAIL}"),
        ("line_price_version", {}, f"{CHARGED}no version has this unit price, {TAIL}"),
        (
            "line_consequence",
            {"follows": "1", "code": "USAGE_MISSING", "parts": 2, "line_ids": "2, 3"},
            "INV-1 lines 2, 3 (usage api_calls) is right for the lines that it depends on, and wrong because line 1 is "
            f"(USAGE_MISSING): USD 185.00 instead of USD 180.00, {TAIL}",
        ),
        (
            "line_period",
            {},
            f"{BEFORE} charges usage api_calls for 2026-02-02 to 2026-03-02 where the contract has usage for 2026-02-01 to "
            f"2026-03-01: USD 185.00 instead of USD 180.00, {TAIL}",
        ),
        (
            "line_plan",
            {"billed_plan": None},
            f"{BEFORE} charges plan (none) where the subscription is on api: USD 185.00 instead of USD 180.00, {TAIL}",
        ),
        (
            "line_list_minimum",
            {},
            f"{BEFORE} fills the minimum with USD 185.00 where the contract's own minimum requires USD 180.00: it is the "
            f"minimum of api v2, {TAIL}",
        ),
        (
            "line_minimum_before_discount",
            {},
            f"{BEFORE} fills the minimum with USD 185.00 where USD 180.00 is missing: the minimum was filled before the "
            f"discount was deducted, {TAIL}",
        ),
        (
            "line_order",
            {},
            f"{BEFORE} totals USD 185.00 where USD 180.00 is due: every part is right, but not their order, {TAIL}",
        ),
        (
            "line_deducted_before_tax",
            {},
            f"{BEFORE} totals USD 185.00 where USD 180.00 is due: the credit is right, but deducted before tax instead of "
            f"after, {TAIL}",
        ),
        (
            "line_settling",
            {"discounted": True},
            f"{BEFORE} settles its gross of 184.995 to USD 185.00 where half up gives USD 180.00: USD +5.00 after discount "
            "and before tax, USD +5.95 in total.",
        ),
        (
            "line_quantity",
            {"kind": "subscription", "meter": None, "unit_price": 0.015, "code": "SUBSCRIPTION_STATE"},
            f"{BEFORE} charges 12,400 seats where the subscription has 12,000: 400 too many at USD 0.015, {TAIL}",
        ),
        ("line_unexpected", {"code": "USAGE_DUPLICATE", "before_tax": 0}, None),
    ],
)
def test_a_line(name: str, changes: dict[str, Any], text: str | None) -> None:
    expected = text or f"{BEFORE} charges usage api_calls for 2026-02-01 to 2026-03-01, which is billed already: " + (
        "USD +5.95 in total."
    )
    assert said(name, LINE | changes) == expected


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("stray_invoice", {"code": "KEY_UNMAPPED", "subscription_id": None}, "INV-1 bills no subscription: 2 lines, "),
        (
            "stray_invoice",
            {"code": "RECORD_QUARANTINED"},
            "INV-1 bills subscription S1, whose contract is in quarantine: 2 lines, ",
        ),
        (
            "stray_invoice",
            {"code": "MANUAL_ADJUSTMENT"},
            "INV-1 is a credit note for S1 that no contract calls for: 2 lines, ",
        ),
    ],
)
def test_an_invoice_as_a_whole(name: str, changes: dict[str, Any], text: str) -> None:
    assert said(name, STRAY | changes) == f"{text}USD 20.00 in total."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"only_late": True}, ", all of it for usage that arrived after its own period"),
        ({"only_change": True}, ", for a change of the contract on 2026-02-01"),
        ({"file": "lines.csv", "place": 7, "only_late": True}, ", and its rows are in quarantine (lines.csv row 7)"),
    ],
)
def test_a_period_that_no_invoice_bills(changes: dict[str, Any], reason: str) -> None:
    assert said("unbilled_period", STRAY | changes) == (
        "No invoice bills S1 for 2026-02-01 to 2026-03-01: it was due on 2026-03-02 with 2 lines, USD 20.00 in total"
        f"{reason}."
    )


def test_every_line_of_an_invoice_twice() -> None:
    assert said("invoice_lines_twice", STRAY) == "INV-1 has every line twice: 2 lines, USD +20.00 in total."


def test_an_invoice_in_another_currency_shows_both_amounts_in_their_own() -> None:
    facts = STRAY | {"billed_currency": "JPY", "expected_currency": "USD", "billed": 2000}
    assert said("invoice_currency", facts) == (
        "INV-1 charges JPY 2,000 on 2 lines where the contract is in USD and USD 20.00 is due; this is the part in USD."
    )


def said(name: str, facts: dict[str, Any]) -> str:
    return SENTENCES[name](Facts.read({"currency": "USD"}, json.dumps(facts), {"USD": 2, "JPY": 0}))
