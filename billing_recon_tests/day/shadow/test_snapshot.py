"""A snapshot stays what it was, whatever happens to the live data, and refuses what it cannot vouch for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from deltalake import DeltaTable

from billing_recon.compute.engine import session
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.schema import INVOICE_LINES
from billing_recon.core.snapshot import period_days
from billing_recon.day import Home
from billing_recon.day.shadow.snapshot import MANIFEST, find, problems, require_intact, snapshots, take
from billing_recon.warehouse import content_digest
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day
from billing_recon_tests.day.shadow.conftest import DAYS, PERIOD

pytestmark = pytest.mark.long

LAST = FIRST + timedelta(days=DAYS - 1)


def frozen_lines(home: Home) -> tuple[int, str]:
    snapshot, con = find(home, str(LAST)), session()
    try:
        return content_digest(con, snapshot.scan(INVOICE_LINES, FIRST, LAST), INVOICE_LINES.registered)
    finally:
        con.close()


def test_frozen_rows_survive_new_bills_and_the_clean_up_of_the_warehouse(home: Home) -> None:
    before = frozen_lines(home)
    landed = home.path / "landing" / "invoice_lines" / f"{FIRST}.csv"
    landed.write_text(landed.read_text(encoding="utf-8").replace("USD", "EUR"), encoding="utf-8")
    run_day(home, FIRST)
    table = DeltaTable(str(home.state / "warehouse" / "invoice_lines"))
    assert table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert before[0] > 0
    assert frozen_lines(home) == before
    assert list(problems(home.control, find(home, None))) == []


def test_freezing_the_same_again_gives_the_same_snapshot(home: Home) -> None:
    again = take(home, PERIOD, "bo")
    assert [one.label for one in snapshots(home)] == [str(LAST)]
    assert again.manifest.digest == find(home, None).manifest.digest


def test_a_changed_setting_gives_a_second_snapshot_and_leaves_the_first(home: Home) -> None:
    company = home.path / "company.yaml"
    company.write_text(company.read_text(encoding="utf-8").replace("(simulated)", "(renamed)"), encoding="utf-8")
    again = take(Home.open(home.path), PERIOD, "bo")
    assert again.label == f"{LAST}-2"
    assert "(renamed)" in again.company.name
    assert "(simulated)" in find(home, str(LAST)).company.name


@pytest.mark.parametrize("what", ["data", "config", "manifest", "extra"])
def test_a_byte_changed_anywhere_is_found_and_named(home: Home, what: str) -> None:
    snapshot = find(home, None)
    path = {
        "data": lambda: next(snapshot.path.glob("data/invoice_lines/*/*.parquet")),
        "config": lambda: snapshot.path / "config" / "catalog" / "plans.yaml",
        "manifest": lambda: snapshot.path / MANIFEST,
        "extra": lambda: snapshot.path / "config" / "catalog" / "more.yaml",
    }[what]()
    content = path.read_bytes() if path.exists() else b"# nothing"
    path.unlink(missing_ok=True)
    path.write_bytes(content.replace(b'"PASS"', b'"FAIL"') if what == "manifest" else content + b" ")
    with pytest.raises(GateRefused, match="manifest" if what == "manifest" else path.name):
        require_intact(home.control, find(home, None))


def test_a_day_that_was_not_run_is_named_with_its_command(home: Home) -> None:
    later = LAST + timedelta(days=1)
    with pytest.raises(GateRefused, match=f"billing-recon run --day {later}"):
        take(home, f"{FIRST}..{later}", "ana")


def test_a_period_is_a_month_or_two_days() -> None:
    assert len(period_days("2026-02", None, None)) == 28
    assert period_days("2026-02-03..2026-02-04", None, None) == [date(2026, 2, 3), date(2026, 2, 4)]
    for wrong in ("2026", "2026-13", "february", "2026-02-03..", "..2026-02-03"):
        with pytest.raises(ConfigurationError, match="is not a period"):
            period_days(wrong, None, None)
