"""Texts of others cannot act where they are shown: on a terminal, in a page, in JSON, in a spreadsheet."""

from __future__ import annotations

import csv
import doctest
import io
import json
from decimal import Decimal

import pytest

from billing_recon.core import shown_text
from billing_recon.report import day_pack, exports
from billing_recon.report.terminal import Col, Screen, Table

REORDERED, CLEARING = "INV-\u202e1", "INV-\x1b[2J"


def test_the_examples_in_the_docstrings_hold() -> None:
    done = doctest.testmod(shown_text)
    assert done.attempted > 2
    assert done.failed == 0


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", "'\t=1+1"),
        ("-12.50", "-12.50"),
        ("+3", "+3"),
        ("-", "-"),
        ("INV-1=2", "INV-1=2"),
        (Decimal("-2.18"), "-2.18"),
    ],
)
def test_a_spreadsheet_runs_no_cell_of_a_csv_and_figures_stay_figures(text: object, cell: str) -> None:
    written = exports.rows_csv([{"id": text}], ["id"])
    assert list(csv.reader(io.StringIO(written)))[1] == [cell]


def test_json_keeps_its_values() -> None:
    row = {"id": "=1+1", "memo": REORDERED + "\x7f"}
    (line,) = exports.rows_json([row], ensure_ascii=False).splitlines()
    assert json.loads(line) == row
    assert "\u202e" not in line
    assert "\x7f" not in line


def test_control_and_bidirectional_characters_are_escaped_wherever_a_text_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table([Col("invoice")], title="Breaks")
    table.add(REORDERED + "\n2")
    screen = Screen()
    screen.table(table)
    screen.say(f"{CLEARING}\nnext")
    screen.warn(CLEARING)
    shown = capsys.readouterr()
    assert "INV-\\u202e1\\u000a2" in shown.out
    assert "INV-\\u001b[2J\nnext" in shown.out
    assert shown.err == "INV-\\u001b[2J\n"
    page = day_pack.environment().from_string("{{ id }}").render(id=f"{REORDERED}<b>")
    assert page == "INV-\\u202e1&lt;b&gt;"
    assert exports.rows_csv([{"id": REORDERED}], ["id"]) == "id\nINV-\\u202e1\n"


def test_texts_of_other_scripts_are_shown_as_they_are() -> None:
    for text in ("Größe 日本語 فاکتور می\u200cخواهم", "क्\u200dष 👨\u200d👩\u200d👧"):
        assert shown_text.visible(text, cell=True) == text
