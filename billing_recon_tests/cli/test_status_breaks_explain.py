"""What people and scripts see of a day: status, breaks, explain."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.core.schema import BREAKS
from billing_recon.day.home import Home
from billing_recon_tests.report.books import DAY, QUIET, judge

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


def test_a_day_that_passed_exits_0_and_a_day_that_failed_1(kept: Path, typed: Typed) -> None:
    quiet, broken = typed("status", "--home", kept, "--day", QUIET), typed("status", "--home", kept, "--day", DAY)
    assert (quiet.exit_code, broken.exit_code) == (0, 1)
    assert broken.stdout.startswith("FAIL  My Company, 2026-03-02: 1 of 2 conditions does not hold")
    for said in ("3 open breaks; the policy allows 0.", "unknown_currency", "1,234,585.35", "policy version  1"):
        assert said in broken.stdout


def test_a_day_that_never_ran_exits_1_and_says_how_to_run_it(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--day", "2026-03-09")
    assert result.exit_code == 1
    assert result.stdout.startswith("NOT RUN")
    assert "run --home" in result.stdout


def test_a_pass_on_evidence_that_changed_is_shown_as_stale_and_exits_1(books: Path, typed: Typed) -> None:
    home = Home.open(books)
    home.control.end_write("breaks", QUIET, 1, "another digest", "somebody")
    result = typed("status", "--home", books, "--day", QUIET)
    assert result.exit_code == 1
    assert "no longer holds" in result.stdout
    judge(home, QUIET)
    assert typed("status", "--home", books, "--day", QUIET).exit_code == 0


def test_a_month_shows_each_day_and_who_has_yet_to_sign(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--month", "2026-03")
    assert result.exit_code == 1
    for said in (" 2 FAIL", " 3 PASS", " 4 not run", "1 of 31 days PASS", "finance: not signed yet"):
        assert said in result.stdout


def test_day_and_month_together_are_refused(kept: Path, typed: Typed) -> None:
    result = typed("status", "--home", kept, "--day", DAY, "--month", "2026-03")
    assert (result.exit_code, result.stderr) == (2, "error: give --day or --month, not both\n")


def test_explain_shows_both_computations_and_where_they_part(kept: Path, typed: Typed) -> None:
    output = typed("explain", "--home", kept, "a1b2c3d4e5f60718").stdout
    lines = [line.split() for line in output.splitlines()]
    assert ["unit", "price", "0.02", "0.03", "+0.01"] in lines
    assert ["gross", "30.00", "45.00", "+15.00"] in lines
    assert ["tax", "rate", "0.19", "0.19", "0"] in lines
    assert ["total", "35.70", "53.55", "+17.85"] in lines
    assert ["plan", "version", "2026-01", "2025-07", "differs"] in lines
    assert ["invoice_lines", "landing/invoice_lines/2026-03-02.csv", "17"] in lines
    assert ["2", "500", "10"] in lines, "the tiers of the expected side"
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
