"""Issued bills that a rollout's new path got wrong: the worklist by the plan's correction policy, and how far each is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import CORRECTIONS
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import (
    BREAKS,
    INVOICE_LINES,
    KEY_MAP,
    LEDGER_ENTRIES,
    PAYMENTS,
    RENDERED_INVOICES,
    SUBSCRIPTIONS,
)
from billing_recon.core.schema.stage import CORRECTION_BOUNDS, CORRECTION_PARAMS
from billing_recon.day.home import Home
from billing_recon.day.rollout.members import register_members
from billing_recon.day.rollout.state import State
from billing_recon.day.session import MIRRORED_ROWS, open_session, register_landed, register_window

_READ = ("mapped_keys", "engine_superseded", "engine_lines")


@dataclass(frozen=True, slots=True)
class Correction:
    """One wrong bill (or period that was not billed) in a currency: amounts, the way, and which layers show the correction."""

    item: str
    invoice_id: str | None
    customer_id: str
    subscription_id: str | None
    currency: str
    issued_on: date
    billed: Decimal
    owed: Decimal
    billed_minus_owed: Decimal
    paid: Decimal
    way: str
    credit: Decimal
    invoice: Decimal
    adjustment: Decimal
    refund: Decimal
    reasons: tuple[str, ...]
    explanation: str
    engine_done: bool
    document_done: bool
    ledger_done: bool
    payment_done: bool
    state: str
    wording: str = ""

    @property
    def at_stake(self) -> Decimal:
        """What it is about: the difference of the bill, or what was collected too much of a right one."""
        return abs(self.billed_minus_owed) or self.refund

    @property
    def missing_layers(self) -> tuple[str, ...]:
        """The layers that do not show the correction yet."""
        done = (self.engine_done, self.document_done, self.ledger_done, self.payment_done)
        names = ("engine", "document", "ledger", "payment")
        return tuple(name for name, shown in zip(names, done, strict=True) if not shown)


@dataclass(frozen=True, slots=True)
class OpenCorrections:
    """Corrections that reconciliation has not closed: how many, their differences gross by currency, and the mark of the list.

    The mark is of every item and amount, so whoever accepts the list by its mark accepts that list and no later one.
    """

    count: int = 0
    money: Mapping[str, Decimal] = field(default_factory=dict)
    mark: str = ""
    of_payments: bool = False

    @classmethod
    def of(cls, found: Sequence[Correction], of_payments: bool = False) -> OpenCorrections:
        left = [one for one in found if one.state in OPEN]
        if not left:
            return cls()
        rows = sorted(f"{one.item}|{one.currency}|{one.billed}|{one.owed}|{one.refund}" for one in left)
        money = {
            currency: sum((o.at_stake for o in left if o.currency == currency), Decimal(0))
            for currency in sorted({one.currency for one in left})
        }
        return cls(len(left), money, hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12], of_payments)

    @property
    def says(self) -> str:
        """How many, and how much."""
        from billing_recon.core.figures import count, with_currency

        off = ", ".join(with_currency(amount, currency) for currency, amount in self.money.items())
        if self.of_payments:
            return f"{count(self.count, 'invoice')} of which the new path collected too much, not refunded yet ({off})"
        return f"{count(self.count, 'bill')} of the new path not corrected yet ({off} gross)"


OPEN = frozenset({"open", "following"})
"""States of corrections that somebody still waits for."""

_COLUMNS = tuple(name for name in Correction.__dataclass_fields__ if name != "wording")


def corrections(home: Home, state: State) -> list[Correction]:
    """Every wrong bill of the rollout's new path, by customer, with the sentence that support tells the customer.

    ConfigurationError if nobody was ever exposed, or no day was landed since.
    """
    with correction_session(home, state) as con:
        return listed(con, state)


def listed(con: duckdb.DuckDBPyConnection, state: State) -> list[Correction]:
    """The same from a `correction_session`."""
    rows = con.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM corrections JOIN correction_progress USING (item, currency) "
        "ORDER BY customer_id, currency, issued_on, item"
    ).fetchall()
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return [
        Correction(**one | {"reasons": tuple(one["reasons"]), "wording": worded(state.plan.wording, one)})
        for one in found
    ]


def open_corrections(home: Home, state: State) -> OpenCorrections:
    """What is still to be corrected; nothing while nobody was exposed on a landed day."""
    days = home.control.landed_days()
    first = min((span.since for span in state.spans), default=None)
    if first is None or not days or days[-1] < first:
        return OpenCorrections()
    return OpenCorrections.of(corrections(home, state), state.of_payments)


def original_lines(home: Home, state: State, invoices: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The lines of wrong invoices as they were issued, with their customers' tax region, by invoice."""
    names = ("invoice_id", "line_id", "kind", "meter", "taxable", "tax_rate", "tax", "total", "tax_region")
    found: dict[str, list[dict[str, Any]]] = {one: [] for one in invoices}
    with correction_session(home, state) as con:
        register_landed(con, home, SUBSCRIPTIONS, home.control.landed_days()[-1], home.policy.windows.lookback_days)
        rows = con.execute(
            "WITH regions AS (SELECT subscription_id, arg_max(tax_region, valid_from) AS tax_region FROM subscriptions "
            "GROUP BY subscription_id) SELECT line.invoice_id, line.line_id, line.kind, line.meter, line.taxable, "
            "coalesce(line.tax_rate, 0), line.tax, line.total, coalesce(region.tax_region, '') FROM engine_lines AS line "
            "LEFT JOIN regions AS region ON region.subscription_id = line.subscription_id "
            "WHERE list_contains(?, line.invoice_id) AND line.status <> 'draft' ORDER BY line.invoice_id, line.line_id",
            [list(invoices)],
        ).fetchall()
    for row in rows:
        found[row[0]].append(dict(zip(names, row, strict=True)))
    return found


