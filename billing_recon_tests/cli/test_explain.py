"""`explain`: both computations of a break, its stages and its source rows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import Result

Typed = Callable[..., Result]


def test_explain_shows_both_computations_and_where_they_part(kept: Path, typed: Typed) -> None:
    output = typed("explain", "--home", kept, "a1b2c3d4e5f60718").stdout
    lines = [line.split() for line in output.splitlines()]
    assert ["unit", "price", "0.02", "0.03", "+0.01"] in lines
    assert ["gross", "30.00", "45.00", "+15.00"] in lines
    assert ["tax", "rate", "0.19", "0.19", "0"] in lines
    assert ["total", "35.70", "53.55", "+17.85"] in lines
    assert ["plan", "version", "2026-01", "2025-07", "differs"] in lines
    assert ["invoice_lines", "landing/invoice_lines/2026-03-02.csv", "17"] in lines
    assert ["2", "1000", "500", "0.02", "0", "10"] in lines, "the tiers of the expected side"
    assert "billing-platform owns this" in output


def test_the_stages_of_an_explanation_are_in_the_order_of_a_bill_and_sum_to_the_difference(
    kept: Path, typed: Typed
) -> None:
    lines = [line.split() for line in typed("explain", "--home", kept, "a1b2").stdout.splitlines()]
    start = lines.index(["stage", "code", "part", "running"])
    price, tax, total = lines[start + 1 : start + 4]
    assert price == ["contract", "PRICE_VERSION", "+15.00", "+15.00"]
    assert tax == ["tax", "TAX_BASE", "+2.85", "+17.85"]
    assert Decimal(price[2]) + Decimal(tax[2]) == Decimal(total[1]) == Decimal("17.85")


@pytest.mark.parametrize("break_id", ["b7", "c9"])
def test_a_break_without_lines_is_explained_too(kept: Path, typed: Typed, break_id: str) -> None:
    result = typed("explain", "--home", kept, break_id)
    assert result.exit_code == 0
    assert "owns this" in result.stdout


def test_an_unknown_break_exits_2_with_a_hint(kept: Path, typed: Typed) -> None:
    result = typed("explain", "--home", kept, "nothing")
    assert result.exit_code == 2
    assert "no break 'nothing'" in result.stderr
    assert "billing-recon breaks" in result.stderr
    assert "Traceback" not in result.stderr
