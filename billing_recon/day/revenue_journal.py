"""The revenue journal of a month: each change of catalog, company, policy, contract, invoice and quarantined row, with who and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from billing_recon.compute import close
from billing_recon.compute.engine import build, scratch
from billing_recon.compute.registration import register
from billing_recon.control import MonthState
from billing_recon.core.break_decision import BreakVerb
from billing_recon.core.catalog_record import COMPANY
from billing_recon.core.period import add_months, days_of_month, parse_month
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, SUBSCRIPTIONS
from billing_recon.core.schema.parameters import CLOSE_PARAMS
from billing_recon.day.catalog_versions import changes_of_versions
from billing_recon.day.history import opening_day
from billing_recon.day.home import Home
from billing_recon.day.session import register_window


@dataclass(frozen=True, slots=True)
class Change:
    """One entry. `at` is an instant of a decision, or the day of a delivery; `who` then is the file that has it."""

    at: str
    kind: str
    subject: str
    change: str
    who: str
    why: str
    amount: Decimal | None = None
    currency: str | None = None


def revenue_journal(home: Home, month: str) -> list[Change]:
    """Every change that bears on the month's revenue, by kind and time.

    Of contracts, invoices, breaks and quarantined rows: those of the month's days. Of settings: those recorded since the close of
    the month before, up to the close of this one or now, since these are the settings that its figures rest on.
    """
    return [*_settings(home, month), *_decisions(home, month), *_deliveries(home, month)]


def _settings(home: Home, month: str) -> Iterator[Change]:
    before = f"{add_months(parse_month(month), -1):%Y-%m}"
    since = max((one["decided_at"] for one in _closings(home, before)), default="")
    until = max((one["decided_at"] for one in _closings(home, month)), default="9999")
    for version, changes in changes_of_versions(home):
        if since < version.decided_at <= until:
            for one in changes:
                what = "removed" if one.after is None else "; ".join(one.details) or f"recorded as {one.after}"
                kind = "company" if one.entry == COMPANY else "catalog"
                yield Change(version.decided_at, kind, one.entry, what, version.actor, version.note)
    for policy in home.control.policy_history():
        if since < policy.decided_at <= until:
            what = f"version {policy.number}, {policy.digest[:12]}"
            yield Change(policy.decided_at, "policy", "policy", what, policy.actor, policy.note)
    for event in home.control.month_history(month):
        yield Change(event["decided_at"], "month", month, event["state"], event["actor"], event["reason"])


def _closings(home: Home, month: str) -> Iterator[dict[str, str]]:
    return (one for one in home.control.month_history(month) if one["state"] == MonthState.CLOSED.value)


def _decisions(home: Home, month: str) -> Iterator[Change]:
    days = days_of_month(month)
    for row in home.control.row_decisions(""):
        if days[0] <= row.day <= days[-1]:
            fixed = ", ".join(f"{name} = {value}" for name, value in row.corrections)
            what = row.verb.value + (f" with {fixed}" if fixed else "")
            yield Change(row.decided_at, "quarantine", f"{row.table} {row.row_id}", what, row.decided_by, row.reason)
    for one in home.control.break_decisions(days[0], days[-1]):
        if one.verb is BreakVerb.RESOLVE and one.disposition is not None:
            what = one.disposition.value
            about = (one.delta, one.currency)
            yield Change(one.decided_at, "break", one.break_id, what, one.decided_by, one.reason, *about)


def _deliveries(home: Home, month: str) -> Iterator[Change]:
    days = days_of_month(month)
    start = opening_day(home) or days[0]
    with scratch(home.limits(home.landed_rows(days[-1]) * len(days))) as con:
        register(con, CLOSE_PARAMS, [(start, days[0], days[-1])])
        register_window(con, home, SUBSCRIPTIONS, days[0] - timedelta(days=1), days[-1])
        back = days[0] - timedelta(days=home.policy.windows.lookback_days)
        for table in (INVOICE_LINES, KEY_MAP):
            register_window(con, home, table, back, days[-1])
        build(con, close.CHANGES)
        contracts = con.execute(
            "SELECT day, subscription_id, customer_id, terms_before, terms, source_file FROM contract_changes ORDER BY ALL"
        ).fetchall()
        invoices = con.execute(
            "SELECT day, invoice_id, line_id, change, total_before, total, currency, source_file "
            "FROM invoice_changes ORDER BY ALL"
        ).fetchall()
    for day, subscription, customer, was, terms, file in contracts:
        what = f"{was} -> {terms}" if was else f"new: {terms}"
        yield Change(str(day), "contract", f"{subscription} of {customer}", what, file, "")
    for day, invoice, line, what, was, total, currency, file in invoices:
        yield Change(str(day), "invoice", f"{invoice} line {line}", what, file, "", total - (was or 0), currency)
