"""Injected bugs: truth.csv says exactly what differs, seen by holding a company against its twin without bugs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import STAGE_OF, Code, Stage
from billing_recon.simulate import SUPPORTED, known_faults, simulate
from billing_recon.simulate.files import TRUTH
from billing_recon_tests.simulate.test_clean_company import opened

pytestmark = pytest.mark.long

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 19)
COUNT = 3
SEED = 11

LINE_KEY = "subscription_id, kind, coalesce(meter, ''), period_start, period_end, plan_id"
Truth = list[dict[str, str]]

IN_PLACE = (
    Code.USAGE_MISSING,
    Code.USAGE_DUPLICATE,
    Code.USAGE_LATE,
    Code.PRICE_VERSION,
    Code.ALLOWANCE_ROLLOVER,
    Code.TIER_RATE,
    Code.DISCOUNT_VALUE,
    Code.TAX_RATE_JURISDICTION,
    Code.ROUNDING,
    Code.INVOICE_MISSING,
    "INVOICE_DUPLICATE:retry",
    Code.RENDER_MISSING,
    Code.RENDER_DUPLICATE,
    "RENDER_VALUE:line",
    "RENDER_VALUE:header",
    "RENDER_VALUE:tax_left_out",
    Code.LEDGER_MISSING,
    Code.LEDGER_DUPLICATE,
    Code.LEDGER_AMOUNT,
    Code.PAYMENT_MISSING,
    Code.PAYMENT_DUPLICATE,
    Code.PAYMENT_AMOUNT,
)
"""Faults that leave every line, document, journal and payment under its own key, so that a twin without bugs can be held
against them row by row."""
FORMED = (
    *("INVOICE_MISSING:account", "INVOICE_MISSING:batch", "INVOICE_DUPLICATE:batch", "INVOICE_DUPLICATE:lines_twice"),
    *("INVOICE_PERIOD:account", "CURRENCY_FX:account", "USAGE_MISSING:days_lost", "USAGE_MISSING:meter_down"),
    *("PRICE_VERSION:invoice", "TAX_RATE_JURISDICTION:table_behind", "ROUNDING:account"),
    *("ROUNDING:every_line_cut_off", "MINOR_UNIT:account", "MINOR_UNIT:invoice_in_cents", "STEP_ORDER:account"),
    *("RENDER_MISSING:batch", "RENDER_DUPLICATE:batch", "RENDER_VALUE:account", "LEDGER_MISSING:batch"),
    *("LEDGER_DUPLICATE:batch", "LEDGER_ACCOUNT:account", "LEDGER_PERIOD:batch", "PAYMENT_DUPLICATE:batch"),
    *("PAYMENT_MISAPPLIED:account", "USAGE_LATE:closed_early", "USAGE_CORRECTED:ignored"),
)
LATER = (Stage.DOCUMENT, Stage.LEDGER, Stage.PAYMENT)
METERED = {Code.USAGE_MISSING, Code.USAGE_DUPLICATE, Code.USAGE_CORRECTED}
WITHOUT_MONEY = {Code.INVOICE_PERIOD, Code.LEDGER_ACCOUNT, Code.LEDGER_PERIOD, Code.PAYMENT_MISAPPLIED}
AT_A_LINE = {
    *(
        Code.ALLOWANCE_ROLLOVER,
        Code.CAP,
        Code.USAGE_LATE,
        Code.CONTRACT_OVERRIDE,
        Code.CREDIT_VALUE,
        Code.DISCOUNT_VALUE,
        Code.MANUAL_ADJUSTMENT,
    ),
    *(Code.MINIMUM, Code.MINOR_UNIT, Code.PRICE_VERSION, Code.PRORATION, Code.RENDER_VALUE, Code.ROUNDING),
    *(Code.STEP_ORDER, Code.SUBSCRIPTION_STATE, Code.TAX_BASE, Code.TAX_RATE_JURISDICTION, Code.TIER_RATE),
    *(Code.UNEXPLAINED, Code.USAGE_AGGREGATION, *METERED),
}


def made(
    out: Path,
    faults: Mapping[Code, int] | Mapping[str, int],
    *,
    seed: int = SEED,
    customers: int = 70,
    last: date = LAST,
) -> Path:
    simulate(seed=seed, first=FIRST, last=last, customers=customers, faults=faults, out=out)
    return out


def read_truth(home: Path) -> Truth:
    with (home / "truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def bugged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with every bug that leaves rows in place, three times each."""
    return made(tmp_path_factory.mktemp("bugged") / "home", dict.fromkeys(IN_PLACE, COUNT))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """What a company with every known bug, three times each, says of them."""
    return read_truth(made(tmp_path_factory.mktemp("everything") / "home", dict.fromkeys(SUPPORTED, COUNT)))


