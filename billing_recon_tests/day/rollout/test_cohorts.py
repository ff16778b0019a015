"""Who is in which stage: by rule and salted hash, large and complex accounts last, and stable once written."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing_recon.compute.engine import Limits, build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import COHORTS
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, PAYMENTS, SUBSCRIPTIONS
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.core.schema.rollout import COHORT_TAKEN
from billing_recon.day.rollout.cohorts import BUCKETS, cohorts, propose, register_rules
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
        con = session(Limits(threads=1))
        register(con, RUN_PARAMS, [RunParams(day=DAY).row()])
        for table in (SUBSCRIPTIONS, INVOICE_LINES, PAYMENTS, KEY_MAP):
            register(con, table, self.rows.get(table.name, []))
        register_rules(con, parse_plan(plan, "p"), DAY)
        if taken:
            register(con, COHORT_TAKEN, list(taken.items()))
        build(con, [one for one in ENGINE_OUTPUT if one.name in ("mapped_keys", "engine_superseded", "engine_lines")])
        build(con, COHORTS)
        found = con.execute("SELECT customer_id, stage FROM cohort_members JOIN cohort_rules USING (place)").fetchall()
        assert len(found) == len(dict(found)), "a customer is in two stages"
        return dict(found)


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


def test_low_risk_cohorts_are_proposed_as_yaml_that_a_plan_accepts(launch: Launch) -> None:
    written = launch.state.plan
    found = propose(launch.home, written)
    assert any("single_tax: true, pays: true, max_revenue: {" in rule for rule, _ in found)
    for rule, size in found:
        parse_plan(plan(rule.removeprefix("cohort: ")), "p")
        assert 0 < size.customers < cohorts(launch.home, written, None).customers
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
