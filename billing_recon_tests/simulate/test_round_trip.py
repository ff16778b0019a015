"""What the simulator writes in a form, landing reads back as the rows that it would have written: wrong figures included."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from billing_recon.cli.app import app
from billing_recon.compute.engine import session
from billing_recon.core.company import Company
from billing_recon.core.landing import LandingStatus
from billing_recon.core.reason import Code
from billing_recon.core.schema import BY_NAME
from billing_recon.day import Home
from billing_recon.defs.runner import run_days
from billing_recon.feeds.landing.pipeline import land
from billing_recon.report import stored_rows as reading
from billing_recon.simulate import BookedAs, RenderedAs, simulate

pytestmark = pytest.mark.long

FIRST, DAYS = date(2026, 1, 28), 7
FAULTS = {
    Code.RENDER_VALUE: 3,
    Code.RENDER_DUPLICATE: 1,
    Code.RENDER_MISSING: 1,
    Code.DISCOUNT_VALUE: 1,
    Code.ROUNDING: 1,
    Code.LEDGER_AMOUNT: 1,
    Code.LEDGER_DUPLICATE: 1,
}
OF_THE_FILE = ("format", "sha256", "sent_at", "delivery_status")
"""Columns of rendered_invoices that are of the file or its delivery, and stand on no document."""

Made = Callable[..., Path]
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    homes: dict[tuple[RenderedAs, BookedAs], Path] = {}

    def make(documents: RenderedAs = RenderedAs.CSV, ledger: BookedAs = BookedAs.CSV) -> Path:
        key = (documents, ledger)
        if key not in homes:
            homes[key] = tmp_path_factory.mktemp("formed") / "home"
            simulate(
                seed=11,
                first=FIRST,
                last=FIRST + timedelta(days=DAYS - 1),
                customers=60,
                faults=FAULTS,
                out=homes[key],
                documents=documents,
                ledger=ledger,
            )
        return homes[key]

    return make


def landed(home: Path, table: str, leave_out: tuple[str, ...] = ()) -> Rows:
    """The rows of every day, as the warehouse would have them. No row may be quarantined."""
    company = Company.model_validate(yaml.safe_load((home / "company.yaml").read_text(encoding="utf-8")))
    spec = BY_NAME[table]
    columns = ", ".join(name for name in spec.names if name not in leave_out)
    con = session()
    rows: Rows = []
    for day in days():
        report = land(
            con, home=home, company=company, spec=spec, day=day, lookback_days=62, known_usage=None, owner="x"
        )
        assert (report.status, report.quarantined, report.duplicates) == (LandingStatus.PRESENT, 0, 0), report
        rows += con.execute(f"SELECT {columns}, observed_on FROM landed ORDER BY ALL").fetchall()
    con.close()
    return rows


def days() -> Iterator[date]:
    return (FIRST + timedelta(days=n) for n in range(DAYS))


@pytest.mark.parametrize("form", [form for form in RenderedAs if form is not RenderedAs.CSV])
def test_documents_land_as_the_rows_that_they_were_made_from(made: Made, form: RenderedAs) -> None:
    assert landed(made(documents=form), "rendered_invoices", OF_THE_FILE) == landed(
        made(), "rendered_invoices", OF_THE_FILE
    )
    assert landed(made(documents=form), "rendered_lines") == landed(made(), "rendered_lines")


@pytest.mark.parametrize("form", [form for form in BookedAs if form is not BookedAs.CSV])
def test_a_ledger_lands_as_the_rows_that_it_was_made_from(made: Made, form: BookedAs) -> None:
    if form is BookedAs.BEANCOUNT:
        pytest.importorskip("beancount", reason="beancount is an extra: pip install billing-recon[beancount]")
    assert landed(made(ledger=form), "ledger_entries") == landed(made(), "ledger_entries")


def test_nothing_but_the_layers_in_question_differs_between_forms(made: Made) -> None:
    plain, formed = made(), made(RenderedAs.MIXED, BookedAs.HLEDGER)
    for table in ("usage_events", "subscriptions", "invoice_lines", "payments", "metered_usage"):
        for path in sorted((plain / "landing" / table).iterdir()):
            assert path.read_bytes() == (formed / "landing" / table / path.name).read_bytes()
    assert (plain / "truth.csv").read_bytes() == (formed / "truth.csv").read_bytes()
    assert sorted(path.name for path in (formed / "landing").iterdir()) == [
        "documents",
        "invoice_lines",
        "ledger_entries",
        "metered_usage",
        "payments",
        "subscriptions",
        "usage_events",
    ]


def test_the_same_seed_gives_the_same_bytes_in_every_form(made: Made, tmp_path: Path) -> None:
    once, again = made(RenderedAs.MIXED, BookedAs.HLEDGER), tmp_path / "again"
    simulate(
        seed=11,
        first=FIRST,
        last=FIRST + timedelta(days=DAYS - 1),
        customers=60,
        faults=FAULTS,
        out=again,
        documents=RenderedAs.MIXED,
        ledger=BookedAs.HLEDGER,
    )
    files = sorted(path.relative_to(once) for path in once.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert [name for name in files if (once / name).read_bytes() != (again / name).read_bytes()] == []
    assert {name.suffix for name in files if "documents" in name.parts} == {".xml", ".pdf", ".html"}


def test_the_command_takes_forms_and_refuses_others(tmp_path: Path) -> None:
    words = ["simulate", "--seed", "1", "--from", "2026-01-01", "--to", "2026-01-02", "--customers", "3"]
    done = CliRunner().invoke(
        app, [*words, "--documents", "mixed", "--ledger", "saft-no", "--out", str(tmp_path / "a")]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a" / "templates" / "portal.yaml").is_file()
    assert list((tmp_path / "a" / "landing" / "documents" / "2026-01-01").iterdir())
    assert list((tmp_path / "a" / "landing" / "ledger_entries").glob("2026-01-01.*.xml"))
    refused = CliRunner().invoke(app, [*words, "--ledger", "sap", "--out", str(tmp_path / "b")])
    assert refused.exit_code == 2
    assert "--ledger sap: unknown form; choose one of csv, saft-no" in refused.output
    assert not (tmp_path / "b").exists()


def test_a_former_simulation_is_replaced_whatever_its_form(tmp_path: Path) -> None:
    out = tmp_path / "home"
    for documents in (RenderedAs.HTML, RenderedAs.CSV):
        simulate(seed=1, first=FIRST, last=FIRST, customers=3, faults={}, out=out, documents=documents)
    assert not (out / "templates").exists()
    assert not (out / "landing" / "documents").exists()


def test_every_injected_bug_is_found_in_real_documents_and_a_real_ledger(made: Made, tmp_path: Path) -> None:
    home = Path(shutil.copytree(made(RenderedAs.MIXED, BookedAs.DATEV), tmp_path / "home"))
    outcomes = run_days(home, list(days()))
    assert [outcome.error for outcome in outcomes if not outcome.success] == []
    found = [
        (row["code"], str(row["day"]), row["invoice_id"] or "", row["delta"])
        for row in reading.breaks(Home.open(home), FIRST, FIRST + timedelta(days=DAYS - 1))
    ]
    with (home / "truth.csv").open(encoding="utf-8", newline="") as file:
        injected = [(row["code"], row["day"], row["invoice_id"], Decimal(row["delta"])) for row in csv.DictReader(file)]
    assert sorted(found) == sorted(injected)
    assert {row[0] for row in injected} == {code.value for code in FAULTS}