@pytest.fixture(scope="module")
def truth(bugged: Path) -> Truth:
    return read_truth(bugged)


@pytest.fixture(scope="module")
def db(bugged: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = opened(bugged)
    yield con
    con.close()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same company without bugs."""
    con = opened(made(tmp_path_factory.mktemp("twin") / "home", {}))
    yield con
    con.close()


def of(truth: Truth, pair: str, *, codes: tuple[str, ...] = ()) -> Truth:
    return [row for row in truth if row["pair"] == pair and (not codes or row["code"] in codes)]


def keyed(con: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[object, ...], Decimal]:
    """Rows of a query as key -> figure, the last column."""
    return {tuple(row[:-1]): row[-1] for row in con.execute(sql).fetchall()}


def test_every_fault_is_injected_as_often_as_asked(everything: Truth) -> None:
    found = Counter((Code(row["code"]), row["pair"]) for row in everything)
    assert Counter(row["code"] for row in everything if row["pair"] != "metered_used") == {
        code: 2 * COUNT if code is Code.CURRENCY_FX else COUNT  # a finding in either currency
        for code in SUPPORTED
    }
    assert {code for code, _ in found} == set(SUPPORTED) == set(Code) - {Code.EXPOSURE}
    assert {code for code, pair in found if pair == "metered_used"} == METERED
    billed = {code for code, pair in found if pair == "expected_billed"}
    assert billed | {Code.KEY_UNMAPPED, Code.EXPOSURE} == {code for code in Code if STAGE_OF[code] not in LATER}


@pytest.mark.parametrize("code", SUPPORTED)
def test_each_fault_can_be_asked_for_alone(code: Code, tmp_path: Path) -> None:
    home = made(tmp_path / "home", {code: 2}, seed=5, customers=24, last=FIRST + timedelta(days=39))
    rows = read_truth(home)
    assert {row["code"] for row in rows} == {code}
    assert sum(row["pair"] != "metered_used" for row in rows) == (4 if code is Code.CURRENCY_FX else 2)


@pytest.fixture(scope="module")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with many forms for an account or a batch, and some for one invoice that other tests leave out."""
    return made(tmp_path_factory.mktemp("formed") / "home", dict.fromkeys(FORMED, 1))


def test_each_form_is_listed_with_its_reach_and_the_truth(formed: Path) -> None:
    with (formed / "faults.csv").open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    reaches = {fault.name: fault.reach.value for fault in known_faults()}
    assert {f"{row['code']}:{row['form']}" for row in told} == set(FORMED)
    assert all(row["reach"] == reaches[f"{row['code']}:{row['form']}"] for row in told)
    assert [{name: row[name] for name in TRUTH.split(",")} for row in told] == read_truth(formed)
    struck = Counter(f"{row['code']}:{row['form']}" for row in told if row["pair"] != "metered_used")
    assert all(struck[name] >= 2 for name in FORMED if reaches[name] == "batch")


def test_what_an_invoice_is_off_is_the_sum_of_its_truth(formed: Path, twin: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT subscription_id, CAST(period_start AS VARCHAR), total FROM invoice_lines WHERE status = 'issued'"
    con = opened(formed)
    off: Counter[str] = Counter()
    for sign, side in ((1, con), (-1, twin)):
        for subscription, _, total in side.execute(sql).fetchall():
            off[subscription] += sign * total
    con.close()
    told: Counter[str] = Counter()
    for row in of(read_truth(formed), "expected_billed"):
        told[row["subscription_id"]] += Decimal(row["delta"])  # type: ignore[assignment]
    assert {name: amount for name, amount in off.items() if amount} == {n: a for n, a in told.items() if a}


def test_a_batch_is_of_one_day_and_an_account_of_one_customer(formed: Path) -> None:
    with (formed / "faults.csv").open(newline="", encoding="utf-8") as file:
        told = [row for row in csv.DictReader(file) if row["invoice_id"]]
    con = opened(formed)
    rows = con.execute(
        "SELECT DISTINCT invoice_id, customer_id, CAST(issued_on AS VARCHAR) FROM invoice_lines"
    ).fetchall()
    con.close()
    customer_of, day_of = ({row[0]: row[n] for row in rows} for n in (1, 2))
    for name in FORMED:
        invoices = [row["invoice_id"] for row in told if f"{row['code']}:{row['form']}" == name]
        if name.endswith(":account"):
            assert len({customer_of[one] for one in invoices}) <= 1, name
        if name.endswith(":batch"):
            assert len({day_of[one] for one in invoices}) <= 1, name


def test_a_form_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    once, again = (made(tmp_path / name, {"LEDGER_DUPLICATE:batch": 1, "ROUNDING": 2}) for name in ("a", "b"))
    assert (once / "faults.csv").read_bytes() == (again / "faults.csv").read_bytes()


def test_truth_is_sorted_within_the_days_and_names_what_it_hits(everything: Truth) -> None:
    lines = [tuple(row.values()) for row in everything]
    assert lines == sorted(lines)
    for row in everything:
        assert FIRST <= date.fromisoformat(row["day"]) <= LAST
        assert row["subscription_id"] or row["invoice_id"].startswith("EXT-")
        assert Decimal(row["delta"]) != 0 or row["code"] in WITHOUT_MONEY
        assert bool(row["invoice_id"]) == (row["pair"] != "metered_used" and row["code"] != "INVOICE_MISSING")
        if row["line_id"]:
            assert row["line_id"].startswith(row["invoice_id"] + "/")
    assert {row["code"] for row in everything if row["line_id"]} <= AT_A_LINE


def test_each_fault_strikes_an_invoice_of_its_own(everything: Truth) -> None:
    struck = Counter((row["invoice_id"], row["code"]) for row in everything if row["invoice_id"])
    assert len({invoice for invoice, _ in struck}) == len(struck)
    assert {code for (_, code), count in struck.items() if count > 1} == {"CURRENCY_FX"}


def test_exactly_the_lines_in_truth_differ_from_the_company_without_bugs(
    db: duckdb.DuckDBPyConnection, twin: duckdb.DuckDBPyConnection, truth: Truth
) -> None:
    duplicates = {row["invoice_id"] for row in truth if row["code"] == "INVOICE_DUPLICATE"}
    listed = ", ".join(f"'{number}'" for number in duplicates)
    right = keyed(twin, f"SELECT {LINE_KEY}, total FROM invoice_lines")
    wrong = keyed(db, f"SELECT {LINE_KEY}, total FROM invoice_lines WHERE invoice_id NOT IN ({listed})")
    ids = keyed(db, f"SELECT {LINE_KEY}, line_id FROM invoice_lines WHERE invoice_id NOT IN ({listed})")
    assert set(wrong) <= set(right)
    seen = {str(ids[key]): wrong[key] - right[key] for key in wrong if wrong[key] != right[key]}
    assert seen == {r["line_id"]: Decimal(r["delta"]) for r in of(truth, "expected_billed") if r["line_id"]}
    missing: Counter[object] = Counter()
    for key in set(right) - set(wrong):
        missing[key[0]] -= right[key]  # type: ignore[assignment]
    absent = of(truth, "expected_billed", codes=("INVOICE_MISSING",))
    assert missing == {r["subscription_id"]: Decimal(r["delta"]) for r in absent}


def test_a_duplicate_invoice_repeats_an_earlier_one_line_by_line(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    for row in of(truth, "expected_billed", codes=("INVOICE_DUPLICATE",)):
        number = row["invoice_id"]
        same = db.execute(
            f"SELECT o.invoice_id, d.issued_on, sum(d.total), bool_and(d.total = o.total AND d.quantity = o.quantity), "
            "bool_and(d.calculated_at > o.calculated_at), any_value(d.issued_on - o.issued_on) FROM invoice_lines d "
            "JOIN invoice_lines o ON o.invoice_id < d.invoice_id AND (o.subscription_id, o.kind, o.period_start, "
            "o.period_end) = (d.subscription_id, d.kind, d.period_start, d.period_end) "
            f"AND o.meter IS NOT DISTINCT FROM d.meter AND o.plan_id = d.plan_id WHERE d.invoice_id = '{number}' "
            "GROUP BY ALL"
        ).fetchall()
        ((_, issued_on, total, equal, later, days),) = same
        assert (str(issued_on), total, equal, later) == (row["day"], Decimal(row["delta"]), True, True)
        assert days in (0, 1)


def test_the_engine_metered_what_truth_says_it_did(
    db: duckdb.DuckDBPyConnection, twin: duckdb.DuckDBPyConnection, truth: Truth
) -> None:
    sql = "SELECT subscription_id, CAST(file_day AS VARCHAR), meter, quantity FROM metered_usage"
    right, wrong = keyed(twin, sql), keyed(db, sql)
    zero = Decimal(0)
    seen = {key[:2]: wrong.get(key, zero) - right[key] for key in right if wrong.get(key, zero) != right[key]}
    assert set(wrong) <= set(right)
    assert seen == {(r["subscription_id"], r["day"]): Decimal(r["delta"]) for r in of(truth, "metered_used")}


def test_usage_itself_is_the_same_but_for_duplicates_and_what_came_too_late(
    db: duckdb.DuckDBPyConnection, twin: duckdb.DuckDBPyConnection
) -> None:
    sql = (
        "SELECT DISTINCT event_id, quantity, event_time, received_at, corrects FROM usage_events "
        "WHERE event_id NOT LIKE '%-late-%' ORDER BY ALL"
    )
    assert db.execute(sql).fetchall() == twin.execute(sql).fetchall()


def test_exactly_the_documents_in_truth_differ_from_the_invoices(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    billed = "SELECT invoice_id, sum(total) AS b FROM invoice_lines GROUP BY invoice_id"
    shown = "SELECT invoice_id, sum(payable) AS r FROM rendered_invoices GROUP BY invoice_id"
    seen = keyed(
        db,
        f"SELECT invoice_id, coalesce(r, 0) - b FROM ({billed}) LEFT JOIN ({shown}) USING (invoice_id) "
        f"WHERE r IS DISTINCT FROM b",
    )
    rows = of(truth, "billed_rendered")
    # A document that was due only after the last day is not in truth, and none is: they come on the day of issue.
    assert {key[0]: delta for key, delta in seen.items()} == {r["invoice_id"]: Decimal(r["delta"]) for r in rows}
    lines = keyed(
        db,
        "SELECT l.line_id, any_value(r.amount) - any_value(l.gross - l.discount) FROM invoice_lines l "
        "JOIN rendered_lines r USING (line_id) GROUP BY l.line_id HAVING any_value(r.amount) <> any_value(l.gross - l.discount)",
    )
    assert {key[0]: delta for key, delta in lines.items()} == {
        r["line_id"]: Decimal(r["delta"]) for r in rows if r["line_id"]
    }


def test_exactly_the_journals_in_truth_differ_from_the_invoices(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    unbalanced = "SELECT journal_id FROM ledger_entries GROUP BY journal_id HAVING sum(debit) <> sum(credit)"
    assert db.execute(unbalanced).fetchall() == []
    settling = "SELECT DISTINCT journal_id FROM ledger_entries WHERE role = 'cash'"
    booked = (
        "SELECT invoice_id, sum(debit - credit) AS a, max(posted_on) AS on_day FROM ledger_entries WHERE role = 'ar' "
        f"AND journal_id NOT IN ({settling}) GROUP BY invoice_id"
    )
    billed = (
        f"SELECT invoice_id, sum(total) AS b, any_value(issued_on) AS issued_on FROM invoice_lines "
        f"WHERE issued_on < DATE '{LAST}' GROUP BY invoice_id"
    )
    seen = keyed(
        db,
        "SELECT invoice_id, CAST(coalesce(on_day, issued_on + 2) AS VARCHAR), coalesce(a, 0) - b "
        f"FROM ({billed}) LEFT JOIN ({booked}) USING (invoice_id) WHERE a IS DISTINCT FROM b",
    )
    assert seen == {(r["invoice_id"], r["day"]): Decimal(r["delta"]) for r in of(truth, "billed_booked")}


def test_exactly_the_payments_in_truth_differ_from_the_invoices(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    paid = (
        "SELECT invoice_id, count(*) AS attempts, "
        "coalesce(sum(CASE kind WHEN 'refund' THEN -amount ELSE amount END) FILTER (status = 'succeeded'), 0) AS p, "
        "min(CAST(processed_at AS DATE)) FILTER (status = 'succeeded') + 5 AS settled_on FROM payments GROUP BY invoice_id"
    )
    billed = "SELECT invoice_id, sum(total) AS b, any_value(issued_on) AS i FROM invoice_lines GROUP BY invoice_id"
    seen = keyed(
        db,
        "SELECT invoice_id, CAST(coalesce(settled_on, i + 30) AS VARCHAR), coalesce(p, 0) - b "
        f"FROM ({billed}) LEFT JOIN ({paid}) USING (invoice_id) WHERE p IS DISTINCT FROM b AND b > 0 "
        f"AND (settled_on <= DATE '{LAST}' OR (attempts IS NULL AND i + 30 <= DATE '{LAST}'))",
    )
    assert seen == {(r["invoice_id"], r["day"]): Decimal(r["delta"]) for r in of(truth, "billed_paid")}


def test_every_day_still_has_invoices_documents_and_postings(db: duckdb.DuckDBPyConnection) -> None:
    days = (LAST - FIRST).days + 1
    for table, column in (
        ("invoice_lines", "issued_on"),
        ("rendered_invoices", "issued_on"),
        ("ledger_entries", "posted_on"),
    ):
        row = db.execute(f"SELECT count(DISTINCT {column}) FROM {table}").fetchone()
        assert row == (days,), table


def test_a_wrong_price_version_sometimes_shows_on_the_line_and_sometimes_not(tmp_path: Path) -> None:
    home = made(tmp_path / "home", {"PRICE_VERSION": 12})
    con = opened(home)
    listed = ", ".join(f"'{row['line_id']}'" for row in read_truth(home))
    agreed = con.execute(
        f"SELECT count(DISTINCT l.line_id) FILTER (s.plan_version = l.plan_version) FROM invoice_lines l "
        "JOIN subscriptions s ON s.subscription_id = l.subscription_id AND s.plan_id = l.plan_id "
        f"AND CAST(s.valid_from AS DATE) <= l.period_start WHERE l.line_id IN ({listed})"
    ).fetchone()
    assert agreed is not None
    assert 0 < agreed[0] < 12
    con.close()


def test_a_document_differs_in_a_line_or_in_its_header_alone(tmp_path: Path) -> None:
    rows = read_truth(made(tmp_path / "home", {"RENDER_VALUE": 12}))
    assert 0 < sum(bool(row["line_id"]) for row in rows) < 12


def test_a_fault_that_cannot_be_simulated_is_refused_with_those_that_can(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"CAPP: this fault cannot be simulated; possible are KEY_UNMAPPED, REC"
    ):
        made(tmp_path / "home", {"CAPP": 1})
    with pytest.raises(ConfigurationError, match=r"CAP:late: CAP has no such form; it has not_applied, half_applied"):
        made(tmp_path / "home", {"CAP:late": 1})
    with pytest.raises(ConfigurationError, match=r"ROUNDING: a count of -1"):
        made(tmp_path / "home", {Code.ROUNDING: -1})
    assert not (tmp_path / "home").exists()


def test_more_faults_than_there_is_room_for_are_refused_with_what_is_possible(tmp_path: Path) -> None:
    last = FIRST + timedelta(days=6)
    with pytest.raises(ConfigurationError) as refused:
        made(tmp_path / "home", {Code.PAYMENT_MISSING: 1, Code.ROUNDING: 2}, customers=3, last=last)
    assert "PAYMENT_MISSING: 1 asked, places for 0 found" in str(refused.value)
    assert "PAYMENT_MISSING=1 of at most 0" in str(refused.value)
    possible = refused.value.problems[-1]
    assert possible.startswith("possible, if asked for alone: KEY_UNMAPPED=")
    room = {name: int(count) for name, count in (part.split("=") for part in possible.split(": ")[1].split(", "))}
    assert set(room) == set(SUPPORTED)
    assert room["INVOICE_MISSING"] > 0
    for code in (Code.INVOICE_MISSING, Code.TAX_RATE_JURISDICTION, Code.RENDER_MISSING):
        most = made(tmp_path / code, {code: room[code]}, customers=3, last=last)
        assert len(read_truth(most)) == room[code]
        with pytest.raises(ConfigurationError):
            made(tmp_path / "home", {code: room[code] + 1}, customers=3, last=last)
    assert not (tmp_path / "home").exists()


def test_the_days_before_the_first_bug_are_clean(tmp_path: Path) -> None:
    """Usage of an invoice of February lies in January too; its bugs may not."""
    since = date(2026, 2, 4)
    simulate(
        seed=7,
        first=date(2026, 1, 1),
        last=date(2026, 2, 20),
        customers=30,
        faults={Code.USAGE_MISSING: 2, Code.LEDGER_AMOUNT: 1},
        out=tmp_path / "home",
        faults_from=since,
    )
    with (tmp_path / "home" / "truth.csv").open(encoding="utf-8", newline="") as file:
        days = [row["day"] for row in csv.DictReader(file)]
    assert days
    assert min(days) >= str(since)
