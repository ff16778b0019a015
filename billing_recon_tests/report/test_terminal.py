"""Tables as people and pipes see them, and figures as they are written."""

from __future__ import annotations

import doctest
from decimal import Decimal
from types import ModuleType

import pytest

from billing_recon.core import figures
from billing_recon.report import break_working as working
from billing_recon.report import day_tables, terminal
from billing_recon.report.terminal import Col, Screen, Table


@pytest.mark.parametrize("module", [day_tables, figures, terminal, working])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


def test_a_figure_with_38_digits_is_written_exactly() -> None:
    largest = Decimal("99999999999999999999999999.999999999999")
    assert figures.amount(largest, "USD") == "99,999,999,999,999,999,999,999,999.999999999999"


def test_a_terminal_gets_a_drawn_table_and_long_sentences_are_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    table = Table([Col("code"), Col("delta", right=True), Col("why", wrap=True)])
    table.add("PRICE_VERSION", "+1,234.50", "a long sentence " * 6)
    Screen().table(table)
    drawn = capsys.readouterr().out
    assert "\x1b[1m" in drawn
    assert "+1,234.50" in drawn, "figures are never cut or folded"
    assert max(len(line) for line in drawn.splitlines() if "\x1b" not in line) <= 60


def test_a_row_of_the_wrong_width_is_a_bug() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table([Col("a"), Col("b")]).add("1")


def test_a_line_that_nothing_expects_is_not_held_against_an_empty_side() -> None:
    line = {"kind": "usage", "meter": None, "period_start": "2026-01-01", "period_end": "2026-02-01", "currency": "JPY"}
    billed = {**line, **dict.fromkeys(working.STEPS), "total": Decimal("1050"), "plan_version": "2026-01"}
    shown = working.side_by_side(None, billed)
    assert [col.name for col in shown.columns] == ["step", "billed"]
    assert shown.rows == [("total", "1,050"), ("plan version", "2026-01")]
