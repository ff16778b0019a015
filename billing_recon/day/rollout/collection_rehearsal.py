"""What fails in the rehearsal of a rollout that switches only how payments are collected: an invoice that is paid is charged again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT, LATEST
from billing_recon.control.rollout_records import StageVerdict
from billing_recon.core.figures import with_currency
from billing_recon.core.schema import BREAKS, KEY_MAP, PAYMENTS
from billing_recon.day.home import Home
from billing_recon.day.rollout.corrections import corrections
from billing_recon.day.rollout.rehearsal_checks import Check, stopped
from billing_recon.day.rollout.state import State
from billing_recon.day.session import open_session, register_landed, register_window

PICKED = "charged_again"


@dataclass(frozen=True, slots=True)
class Charged:
    """An invoice that is charged once more than it should be."""

    invoice_id: str
    amount: Decimal
    currency: str


def charge_again(con: duckdb.DuckDBPyConnection, home: Home, days: Sequence[date]) -> Charged | None:
    """Expose a customer who paid and whose payment is settled, and have the new path charge the invoice again on the first exposed day.

    Nothing if the home has no such payment.
    """
    first, back = days[1], days[-1]
    begin, lookback = days[0] - timedelta(days=home.policy.windows.lookback_days), home.policy.windows.lookback_days
    with open_session(home, days[0]) as named:
        for table in (PAYMENTS, KEY_MAP):
            register_landed(named, home, table, days[0], lookback)
        register_window(named, home, BREAKS, begin, back)
        relations = {one.name: one for one in (*ENGINE_OUTPUT, *LATEST)}
        build(named, [relations[name] for name in ("mapped_keys", "payment_versions", "latest_payments")])
        found = named.execute(
            "SELECT any_value(payment_id), invoice_id, any_value(customer_id), any_value(their_customer_id), sum(amount), any_value(currency) "
            "FROM latest_payments AS payment ANTI JOIN breaks USING (invoice_id) WHERE invoice_id IS NOT NULL GROUP BY invoice_id "
            "HAVING count(*) = 1 AND bool_and(kind = 'payment' AND status = 'succeeded' AND known_on <= $settled) "
            "ORDER BY hash(invoice_id) LIMIT 1",
            {"settled": back - timedelta(days=home.policy.windows.payment_settle_days)},
        ).fetchall()
    if not found:
        return None
    payment, invoice, ours, theirs, amount, currency = found[0]
    con.execute("INSERT INTO cohort VALUES ($theirs, $ours, true)", {"theirs": theirs, "ours": ours})
    con.execute("INSERT INTO picked VALUES ($what, $invoice, '')", {"what": PICKED, "invoice": invoice})
    con.execute(
        f"INSERT INTO payments SELECT * REPLACE (payment_id || '-again' AS payment_id, coalesce(attempt, 1) + 1 AS attempt, "
        f"TIMESTAMPTZ '{first} 09:00:00+00' AS processed_at), DATE '{first}' AS file_day "
        f"FROM ({home.warehouse.scan(PAYMENTS, begin, days[0])}) WHERE payment_id = $payment",
        {"payment": payment},
    )
    return Charged(invoice, amount, currency)


def checked(
    copy: Home,
    state: State,
    charged: Charged,
    codes: Mapping[str, set[str]],
    answers: Sequence[StageVerdict],
    first: date,
) -> Iterator[Check]:
    """The second charge is found, stops the stage, and is on the worklist to be refunded."""
    invoice = charged.invoice_id
    shown = ", ".join(sorted(codes.get(invoice, ()))) or "not found"
    yield Check(
        "charged again",
        "PAYMENT_DUPLICATE" in codes.get(invoice, ()),
        f"{invoice}, paid before, is charged again: {shown}",
    )
    yield from stopped(answers, invoice, first, "charged again", "collection_faults")
    refunds = {one.invoice_id: one.refund for one in corrections(copy, state)}
    listed = refunds.get(invoice)
    said = with_currency(listed, charged.currency) if listed is not None else "not at all"
    yield Check(
        "worklist",
        listed == charged.amount,
        f"{invoice} is on the worklist with a refund of {said}; {with_currency(charged.amount, charged.currency)} was charged again",
    )
