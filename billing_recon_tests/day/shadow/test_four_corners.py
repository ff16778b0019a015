"""Each difference split into what was meant, what the new engine does wrong, and what the old one did wrong: small cases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.compute.engine import Limits
from billing_recon.core.errors import ConfigurationError
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.day.shadow.gate import causes_off
from billing_recon.day.shadow.review import Review, compare
from billing_recon.report import shadow as report
from billing_recon_tests.day.shadow.small_period import freeze, used

pytestmark = pytest.mark.long

CATALOG = """
plans:
  - plan_id: flat
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "500"}
  - plan_id: metered
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: base, kind: subscription, model: flat, amount: "200"}
      - {charge_id: events, kind: usage, model: per_unit, meter: events, unit_price: "0.015"}
taxes:
  - {tax_region: none, rate: "0"}
"""
ACME = {"subscription_id": "S-ACME", "customer_id": "ACME", "plan_id": "flat"}
BILLED = {"invoice_id": "INV-1", "customer_id": "ACME", "subscription_id": "S-ACME", "plan_id": "flat"}
MOVES = """
purpose: partners pay by usage
owner: pricing
names: {discount: partner discount}
terms:
  contracts:
    - of: {plan_id: flat}
      plan_id: metered
      contract: {discount: {rate: "0.10"}, minimum: "350"}
