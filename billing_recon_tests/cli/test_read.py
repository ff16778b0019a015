"""`read`: one JSON line a document or ledger, whatever becomes of the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from billing_recon_tests.feeds.documents.pages import TEMPLATE
from billing_recon_tests.feeds.hostile import STRIPE, samples

Typed = Callable[..., Result]

KEYS = [
    "file", "format", "kind", "number", "issued_on", "currency", "seller", "buyer", "subtotal", "allowances", "charges",
    "tax_exclusive", "tax", "tax_inclusive", "prepaid", "rounding", "payable", "lines", "findings",
    "effect", "effect_reason", "type_code", "status", "marks", "customer", "period_start", "period_end", "withheld", "collected",
    "adjustments", "taxes", "references", "extra",
]  # fmt: skip
LINE_KEYS = [
    "line_no", "description", "quantity", "base_quantity", "unit_price", "amount", "tax_rate",
    "tax", "adjustments", "summed", "object_id", "period_start", "period_end",
]  # fmt: skip
FINDING_KEYS = ["code", "line_no", "stated", "computed", "sentence"]


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """`put("ubl")` writes the sound sample of a format, `put("x.xml", b"...")` a file of one's own."""
    known = samples()

    def make(name: str, data: bytes | None = None) -> Path:
        path = tmp_path / (name if data is not None else known[name][0])
        path.write_bytes(known[name][1] if data is None else data)
        return path

    return make


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_invoice_is_a_line_with_the_fixed_keys_in_order(put: Callable[..., Path], typed: Typed) -> None:
    path = put("ubl")
    result = typed("read", path)
    (row,) = rows(result)
    assert result.exit_code == 0
    assert list(row) == KEYS
    assert [list(line) for line in row["lines"]] == [LINE_KEYS] * 2
    assert (row["file"], row["format"], row["kind"], row["number"]) == (str(path), "ubl", "invoice", "INV-7")
    assert (row["subtotal"], row["rounding"], row["payable"]) == ("31.00", "-0.04", "25.00")
    assert row["lines"][1]["base_quantity"] == "100"
    assert row["lines"][0]["base_quantity"] is None
    assert row["findings"] == []


def test_what_findings_compute_with_is_shown(put: Callable[..., Path], typed: Typed) -> None:
    (row,) = rows(typed("read", put("ubl")))
    assert (row["effect"], row["type_code"], row["references"]) == ("bills", "380", ["INV-3"])
    assert [(part["charge"], part["amount"], part["reason"]) for part in row["adjustments"]] == [
        (False, "5.00", "Loyalty"),
        (True, "4.00", "Freight"),
    ]
    assert row["taxes"][0] == {"base": "27.00", "amount": "5.13", "rate": "19", "category": "S"}
    assert row["lines"][0]["adjustments"][0]["amount"] == "2.00"
    assert [line["summed"] for line in row["lines"]] == [True, True]


def test_a_finding_is_said_and_does_not_fail_the_command(put: Callable[..., Path], typed: Typed) -> None:
    path = put("wrong.xml", samples()["ubl"][1].replace(b">25.00<", b">26.00<"))
    result = typed("read", path)
    (row,) = rows(result)
    assert result.exit_code == 0
    assert [list(finding) for finding in row["findings"]] == [FINDING_KEYS]
    (finding,) = row["findings"]
    assert (finding["code"], finding["stated"], finding["computed"]) == ("PAYABLE", "26.00", "25.00")


def test_a_file_that_cannot_be_read_is_a_line_and_the_others_go_on(put: Callable[..., Path], typed: Typed) -> None:
    good, bad = put("ubl"), put("bad.xml", b"<Invoice")
    result = typed("read", bad, good, "absent.xml", good)
    first, second, third, fourth = rows(result)
    assert result.exit_code == 1
    assert list(first) == ["file", "error"]
    assert (first["file"], third["file"]) == (str(bad), "absent.xml")
    assert third["error"] == "cannot be opened: No such file or directory"
    assert second["number"] == fourth["number"] == "INV-7"


