"""A version of the catalog that is in use is never edited unnoticed: a run refuses it until the correction has a name."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from billing_recon.core.catalog_record import plan_entry
from billing_recon.core.errors import ConfigurationError
from billing_recon.day import Home, admit_catalog, land
from billing_recon.day.catalog_versions import apply_catalog, changes_of_versions, entries_in_use, pending_changes
from billing_recon.day.revenue_journal import revenue_journal
from billing_recon_tests.conftest import FIRST


@pytest.fixture
def used(company: Callable[..., Path]) -> Path:
    """A company whose first day's subscriptions have landed, with a plan that nobody is on."""
    home = company()
    (home / "catalog" / "unsold.yaml").write_text(_plan("5"), encoding="utf-8")
    opened = Home.open(home)
    admit_catalog(opened, "ana")
    land(opened, "subscriptions", FIRST, "test")
    return home


def _plan(amount: str, version: str = "1") -> str:
    charge = {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": amount}
    plan = {"plan_id": "unsold", "plan_version": version, "currency": "USD", "charges": [charge]}
    return yaml.safe_dump({"plans": [plan]})


def edit(home: Path, change: Callable[[dict[str, list[dict[str, object]]]], None]) -> Home:
    """Edit catalog/plans.yaml, and open the home again."""
    path = home / "catalog" / "plans.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return Home.open(home)


def sold(home: Home) -> tuple[str, str, str]:
    """The first plan version of the catalog that a subscription is on, with a flat charge."""
    used = entries_in_use(home)
    flat = [plan for plan in home.catalog.plans if any(charge.model == "flat" for charge in plan.charges)]
    keys = ((plan.plan_id, plan.plan_version, plan.currency) for plan in flat)
    return next(key for key in keys if plan_entry(*key) in used)


def repriced(home: Path, amount: str) -> tuple[Home, str]:
    """The home after the flat charge of a plan in use was edited, and the name of its entry."""
    plan_id, version, currency = sold(Home.open(home))

    def change(content: dict[str, list[dict[str, object]]]) -> None:
        for plan in content["plans"]:
            if (plan["plan_id"], plan["plan_version"], plan["currency"]) == (plan_id, version, currency):
                charges = plan["charges"]
                assert isinstance(charges, list)
                next(c for c in charges if c["model"] == "flat")["amount"] = amount

    return edit(home, change), plan_entry(plan_id, version, currency)


def test_an_edit_of_a_version_in_use_is_refused_within_a_second_with_the_difference_and_the_cure(used: Path) -> None:
    home, entry = repriced(used, "7777.25")
    began = time.monotonic()
    with pytest.raises(ConfigurationError) as refused:
        admit_catalog(home, "ana")
    assert time.monotonic() - began < 1
    what, cure = refused.value.problems
    assert what.startswith(f"catalog/: {entry}: charges[")
    assert "].amount " in what
    assert what.endswith("-> 7777.25; it is in use")
    assert "give the new terms a new plan_version" in cure
    assert "billing-recon catalog apply --note WHY" in cure
    assert len(home.control.catalog_history()) == 1


def test_a_correction_is_recorded_with_who_why_and_what_and_then_runs(used: Path) -> None:
    home, entry = repriced(used, "7777.25")
    apply_catalog(home, "bo", "base fee was mistyped")
    admit_catalog(home, "ana")
    (first, _), (correction, (change,)) = changes_of_versions(home)
    assert (first.number, first.actor, first.note) == (1, "ana", "first import of catalog/")
    assert (correction.number, correction.actor, correction.note) == (2, "bo", "base fee was mistyped")
    assert change.entry == entry
    assert change.details[0].endswith("-> 7777.25")
    assert home.control.verify_audit() == []
    assert apply_catalog(home, "bo", "mistyped again") is None
    (told,) = [one for one in revenue_journal(home, f"{FIRST:%Y-%m}") if one.why == "base fee was mistyped"]
    assert told.change == change.details[0], "from what to what"


def test_a_version_in_use_cannot_disappear(used: Path) -> None:
    plan_id, version, currency = sold(Home.open(used))

    def remove(content: dict[str, list[dict[str, object]]]) -> None:
        key = (plan_id, version, currency)
        content["plans"] = [p for p in content["plans"] if (p["plan_id"], p["plan_version"], p["currency"]) != key]

    with pytest.raises(ConfigurationError, match="removed; it is in use"):
        admit_catalog(edit(used, remove), "ana")


def test_new_versions_and_edits_of_what_nobody_is_on_are_recorded_by_the_run(used: Path) -> None:
    (used / "catalog" / "unsold.yaml").write_text(_plan("6"), encoding="utf-8")
    (used / "catalog" / "next.yaml").write_text(_plan("9", "2"), encoding="utf-8")
    home = Home.open(used)
    admit_catalog(home, "cy")
    version, changes = changes_of_versions(home)[-1]
    assert (version.number, version.actor, version.note) == (2, "cy", "first seen by a run")
    assert [str(change) for change in changes] == [
        "plan 'unsold' version '1' in USD: charges[base].amount 5 -> 6",
        "plan 'unsold' version '2' in USD: new",
    ]


def test_comments_formatting_and_fields_for_readers_are_no_edit(used: Path) -> None:
    def rename(content: dict[str, list[dict[str, object]]]) -> None:
        for plan in content["plans"]:
            plan["name"], plan["effective_to"] = "renamed", "2199-01-01"

    home = edit(used, rename)
    assert pending_changes(home) == ()
    admit_catalog(home, "ana")


def test_a_tax_rate_in_use_is_not_edited_either(used: Path) -> None:
    path = next(p for p in (used / "catalog").glob("*.yaml") if "taxes" in p.read_text(encoding="utf-8"))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for tax in content["taxes"]:
        tax["rate"] = "0.5"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"tax rate of '.*' from .*: rate .* -> 0\.5; it is in use"):
        admit_catalog(Home.open(used), "ana")


