"""`breaks`: exports with fixed columns, plain tables, and nothing claimed of days that never ran."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from billing_recon.core.schema import BREAKS
from billing_recon_tests.report.books import DAY, QUIET

Typed = Callable[..., Result]


def test_breaks_as_json_have_the_fixed_keys_in_order_and_amounts_as_text(kept: Path, typed: Typed) -> None:
    lines = typed("breaks", "--home", kept, "--day", DAY, "--format", "json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [list(row) for row in rows] == [list(BREAKS.names)] * 3
    assert [row["break_id"] for row in rows] == ["a1b2c3d4e5f60718", "b7", "c9"]
    dear, unbooked, unmetered = rows
    assert (dear["expected"], dear["billed"], dear["paid"], dear["delta"]) == ("35.70", "53.55", None, "17.85")
    assert (unbooked["billed"], unbooked["delta"]) == ("1050", "-1050"), "yen have no decimals"
    assert (unmetered["currency"], unmetered["delta"]) == (None, "-12.5"), "units have no currency"
    assert dear["stage_deltas"] == {"TAX_BASE": "2.85", "PRICE_VERSION": "15.00"}
    assert dear["evidence"]["terms_version"] == "2026-01"


def test_breaks_are_the_same_bytes_each_time(kept: Path, typed: Typed) -> None:
    for form in ("json", "csv"):
        first, second = (typed("breaks", "--home", kept, "--day", DAY, "--format", form).stdout for _ in range(2))
        assert first == second


def test_breaks_as_csv_say_the_same_as_json(kept: Path, typed: Typed) -> None:
    table = list(csv.DictReader(io.StringIO(typed("breaks", "--home", kept, "--day", DAY, "--format", "csv").stdout)))
    lines = typed("breaks", "--home", kept, "--day", DAY, "--format", "json").stdout.splitlines()
    for row, line in zip(table, lines, strict=True):
        for name, value in json.loads(line).items():
            if name in ("stage_deltas", "evidence"):
                assert json.loads(row[name]) == value
            else:
                assert row[name] == (value or "")


def test_only_one_code_where_asked(kept: Path, typed: Typed) -> None:
    result = typed("breaks", "--home", kept, "--day", DAY, "--code", "LEDGER_MISSING", "--format", "json")
    assert [json.loads(line)["break_id"] for line in result.stdout.splitlines()] == ["b7"]


def test_an_unknown_code_is_a_usage_error_that_lists_the_codes(kept: Path, typed: Typed) -> None:
    result = typed("breaks", "--home", kept, "--day", DAY, "--code", "WRONG")
    assert result.exit_code == 2
    assert "'WRONG' is not a reason code" in result.stderr
    assert "PRICE_VERSION" in result.stderr


def test_without_a_day_the_latest_judged_one_is_shown(kept: Path, typed: Typed) -> None:
    assert f"0 breaks on {QUIET}" in typed("breaks", "--home", kept).stdout


def test_no_breaks_of_a_day_that_never_ran_is_not_agreement(kept: Path, typed: Typed) -> None:
    result = typed("breaks", "--home", kept, "--day", "2026-03-09")
    assert "not reconciled yet, so nothing was compared" in result.stdout


def test_a_piped_table_is_plain_and_shows_whole_sentences(kept: Path, typed: Typed) -> None:
    output = typed("breaks", "--home", kept, "--day", DAY).stdout
    assert "\x1b" not in output
    assert not set(output) & set("─│┃━╭")
    assert "C-1 was charged 0.03 an api_call of plan team 2025-07; the contract says 0.02 (2026-01)." in output
    assert "-1,050 JPY" in output