def worded(wording: str, row: dict[str, Any]) -> str:
    """The plan's sentence for a customer, with the figures of its bill; an unknown name in braces stays as it is.

    >>> worded("You owe {owed}, not {billed}; {else}.", {"owed": Decimal("9.50"), "billed": Decimal("12"), "currency": "EUR"})
    'You owe 9.50 EUR, not 12.00 EUR; {else}.'
    """
    from billing_recon.core.figures import with_currency

    for name, value in row.items():
        shown = with_currency(value, row.get("currency")) if isinstance(value, Decimal) else str(value)
        wording = wording.replace("{" + name + "}", shown)
    return wording


@contextmanager
def correction_session(home: Home, state: State) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with the corrections of a rollout, the tables that they read, and everybody whom rollouts expose.

    ConfigurationError if nobody was ever exposed, or no day was landed since.
    """
    days = home.control.landed_days()
    first = min((span.since for span in state.spans), default=None)
    if first is None or not days or days[-1] < first:
        raise ConfigurationError(
            f"nobody was exposed by rollout {state.name} on a landed day yet, so it got no bill wrong; see: billing-recon rollout status {state.name}"
        )
    last, back = days[-1], (days[-1] - first).days
    lookback = home.policy.windows.lookback_days
    with open_session(home, last) as con:
        register_window(con, home, BREAKS, first, last)
        # A retry engine collects bills from before the exposure too, of which somebody may have paid a part already.
        further = (KEY_MAP, INVOICE_LINES, PAYMENTS) if state.of_payments else (KEY_MAP,)
        for table in (INVOICE_LINES, PAYMENTS, KEY_MAP, RENDERED_INVOICES, LEDGER_ENTRIES):
            days_back = back + (lookback if table in further else 0)
            register_landed(con, home, table, last, days_back, in_memory=MIRRORED_ROWS)
        register_members(con, home, last + timedelta(days=1))
        policy = state.plan.correction
        windows = home.policy.windows
        ways = (policy.unpaid.value, policy.paid.value, policy.below.value)
        register(
            con,
            CORRECTION_PARAMS,
            [(state.name, first, last, *ways, windows.issue_grace_days, windows.ledger_lag_days, state.of_payments)],
        )
        bounds = sorted({*policy.small, *policy.nothing_below})
        register(con, CORRECTION_BOUNDS, [(c, policy.small.get(c), policy.nothing_below.get(c)) for c in bounds])
        build(con, [relation for relation in ENGINE_OUTPUT if relation.name in _READ])
        build(con, CORRECTIONS)
        yield con
