"""Sentences about money and its booking in the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, words


def _moved(facts: Facts) -> str:
    """The payment, how much and when, and the invoice that it names."""
    kind = str(facts["kind"]).capitalize()
    about = f" for {facts['invoice_id']}" if facts.get("invoice_id") else ""
    return f"{kind} {facts['payment_id']} of {facts.money('amount')}{about}"


def _about(rest: str) -> Sentence:
    """A sentence that begins with the payment."""
    return lambda facts: _moved(facts) + words(rest)(facts)


def _booked(facts: Facts) -> str:
    about = f" for {facts['invoice_id']}" if facts.get("invoice_id") else ""
    return f"Journal {facts['journals']} books {facts.money('booked')} in cash{about}"


def _without_money(facts: Facts) -> str:
    return f"{_booked(facts)} on {facts['posted_on']}, but no payment, refund or chargeback moved it."


def _failed(facts: Facts) -> str:
    return f"{_booked(facts)} on {facts['posted_on']}, but its payment is {facts['failed']}: no money moved."


def _not_receivable(facts: Facts) -> str:
    where = f"on {facts['accounts']}" if facts.get("accounts") else "nowhere"
    return (
        f"{_moved(facts)} is booked by journal {facts['journals']} at the right amount, but receivables change by "
        f"{facts.money('owed')}; the rest is {where}."
    )


def _not_cash(facts: Facts) -> str:
    where = f"on {facts['accounts']}" if facts.get("accounts") else "nowhere"
    return (
        f"{_moved(facts)} is booked by journal {facts['journals']} at the right amount, but cash changes by "
        f"{facts.money('money')}; the rest is {where}."
    )


def _fee(rest: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        one = facts["payments"] == 1
        of = (
            f"payment {facts['payment_id']}"
            if one
            else f"the {facts['payments']} payments of journal {facts['journals']}"
        )
        return f"The provider kept {facts.money('kept')} of {of}; " + words(rest)(facts)

    return sentence


SENTENCES: Mapping[str, Sentence] = {
    "money_in_other_currency": _about(" is booked in another currency."),
    "booking_in_other_currency": words(
        "Journal {journals} books {booked:money} for money that moved in another currency."
    ),
    "money_quarantined": _about(" is booked at {booked:money}; some of its ledger rows are in quarantine."),
    "money_not_booked": _about(", moved on {paid_on}, is not booked within {lag_days:count day}."),
    "money_booked_twice": _about(" is booked again by journal {journals}: {delta:signed}."),
    "failed_payment_booked": _failed,
    "booked_without_money": _without_money,
    "deposit_rest": words("Journal {journals} books several payments at once and is {delta:signed} off their sum."),
    "money_period": _about(" moved on {paid_on} but is booked on {posted_on} by journal {journals}, in another month."),
    "money_amount": _about(" is booked at {booked:money} by journal {journals}: {delta:signed}."),
    "money_unbalanced": _about(
        " is booked by journal {journals}, whose debits and credits are {unbalanced:money} apart."
    ),
    "money_not_receivable": _not_receivable,
    "money_not_cash": _not_cash,
    "money_customer": _about(" is booked by journal {journals} on customer {booked_customer}, who did not pay it."),
    "fee_account": _fee("journal {journals} books it on another account than fees."),
    "fee_missing": _fee("journal {journals} books no fee: {delta:signed}."),
    "fee_amount": _fee("journal {journals} books {booked_fee:money}: {delta:signed}."),
}
