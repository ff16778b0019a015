"""What a new version of the policy loosens. Whatever lets more pass, or other people decide, needs two people."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from billing_recon.core.policy import Policy
from billing_recon.core.policy_change import Effect, changes, loosened

BASE = """
windows: {ledger_lag_days: 2, lookback_days: 62}
tolerances:
- {pair: billed_paid, level: invoice, currency: EUR, absolute: "0.02", relative: "0.001"}
- {pair: billed_paid, level: total, currency: EUR, absolute: "5.00"}
- {pair: billed_paid, level: line, absolute: "0.01"}
gate:
  max_breaks: 3
  limits: [{currency: EUR, max_rate: "0.002", max_per_account: "5.00", max_total: "500.00", min_population: 100}]
  thresholds: [{metric: mismatch_rate, max: "0.01"}, {metric: capture_rate, min: "0.99"}]
  parts: [{name: ledger, pairs: [expected_billed, billed_booked]}]
detectors: {severities: {MISSING_TAX: block}, max_discount: "0.50"}
approvers: [{name: Ana, role: finance}]
expected_changes:
- {id: E1, reason: r, codes: [ROUNDING, TAX_BASE], currency: EUR, max_per_break: "1", owner: o, starts: 2026-03-01, expires: 2026-03-31, approved_by: Ana}
exceptions: {open_the_gate: [expected_change], accept_up_to: {EUR: "1.00"}}
"""


def edited(**at: Any) -> Policy:
    """The policy with some fields replaced: gate__max_breaks=4."""
    content = yaml.safe_load(BASE)
    for path, value in at.items():
        place = content
        *parents, last = path.split("__")
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    return Policy.model_validate(content)


LOOSER: dict[str, dict[str, Any]] = {
    "a longer lag": {"windows__ledger_lag_days": 3},
    "another lookback, either way": {"windows__lookback_days": 30},
    "a higher tolerance": {"tolerances__0__absolute": "0.03"},
    "a tolerance of any share": {"tolerances__0__relative": None},
    "a tolerance for every currency instead of one": {"tolerances__0__currency": "*"},
    "a currency of its own, above what * gives it": {
        "tolerances__2": {"pair": "billed_paid", "level": "line", "currency": "USD", "absolute": "9"}
    },
    "a higher bound on all that is accepted": {"tolerances__1__absolute": "6"},
    "more breaks": {"gate__max_breaks": 4},
    "a higher rate": {"gate__limits__0__max_rate": "0.003"},
    "more money per account": {"gate__limits__0__max_per_account": "6"},
    "more money in all": {"gate__limits__0__max_total": "501"},
    "a smaller population": {"gate__limits__0__min_population": 10},
    "counts instead of INCONCLUSIVE": {"gate__limits__0__below_minimum": "count"},
    "no limits, so that counts hold": {"gate__limits": []},
    "a higher threshold": {"gate__thresholds__0__max": "0.02"},
    "a lower threshold": {"gate__thresholds__1__min": "0.98"},
    "a threshold that only warns": {"gate__thresholds__0__severity": "warn"},
    "a layer less": {"gate__required_layers": ["usage_events"]},
    "a part that is judged by less": {"gate__parts__0__pairs": ["billed_booked"]},
    "a part more": {
        "gate__parts": [
            {"name": "ledger", "pairs": ["expected_billed", "billed_booked"]},
            {"name": "p", "pairs": ["billed_paid"]},
        ]
    },
    "a detector that only warns": {"detectors__severities": {}},
    "a higher discount": {"detectors__max_discount": "0.6"},
    "another approver": {"approvers__0__name": "Bo"},
    "one approver more": {"approvers": [{"name": "Ana", "role": "finance"}, {"name": "Bo", "role": "product"}]},
    "an expected change of another scope": {"expected_changes__0__scope": {"plan": "team"}},
    "an expected change that lasts longer": {"expected_changes__0__expires": "2026-04-30"},
    "an expected change of more money": {"expected_changes__0__max_per_break": "2"},
    "people may accept more": {"exceptions__accept_up_to": {"EUR": "2"}},
    "a promise opens the gate": {"exceptions__open_the_gate": ["expected_change", "credit_note"]},
    "a wider band": {"drift__mad_factor": 7},
    "a task of the close that does not apply": {"close__not_applicable": {"tax": "booked elsewhere"}},
}
TIGHTER: dict[str, dict[str, Any]] = {
    "a shorter lag": {"windows__ledger_lag_days": 1},
    "a lower tolerance": {"tolerances__0__absolute": "0.01"},
    "a tolerance less": {"tolerances": yaml.safe_load(BASE)["tolerances"][:2]},
    "fewer breaks": {"gate__max_breaks": 0},
    "a lower rate": {"gate__limits__0__max_rate": "0.001"},
    "a threshold more": {
        "gate__thresholds": [*yaml.safe_load(BASE)["gate"]["thresholds"], {"metric": "tickets", "max": 5}]
    },
    "a layer more": {"gate__required_layers": [*Policy().gate.required_layers, "metered_usage"]},
    "no part of its own": {"gate__parts": []},
    "an expected change less": {"expected_changes": []},
    "an expected change of fewer causes": {"expected_changes__0__codes": ["ROUNDING"]},
    "people may accept nothing": {"exceptions__accept_up_to": {}},
    "other words and teams": {
        "expected_changes__0__reason": "s",
        "owners": {"default": "x"},
        "paging": {"webhook_env": "X"},
    },
}


@pytest.mark.parametrize("edit", LOOSER.values(), ids=LOOSER)
def test_it_loosens(edit: dict[str, Any]) -> None:
    found = changes(edited(), edited(**edit))
    assert loosened(found), found


@pytest.mark.parametrize("edit", TIGHTER.values(), ids=TIGHTER)
def test_it_does_not_loosen(edit: dict[str, Any]) -> None:
    found = changes(edited(), edited(**edit))
    assert found
    assert loosened(found) == []


def test_the_first_approvers_of_a_home_loosen_nothing_and_an_equal_policy_has_no_changes() -> None:
    named = changes(Policy(), Policy.model_validate({"approvers": [{"name": "Ana", "role": "finance"}]}))
    assert [(change.path, change.effect) for change in named] == [("approvers", Effect.TIGHTENS)]
    assert changes(edited(), edited()) == ()


def test_every_field_of_a_policy_is_compared() -> None:
    """A field that is added later has to be classified, or a change of it would pass unseen."""
    compared = {
        "effective_from", "windows", "tolerances", "owners", "gate", "approvers", "paging", "expected_changes", "drift",
        "detectors", "exceptions",
        "close",
    }  # fmt: skip
    assert compared == set(Policy.model_fields)
    assert {"owners", "due_days", "not_applicable", "spot_checks"} == set(type(Policy().close).model_fields)
    gate = {"required_layers", "may_be_empty", "max_breaks", "limits", "max_quarantined_rows", "quarantine_share_stops",
            "thresholds", "baseline", "parts"}  # fmt: skip
    assert gate == set(type(Policy().gate).model_fields)
    exceptions = {"issued_invoices", "open_the_gate", "accept_up_to", "deadlines", "gap_months"}
    assert exceptions == set(type(Policy().exceptions).model_fields)
