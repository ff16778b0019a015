"""Every case, from its files to its breaks: exactly those of breaks.csv, with code, delta, stages and sentence, and no others."""

from __future__ import annotations

import csv
import os
from typing import Any

import pytest

from billing_recon.core.reason import Code
from billing_recon_tests.cases.case import SHOWN, Case, all_cases, run

REWRITE = os.environ.get("REWRITE_CASES") == "1"
"""REWRITE_CASES=1 writes breaks.csv anew, to be read line by line before it is committed."""


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run(tmp_path_factory.mktemp("cases") / "home", all_cases())


def test_every_code_has_a_case() -> None:
    """But EXPOSURE, which needs a rollout: compute/rollout/test_exposure.py."""
    assert {row["code"] for case in all_cases() for row in case.expected} == {*map(str, Code)} - {str(Code.EXPOSURE)}


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_the_day_has_the_breaks_of_the_case_and_no_others(case: Case, reported: list[dict[str, Any]]) -> None:
    found = case.breaks(reported)
    if REWRITE:
        with (case.folder / "breaks.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, SHOWN, lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    assert found == case.expected
