"""Who is in which stage: by rule and salted hash, large and complex accounts last, and stable once written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.engine import Limits, build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import COHORTS, TRAITS
from billing_recon.core.rollout import Boundary, Window
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, PAYMENTS, SUBSCRIPTIONS, TERM_TAXES
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.core.schema.rollout import COHORT_TAKEN
from billing_recon.day.rollout.checklist import boundary_item
from billing_recon.day.rollout.cohorts import BUCKETS, cohorts, register_rules
from billing_recon.day.rollout.state import parse_plan
from billing_recon_tests.day.rollout.launch import TEMPLATE, Launch
from billing_recon_tests.sessions import session

DAY = date(2026, 3, 3)
LANDED = {"day": DAY, "observed_on": DAY, "source_file": "f", "source_row": 1}


class Company:
    """Customers written out: each with contracts, bills and payments."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"subscriptions": [], "invoice_lines": [], "payments": []}

    def customer(self, name: str, *contracts: dict[str, Any], billed: str = "100", **payment: Any) -> None:
        for n, contract in enumerate(contracts or ({},)):
            self.rows["subscriptions"].append(
                {
                    **LANDED,
                    "subscription_id": f"S-{name}-{n}",
                    "customer_id": name,
                    "plan_id": "team",
                    "plan_version": "1",
                    "status": "active",
                    "quantity": 1,
                    "currency": "USD",
                    "timezone": "UTC",
                    "tax_region": "DE",
                    "segment": "smb",
                    "billing_anchor": date(2026, 1, 1),
                    "billing_interval": "month",
                    "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
                    **contract,
                }
            )
        figures = dict.fromkeys(("gross", "taxable", "total"), Decimal(billed)) | dict.fromkeys(
            ("discount", "credit", "tax"), Decimal(0)
        )
        self.rows["invoice_lines"].append(
            {
                **LANDED,
                "invoice_id": f"INV-{name}",
                "line_id": "1",
                "customer_id": name,
                "plan_id": "team",
                "plan_version": "1",
                "kind": "subscription",
                "period_start": date(2026, 2, 1),
                "period_end": date(2026, 3, 1),
                "currency": "USD",
                "issued_on": DAY,
                "calculated_at": datetime(2026, 3, 3, tzinfo=UTC),
                **figures,
            }
        )
        if payment:
            self.rows["payments"].append(
                {
                    **LANDED,
                    "payment_id": f"P-{name}",
                    "kind": "payment",
                    "customer_id": name,
                    "amount": Decimal(billed),
                    "currency": "USD",
                    "status": "succeeded",
                    "processed_at": datetime(2026, 3, 3, tzinfo=UTC),
                    **payment,
                }
            )

    def stages(self, plan: str, taken: dict[str, int] | None = None) -> dict[str, str]:
        """The stage of each customer under a plan."""
        con = self.session(plan, taken)
        found = con.execute("SELECT customer_id, stage FROM cohort_members JOIN cohort_rules USING (place)").fetchall()
        assert len(found) == len(dict(found)), "a customer is in two stages"
        return dict(found)

    def due(self, plan: str) -> dict[str, dict[str, date | None]]:
        """When each stage next crosses each boundary."""
        con = self.session(plan)
        found: dict[str, dict[str, date | None]] = {}
        for stage, boundary, on in con.execute("SELECT stage, boundary, due_on FROM cohort_boundaries").fetchall():
            found.setdefault(stage, {})[boundary] = on
        return found

    def session(self, plan: str, taken: dict[str, int] | None = None) -> duckdb.DuckDBPyConnection:
        """The relations of the cohorts, built."""
        con = session(Limits(threads=1))
        register(con, RUN_PARAMS, [RunParams(day=DAY).row()])
        for table in (SUBSCRIPTIONS, INVOICE_LINES, PAYMENTS, KEY_MAP, TERM_TAXES):
            register(con, table, self.rows.get(table.name, []))
        register_rules(con, parse_plan(plan, "p"), DAY)
        if taken:
            register(con, COHORT_TAKEN, list(taken.items()))
        build(con, [one for one in ENGINE_OUTPUT if one.name in ("mapped_keys", "engine_superseded", "engine_lines")])
        build(con, (*TRAITS, *COHORTS))
        return con


