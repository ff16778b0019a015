"""One day through all steps: a clean company ties out, a changed file is found, nothing is released without a current PASS."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon import day as steps
from billing_recon.core.errors import CloseRefused, GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day

Company = Callable[..., Path]


def edit(path: Path, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """Rewrite a landed CSV file by a function of its rows."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        fields = list(reader.fieldnames or [])
        rows = change(list(reader))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def landed(home: Path, table: str, day: object = FIRST) -> Path:
    return home / "landing" / table / f"{day}.csv"


def test_a_clean_day_passes_and_is_released(company: Company) -> None:
    home = Home.open(company())
    assert run_day(home, FIRST).verdict is Verdict.PASS
    assert breaks(home, FIRST) == []
    manifest = steps.release(home, FIRST, "test")
    assert manifest.is_file()
    assert home.control.latest_release(str(FIRST)) is not None


@pytest.mark.long
def test_a_rerun_gives_the_same_digests_and_the_release_stays_good(company: Company) -> None:
    home = Home.open(company())
    first = run_day(home, FIRST)
    second = run_day(home, FIRST)
    assert first.evidence_hash == second.evidence_hash
    steps.require_pass(home, "day", str(FIRST))


def test_nothing_is_released_that_was_never_judged(company: Company) -> None:
    with pytest.raises(GateRefused, match="never been judged"):
        steps.release(Home.open(company()), FIRST, "test")


@pytest.mark.long
def test_a_verdict_is_stale_once_an_upstream_partition_changed(company: Company) -> None:
    home = Home.open(company())
    run_day(home, FIRST)
    edit(landed(home.path, "invoice_lines"), lambda rows: rows[1:])
    steps.land(home, "invoice_lines", FIRST, "rerun")
    with pytest.raises(GateRefused, match="data, policy, catalog or code changed"):
        steps.release(home, FIRST, "test")


@pytest.mark.long
def test_a_write_that_was_cut_off_makes_the_verdict_unusable(company: Company) -> None:
    home = Home.open(company())
    run_day(home, FIRST)
    home.control.begin_write("breaks", FIRST, "killed")
    with pytest.raises(GateRefused, match="incomplete"):
        steps.release(home, FIRST, "test")


def test_a_missing_layer_is_inconclusive_and_never_a_pass(company: Company) -> None:
    path = company()
    landed(path, "ledger_entries").unlink()
    verdict = run_day(Home.open(path), FIRST)
    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert any("ledger_entries" in c.sentence for c in verdict.held_back_by)


@pytest.mark.long
def test_an_empty_layer_is_inconclusive_and_never_a_pass(company: Company) -> None:
    path = company()
    edit(landed(path, "rendered_invoices"), lambda _: [])
    assert run_day(Home.open(path), FIRST).verdict is Verdict.INCONCLUSIVE


def test_a_figure_changed_on_one_line_is_one_break_with_the_exact_delta(company: Company) -> None:
    path = company()
    changed: dict[str, str] = {}

    def raise_tax(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        row = next(r for r in rows if Decimal(r["tax"]) > 1 and r["currency"] != "JPY")
        row["tax"] = str(Decimal(row["tax"]) + 1)
        row["total"] = str(Decimal(row["total"]) + 1)
        changed.update(row)
        return rows

    edit(landed(path, "invoice_lines"), raise_tax)
    home = Home.open(path)
    assert run_day(home, FIRST).verdict is Verdict.FAIL
    found = [b for b in breaks(home, FIRST) if b["pair"] == "expected_billed"]
    assert [(b["line_id"], b["delta"]) for b in found] == [(changed["line_id"], Decimal(1))]
    assert found[0]["code"] in ("TAX_BASE", "TAX_RATE_JURISDICTION")


@pytest.mark.long
def test_a_closed_month_is_not_rewritten(company: Company) -> None:
    path = company()
    home = Home.open(path)
    run_day(home, FIRST)
    home.control.close_month(f"{FIRST:%Y-%m}", "evidence")
    with pytest.raises(CloseRefused, match="reopen"):
        steps.land(home, "payments", FIRST, "late")


@pytest.mark.long
def test_a_month_does_not_close_with_missing_days_or_without_three_signatures(company: Company) -> None:
    home = Home.open(company())
    month = f"{FIRST:%Y-%m}"
    run_day(home, FIRST)
    with pytest.raises(CloseRefused) as refused:
        steps.close_month(home, month, "test")
    text = str(refused.value)
    assert "3 days (2026-01-29, 2026-01-30, 2026-01-31) not reconciled" in text
    assert all(role in text for role in ("finance", "product", "engineering"))


def test_state_can_lie_outside_the_home(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_RECON_STATE", str(tmp_path / "elsewhere"))
    path = company()
    home = Home.open(path)
    steps.land(home, "payments", FIRST, "test")
    assert (tmp_path / "elsewhere" / "control.db").is_file()
    assert not (path / ".state").exists()


@pytest.mark.long
def test_two_copies_of_a_home_agree_byte_for_byte_on_the_evidence(company: Company) -> None:
    first, second = company(), company()
    shutil.rmtree(second / ".state", ignore_errors=True)
    hashes = {run_day(Home.open(path), FIRST).evidence_hash for path in (first, second)}
    assert len(hashes) == 1