"""
HEADER = (
    "invoice_id,line_id,customer_id,subscription_id,plan_id,plan_version,kind,meter,period_start,period_end,quantity,unit_price,"
    "gross,discount,credit,taxable,tax_rate,tax,total,currency,issued_on,calculated_at\n"
)


def review(
    tmp_path: Path, candidate: str, *, old: str = "500.00", engine: list[str] | None = None, proved: bool = False
) -> Review:
    """Acme on a flat 500 that used 12,000 events, under a candidate; `engine`: lines of the new engine, from kind to total."""
    home, results = tmp_path / "home", tmp_path / "results"
    folder = home / "shadow" / "c"
    folder.mkdir(parents=True)
    results.mkdir()
    (folder / "candidate.yaml").write_text(candidate, encoding="utf-8")
    if engine is not None:
        landing = folder / "landing" / "invoice_lines"
        landing.mkdir(parents=True)
        rows = [
            f"INV-1,{n},ACME,S-ACME,metered,1,{line.split(':')[0]},2026-01-01,2026-02-01,{line.split(':')[1]},USD,2026-02-03,"
            "2026-02-03T23:00:00Z\n"
            for n, line in enumerate(engine, 1)
        ]
        (landing / "2026-02-03.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[ACME],
        usage=[used("S-ACME", "events", "12000")],
        lines=[{**BILLED, "gross": Decimal(old)}],
    )
    facts = compare(open_candidate(home, "c"), snapshot, results, Limits(threads=1), proved=proved)
    return Review("c", results, facts)


def parts(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            row.get("meter") or row.get("kind") or "",
            *(f"{row[n].normalize():f}" for n in ("delta", "meant", "new_fault", "old_fault")),
        )
        for row in rows
    ]


def test_the_acme_row_to_the_cent_and_to_the_word(tmp_path: Path) -> None:
    found = review(tmp_path, MOVES, proved=True)
    (bill,) = report.rows(found, "invoice")
    assert (bill["old_total"], bill["new_total"], bill["delta"], bill["meant"]) == (500, 350, -150, -150)
    assert (bill["delta_percent"], bill["owner"], bill["source_system"]) == (-30, "pricing", "candidate c")
    assert bill["explanation"] == (
        "$150.00 less: base $200 + 12,000 x $0.015 = $380, 10% partner discount -$38, raised $8 to the $350 minimum; "
        "was a flat $500"
    )
    assert parts(report.rows(found, "line")) == [
        ("minimum", "8", "8", "0", "0"),
        ("events", "162", "162", "0", "0"),
        ("subscription", "-320", "-320", "0", "0"),
    ]
    assert found.facts["problems"] == []
    assert found.facts["noise"] == {"differing": 0}


def test_a_change_of_a_tax_rate_reads_as_one_with_the_rates_of_both_terms(tmp_path: Path) -> None:
    """200 and 1,234.5 x 0.015 = 18.52, less 7.5%, were taxed at 19% and are at 16%; a region whose rate stays is equal."""
    folder = tmp_path / "home" / "shadow" / "c"
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "tax.yaml").write_text('taxes: [{tax_region: DE, rate: "0.16"}]\n', encoding="utf-8")
    (folder / "candidate.yaml").write_text(
        "purpose: a tax rate\nowner: tax\nterms: {catalog: catalog/*.yaml}\n", encoding="utf-8"
    )
    on = {"plan_id": "metered", "tax_rate": Decimal("0.19")}
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG + '  - {tax_region: DE, rate: "0.19"}\n  - {tax_region: FR, rate: "0.20"}\n',
        subscriptions=[
            {**ACME, "plan_id": "metered", "tax_region": "DE", "contract": '{"discount": {"rate": "0.075"}}'},
            {"subscription_id": "S-FR", "customer_id": "C-FR", "plan_id": "flat", "tax_region": "FR"},
        ],
        usage=[used("S-ACME", "events", "1234.5")],
        lines=[
            {**BILLED, **on, "gross": Decimal("200.00"), "discount": Decimal("15.00"), "tax": Decimal("35.15")},
            {
                **BILLED, **on, "line_id": "2", "kind": "usage", "meter": "events", "quantity": Decimal("1234.5"),
                "gross": Decimal("18.52"), "discount": Decimal("1.39"), "tax": Decimal("3.25"),
            },
            {
                "invoice_id": "INV-2", "customer_id": "C-FR", "subscription_id": "S-FR", "plan_id": "flat",
                "gross": Decimal("500.00"), "tax_rate": Decimal("0.20"), "tax": Decimal("100.00"),
            },
        ],
    )  # fmt: skip
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    bills = {row["invoice_id"]: row for row in report.rows(Review("c", results, facts), "invoice")}
    assert (bills["INV-2"]["state"], bills["INV-1"]["code"]) == ("equal", "TAX_RATE_JURISDICTION")
    assert bills["INV-1"]["explanation"] == (
        "$6.06 less: base $200 + 1,234.5 x $0.015 = $218.52, 7.5% discount -$16.39, 16% tax $32.34, in total $234.47; "
        "was base $200 + 1,234.5 x $0.015 = $218.52, 7.5% discount -$16.39, 19% tax $38.40, in total $240.53"
    )


def test_each_line_states_what_its_rating_rested_on_under_the_old_and_the_new_terms(tmp_path: Path) -> None:
    """The contract begins on 16 January, so of fee and included events 16 of 31 days are owed; 12,000 events were used."""
    moves = MOVES.replace('minimum: "350"', 'allowances: [{meter: events, units: "2000"}]')
    (tmp_path / "home" / "shadow" / "c").mkdir(parents=True)
    (tmp_path / "home" / "shadow" / "c" / "candidate.yaml").write_text(moves, encoding="utf-8")
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[{**ACME, "valid_from": "2026-01-16T00:00:00+00:00"}],
        usage=[used("S-ACME", "events", "12000", date(2026, 1, 20))],
        lines=[{**BILLED, "kind": "proration", "period_start": date(2026, 1, 16), "gross": Decimal("258.06")}],
    )
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    lines = {row["kind"]: row for row in report.rows(Review("c", results, facts), "line")}
    usage, base = lines["usage"], lines["proration"]
    figures = tuple(usage[f"expected_new_{name}"].normalize() for name in ("quantity", "included", "overage"))
    assert figures == (12000, Decimal("1032.2580645161"), Decimal("10967.7419354839"))  # 2,000 x 16/31 are included
    assert usage["expected_old_included"] is None  # the flat plan meters nothing
    assert (base["expected_old_days"], base["expected_old_of_days"], base["expected_new_days"]) == (16, 31, 16)
    assert (base["expected_old_discount_rate"], base["expected_new_discount_rate"]) == (0, Decimal("0.1"))
    assert (base["expected_old_tax_region"], base["expected_new_tax_region"]) == ("none", "none")


def test_a_price_that_would_fit_another_number_of_days_is_still_a_price(tmp_path: Path) -> None:
    """10 of 31 days at 323.97 are 104.51, and so are 11 of 31 days at the 294.52 of before; both ratings say that it is 10."""
    folder = tmp_path / "home" / "shadow" / "c"
    (folder / "catalog").mkdir(parents=True)
    raised = CATALOG.replace('"500"', '"323.97"')
    (folder / "catalog" / "plans.yaml").write_text(raised, encoding="utf-8")
    (folder / "candidate.yaml").write_text(
        "purpose: a rise\nowner: pricing\nterms: {catalog: catalog/*.yaml}\n", encoding="utf-8"
    )
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG.replace('"500"', '"294.52"'),
        subscriptions=[{**ACME, "valid_from": "2026-01-22T00:00:00+00:00"}],
        lines=[{**BILLED, "kind": "proration", "period_start": date(2026, 1, 22), "gross": Decimal("95.01")}],
    )
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    (line,) = report.rows(Review("c", results, facts), "line")
    assert (line["meant"], line["meant_code"]) == (Decimal("9.50"), "PRICE_VERSION")


def test_a_price_that_another_rounding_would_give_is_still_a_price(tmp_path: Path) -> None:
    """103 events at 0.015 are 1.545, so 1.55; at 0.01495 they are 1.54, which is what 1.545 is if it is rounded down."""
    folder = tmp_path / "home" / "shadow" / "c"
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "plans.yaml").write_text(CATALOG.replace('"0.015"', '"0.01495"'), encoding="utf-8")
    (folder / "candidate.yaml").write_text(
        "purpose: cheaper events\nowner: pricing\nterms: {catalog: catalog/*.yaml}\n", encoding="utf-8"
    )
    on = {"plan_id": "metered"}
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[ACME | on],
        usage=[used("S-ACME", "events", "103")],
        lines=[
            {**BILLED, **on, "gross": Decimal("200.00")},
            {
                **BILLED,
                **on,
                "line_id": "2",
                "kind": "usage",
                "meter": "events",
                "quantity": Decimal(103),
                "gross": Decimal("1.55"),
            },
        ],
    )
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    lines = {row["kind"]: row for row in report.rows(Review("c", results, facts), "line")}
    assert (lines["usage"]["meant"], lines["usage"]["meant_code"]) == (Decimal("-0.01"), "PRICE_VERSION")


def test_two_parts_of_a_period_that_become_one_whole_are_lines_of_their_own_and_the_version_is_their_cause(
    tmp_path: Path,
) -> None:
    """A contract changed versions on 16 January; under the candidate it has the newer one from the start."""
    folder = tmp_path / "home" / "shadow" / "c"
    folder.mkdir(parents=True)
    moves = "purpose: p\nowner: o\nterms: {contracts: [{of: {plan_version: '1'}, plan_version: '2'}]}\n"
    (folder / "candidate.yaml").write_text(moves, encoding="utf-8")
    plan = '  - {{plan_id: flat, plan_version: "{0}", currency: USD, charges: [{{charge_id: base, kind: subscription, model: flat, amount: "{1}"}}]}}\n'
    catalog = f"plans:\n{plan.format(1, 310)}{plan.format(2, 620)}taxes: [{{tax_region: none, rate: '0'}}]\n"
    change = "2026-01-16T00:00:00+00:00"
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=catalog,
        subscriptions=[{**ACME, "valid_to": change}, {**ACME, "plan_version": "2", "valid_from": change}],
        lines=[
            {**BILLED, "kind": "proration", "period_end": date(2026, 1, 16), "gross": Decimal("150.00")},
            {**BILLED, "line_id": "2", "plan_version": "2", "kind": "proration", "period_start": date(2026, 1, 16), "gross": Decimal("320.00")},
        ],
    )  # fmt: skip
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    rows = report.rows(Review("c", results, facts), "line")
    assert sorted((row["old_total"], row["new_total"], row["meant"], row["code"]) for row in rows) == [
        (0, 620, 620, "PRICE_VERSION"), (150, 0, -150, "PRICE_VERSION"), (320, 0, -320, "PRICE_VERSION"),
    ]  # fmt: skip


def test_what_the_new_engine_does_wrong_is_not_meant_and_stays_a_difference_if_accepted(tmp_path: Path) -> None:
    """It fills the minimum before the discount, so that 342 is billed where 350 is due."""
    accepted = "accepted: [{id: A1, codes: [MINIMUM], currency: USD, max_per_line: '10', reason: one month, approved_by: ana}]\n"
    engine = [
        "subscription,:1,200,200.00,20.00,0,180.00,0,0,180.00",
        "usage,events:12000,0.015,180.00,18.00,0,162.00,0,0,162.00",
    ]
    found = review(tmp_path, MOVES + "engine: {}\n" + accepted, engine=engine)
    (line,) = report.rows(found, "line", "accepted")
    assert parts([line]) == [("minimum", "0", "8", "-8", "0")]
    assert "(accepted as A1)" in line["explanation"]
    (bill,) = report.rows(found, "invoice")
    assert (bill["new_total"], bill["meant"], bill["new_fault"], bill["old_fault"]) == (342, -150, -8, 0)
    assert bill["explanation"].endswith("was a flat $500; the new engine bills $8.00 less than that")
    (cause,) = [cause for cause in report.causes(found) if cause["part"] == "accepted"]
    assert (cause["code"], cause["gross"], cause["net"]) == ("MINIMUM", 8, -8)


def test_a_preview_shows_what_the_new_engine_bills_and_says_where_that_is_not_what_the_terms_give(
    tmp_path: Path,
) -> None:
    """342 is billed where 350 is due. Without an engine, or with one that is right, a preview has the two bills and no more."""
    engine = [
        "subscription,:1,200,200.00,20.00,0,180.00,0,0,180.00",
        "usage,events:12000,0.015,180.00,18.00,0,162.00,0,0,162.00",
    ]
    (bill,) = report.preview(review(tmp_path / "wrong", MOVES + "engine: {}\n", engine=engine), "ACME")
    says, line = bill.faults
    assert says == (
        "This is not the bill that the new terms give. The new engine bills 342.00 USD where the new terms give 350.00 USD:"
    )
    assert line.startswith("  minimum [MINIMUM, unmeant] ")
    assert [column.name for column in bill.lines.columns] == ["line", "period", "old", "new", "change", "owed", "off"]
    assert bill.lines.rows[-1] == ("total", "USD", "500.00", "342.00", "-158.00", "350.00", "-8.00")
    filled = "minimum,:1,,8.00,0,0,8.00,0,0,8.00"
    for place, lines in (("terms", None), ("right", [*engine, filled])):
        candidate = MOVES + ("engine: {}\n" if lines else "")
        (bill,) = report.preview(review(tmp_path / place, candidate, engine=lines), "ACME")
        assert (bill.faults, bill.lines.rows[-1]) == ((), ("total", "USD", "500.00", "350.00", "-150.00"))


def test_a_new_engine_with_the_old_ones_fault_has_no_difference_and_the_fault_is_told(tmp_path: Path) -> None:
    same = "purpose: a new engine\nowner: billing\nengine: {}\n"
    engine = ["subscription,:1,,510.00,0,0,510.00,0,0,510.00"]
    found = review(tmp_path, same, old="510.00", engine=engine)
    (line,) = report.rows(found, "line")
    assert (line["delta"], line["state"], line["new_fault"], line["old_fault"]) == (0, "kept", 10, 10)
    assert "as in the old engine" in line["explanation"]


def test_a_right_total_with_other_figures_or_to_another_customer_is_a_fault_of_the_new_engine(tmp_path: Path) -> None:
    """Every contract pays a flat 500, and the new engine bills that; to S-OTHER both bill 10 too much, and S-LINES has a discount."""
    contracts = ("S-RIGHT", "S-TAX", "S-COUPON", "S-SEATS", "S-PERIOD", "S-CUSTOMER", "S-OTHER", "S-LINES", "S-BOTH")
    plain = "1,,500.00,0,0,500.00,0,0,500.00"
    billed = {
        "S-RIGHT": [plain],
        "S-TAX": ["1,,450.00,0,0,450.00,0.111111,50.00,500.00"],
        "S-COUPON": ["1,,550.00,50.00,0,500.00,0,0,500.00"],
        "S-SEATS": ["2,,500.00,0,0,500.00,0,0,500.00"],
        "S-PERIOD": [plain],
        "S-CUSTOMER": [plain],
        "S-BOTH": [plain],
        "S-OTHER": ["1,,500.00,0,0,500.00,0.02,10.00,510.00"],
        "S-LINES": ["1,,500.00,0,0,500.00,0,0,500.00", "1,,0.00,50.00,0,-50.00,0,0,-50.00"],
    }
    folder = tmp_path / "home" / "shadow" / "c"
    (folder / "landing" / "invoice_lines").mkdir(parents=True)
    (folder / "candidate.yaml").write_text("purpose: a new engine\nowner: billing\nengine: {}\n", encoding="utf-8")
    rows = [
        f"INV-{sub},{n},{'C-S-RIGHT' if sub in ('S-CUSTOMER', 'S-BOTH') else f'C-{sub}'},{sub},flat,1,{'discount' if n == 2 else 'subscription'},,"
        f"{'2026-01-02,2026-02-02' if sub == 'S-PERIOD' else '2026-01-01,2026-02-01'},{figures},USD,2026-02-03,2026-02-03T23:00:00Z\n"
        for sub, lines in billed.items()
        for n, figures in enumerate(lines, 1)
    ]
    (folder / "landing" / "invoice_lines" / "2026-02-03.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[
            {
                "subscription_id": sub, "customer_id": f"C-{sub}", "plan_id": "flat",
                "contract": '{"discount": {"rate": "0.10"}}' if sub == "S-LINES" else None,
            }
            for sub in contracts
        ],
        lines=[
            {
                "invoice_id": f"INV-{sub}", "customer_id": f"C-{sub}", "subscription_id": sub, "plan_id": "flat",
                "gross": Decimal("510.00" if sub == "S-OTHER" else "500.00"),
                "discount": Decimal("50.00" if sub == "S-LINES" else "0"),
                "quantity": Decimal(2 if sub == "S-BOTH" else 1),
            }
            for sub in contracts
        ],
    )  # fmt: skip
    results = tmp_path / "results"
    results.mkdir()
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    assert facts["problems"] == []
    found = Review("c", results, facts)
    bills = {
        row["subscription_id"]: (row["state"], row["delta"], row["unmeant"]) for row in report.rows(found, "invoice")
    }
    assert bills == {
        "S-RIGHT": ("equal", 0, 0),
        "S-TAX": ("unmeant", 0, 50),
        "S-COUPON": ("unmeant", 0, 50),
        "S-SEATS": ("unmeant", 0, 500),
        "S-PERIOD": ("unmeant", 0, 500),
        "S-CUSTOMER": ("unmeant", 0, 500),
        "S-BOTH": ("unmeant", 0, 500),  # the old engine had its own fault: twice the quantity at the right total
        "S-OTHER": ("unmeant", 0, 10),  # both are 10 too high, for another reason each
        "S-LINES": ("split", 0, 0),  # the discount is a line of its own
    }
    says = {row["subscription_id"]: row["explanation"] for row in report.rows(found, "line")}
    assert says["S-TAX"].startswith("No difference in total. The new engine has the right total and other figures: ")
    assert "the contract belongs to" in says["S-CUSTOMER"]
    assert causes_off(found) == []
    (_, split, _) = report.explained(found, "S-LINES")
    assert split.startswith(
        "  1 [split] $50.00 more. The new engine bills it in other lines, which add up to what is owed"
    )


def test_missing_bills_and_terms_that_cannot_be_rated_are_named_and_never_taken_for_zero(tmp_path: Path) -> None:
    candidate = MOVES.replace("plan_id: metered", "plan_id: nowhere") + "engine: {feed: {path: 'new/{day}.csv'}}\n"
    found = review(tmp_path, candidate)
    for problem in ("2026-02-03 were not delivered", "billed nothing", "cannot be rated under the new terms"):
        assert any(problem in one for one in found.facts["problems"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("purpose: p\nowner: o\n", "nothing is new"),
        ("purpose: p\nowner: o\nterms: {contracts: [{of: {plan_id: flat}}]}\n", "changes nothing"),
        ("purpose: p\nowner: o\nengine: {}\nlaunch_rule: {coverage: [birthday]}\n", "'birthday' is no scenario"),
        ("purpose: p\nowner: o\nterms: {catalog: catalog/*.yaml}\n", "names no file"),
        ("purpose: p\nowner: o\nengine: {}\naccepted: [{id: a, codes: [UNEXPLAINED], currency: USD, max_per_line: '1', reason: r, approved_by: b}]\n", "UNEXPLAINED cannot be accepted"),
        ("purpose: p\nowner: o\nengine: {}\nlaunch_rule: {max_unmeant_money: {XXX: '1'}}\n", "XXX"),
    ],
)  # fmt: skip
def test_a_candidate_that_cannot_be_meant_is_refused_with_the_reason(tmp_path: Path, text: str, says: str) -> None:
    folder = tmp_path / "shadow" / "c"
    folder.mkdir(parents=True)
    (folder / "candidate.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says):
        open_candidate(tmp_path, "c")


def test_bills_that_the_candidate_does_not_mention_are_not_ignored(tmp_path: Path) -> None:
    landing = tmp_path / "shadow" / "c" / "landing" / "invoice_lines"
    landing.mkdir(parents=True)
    (landing / "2026-02-03.csv").write_text(HEADER, encoding="utf-8")
    (tmp_path / "shadow" / "c" / "candidate.yaml").write_text("purpose: p\nowner: o\nterms: {}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"engine: \{\}"):
        open_candidate(tmp_path, "c")