def plan(first: str, share: str = '"0.05"') -> str:
    """The template with another first stage, and a second stage of this share without a cohort."""
    text = TEMPLATE.replace("{segments: [internal]}", first)
    return text.replace('share: "0.05"\n    cohort: {single_tax: true, pays: true}', f"share: {share}")


def test_the_hash_can_be_computed_by_anybody_and_only_the_salt_changes_the_choice() -> None:
    company = Company()
    names = [f"C-{n}" for n in range(400)]
    for name in names:
        company.customer(name)
    text = plan("{customers: [C-0]}").replace('largest_share: "0.01"', 'largest_share: "0"')
    found = company.stages(text)

    def bucket(name: str, salt: str = "proration-2026") -> int:
        return int(hashlib.sha256(f"{salt}|{name}".encode()).hexdigest()[:12], 16)

    bounds = {"small": Decimal("0.05"), "quarter": Decimal("0.25"), "half": Decimal("0.5"), "all": Decimal(1)}
    expected = {n: next(s for s, share in bounds.items() if bucket(n) < int(share * BUCKETS)) for n in names}
    assert found == expected | {"C-0": "internal"}
    other = company.stages(text.replace("salt: proration-2026", "salt: another-salt"))
    assert sum(found[n] != other[n] for n in names) > 100


def test_a_customer_on_a_list_stays_there_whatever_the_plan_says_now() -> None:
    company = Company()
    company.customer("A")
    company.customer("B")
    found = company.stages(plan("{customers: [B]}"), taken={"A": 0, "GONE": 1})
    assert (found["A"], found["B"], found["GONE"]) == ("internal", "internal", "small")


def test_each_rule_narrows_the_first_stage() -> None:
    company = Company()
    company.customer("plain")
    company.customer("partner", {"segment": "partner"})
    company.customer("pro", {"plan_id": "pro"})
    company.customer("french", {"tax_region": "FR"})
    company.customer("euro", {"currency": "EUR"})
    company.customer("both", {"currency": "EUR"}, {"currency": "USD"})
    company.customer("failed", status="failed")
    company.customer("charged back", kind="chargeback")
    company.customer("rich", billed="900")
    company.customer("gone", {"status": "cancelled"})
    everyone = {"plain", "partner", "pro", "french", "euro", "both", "failed", "charged back", "rich"}

    def first(rule: str) -> set[str]:
        text = plan(f"{{{rule}, include_largest: true, include_complex: true}}")
        return {name for name, stage in company.stages(text).items() if stage == "internal"}

    assert first("segments: [partner]") == {"partner"}
    assert first("plans: [pro, x]") == {"pro"}
    assert first("regions: [FR]") == {"french"}
    assert first("currencies: [EUR]") == {"euro"}
    assert first("currencies: [EUR, USD]") == everyone
    assert first("single_tax: true") == everyone
    assert first("pays: true") == everyone - {"failed", "charged back"}
    assert first('max_revenue: {USD: "899.99"}') == everyone - {"rich"}
    assert first('max_revenue: {EUR: "5"}') == set()


def test_largest_accounts_and_complex_contracts_come_last_unless_asked() -> None:
    company = Company()
    for n in range(9):
        company.customer(f"C-{n}")
    company.customer("largest", billed="5000")
    company.customer("own prices", {"contract": '{"overrides": {"base": "8"}}'})
    company.customer("two terms", {"contract": '{"minimum": "5", "cap": "9"}'})
    company.customer("one term", {"contract": '{"minimum": "5"}'})
    company.customer("two regions", {"tax_region": "FR"}, {})
    last = {"largest", "own prices", "two terms", "two regions"}
    found = company.stages(plan("{segments: [smb]}"))
    assert {name for name, stage in found.items() if stage == "all"} == last
    asked = company.stages(plan("{segments: [smb], include_largest: true, include_complex: true}"))
    assert set(asked.values()) == {"internal"}


