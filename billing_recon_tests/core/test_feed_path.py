"""Where a feed may look for its files: below the home, and nowhere else."""

from __future__ import annotations

import pytest

from billing_recon.core.feed_path import path_problems


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../other/{day}.csv", "landing/../../x.csv", "~/x.csv", "C:/x.csv", "\\\\host\\x.csv", "a\\..\\x"],
)
def test_a_path_that_leads_out_of_the_home_is_refused(path: str) -> None:
    assert any("leads out of the home" in problem for problem in path_problems(path))


def test_a_path_below_the_home_is_fine_whatever_its_names() -> None:
    assert path_problems("landing/bills..old/{day}.csv") == []
