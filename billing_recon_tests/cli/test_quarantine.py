"""`quarantine` as people type it: what is listed and summed, what is refused, and what it exits with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from billing_recon.cli.init import init
from billing_recon.control import ControlStore
from billing_recon.day import Home, land
from billing_recon_tests.feeds.desk import PAYMENT, payment

Typed = Callable[..., Result]
DAY = date(2026, 3, 2)
EVENTS = "event_id,source,customer_id,subscription_id,meter,quantity,event_time,received_at"


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new company with four bad rows landed: two currencies, one unknown, one without money."""
    path = tmp_path_factory.mktemp("quarantine") / "home"
    init(path)
    company = path / "company.yaml"
    company.write_text(company.read_text().replace("currencies: [", "currencies: [JPY, EUR, ", 1))
    for table, name, lines in (
        (
            "payments",
            DAY,
            [
                PAYMENT,
                payment(payment_id="P-1", currency="EUR", kind="gift"),
                payment(payment_id="P-2", currency="JPY", amount="1050", kind="gift"),
                payment(payment_id="P-3", currency="XXQ"),
                payment(payment_id="P-4", currency="EUR"),
            ],
        ),
        ("usage_events", DAY, [EVENTS, "E-1,app,C-1,S-1,api_calls,x,2026-03-02T10:00:00Z,2026-03-02T10:00:00Z"]),
    ):
        file = path / "landing" / str(table) / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([*lines, ""]))
        land(Home.open(path), str(table), DAY, "test")
    return path


@pytest.fixture
def home(desk: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(desk, tmp_path / "home"))


def listed(typed: Typed, home: Path, *words: object) -> list[dict[str, Any]]:
    result = typed("quarantine", "list", "--home", home, "--format", "json", *words)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def row_id(typed: Typed, home: Path, number: int, table: str = "payments") -> str:
    (found,) = [r for r in listed(typed, home, "--table", table, "--status", "all") if r["source_row"] == str(number)]
    return str(found["row_id"])


def test_money_at_risk_is_summed_by_currency_and_never_across(desk: Path, typed: Typed) -> None:
    said = typed("quarantine", "list", "--home", desk).stdout
    assert "4 rows open in quarantine" in said
    assert "money at risk: 10.50 EUR, 1,050 JPY, 10.5 of unknown currency; 1 row without an amount" in said


def test_the_list_is_filtered_by_day_table_reason_and_owner(desk: Path, typed: Typed) -> None:
    assert len(listed(typed, desk)) == 4
    assert len(listed(typed, desk, "--day", DAY)) == 4
    assert listed(typed, desk, "--day", "2026-03-03") == []
    assert len(listed(typed, desk, "--day", "2026-03-01", "--to", "2026-03-31", "--table", "payments")) == 3
    assert [r["table_name"] for r in listed(typed, desk, "--reason", "UNPARSABLE")] == ["usage_events"]
    owner = listed(typed, desk)[0]["owner"]
    assert len(listed(typed, desk, "--owner", owner)) == 4
    assert listed(typed, desk, "--owner", "nobody") == []


