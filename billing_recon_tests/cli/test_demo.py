"""The demo holds what it found against the truth to the cent; nothing that is near counts."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon import demo
from billing_recon.core.reason import Code
from billing_recon.report.terminal import Screen
from billing_recon.simulate import SUPPORTED

TRUE = demo.Difference("ROUNDING", "expected_billed", "2026-02-24", "INV-1", "INV-1/2", "", Decimal("-0.01"))


@pytest.mark.parametrize(
    ("found", "said", "code"),
    [
        ([TRUE], "1 found with the right code and the exact amount, 0 missed, 0 invented", 0),
        ([], "0 found with the right code and the exact amount, 1 missed, 0 invented", 1),
        ([TRUE, TRUE], "1 found with the right code and the exact amount, 0 missed, 1 invented", 1),
    ],
)
def test_the_demo_succeeds_only_when_all_is_found_and_nothing_invented(
    found: list[demo.Difference], said: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo._compare(Screen(), Counter([TRUE]), Counter(found), [], Path("data/demo")) == code
    assert said in capsys.readouterr().out


def test_an_amount_that_is_off_by_the_last_digit_is_another_difference() -> None:
    near = demo.Difference(*[*(getattr(TRUE, f) for f in TRUE.__slots__[:-1]), Decimal("-0.010000000001")])
    assert Counter([TRUE]) - Counter([near]) == Counter([TRUE])


def test_the_demo_injects_at_least_twelve_faults_of_every_kind_that_the_issue_names() -> None:
    assert sum(demo.FAULTS.values()) >= 12
    assert len(demo.FAULTS) == 13
    assert set(demo.FAULTS) <= set(SUPPORTED) <= set(Code)
    assert len(demo.days_between(demo.FIRST, demo.LAST)) == 60
    assert demo.CUSTOMERS >= 200


def test_a_real_home_is_never_replaced_by_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "company.yaml").write_text("name: Real\n", encoding="utf-8")
    assert demo.main(["--home", str(tmp_path)]) == 2
    assert "nor an earlier simulation" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["company.yaml"]
