"""Sentences about what is billed at all: missing, unexpected and repeated lines and invoices, wrong periods and customers."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, count
from billing_recon.explain.line_phrases import instead, label, named, period, total_off, what


def _missing(facts: Facts) -> str:
    reason = {
        "RECORD_QUARANTINED": "; the line was delivered and is in quarantine",
        "USAGE_LATE": " for usage that arrived after its own period",
    }.get(facts["code"], "")
    return (
        f"{facts['invoice_id']} has no {what(facts)} line for {period(facts)}, where {facts.money('expected')} is due"
        f"{reason}: {total_off(facts)}"
    )


def _unexpected(facts: Facts) -> str:
    if facts.get("expired_on"):
        reason = f"which expired on {facts['expired_on']}"
    elif facts.get("begins_on"):
        reason = f"which holds from {facts['begins_on']} only"
    elif facts["code"] in ("USAGE_DUPLICATE", "INVOICE_DUPLICATE"):
        reason = "which is billed already"
    else:
        reason = "which neither usage nor contract calls for"
    verb = "gives" if facts["kind"] in ("discount", "credit") else "charges"
    return f"{label(facts)} {verb} {what(facts)} for {period(facts)}, {reason}: {total_off(facts)}"


def _line_period(facts: Facts) -> str:
    return (
        f"{label(facts)} charges {named(facts['billed_kind'], facts.get('meter'))} for {period(facts, 'billed')} where the "
        f"contract has {facts['kind']} for {period(facts)}: {instead(facts)}, {total_off(facts)}"
    )


def _invoice_period(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} bills {facts['subscription_id']} for {period(facts, 'billed')} where the contract has "
        f"{period(facts)}: {count(facts['lines'], 'line')}, {facts.signed('delta')} in total."
    )


def _lines_twice(facts: Facts) -> str:
    return f"{facts['invoice_id']} has every line twice: {count(facts['lines'], 'line')}, {facts.signed('delta')} in total."


def _exposure(facts: Facts) -> str:
    given = "the new path (candidate)" if facts["flag"] == "candidate" else "the old path (control)"
    used = "the new path (candidate)" if facts["variant"] == "candidate" else "the old path (control)"
    return (
        f"{facts['invoice_id']} bills {facts['customer_id']} by {used} on {facts['issued_on']}, where the flag of rollout "
        f"{facts['rollout']} gives {given}: {facts.money('billed')} on {count(facts['lines'], 'line')}. "
        f"The amounts are judged by themselves; ask engineering whether every system reads the flag."
    )


def _stray(facts: Facts) -> str:
    subscription, dates = facts.get("subscription_id"), period(facts)
    match facts["code"]:
        case "INVOICE_DUPLICATE":
            reason = f"bills {subscription} again for {dates}, which {facts['original']} has billed already"
        case "KEY_UNMAPPED" if subscription:
            reason = f"bills subscription {subscription}, which has no contract"
        case "KEY_UNMAPPED":
            reason = "bills no subscription"
        case "RECORD_QUARANTINED":
            reason = f"bills subscription {subscription}, whose contract is in quarantine"
        case "MANUAL_ADJUSTMENT":
            reason = f"is a credit note for {subscription} that no contract calls for"
        case _:
            reason = f"bills {subscription} for {dates}, a period that neither contract nor usage calls for"
    return f"{facts['invoice_id']} {reason}: {count(facts['lines'], 'line')}, {facts.money('billed')} in total."


def _unbilled(facts: Facts) -> str:
    if facts.get("file") is not None:
        reason = f", and its rows are in quarantine ({facts['file']} row {facts['place']})"
    elif facts.has("only_late"):
        reason = ", all of it for usage that arrived after its own period"
    elif facts.has("only_corrects"):
        reason = ", all of it to correct earlier bills by what was learnt of the contract since"
    elif facts.has("only_change"):
        reason = f", for a change of the contract on {facts['period_start']}"
    else:
        reason = ""
    return (
        f"No invoice bills {facts['subscription_id']} for {period(facts)}: it was due on {facts['due_on']} with "
        f"{count(facts['lines'], 'line')}, {facts.money('expected')} in total{reason}."
    )


def _wrong_customer(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} bills {facts['subscription_id']} to {facts['customer_id']}, but the contract belongs to "
        f"{facts['holder']}: {facts.money('billed')} in total."
    )


SENTENCES: Mapping[str, Sentence] = {
    "line_missing": _missing,
    "line_unexpected": _unexpected,
    "line_period": _line_period,
    "invoice_period": _invoice_period,
    "invoice_lines_twice": _lines_twice,
    "stray_invoice": _stray,
    "unbilled_period": _unbilled,
    "wrong_customer": _wrong_customer,
    "exposure": _exposure,
}
