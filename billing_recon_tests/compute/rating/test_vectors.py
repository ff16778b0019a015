"""The published figures of four engines, rated by the SQL under their profiles; and the runner that does it."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from billing_recon_tests.vector_cases import Vector
from billing_recon_tests.vectors import COLUMNS, main, read, run


def test_every_published_figure_that_can_be_met_is_met(realdata: Path) -> None:
    """Rows that ask the very same and expect different figures cannot all be met: of each such group one must fail."""
    vectors = read(realdata / "rating" / "rating_vectors.csv")
    asked = defaultdict(set)
    for vector in vectors:
        asked[vector.engine, vector.model, vector.params, vector.input, vector.currency].add(vector.expected)
    contradictions = sum(len(expected) - 1 for expected in asked.values())
    failed = [outcome for outcome in run(vectors) if outcome.problem]
    assert len(failed) == contradictions
    assert all("the file itself expects" in outcome.problem for outcome in failed)


def row(model: str, params: Any, given: Any, expected: str, **more: str) -> dict[str, str]:
    known = {"vector_id": "v1", "engine": "lago", "expected_kind": "amount", "currency": "USD"}
    return {
        **known,
        "model": model,
        "params": params if isinstance(params, str) else json.dumps(params),
        "input": given if isinstance(given, str) else json.dumps(given),
        "expected": expected,
        **more,
    }


def written(path: Path, *rows: dict[str, str]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fieldnames=COLUMNS)
        out.writeheader()
        out.writerows(rows)
    return str(path)


UNIT = row("unit", {"amount": "10"}, {"units": "3"}, "30")


def test_it_closes_with_how_many_passed_and_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {**UNIT, "vector_id": "v2", "expected": "31"}
    assert main([written(tmp_path / "v.csv", UNIT, wrong)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("v2 lago unit: expected 31, got 30; the file itself expects 30 of the same case in v1")
    assert out[-1] == "1 passed, 1 failed"
    assert main([written(tmp_path / "v.csv", UNIT)]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"engine": "zuora"}, "there is no profile of engine 'zuora'"),
        ({"model": "surge"}, "lago has no model surge here; its models are graduated,"),
        ({"params": "{}"}, "params lacks amount"),
        ({"params": "{"}, "params is not JSON"),
        ({"params": "[]"}, "params must be a JSON object"),
        ({"params": '{"amount": "ten"}'}, "params.amount is 'ten', which is not a figure"),
        ({"params": '{"amount": "1", "vat": "2"}'}, "params has vat, which this model does not know"),
        ({"params": '{"amount": "99999999999"}'}, "is larger than any price can be"),
        ({"input": '{"units": "1e40"}'}, "it cannot be computed"),
        ({"currency": "XXQ"}, "currency 'XXQ' is not an active ISO 4217 code"),
        ({"expected": "many"}, "expected is 'many', which is not a figure"),
        ({"model": "unit+surcharge"}, "+surcharge is not known"),
        (
            {"engine": "openmeter", "params": '{"amount": "1", "minimum_amount": "5", "maximum_amount": "3"}'},
            "the minimum 5 is above the maximum 3",
        ),
        ({"params": '{"amount": "1", "unit_amount": "2"}'}, "params has unit_amount, which this model does not know"),
        (
            {"engine": "openmeter", "params": '{"amount": "1"}', "input": '{"units": "1", "quantity": "2"}'},
            "input has both units and quantity, which say the same",
        ),
        (
            {"engine": "openmeter", "params": '{"amount": "1"}', "input": '{"units": "1", "line_mode": "first"}'},
            "input.line_mode is 'first'; it is one of SinglePerPeriod,",
        ),
        (
            {
                "engine": "openmeter",
                "params": '{"amount": "1", "usage_discount": "1", "discounts": {"usage": {"quantity": "1"}}}',
            },
            "usage_discount is stated in params and params.discounts",
        ),
        (
            {"engine": "openmeter", "params": '{"amount": "1", "discounts": {"volume": "1"}}'},
            "params.discounts has volume, which this model does not know",
        ),
        (
            {"engine": "openmeter", "params": '{"amount": "1", "discounts": "5"}'},
            "params.discounts must be an object",
        ),
        (
            {"engine": "openmeter", "params": '{"amount": "1", "free_units": "1", "usage_discount": "2"}'},
            "params has both free_units and a usage discount",
        ),
        ({"model": "percentage", "params": '{"rate": "1", "fixed_amount": "2"}'}, "input lacks events"),
        (
            {
                "engine": "killbill",
                "model": "volume_blocks",
                "params": '{"tiers": [{"block_price": "1", "block_size": "10"}]}',
            },
            "tier 1 lacks max_blocks",
        ),
        ({"model": "graduated", "params": '{"tiers": []}'}, "tiers must run to infinity"),
        (
            {"model": "graduated", "params": '{"tiers": [{"to": "10", "unit": "1"}, {"from": "9", "unit": "1"}]}'},
            "tier 2 overlaps the tier before",
        ),
        (
            {
                "engine": "flexprice",
                "model": "proration_net",
                "params": "{}",
                "input": '{"change": "2024-01-15", "period_start": "2024-02-01", "period_end": "2024-01-01", "new_price": "1"}',
            },
            "before it starts",
        ),
    ],
)
def test_a_row_that_cannot_be_rated_fails_with_a_sentence_and_spoils_no_other(
    bad: dict[str, str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path / "v.csv", UNIT, {**UNIT, "vector_id": "bad", **bad})]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("bad ")
    assert says in first
    assert last == "1 passed, 1 failed"


def test_a_file_that_is_no_vector_file_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert main([str(tmp_path / "x.csv")]) == 2
    assert "has no column vector_id, engine" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main([]) == 2


def test_neither_the_id_nor_the_case_of_a_row_is_read() -> None:
    """What a row is called plays no part in its price: the readers never see it."""
    for name in ("vector_cases.py", "vector_fields.py", "vector_rating.py"):
        text = (Path(__file__).parents[2] / name).read_text(encoding="utf-8")
        assert "vector_id" not in text.replace("    vector_id: str\n", "")
        assert ".case " not in text


@pytest.mark.parametrize(
    ("engine", "model", "params", "given", "expected"),
    [
        ("flexprice", "volume", '{"tiers": [{"unit": "1", "up_to": "10"}, {"unit": "2", "up_to": "20"}]}', "25", "50"),
        (
            "flexprice",
            "graduated",
            '{"tiers": [{"unit": "1", "up_to": "10"}, {"unit": "2", "up_to": "20"}]}',
            "25",
            "30",
        ),
        ("flexprice", "graduated", '{"tiers": [{"unit": "2"}, {"unit": "1", "up_to": "10"}]}', "25", "40"),
        ("flexprice", "volume", '{"tiers": []}', "25", "0"),
        ("flexprice", "package", '{"amount": "1", "package_size": "10", "round": ""}', "25", "3"),
        ("flexprice", "package", '{"amount": "1", "package_size": "0", "round": "up"}', "25", "0"),
        ("lago", "package", '{"amount": "1", "package_size": "10", "free_units": null}', "-5", "0"),
        ("openmeter", "unit", '{"amount": "-10"}', "1.5", "-15"),
    ],
)
def test_what_an_engine_allows_in_its_prices_is_read_as_it_reads_it(
    engine: str, model: str, params: str, given: str, expected: str
) -> None:
    row = Vector("", engine, model, params, f'{{"units": "{given}"}}', expected, "amount", "USD", "")
    assert [outcome.problem for outcome in run([row])] == [""]


SPELT = [
    ("lago", "unit", '{"amount": 0.1, "description": "per seat", "filters": null}', '{"units": 3, "note": "n"}', "0.3"),
    ("openmeter", "unit+discount", '{"amount": "10", "percentage_discount": 15}', '{"units": 4}', "34"),
    (
        "openmeter",
        "unit",
        '{"amount": "7", "unit_config": {"operation": "divide", "conversion_factor": 100, "rounding": "ceil"},'
        ' "usage_discount": {"units": "1.5"}}',
        '{"units": 301}',
        "17.5",
    ),
    ("openmeter", "unit+usage_discount", '{"amount": "7", "discounts": {"usage": {"quantity": "2"}, "percentage": {"percentage": 25}}}',
     '{"units": 6}', "21"),
    ("openmeter", "unit", '{"amount": "7", "discount_quantity": "2"}', '{"units": 6, "percentage_discount": "25"}', "21"),
    ("openmeter", "unit", '{"amount": "7"}', '{"units": 6, "units_before_line": 1, "usage_discount": 2}', "35"),
    ("openmeter", "volume", '{"tiers": [{"up_to_amount": 5, "flat_price": "9"}, {"up_to": "inf", "unit_price": "2"}]}',
     '{"units": "6", "line_mode": "last_in_period_split"}', "12"),
    ("openmeter", "unit+commitment", '{"amount": "1", "minimum_amount": "8"}',
     '{"units": "2", "line_mode": "MidPeriodSplit"}', "2"),
    ("flexprice", "graduated", '{"tiers": [{"up_to": 10, "unit_amount": "3"}, {"unit_amount": "2", "flat_amount": "4"}]}',
     '{"units": 12}', "38"),
    ("lago", "graduated", '{"graduated_ranges": [{"from_value": 0, "to_value": 4, "per_unit_amount": "3", "flat_amount": "1"},'
     ' {"from_value": 5, "to_value": null, "per_unit_amount": "2", "flat_amount": "6"}]}', '{"units": 7}', "25"),
    ("lago", "percentage", '{"rate": "1.5"}', '{"units": "200"}', "3"),
    ("killbill", "volume_blocks", '{"tiers": [{"block_price": 2, "block_size": 10, "max_blocks": null}]}', '{"units": 31}', "8"),
    ("flexprice", "currency_rounding", '{"precision": 1}', '{"amount": "1.25"}', "1.3"),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "model", "params", "given", "expected"), SPELT)
def test_a_field_is_read_in_the_engines_own_spellings_and_numbers_as_they_are_written(
    engine: str, model: str, params: str, given: str, expected: str
) -> None:
    row = Vector("", engine, model, params, given, expected, "amount", "usd", "")
    assert [outcome.problem for outcome in run([row])] == [""]


def test_one_tier_settled_by_itself_bears_its_own_discount() -> None:
    """JPY 8 and 2: a third off each, rounded, is 3 and 1; off the 10 together it would be 3."""
    params = '{"tiers": [{"up_to": "2", "unit": "4"}, {"unit": "4"}], "percentage_discount": "33.3"}'
    row = Vector("", "openmeter", "graduated+discount", params, '{"units": "2.46"}', "6", "amount", "JPY", "")
    assert [outcome.problem for outcome in run([row])] == [""]


@pytest.mark.parametrize(
    ("rounding", "events", "shares", "expected"),
    [
        ("ceil 2", "[75]", "[75]", "370"),
        ("ceil 2", "[15]", "[5]", "183.34"),
        ("half_up 2", "[6]", "[1.2]", "161"),
        ("half_up 3", "[6]", "[0.93]", "158.525"),
        ("half_up 2", "[6]", "[0.93]", "158.53"),
    ],
)
def test_an_event_across_tiers_is_shared_exactly(rounding: str, events: str, shares: str, expected: str) -> None:
    """75 of 75: 50 + 50 + 120 and fees of 150. 6 of which 0.93 are left: 0.775 x 10 + 0.155 x 5 = 8.525, half a cent."""
    params = {
        "rounding": rounding,
        "tiers": [
            {"from": 0, "to": 5, "unit": "10", "flat": "100"},
            {"from": 6, "to": 15, "unit": "5", "flat": "50"},
            {"from": 16, "to": None, "unit": "2", "flat": "0"},
        ],
    }
    given = f'{{"event_units": {events}, "event_prorated_units": {shares}}}'
    row = Vector("", "lago", "graduated_prorated", json.dumps(params), given, expected, "amount", "USD", "")
    assert [outcome.problem for outcome in run([row])] == [""]


@pytest.mark.parametrize(
    ("values", "expected"), [([], "0"), (["0", "0"], "3"), (["-10", "10"], "3"), (["0", "200"], "5.5"), (["900"], "12")]
)
def test_events_without_a_value_are_raised_to_their_minimum_also_where_the_sum_is_nothing(
    values: list[str], expected: str
) -> None:
    """At 2% with at least 1.50 and at most 12 each."""
    params = '{"rate_percent": "2", "per_transaction_min": "1.5", "per_transaction_max": "12"}'
    given = json.dumps({"events_values": values})
    row = Vector("", "lago", "percentage_min_max", params, given, expected, "amount", "USD", "")
    assert [outcome.problem for outcome in run([row])] == [""]


def test_a_ratio_kept_in_binary_is_met_by_the_nearest_binary_number_or_at_the_digits_given() -> None:
    """3 of 7 days, as an engine prints the binary number nearest to it, and rounded; but not another binary number."""
    given = '{"start": "2024-01-01", "end": "2024-01-03"}'
    for expected, met in (("0.42857142857142855", True), ("0.4286", True), ("0.42857142857142849", False)):
        row = Vector("", "lago", "proration_ratio", '{"billing_period": "WEEKLY"}', given, expected, "ratio", "", "")
        assert [not outcome.problem for outcome in run([row])] == [met]


def test_half_a_year_is_a_period_like_any_other() -> None:
    """Half a year from 31 March 2025 has 183 days, the next from 30 September 182: at 10 a day, April is 300 and October 310."""
    for start, end, amount, expected in (
        ("2025-04-01", "2025-04-30", "1830", "300"),
        ("2025-10-01", "2025-10-31", "1820", "310"),
    ):
        params = json.dumps({"interval": "semiannual", "billing_time": "anniversary", "amount": amount})
        given = json.dumps({"start": start, "end": end, "subscription_at": "2025-03-31"})
        row = Vector("", "lago", "proration_amount", params, given, expected, "amount", "EUR", "")
        assert [outcome.problem for outcome in run([row])] == [""]


def test_under_killbill_no_fixed_days_are_the_days_of_the_calendar() -> None:
    given = '{"start": "2024-02-23", "end": "2024-03-15"}'
    for days, expected in (("0", "21"), ("28", "20"), ("30", "22")):
        params = f'{{"fixed_days_per_month": "{days}"}}'
        row = Vector("", "killbill", "fixed_day_count", params, given, expected, "days", "", "")
        assert [outcome.problem for outcome in run([row])] == [""]
