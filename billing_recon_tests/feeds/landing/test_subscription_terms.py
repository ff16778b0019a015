"""Subscriptions are held to the catalog when they land: a contract that cannot be computed is quarantined, row by row."""

from __future__ import annotations

import csv
import io
import json

from billing_recon.core.catalog import Catalog
from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.landing import LandingReport
from billing_recon.core.schema import BY_NAME
from billing_recon.feeds.landing.pipeline import land
from billing_recon_tests.feeds.desk import DAY, Desk

CATALOG: Catalog = load_catalog(
    [
        (
            "plans.yaml",
            """
plans:
  - plan_id: team
    plan_version: "2026-01"
    currency: USD
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "10"}
      - {charge_id: calls, kind: usage, meter: calls, model: per_unit, unit_price: "0.1"}
""",
        )
    ]
)
SUBSCRIPTION = {
    "subscription_id": "S-1", "customer_id": "C-1", "plan_id": "team", "plan_version": "2026-01", "status": "active",
    "quantity": "1", "currency": "USD", "timezone": "UTC", "tax_region": "DE", "segment": "smb", "billing_anchor": "2026-03-01",
    "billing_interval": "month", "valid_from": "2026-03-01T00:00:00Z", "valid_to": "", "contract": "",
}  # fmt: skip


def landed(desk: Desk, *changes: dict[str, object]) -> LandingReport:
    """Land a subscription for each of `changes`, named S-1, S-2 and so on."""
    file = io.StringIO()
    rows = csv.DictWriter(file, SUBSCRIPTION.keys())
    rows.writeheader()
    for number, changed in enumerate(changes, start=1):
        texts = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in changed.items()}
        rows.writerow(SUBSCRIPTION | {"subscription_id": f"S-{number}"} | texts)
    desk.put(file.getvalue(), "subscriptions")
    return land(
        desk.con,
        home=desk.home,
        company=desk.company,
        spec=BY_NAME["subscriptions"],
        day=DAY,
        lookback_days=62,
        known_usage=None,
        owner="finance",
        catalog=CATALOG,
    )


def test_each_bad_contract_is_quarantined_by_itself_with_reason_path_and_cure(desk: Desk) -> None:
    report = landed(
        desk,
        {},
        {"contract": {"discount": {"rate": "10"}}},
        {"contract": {"overrides": {"base": "8"}}},
        {"contract": {"allowances": [{"meter": "calls", "units": "5"}, {"meter": "calls", "units": "6"}]}},
        {"contract": {"coupons": [{"coupon_id": "A", "amount": "5", "valid_from": "2026-01-01", "charges": ["call"]}]}},
        {"contract": {"discuont": {"rate": "0.1"}, "minimum": 0.5}},
    )
    assert (report.rows_in, report.accepted, report.quarantined) == (6, 2, 4)
    assert report.equation_holds
    assert desk.quarantined() == [
        (2, "OUT_OF_RANGE", "contract"),
        (4, "TABLE_RULE", "contract"),
        (5, "NOT_ALLOWED", "contract"),
        (6, "UNPARSABLE", "contract"),
    ]
    for message, said in zip(
        desk.messages(),
        (
            'discount.rate: 10 is above 1, the most that it can be; it is a fraction, so write 10% as "0.1"',
            "allowances: 'calls' is given twice; add their units up in one entry",
            "coupons[0].charges: plan 'team' version '2026-01' has no charge 'call'; its charges are base, calls",
            'minimum: write the figure in quotes ("0.5"): a YAML float is binary and loses cents; discuont: is no key here; '
            "did you mean 'discount'?",
        ),
        strict=True,
    ):
        assert message.startswith("landing/subscriptions/2026-03-02.csv row ")
        assert said in message


def test_an_active_subscription_is_on_a_plan_of_the_catalog(desk: Desk) -> None:
    report = landed(
        desk,
        {"plan_version": "2027-01"},
        {"plan_id": "taem"},
        {"currency": "EUR"},
        {"plan_id": "retired", "status": "cancelled"},
        {"plan_id": "retired", "valid_from": "2020-01-01T00:00:00Z", "valid_to": "2021-01-01T00:00:00Z"},
    )
    assert (report.rows_in, report.accepted, report.quarantined) == (5, 2, 3)
    assert {reason for _, reason, _ in desk.quarantined()} == {"NOT_ALLOWED"}
    version, plan, currency = desk.messages()
    assert "plan_version '2027-01' is no version of plan 'team' in catalog/, which has 2026-01" in version
    assert "belongs to no plan 'taem' of catalog/, which has team; add the plan or correct plan_id" in plan
    assert "of plan 'team' is sold in USD and not in EUR" in currency


def test_a_billing_anchor_of_another_century_is_refused(desk: Desk) -> None:
    landed(desk, {"billing_anchor": "0226-03-01"}, {"billing_anchor": "2027-03-01"})
    assert desk.quarantined() == [(1, "OUT_OF_RANGE", "billing_anchor")]
