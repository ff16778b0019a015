"""Edited files: the effect of each edit is found, to the cent and under a correct code, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from quality.mutations import MUTATIONS, judge
from quality.mutations.by_hand import FIRST, LAST, write_by_hand
from quality.mutations.company import mutate

pytestmark = pytest.mark.long

DAYS = (LAST - FIRST).days + 1


@pytest.mark.parametrize(
    "only",
    [
        ("engine:dearer", "ledger:booked_twice_a_cent_apart"),
        ("bank:paid_twice_a_cent_apart", "together:dearer_and_misprinted"),
        ("engine:tax_cut_off", "bills:long_before_the_contract"),
    ],
    ids=lambda only: only[0].partition(":")[2],
)
def test_edits_of_a_company_worked_out_by_hand(tmp_path: Path, only: tuple[str, ...]) -> None:
    applied = mutate(write_by_hand(tmp_path), only, harmless=False)
    result = judge(tmp_path, DAYS, FIRST)
    assert {one.mutation for one in applied} == set(only)
    assert (result.details, result.unsummed) == ([], 0)


def test_rewritten_files_are_no_difference(tmp_path: Path) -> None:
    mutate(write_by_hand(tmp_path), ("document:in_other_words",))
    result = judge(tmp_path, DAYS, FIRST)
    assert (result.details, result.injected.total()) == ([], 0)


def test_each_mutation_has_a_name_and_a_story_of_its_own() -> None:
    assert len({one.name for one in MUTATIONS}) == len({one.story for one in MUTATIONS}) == len(MUTATIONS)