def test_csv_and_json_say_the_same_with_the_row_as_it_came_and_amounts_as_text(desk: Path, typed: Typed) -> None:
    table = list(csv.DictReader(io.StringIO(typed("quarantine", "list", "--home", desk, "--format", "csv").stdout)))
    lines = listed(typed, desk)
    assert [list(row) for row in table] == [list(row) for row in lines]
    for row, line in zip(table, lines, strict=True):
        for name, value in line.items():
            shown = json.loads(row[name]) if name in ("payload", "reading", "faults") else row[name]
            assert shown == (value if value is not None else "")
    gift = lines[0]
    assert (gift["money_at_risk"], gift["currency"], gift["payload"]["kind"]) == ("10.50", "EUR", "gift")
    assert lines[1]["money_at_risk"] == "1050"
    assert gift["faults"][0]["says"] == "is not one of payment, refund, chargeback"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("list", "--table", "invoices"), "'invoices' is not a table"),
        (("list", "--reason", "BAD"), "'BAD' is not a quarantine reason"),
        (("list", "--to", "2026-03-02"), "--to needs --day"),
        (("show", "nothing"), "no row 'nothing' was ever quarantined"),
        (("release", "nothing", "--as", "Ana", "--reason", "sent again by mail"), "no row 'nothing'"),
        (("discard", "nothing"), "takes a name (--as) and a reason (--reason)"),
        (
            ("release", "nothing", "--set", "amount", "--as", "Ana", "--reason", "sent again by mail"),
            "write FIELD=VALUE",
        ),
        (
            ("release", "x", "--set", "a=1", "--set", "a=2", "--as", "Ana", "--reason", "sent again by mail"),
            "names a twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(desk: Path, typed: Typed, words: tuple[str, ...], says: str) -> None:
    result = typed("quarantine", words[0], "--home", desk, *words[1:])
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_row_is_shown_as_it_came_with_what_is_wrong_whose_it_is_and_every_decision(home: Path, typed: Typed) -> None:
    asked = row_id(typed, home, 1)
    typed("quarantine", "discard", "--home", home, asked, "--as", "Ana", "--reason", "a test of the bank")
    said = typed("quarantine", "show", "--home", home, asked[:10]).stdout
    for part in (
        f"{asked}  discarded: NOT_ALLOWED",
        "landing/payments/2026-03-02.csv row 1",
        "owns it",
        "10.50 EUR",
        "is not one of payment, refund, chargeback",
        "a test of the bank",
    ):
        assert part in said
    assert ["kind", "gift"] in [line.split() for line in said.splitlines()]


def test_a_release_that_the_contract_refuses_exits_1_names_the_fault_and_changes_nothing(
    home: Path, typed: Typed
) -> None:
    asked = row_id(typed, home, 1)
    for more in ((), ("--dry-run",)):
        result = typed(
            "quarantine", "release", "--home", home, asked, "--as", "Ana", "--reason", "sent again by mail", *more
        )
        assert result.exit_code == 1
        assert "kind 'gift' is not one of payment, refund, chargeback" in result.stdout + result.stderr
    assert len(listed(typed, home)) == 4


def test_a_released_row_leaves_the_list_and_the_row_equation_says_so(home: Path, typed: Typed) -> None:
    asked = row_id(typed, home, 1)
    words = ("quarantine", "release", "--home", home, asked, "--set", "kind=payment")
    dry = typed(*words, "--dry-run")
    assert dry.exit_code == 0
    assert "would release 1 row" in dry.stdout
    assert len(listed(typed, home)) == 4
    done = typed(*words, "--as", "Ana", "--reason", "confirmed")
    assert done.exit_code == 0
    assert "4 rows in = 2 accepted (1 of them released) + 2 quarantined + 0 duplicates collapsed" in done.stdout
    assert "Ana is not an approver in the policy" in done.stdout
    assert f"billing-recon run --home {home} --day {DAY}" in done.stdout
    assert len(listed(typed, home)) == 3
    (released,) = listed(typed, home, "--status", "released")
    assert (released["decision"], released["decided_by"], released["decision_reason"]) == (
        "release",
        "Ana",
        "confirmed",
    )
    again = typed(*words, "--as", "Ana", "--reason", "confirmed")
    assert "nothing new is recorded" in again.stdout
    assert len(listed(typed, home, "--status", "all")) == 4


def test_rows_sent_anew_are_listed_as_lapsed(home: Path, typed: Typed) -> None:
    asked = row_id(typed, home, 1)
    typed("quarantine", "discard", "--home", home, asked, "--as", "Ana", "--reason", "a test row of the bank")
    file = home / "landing" / "payments" / f"{DAY}.csv"
    file.write_text(file.read_text().replace("gift", "payment"))
    land(Home.open(home), "payments", DAY, "test")
    (lapsed,) = listed(typed, home, "--status", "lapsed")
    assert (lapsed["row_id"], lapsed["money_at_risk"]) == (asked, "10.50")
    assert "lapsed" in typed("quarantine", "show", "--home", home, asked).stdout


def test_nothing_is_decided_about_a_closed_month(home: Path, typed: Typed) -> None:
    asked = row_id(typed, home, 1)
    control: ControlStore = Home.open(home).control
    control.close_month("2026-03", "e1")
    result = typed("quarantine", "discard", "--home", home, asked, "--as", "Ana", "--reason", "a test row of the bank")
    assert result.exit_code == 1
    assert "reopen" in result.stderr


def test_the_checklist_is_written_as_table_csv_and_json(desk: Path, typed: Typed) -> None:
    table = typed("checklist", "--home", desk, "--day", DAY)
    assert table.exit_code == 0
    assert ["payments", "currency", "currency", "4", "100%", "25%"] in [x.split() for x in table.stdout.splitlines()]
    rows = [
        json.loads(x) for x in typed("checklist", "--home", desk, "--day", DAY, "--format", "json").stdout.splitlines()
    ]
    shares = {(r["table_name"], r["column_name"]): (r["filled_share"], r["fault_share"]) for r in rows}
    assert shares["payments", "currency"] == ("1", "0.25")
    assert shares["invoice_lines", "customer_id"] == (None, None), "no rows are no data"
    text = typed("checklist", "--home", desk, "--day", DAY, "--format", "csv").stdout
    assert f"{DAY},invoice_lines,customer,customer_id,0,0,0,NO DATA,NO DATA" in text.splitlines()
