"""Numbers of series: what counts as missing, what as repeated, and what was never numbered in a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from billing_recon.core.journal import FindingCode
from billing_recon.feeds.ledgers.number_series import Identities, Numbering, Runs

numbers = st.lists(st.integers(0, 60), max_size=80)


@given(numbers)
def test_runs_are_a_set(values: list[int]) -> None:
    runs = Runs()
    seen: set[int] = set()
    for value in values:
        assert runs.add(value) == (value not in seen)
        seen.add(value)
    assert runs.count == len(seen)
    missing = set(range(min(seen), max(seen) + 1)) - seen if seen else set()
    assert {n for first, last in runs.gaps for n in range(first, last + 1)} == missing


@given(st.permutations(range(1, 30)), st.integers(2, 28))
def test_a_number_left_out_is_the_gap_in_any_order(order: list[int], missing: int) -> None:
    numbering = Numbering("invoice")
    for n in order:
        if n != missing:
            assert numbering.take("", f"RE-{n:04d}") is None
    (gap,) = numbering.gaps()
    assert (gap.code, gap.computed) == (FindingCode.NUMBER_GAP, f"RE-{missing:04d}")
    assert gap.sentence == (
        f"invoice number RE-{missing:04d} (1) is missing between RE-{missing - 1:04d} and RE-{missing + 1:04d}."
    )


def test_numbers_that_were_never_in_a_row_have_no_gaps() -> None:
    numbering = Numbering("journal")
    for stamp in ("20260302101500", "20260302113000", "20260303090000"):
        numbering.take("", stamp)
    assert numbering.gaps() == []


def test_series_of_their_own_have_gaps_of_their_own() -> None:
    numbering = Numbering("journal")
    for series, n in [("A", 1), ("A", 2), ("A", 4), ("B", 1), ("B", 2), ("B", 3)]:
        numbering.take(series, str(n))
    assert [gap.where for gap in numbering.gaps()] == ["journal series A"]


@given(st.lists(st.sampled_from(["a", "b/1", "b/2", "b/01", "c9", "c10"]), max_size=40))
def test_identities_are_unique_and_first_come_unchanged(texts: list[str]) -> None:
    ids = Identities()
    given_ids = [ids.unique(text) for text in texts]
    assert len(set(given_ids)) == len(texts)
    for text in set(texts):
        assert given_ids[texts.index(text)] == text