def test_a_stage_whose_customers_never_cross_a_boundary_says_so_and_the_next_one_may() -> None:
    company = Company()
    company.customer("middle", {"billing_anchor": date(2026, 1, 12)})
    company.customer("end", {"billing_anchor": date(2026, 1, 31), "segment": "partner"})
    company.customer(
        "coupon",
        {"billing_anchor": date(2026, 1, 20), "contract": '{"discount": {"rate": "0.1", "valid_to": "2026-05-02"}}', "tax_region": "FR"},
        status="failed",
    )  # fmt: skip
    company.rows["term_taxes"] = [{"tax_region": "FR", "rate": Decimal("0.2"), "effective_from": date(2026, 7, 1)}]
    text = plan("{customers: [middle]}").replace('share: "0.05"', "cohort: {customers: [end]}", 1)
    due = company.due(text)
    assert due["internal"] == dict.fromkeys(
        ("month_end", "retry_cycle", "coupon_expiry", "tax_change", "reissue", "plan_change")
    ) | {"renewal": date(2026, 3, 12)}
    assert due["small"]["month_end"] == date(2026, 3, 31)
    assert due["all"] == {
        "month_end": date(2026, 3, 31), "renewal": date(2026, 3, 12), "coupon_expiry": date(2026, 5, 2), "tax_change": date(2026, 7, 1),
        "retry_cycle": DAY, "reissue": None, "plan_change": None,
    }  # fmt: skip


def test_the_checklist_says_which_stage_would_wait_for_ever_and_what_to_do(launch: Launch) -> None:
    asked = launch.state.plan.model_copy(deep=True)
    found = cohorts(launch.home, asked, None)
    first = replace(found.stages[0], due={**found.stages[0].due, "month_end": date(2027, 1, 31)})
    stage = asked.stages[0].model_copy(update={"window": Window(boundaries=(Boundary.MONTH_END, Boundary.TAX_CHANGE))})
    asked = asked.model_copy(update={"stages": (stage, *asked.stages[1:])})
    item = boundary_item(asked, replace(found, stages=(first, *found.stages[1:])))
    assert (item.done, item.blocks) == (False, False)
    assert (
        "stage internal: none of its customers crosses month_end before 2027-01-31, which is after complete_by"
        in item.says
    )
    assert "crosses tax_change as far as contracts and lookback tell: no rate of their regions changes" in item.says


def test_low_risk_cohorts_are_proposed_as_yaml_that_a_plan_accepts(launch: Launch) -> None:
    written = launch.state.plan
    found = cohorts(launch.home, written, None, proposed=True)
    assert any("single_tax: true, pays: true, max_revenue: {" in rule for rule, _ in found.low_risk)
    for rule, size in found.low_risk:
        parse_plan(plan(rule.removeprefix("cohort: ")), "p")
        assert 0 < size.customers < found.customers
        assert size.largest == 0
        assert size.complex == 0


def test_a_proposal_says_what_each_stage_adds_and_which_scenarios_it_misses(launch: Launch) -> None:
    before = cohorts(launch.home, launch.state.plan, launch.state)
    assert sum(one.customers for one in before.stages) == before.customers
    assert set(before.stages[-1].misses) == set()
    assert [one.written for one in before.stages] == [False] * 5
    launch.promote()
    after = cohorts(launch.home, launch.state.plan, launch.state)
    assert [one.written for one in after.stages] == [True, *[False] * 4]
    assert [(a.stage, a.customers, a.money) for a in after.stages] == [
        (b.stage, b.customers, b.money) for b in before.stages
    ]