def feeds(home: Path, **declared: object) -> Home:
    """Set the feeds of company.yaml, and open the home again."""
    path = home / "company.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | {"feeds": declared}), encoding="utf-8")
    return Home.open(home)


def test_leaving_rows_of_a_landed_table_out_is_refused_until_somebody_says_why(used: Path) -> None:
    kept = {"path": "landing/subscriptions/{day}.csv"}
    home = feeds(used, subscriptions=kept | {"where": "customer_id <> 'CUS-00001'"})
    with pytest.raises(ConfigurationError) as refused:
        admit_catalog(home, "ana")
    what, cure = refused.value.problems
    assert what == "company.yaml: feeds.subscriptions.where not given -> customer_id <> 'CUS-00001'"
    assert "billing-recon company apply --note WHY" in cure
    with pytest.raises(ConfigurationError, match="says nothing to an auditor; write why, in words: --note TEXT"):
        apply_catalog(home, "bo", ".", company=True)
    assert apply_catalog(home, "bo", "the base fee was mistyped") is None
    with pytest.raises(ConfigurationError, match="where not given"):
        admit_catalog(home, "ana")
    apply_catalog(home, "bo", "a test account, as agreed with finance", company=True)
    admit_catalog(home, "ana")
    (entry,) = [one for one in revenue_journal(home, f"{FIRST:%Y-%m}") if (one.kind, one.who) == ("company", "bo")]
    assert entry.why == "a test account, as agreed with finance"
    assert (
        entry.change
        == "feeds.subscriptions.path not given -> landing/subscriptions/{day}.csv; " + what.partition(": ")[2]
    )
    assert home.control.verify_audit() == []
    with pytest.raises(ConfigurationError, match="<> 'CUS-00001' -> not given"):
        admit_catalog(feeds(used, subscriptions=kept), "ana")


def test_one_of_several_feeds_of_a_landed_table_is_not_dropped_unnoticed(used: Path) -> None:
    first, second = {"path": "landing/subscriptions/{day}.csv"}, {"path": "other/{day}.csv"}
    admit_catalog(feeds(used, subscriptions=first | {"also": [second]}), "ana")
    with pytest.raises(ConfigurationError, match=r"feeds\.subscriptions\.also\[0\]\.path .* -> not given"):
        admit_catalog(feeds(used, subscriptions=first), "ana")


def test_a_feed_is_wired_and_moved_freely_and_the_journal_says_who_did(used: Path) -> None:
    """No row of payments was landed yet, so what is left out of it is nobody's loss; another path leaves no row out."""
    land(feeds(used, payments={"path": "nothing/{day}.csv"}), "payments", FIRST, "test")
    admit_catalog(feeds(used, payments={"path": "p/{day}.csv", "where": "amount > 0"}), "ana")
    home = feeds(used, payments={"path": "q/{day}.csv", "where": "amount > 1"})
    admit_catalog(home, "cy")
    entry = [one for one in revenue_journal(home, f"{FIRST:%Y-%m}") if one.kind == "company"][-1]
    assert (entry.change, entry.who) == (
        "feeds.payments.path p/{day}.csv -> q/{day}.csv; feeds.payments.where amount > 0 -> amount > 1",
        "cy",
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"first_day": "2026-01-02"},
        {"last_day": "2026-01-31"},
        {"profile": {"rounding": "half_even"}},
        {"roles": {"1200": "other"}},
    ],
)
def test_other_days_profiles_and_roles_are_named_once_days_were_landed(used: Path, settings: dict[str, object]) -> None:
    """Moving first_day over red days would take them out of the month's close."""
    path = used / "company.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | settings), encoding="utf-8")
    home = Home.open(used)
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        admit_catalog(home, "ana")
    apply_catalog(home, "bo", "agreed with the auditors", company=True)
    admit_catalog(home, "ana")
