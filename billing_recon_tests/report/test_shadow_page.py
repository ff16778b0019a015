"""The page, workbook and exports of a review: bounded, self-contained, and the same figures everywhere."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.compute.engine import Limits, session
from billing_recon.control import Recorded, ShadowRecord
from billing_recon.core.launch import Clause
from billing_recon.core.snapshot import Manifest
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.day.shadow.gate import Judged
from billing_recon.day.shadow.marks import Marks
from billing_recon.day.shadow.review import Review, compare
from billing_recon.day.shadow.snapshot import MANIFEST
from billing_recon.report import shadow, shadow_impact, shadow_page
from billing_recon.report.shadow_workbook import write_shadow_workbook
from billing_recon_tests.browser import browser, objections
from billing_recon_tests.day.shadow.small_period import LAST, freeze, used

CATALOG = """
plans:
  - plan_id: metered
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "100"}
      - {charge_id: events, kind: usage, model: per_unit, meter: events, unit_price: "0.01"}
taxes:
  - {tax_region: none, rate: "0"}
"""
HOSTILE = '=HYPERLINK("http://evil.example","click")'
CANDIDATE = """
purpose: usage costs twice as much <script>alert(1)</script>
owner: pricing
terms: {catalog: catalog/*.yaml}
launch_rule: {max_rise: "0.50", coverage: [usage, annual]}
"""
RISES = {"C-1": "20000", "C-2": "1000", "C-3": "0"}
"""Units that customers used: C-1 pays 300 and then 500, C-2 110 and then 120, C-3 100 as before."""


def judged(home: Home, review: Review) -> Judged:
    clauses = (Clause("max_rise", Verdict.FAIL, "too much"), Clause("noise", Verdict.PASS, "none"))
    return Judged(review, open_candidate(home.path, review.name), clauses)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Review]:
    """Three customers whose usage gets dearer; the snapshot is where a home has it, so that the page finds it."""
    out = tmp_path_factory.mktemp("page")
    folder = out / "home" / "shadow" / "dearer"
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "plans.yaml").write_text(CATALOG.replace('"0.01"', '"0.02"'), encoding="utf-8")
    (folder / "candidate.yaml").write_text(CANDIDATE, encoding="utf-8")
    snapshot = freeze(
        out / "home" / ".state" / "shadow" / "snapshots" / str(LAST),
        catalog=CATALOG,
        subscriptions=[{"subscription_id": f"S-{c}", "customer_id": c, "plan_id": "metered"} for c in RISES],
        usage=[used(f"S-{c}", "events", units) for c, units in RISES.items() if units != "0"],
        lines=[line for c, units in RISES.items() for line in bill(c, Decimal(units))],
    )
    (snapshot.path / MANIFEST).write_text(snapshot.manifest.text, encoding="utf-8")
    assert Manifest.model_validate_json(snapshot.manifest.text) == snapshot.manifest
    for name in ("company.yaml", "catalog"):
        (out / "home" / name).symlink_to(snapshot.path / "config" / name)
    results = out / "results"
    results.mkdir()
    home = Home.open(out / "home")
    facts = compare(open_candidate(home.path, "dearer"), snapshot, results, Limits(threads=1), proved=False)
    return home, Review("dearer", results, facts)


def bill(customer: str, units: Decimal) -> list[dict[str, Any]]:
    known = {
        "invoice_id": f"INV-{customer}",
        "customer_id": customer,
        "subscription_id": f"S-{customer}",
        "plan_id": "metered",
    }
    lines = [{**known, "line_id": "1", "gross": Decimal(100)}]
    if units:
        lines.append(
            {**known, "line_id": "2", "kind": "usage", "meter": "events", "quantity": units, "gross": units / 100}
        )
    return lines


def test_effects_customers_and_movers_are_of_what_each_customer_pays(made: tuple[Home, Review]) -> None:
    review = made[1]
    assert shadow_impact.effects(review, "plan").rows == [
        ("metered", "USD", "510.00", "720.00", "+210.00", "+41.18%", "3", "2", "0")
    ]
    assert shadow_impact.winners(review).rows == [
        ("USD", "pay the same", "1", "0.00", "0.00"), ("USD", "pay more", "2", "+210.00", "+200.00"),
    ]  # fmt: skip
    (spread,) = shadow_impact.spreads(review)
    told = {bar.name: bar.label for bar in spread.bars if bar.label != "0"}
    assert told == {"no change": "1", "up to 10% more": "1", "more than 50% more": "1"}
    assert [row[0] for row in shadow_impact.movers(review).rows] == ["C-1", "C-2"]
    risen, number = shadow_impact.risen(review, Decimal("0.50"), 5)
    assert (number, [row[0] for row in risen.rows]) == (1, ["C-1"])
    for by in shadow_impact.SIDES:
        assert sum(Decimal(row[-5].replace(",", "")) for row in shadow_impact.effects(review, by).rows) == 210


def test_the_page_has_the_corners_causes_rule_and_names_who_rises_and_runs_no_script(made: tuple[Home, Review]) -> None:
    home, review = made
    page = shadow_page.write_page(home, judged(home, review))
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text, "the purpose is text"
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text), "nothing is loaded"
    for said in ("+210.00 USD", "TIER_RATE", "PRICE_VERSION", "Rising by more than 50%", "C-1", "max_rise", "annual"):
        assert said in text or said in ("TIER_RATE", "PRICE_VERSION"), said
    assert text.count("<svg") == 2
    (cause, *_) = shadow.causes(review)
    assert cause["cause_id"] in text
    before = page.read_bytes()
    assert shadow_page.write_page(home, judged(home, review)).read_bytes() == before


def test_the_page_reads_on_a_screen_and_on_a_phone(made: tuple[Home, Review]) -> None:
    home, review = made
    assert objections(shadow_page.write_page(home, judged(home, review)), "shadow") == []


def test_marks_are_in_the_page_and_in_the_workbook(made: tuple[Home, Review], tmp_path: Path) -> None:
    home, review = made
    cause = shadow.causes(review)[0]
    contents = [{"mark": "understood", "owner": ""}, {"mark": "assign", "owner": "pricing"}]
    records = [
        ShadowRecord(
            Recorded.CAUSE, "c", "v", json.dumps({"cause_id": cause["cause_id"], **content}), "ana", reason, "t", "now"
        )
        for content, reason in zip(contents, (HOSTILE, ""), strict=True)
    ]
    row = shadow.causes(review, Marks(records))[0]
    assert shadow.said(row) == f"understood (ana); with pricing; ana: {HOSTILE}"
    path = write_shadow_workbook(home, judged(home, review), tmp_path / "w.xlsx")
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    names = re.findall(r'<sheet name="([^"]+)"', parts["xl/workbook.xml"])
    assert names == ["Sums", "Launch rule", "Causes", "Invoices", "Lines", "Accounts"]
    sums = parts["xl/worksheets/sheet1.xml"]
    assert sums.count("<f>SUMIFS(Invoices[") == 8
    assert ">yes</v>" in sums
    assert all("<f>" not in parts[f"xl/worksheets/sheet{number}.xml"] for number in range(2, 7))
    again = write_shadow_workbook(home, judged(home, review), tmp_path / "again.xlsx")
    assert again.read_bytes() == path.read_bytes()


def test_exports_have_every_row_with_exact_amounts(made: tuple[Home, Review], tmp_path: Path) -> None:
    review = made[1]
    shadow.export(review, tmp_path / "p", "parquet")
    shadow.export(review, tmp_path / "c", "csv")
    con = session()
    for name, level in (("lines", "line"), ("invoices", "invoice"), ("accounts", "account")):
        rows = shadow.rows(review, level)
        held = con.execute(f"SELECT sum(new_total), count(*) FROM '{tmp_path}/p/{name}.parquet'").fetchall()
        assert held == [(sum(row["new_total"] for row in rows), len(rows))]
        texts = list(csv.DictReader(io.StringIO((tmp_path / "c" / f"{name}.csv").read_text(encoding="utf-8"))))
        assert [Decimal(text["new_total"]) for text in texts] == [row["new_total"] for row in rows]
        assert texts[0]["new_total"].rpartition(".")[2] == "00"
    con.close()


def test_a_page_of_fifty_thousand_differing_invoices_is_bounded_and_opens(
    made: tuple[Home, Review], tmp_path: Path
) -> None:
    """Copies of one invoice stand for a large review: the page has as many rows as it shows, not as many as there are."""
    home, review = made
    large = tmp_path / "large"
    large.mkdir()
    con = session()
    copies = 50_000
    for table in (
        "shadow_lines",
        "shadow_invoices",
        "shadow_accounts",
        "shadow_scenarios",
        "invoice_texts",
        "line_texts",
    ):
        names = [row[0] for row in con.execute(f"DESCRIBE FROM {review.table(table)}").fetchall()]
        ids = ", ".join(f"{name} || '-' || n AS {name}" for name in ("customer_id", "invoice_id") if name in names)
        only = "WHERE customer_id = 'C-1'" if "customer_id" in names else ""
        replaced = f"* REPLACE ({ids})" if ids else "*"
        times = copies if ids and table != "shadow_scenarios" else 1
        con.execute(
            f"COPY (SELECT {replaced} FROM (FROM {review.table(table)} {only}) CROSS JOIN (SELECT CAST(n AS VARCHAR) AS n FROM range({times}) AS r(n))) "
            f"TO '{large}/{table}.parquet' (FORMAT parquet)".replace(
                "SELECT * REPLACE", "SELECT * EXCLUDE (n) REPLACE"
            ).replace("SELECT * FROM (", "SELECT * EXCLUDE (n) FROM (")
        )
    con.execute(f"COPY (FROM {review.table('shadow_causes')}) TO '{large}/shadow_causes.parquet' (FORMAT parquet)")
    con.close()
    began = time.process_time()
    page = shadow_page.write_page(home, judged(home, Review("dearer", large, review.facts)))
    assert page.stat().st_size < 200_000
    assert time.process_time() - began < 30
    text = page.read_text(encoding="utf-8")
    assert "50,000 of 50,000" in text
    assert text.count('class="invoice"') == shadow_page.INVOICES_MAX
    assert date(2026, 2, 5) == LAST
    with browser() as running:
        opened = running.new_page()
        began = time.monotonic()
        opened.goto(page.as_uri())
        assert time.monotonic() - began < 2, "the page opens within 2 s"


def test_a_change_in_percent_is_right_for_the_smallest_amounts_and_empty_from_nothing() -> None:
    """A cloud bill has lines of a ten-thousandth of a cent, which a ratio of four decimals would round to nothing."""
    rows = (("0.000120000000", "0.00003"), ("500", "-150"), ("1234567.89", "10"), ("0", "5"), ("0.000000000001", "1"))
    values = ", ".join(f"(CAST({old} AS DECIMAL(38,12)), CAST({delta} AS DECIMAL(38,12)))" for old, delta in rows)
    with session() as con:
        found = con.execute(f"SELECT {shadow.PERCENT} FROM (VALUES {values}) AS t(old_total, delta)").fetchall()
    assert [row[0] for row in found] == [25, -30, 0, None, None]
