"""docs/first-month.md is what happens: its commands run as they stand, the clean month has no break, each planted difference is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.day import Home
from billing_recon_tests.day.run import breaks, run_day
from billing_recon_tests.first_month import BILLS, DAYS, ISSUED, PLANTED, write

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs/first-month.md"
Typed = Callable[..., Result]


def commands() -> list[list[str]]:
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line.split() for block in blocks for line in block.strip().splitlines()]


def test_every_command_of_the_page_does_what_the_page_says(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer types them in order. The runs of both months are shortened to their first day; the rest is the next test's."""
    monkeypatch.chdir(tmp_path)
    said = {}
    for words in commands():
        match words:
            case ["python", "-m", "billing_recon_tests.first_month", folder, *more]:
                write(tmp_path / folder, planted=bool(more))
            case ["billing-recon", "run", *rest]:
                assert rest[-4:] == ["--day", str(DAYS[0]), "--to", str(DAYS[-1])]
                result = typed("run", *rest[:-2])
                assert result.exit_code == (1 if "nordlicht-wrong" in rest else 0), result.stdout
            case ["billing-recon", *rest]:
                result = typed(*rest)
                assert result.exit_code == 0, (words, result.stdout, result.stderr)
                said[" ".join(rest[:3])] = result.stdout
    billed = sum(bill.total for bill in BILLS)
    assert f"EUR {billed:,}" in PAGE.read_text(encoding="utf-8")
    assert f"2026-03-02   EUR        12 {billed:>20}" in said["feeds try invoice_lines"]
    assert "preset: stripe-invoices" in said["feeds suggest nordlicht/billing/2026-03.csv"]
    assert "RENDER_VALUE" in said["breaks --home nordlicht-wrong"]


@pytest.mark.parametrize("planted", [False, True])
def test_the_clean_month_agrees_and_each_planted_difference_is_found_once(tmp_path: Path, planted: bool) -> None:
    write(tmp_path, planted=planted)
    home = Home.open(tmp_path)
    verdicts = [str(run_day(home, day).verdict) for day in DAYS]
    found = {(b["invoice_id"], b["code"]) for b in breaks(home, DAYS[0], DAYS[-1])}
    assert found == (set(PLANTED.items()) if planted else set())
    assert verdicts == ["PASS"] * len(DAYS) or planted
    landed = {report.table: report for report in home.control.landing_reports(ISSUED)}
    assert landed["invoice_lines"].accepted == len(BILLS)
    table = re.findall(r"\| (R-\d+) \| .* \| (\w+) \|", PAGE.read_text(encoding="utf-8"))
    assert dict(table) == PLANTED
