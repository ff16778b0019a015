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
    for name in ("vector_cases.py", "vector_rating.py"):
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


def test_under_killbill_no_fixed_days_are_the_days_of_the_calendar() -> None:
    given = '{"start": "2024-02-23", "end": "2024-03-15"}'
    for days, expected in (("0", "21"), ("28", "20"), ("30", "22")):
        params = f'{{"fixed_days_per_month": "{days}"}}'
        row = Vector("", "killbill", "fixed_day_count", params, given, expected, "days", "", "")
        assert [outcome.problem for outcome in run([row])] == [""]
