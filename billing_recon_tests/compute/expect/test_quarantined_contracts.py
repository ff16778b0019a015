"""A contract row in quarantine: what it agrees is not known, so the subscription is withheld by name and not rated by older rows."""

from __future__ import annotations

import json
from typing import Any

from billing_recon_tests.compute.small_company import SmallCompany, catalog, day, rows

MONTHLY = catalog("{charge_id: base, kind: subscription, model: flat, amount: '20.00'}")


def refused(on: str, subscription: str = "S1", decision: str | None = None, **reading: str) -> dict[str, Any]:
    """A contract row in the quarantine of a day."""
    return {
        "day": day(on), "row_id": f"{subscription}{on}", "table_name": "subscriptions", "reason": "OUT_OF_RANGE",
        "message": "", "owner": "billing", "source_file": f"landing/subscriptions/{on}.csv", "source_row": 4, "faults": "[]",
        "payload": json.dumps({"sub": subscription}), "decision": decision,
        "reading": json.dumps({"subscription_id": subscription, **reading}),
    }  # fmt: skip


def company(*quarantined: dict[str, Any]) -> SmallCompany:
    """S1 and S2 at 20.00 a month, looked at when March is due."""
    small = SmallCompany(MONTHLY, day("2026-04-03"), quarantined=list(quarantined))
    small.subscribes(landed=day("2026-03-01"))
    small.subscribes(landed=day("2026-03-01"), subscription_id="S2")
    return small


def outcome(small: SmallCompany) -> tuple[list[str], list[tuple[str, str]]]:
    """Who has expected lines, and who is withheld and why."""
    con = small.rated()
    withheld = rows(con, "SELECT subscription_id, reason, sentence FROM withheld")
    lines = rows(con, "SELECT DISTINCT subscription_id FROM expected_lines ORDER BY ALL")
    assert all("subscriptions/2026-03" in one["sentence"] for one in withheld)
    return [one["subscription_id"] for one in lines], [(one["subscription_id"], one["reason"]) for one in withheld]


def test_a_subscription_with_a_row_in_quarantine_is_withheld_and_the_others_are_rated() -> None:
    assert outcome(company(refused("2026-03-20"))) == (["S2"], [("S1", "contract_in_quarantine")])


def test_a_discarded_or_released_row_withholds_nothing() -> None:
    for decision in ("released", "discarded"):
        assert outcome(company(refused("2026-03-20", decision=decision))) == (["S1", "S2"], [])


def test_a_later_row_of_the_same_start_ends_it_and_one_of_another_start_does_not() -> None:
    start = "2026-03-16T00:00:00+00:00"
    for since, lines in (("2026-03-16", ["S1", "S2"]), ("2026-03-25", ["S2"])):
        small = company(refused("2026-03-20", valid_from=start))
        small.subscribes(since=since, landed=day("2026-03-26"))
        assert outcome(small)[0] == lines


def test_a_row_whose_start_cannot_be_read_waits_for_any_later_row() -> None:
    small = company(refused("2026-03-20", valid_from="soon"))
    small.subscribes(since="2026-03-10", landed=day("2026-03-26"))
    assert outcome(small) == (["S1", "S2"], [])


def test_a_renewal_in_quarantine_is_named_although_the_old_terms_have_ended() -> None:
    small = SmallCompany(MONTHLY, day("2026-04-03"), quarantined=[refused("2026-03-01")])
    small.subscribes(since="2026-01-01", until="2026-02-01", landed=day("2026-01-01"))
    assert outcome(small) == ([], [("S1", "contract_in_quarantine")])
