"""What the sentence of an expected line says that no whole company of the other tests shows."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from billing_recon.core.catalog import Catalog
from billing_recon.explain.rated_lines import line_sentence
from billing_recon_tests.compute.small_company import catalog

NOTHING = catalog('{charge_id: other, kind: subscription, model: flat, amount: "1"}')
FREE = catalog("{charge_id: events, kind: usage, meter: events, model: per_unit, unit_price: '1', free_units: 100}")


def line(steps: dict[str, Any], kind: str = "usage", meter: str | None = "events", **given: Any) -> dict[str, Any]:
    """An expected line of March with figures of 0 but those given."""
    figures = dict.fromkeys(("quantity", "gross", "discount", "discount_rate", "tax", "tax_rate", "total"), Decimal(0))
    return {
        **figures,
        "expected_line_id": f"S1|{kind}|{meter}",
        "plan_id": "p",
        "plan_version": "1",
        "charge_id": "events",
        "currency": "USD",
        "decimals": 2,
        "kind": kind,
        "meter": meter,
        "working": json.dumps({"steps": steps, "billing_period": ["2026-03-01", "2026-04-01"]}),
        **{name: Decimal(value) for name, value in given.items()},
    }


def rated(model: str, steps: Any, *, share: tuple[int, int] | None = None, **more: Any) -> dict[str, Any]:
    proration = {"days": share[0], "of": share[1]} if share else None
    rating = {"model": model, "steps": steps, "proration": proration}
    return {"rating": rating, "usage": {}, "allowance": None, "bounds": None, **more}


def said(steps: dict[str, Any], terms: Catalog = NOTHING, **given: Any) -> str:
    return line_sentence(line(steps, **given), terms)


def test_units_included_come_from_the_catalog_and_are_left_out_without_it() -> None:
    steps = rated("per_unit", {"units": "50", "unit_price": "1"})
    figures = {"quantity": "150", "gross": "50", "total": "50"}
    assert said(steps, FREE, **figures) == "50 events above the 100 included at USD 1.00 = USD 50.00; total USD 50.00."
    assert said(steps, **figures) == "50 events at USD 1.00 = USD 50.00; total USD 50.00."


def test_a_share_counts_seconds_where_it_is_more_than_the_period_has_days() -> None:
    steps = rated("flat", {"amount": "31"}, share=(1339200, 2678400)) | {"usage": None}
    sentence = said(steps, quantity="1", gross="15.5", total="15.5")
    assert sentence == "flat fee of USD 31.00 for 1,339,200 of 2,678,400 seconds = USD 15.50; total USD 15.50."


def test_of_many_parts_the_first_is_written_out() -> None:
    hours = [{"units": str(n), "unit_price": "1"} for n in range(1, 7)]
    assert said(rated("per_unit", hours), quantity="21", gross="21", total="21") == (
        "6 parts, the first 1 events at USD 1.00 = USD 21.00; total USD 21.00."
    )
    assert said(rated("per_unit", hours[:2]), quantity="3", gross="3", total="3").startswith(
        "1 events at USD 1.00 + 2 events at USD 1.00 = USD 3.00"
    )


def test_a_part_without_usage_says_so() -> None:
    parts = [{"units": "0", "unit_price": "1"}, {"units": "2", "unit_price": "1"}]
    assert said(rated("per_unit", parts), quantity="2", gross="2", total="2").startswith("no events + 2 events at")


def test_flat_fees_of_several_buckets_are_counted() -> None:
    fees = [{"amount": "5"}] * 3
    assert said(rated("flat", fees), quantity="2", gross="10", total="10").startswith(
        "2 times a flat fee of USD 5.00 ="
    )
    assert said(rated("flat", fees), quantity="0") == "no events; total USD 0.00."


def test_tax_within_the_price_is_included_and_tax_on_top_is_added() -> None:
    steps = rated("per_unit", {"units": "1", "unit_price": "119"})
    within = said(steps, quantity="1", gross="119", tax="19", tax_rate="0.19", total="119")
    assert within.endswith("; includes 19% tax USD 19.00; total USD 119.00.")
    on_top = said(steps, quantity="1", gross="119", tax="22.61", tax_rate="0.19", total="141.61")
    assert on_top.endswith("; plus 19% tax USD 22.61; total USD 141.61.")