def test_no_file_and_no_such_folder_of_templates_are_usage_errors(put: Callable[..., Path], typed: Typed) -> None:
    assert typed("read").exit_code == 2
    result = typed("read", "--templates", "nowhere", put("ubl"))
    assert result.exit_code == 2
    assert "no such folder" in result.stderr


def test_templates_are_those_of_the_home_or_of_the_folder_given(
    put: Callable[..., Path], typed: Typed, tmp_path: Path
) -> None:
    page = put("pdf")
    for folder in (tmp_path / "home/templates", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "hydra.yaml").write_text(TEMPLATE)
    (without,) = rows(typed("read", "--home", tmp_path, page))
    assert "no template matches this PDF" in without["error"]
    assert "docs/templates.md" in without["error"]
    for options in (("--home", tmp_path / "home"), ("--templates", tmp_path / "elsewhere")):
        result = typed("read", *options, page)
        assert (result.exit_code, rows(result)[0]["number"]) == (0, "HH-2026-17")


def test_a_template_with_problems_is_a_configuration_error(
    put: Callable[..., Path], typed: Typed, tmp_path: Path
) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "bad.yaml").write_text("form: pdf\nmatch: []\n")
    result = typed("read", "--templates", folder, put("pdf"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: templates/bad.yaml: fields: is missing; add it" in result.stderr


def test_a_folder_is_all_its_files_in_order(put: Callable[..., Path], typed: Typed, tmp_path: Path) -> None:
    put("b.json", json.dumps({"object": "list", "data": [STRIPE, {**STRIPE, "number": "ACME-2"}]}).encode())
    put("a.xml", samples()["cii"][1])
    result = typed("read", tmp_path)
    assert [row["number"] for row in rows(result)] == ["INV-7", "ACME-1", "ACME-2"]
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = typed("read", empty)
    assert (nothing.exit_code, rows(nothing)) == (1, [{"file": str(empty), "error": "the folder has no files"}])


def test_a_ledger_is_a_line_of_its_own_shape(put: Callable[..., Path], typed: Typed) -> None:
    path = put("datev")
    (row,) = rows(typed("read", path))
    assert (row["file"], row["format"], row["kind"], row["findings"]) == (str(path), "datev", "ledger", [])
    assert row["debit"] == row["credit"]


def test_text_of_any_language_and_names_that_are_no_text_come_through(put: Callable[..., Path], tmp_path: Path) -> None:
    stated = {**STRIPE, "customer_name": "Søren 株式会社 \ud83d"}
    odd = tmp_path / os.fsdecode(b"odd\xff.json")
    odd.write_bytes(json.dumps(stated).encode())
    done = subprocess.run(
        [sys.executable, "-m", "billing_recon.cli", "read", odd],
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    )
    row = json.loads(done.stdout.decode("utf-8"))
    assert row["buyer"].startswith("Søren 株式会社")
    assert row["file"] == str(odd)


def test_each_line_is_out_before_the_next_file_is_read(put: Callable[..., Path], tmp_path: Path) -> None:
    """A reader of the output sees the first document while the second is still being read."""
    first = put("ubl")
    folder = tmp_path / "more"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.xml").write_bytes(samples()["ubl"][1])
    process = subprocess.Popen(
        [sys.executable, "-m", "billing_recon.cli", "read", first, folder], stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    with process.stdout:
        seen = b""
        while b"\n" not in seen:
            seen += process.stdout.read(65536)
        assert json.loads(seen.partition(b"\n")[0])["file"] == str(first)
        rest = process.stdout.read()
        while part := process.stdout.read(1 << 20):
            rest += part
    assert process.wait() == 0
    assert (seen + rest).count(b"\n") == 301


def test_the_text_of_a_page_is_shown_for_who_writes_a_template(put: Callable[..., Path], typed: Typed) -> None:
    shown = typed("read", "--text", "layout", put("pdf")).stdout.splitlines()
    header = next(line for line in shown if line.startswith("Pos"))
    assert header.split() == ["Pos", "Item", "Qty", "Discount", "Price", "Total", "USD"]
