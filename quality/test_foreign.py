"""A company made without the simulator: the faults of an outsider's engine, ledger and bank are found, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quality.foreign import write_foreign
from quality.scores import read_truth, score

pytestmark = pytest.mark.long


def test_ten_days_of_an_outsiders_company(tmp_path: Path) -> None:
    span = write_foreign(8, tmp_path / "home", subscriptions=70, days=10)
    result = score(tmp_path / "home", span.days, span.first)
    assert len({one[0] for one in read_truth(tmp_path / "home")}) > 10
    assert (result.details, result.unsummed) == ([], 0)


def test_the_same_seed_is_the_same_company(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_foreign(3, tmp_path / name, subscriptions=12, days=12)
    one, other = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "other")
    )
    assert one == other
