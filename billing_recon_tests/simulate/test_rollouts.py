"""A simulated rollout: who is billed by the new engine, bugs that only it has, flags that are ignored, with the truth."""

from __future__ import annotations

import csv
import hashlib
from datetime import date
from pathlib import Path

import pytest

from billing_recon.cli.simulate import parse_faults, parse_stage
from billing_recon.core.errors import ConfigurationError
from billing_recon.simulate import simulate
from billing_recon.simulate.rollouts import IGNORED, Rollout, Step

FIRST, LAST = date(2026, 1, 24), date(2026, 2, 3)
STAGES = ("2026-01-26=10%", "2026-01-29=50%", "2026-02-02=off")
FAULTS = {"INVOICE_DUPLICATE:lines_twice@month_end": 1, "DISCOUNT_VALUE": 1, "LEDGER_MISSING": 1, IGNORED: 2}


def make(out: Path, **faults: int) -> Path:
    rollout = Rollout("proration", tuple(Step(*parse_stage(one)) for one in STAGES), FAULTS | faults)
    simulate(seed=5, first=FIRST, last=LAST, customers=220, faults={"ROUNDING": 1}, out=out, rollout=rollout)
    return out


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("rollout") / "home")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lines(home: Path) -> list[dict[str, str]]:
    return [row for path in sorted((home / "landing/invoice_lines").glob("*.csv")) for row in rows(path)]


def flag(members: list[dict[str, str]], customer: str, day: str) -> str:
    on = any(m["customer_id"] == customer and m["since_day"] <= day < (m["until_day"] or "9999") for m in members)
    return "candidate" if on else "control"


def test_every_bill_is_by_the_engine_that_the_list_gives_except_where_the_flag_is_ignored(home: Path) -> None:
    members = rows(home / "rollouts/proration/members.csv")
    truth = rows(home / "rollouts/proration/truth.csv")
    wrong = {
        line["invoice_id"]: (line["variant"], flag(members, line["customer_id"], line["issued_on"]))
        for line in lines(home)
        if line["variant"] != flag(members, line["customer_id"], line["issued_on"])
    }
    exposures = {row["invoice_id"]: (row["variant"], row["flag"]) for row in truth if row["kind"] == "exposure"}
    assert wrong == exposures
    assert set(exposures.values()) == {("candidate", "control"), ("control", "candidate")}
    assert {line["variant"] for line in lines(home)} == {"control", "candidate"}


def test_a_wider_stage_holds_the_narrower_one_and_off_is_off_for_everybody(home: Path) -> None:
    members = rows(home / "rollouts/proration/members.csv")
    first = {m["customer_id"] for m in members if m["since_day"] == "2026-01-26"}
    assert len(first) == 22
    assert len({m["customer_id"] for m in members}) == len(members) == 110
    assert {m["until_day"] for m in members} == {"2026-02-02"}


def test_bugs_of_the_new_engine_are_in_its_bills_only_and_at_their_boundary(home: Path) -> None:
    truth = [row for row in rows(home / "rollouts/proration/truth.csv") if row["kind"] == "bug"]
    assert {row["code"] for row in truth} == {"INVOICE_DUPLICATE", "DISCOUNT_VALUE", "LEDGER_MISSING"}
    assert {row["variant"] for row in truth} == {"candidate"}
    (doubled,) = (row for row in truth if row["boundary"])
    assert (doubled["boundary"], doubled["day"][-2:]) in {("month_end", "31"), ("month_end", "01")}
    every = rows(home / "truth.csv")
    named = {(row["code"], row["invoice_id"], row["delta"]) for row in every}
    assert {(row["code"], row["invoice_id"], row["delta"]) for row in truth} < named
    assert {row["code"] for row in every} - {row["code"] for row in truth} == {"ROUNDING"}


def test_bugs_show_at_a_change_of_tax_at_a_retry_and_at_a_reissue(tmp_path: Path) -> None:
    faults = {"TAX_RATE_JURISDICTION@tax_change": 1, "PAYMENT_DUPLICATE@retry_cycle": 1, "ROUNDING@reissue": 1}
    made = tmp_path / "home"
    rollout = Rollout("proration", (Step(*parse_stage("2026-01-26=100%")),), faults)
    last = date(2026, 2, 8)
    simulate(seed=5, first=FIRST, last=last, customers=220, faults={}, out=made, rollout=rollout)
    bugs = {
        row["boundary"]: row
        for row in rows(made / "rollouts/proration/truth.csv")
        if row["kind"] == "bug" and row["boundary"]
    }
    assert set(bugs) == {"tax_change", "retry_cycle", "reissue"}
    billed = lines(made)
    changed = [line for line in billed if line["invoice_id"] == bugs["tax_change"]["invoice_id"]]
    assert all(line["period_start"] <= "2026-02-01" <= line["issued_on"] for line in changed)
    assert "2026-02-01" in "".join(path.read_text() for path in (made / "catalog").glob("*.yaml")), (
        "the catalog knows it"
    )
    again = bugs["reissue"]["subscription_id"]
    states = {(line["invoice_id"], line["status"]) for line in billed if line["subscription_id"] == again}
    assert {status for _, status in states} == {"void", "issued"}
    assert (bugs["reissue"]["invoice_id"], "issued") in states
    (voided,) = [invoice for invoice, status in states if status == "void"]
    followed = [
        row
        for table in ("ledger_entries", "payments", "rendered_invoices")
        for path in (made / "landing" / table).glob("*.csv")
        for row in rows(path)
    ]
    assert voided not in {row["invoice_id"] for row in followed}, (
        "no other layer ever saw the bill that was voided at once"
    )
    paid = [row for row in followed if row.get("payment_id") and row["invoice_id"] == bugs["retry_cycle"]["invoice_id"]]
    assert [row["status"] for row in sorted(paid, key=lambda row: row["processed_at"])] == [
        "failed",
        "succeeded",
        "succeeded",
    ]


def digest(home: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        found.update(f"{path.relative_to(home)}".encode() + path.read_bytes())
    return found.hexdigest()


def test_the_same_seed_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    assert digest(make(tmp_path / "again")) == digest(home)


def test_what_cannot_be_placed_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"rollout:INVOICE_DUPLICATE:lines_twice@month_end: 90 asked, places for"
    ):
        make(tmp_path / "much", **{"INVOICE_DUPLICATE:lines_twice@month_end": 90})
    with pytest.raises(ConfigurationError, match="@sunday: bugs show at"):
        make(tmp_path / "odd", **{"ROUNDING@sunday": 1})
    with pytest.raises(ConfigurationError, match="at retry_cycle show bugs of payments"):
        make(tmp_path / "early", **{"ROUNDING@retry_cycle": 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["2026-01-26", "2026-01-26=0%", "2026-01-26=120%", "2026-01-26=5%x", "2026-01-26=a"])
def test_a_stage_that_says_no_share_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write DAY=SHARE"):
        parse_stage(text)


def test_faults_of_the_rollout_are_read_like_any_other() -> None:
    assert parse_faults(["ROUNDING@renewal=2", f"{IGNORED}=1"], (IGNORED,)) == {"ROUNDING@renewal": 2, IGNORED: 1}
    with pytest.raises(ConfigurationError, match="'ignored' is not a reason code"):
        parse_faults([f"{IGNORED}=1"])
