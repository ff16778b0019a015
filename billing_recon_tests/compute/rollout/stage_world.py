"""A rollout's stage written out row by row: who is exposed, what was billed and paid, which breaks are open, and its facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.core.schema import (
    BREAKS,
    DETECTIONS,
    EXPECTED_LINES,
    INVOICE_LINES,
    KEY_MAP,
    LEDGER_ENTRIES,
    PAYMENTS,
    RENDERED_INVOICES,
    SIGNALS,
    SUBSCRIPTIONS,
    TERM_TAXES,
    UNBILLED_USAGE,
)
from billing_recon.core.schema.rollout import ROLLOUTS_WATCHED
from billing_recon.core.schema.stage import STAGE_PARAMS
from billing_recon.core.stage_gate import StageFacts
from billing_recon.day.rollout.stage_facts import stage_facts

LAUNCH = date(2026, 3, 1)
TABLES = (
    BREAKS, DETECTIONS, EXPECTED_LINES, INVOICE_LINES, KEY_MAP, LEDGER_ENTRIES, PAYMENTS, RENDERED_INVOICES, SIGNALS,
    SUBSCRIPTIONS, TERM_TAXES, UNBILLED_USAGE,
)  # fmt: skip


@dataclass
class StageWorld:
    """Rows by table. Everything not given has a plain default."""

    since: date = LAUNCH
    exposed_since: date | None = None
    before_days: int = 28
    of_payments: bool = False
    settle_days: int = 0
    cycle_days: int = 5
    retry_days: tuple[str, ...] = ()
    closed: dict[str, date] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {spec.name: [] for spec in TABLES})
    members: list[tuple[Any, ...]] = field(default_factory=list)

    def expose(self, *customers: str, since: date | None = None, until: date | None = None, rollout: str = "r") -> None:
        self.members += [
            (rollout, one, "first", "candidate", since or self.since, until, None, None) for one in customers
        ]

    def bill(
        self,
        invoice_id: str,
        customer_id: str,
        on: date,
        total: str | Decimal = "100",
        *,
        variant: str | None = "control",
        currency: str = "USD",
        **other: Any,
    ) -> None:
        """An invoice of one line."""
        self.rows["invoice_lines"].append(
            {
                "invoice_id": invoice_id, "line_id": "1", "customer_id": customer_id, "subscription_id": f"S-{customer_id}",
                "plan_id": "p", "plan_version": "1", "kind": "subscription", "period_start": on - timedelta(days=28),
                "period_end": on, "gross": Decimal(total), "discount": 0, "credit": 0, "taxable": Decimal(total), "tax": 0,
                "total": Decimal(total), "currency": currency, "issued_on": on, "variant": variant,
                "calculated_at": datetime.combine(on, time(23), UTC), "invoice_kind": "invoice", "status": "issued", "day": on,
                "observed_on": on, "source_file": "lines.csv", "source_row": len(self.rows["invoice_lines"]) + 1,
            }
            | other
        )  # fmt: skip

    def break_(
        self,
        invoice_id: str | None,
        on: date,
        delta: str | Decimal,
        *,
        code: str = "PRORATION",
        currency: str | None = "USD",
        customer_id: str | None = None,
        pair: str = "expected_billed",
        disposition: str = "OPEN",
        evidence: str = "{}",
    ) -> None:
        self.rows["breaks"].append(
            {
                "break_id": f"B{len(self.rows['breaks'])}", "day": on, "pair": pair, "level": "line", "code": code,
                "disposition": disposition, "invoice_id": invoice_id, "customer_id": customer_id, "currency": currency,
                "delta": Decimal(delta), "stage_deltas": "{}", "explanation": "", "owner": "", "source_system": "", "evidence": evidence,
            }
        )  # fmt: skip

    def contract(self, customer_id: str, anchor: date, **other: Any) -> None:
        self.rows["subscriptions"].append(
            {
                "subscription_id": f"S-{customer_id}", "customer_id": customer_id, "plan_id": "p", "plan_version": "1",
                "status": "active", "quantity": 1, "currency": "USD", "timezone": "UTC", "tax_region": "DE", "segment": "s",
                "billing_anchor": anchor, "billing_interval": "month", "valid_from": datetime.combine(anchor, time(), UTC),
                "day": anchor, "observed_on": anchor, "source_file": "s.csv", "source_row": len(self.rows["subscriptions"]) + 1,
            }
            | other
        )  # fmt: skip

    def pay(
        self, payment_id: str, invoice_id: str, customer_id: str, on: date, status: str = "succeeded", attempt: int = 1
    ) -> None:
        self.rows["payments"].append(
            {
                "payment_id": payment_id, "kind": "payment", "customer_id": customer_id, "invoice_id": invoice_id, "amount": 100,
                "currency": "USD", "status": status, "processed_at": datetime.combine(on, time(9), UTC), "attempt": attempt,
                "day": on, "observed_on": on, "source_file": "p.csv", "source_row": len(self.rows["payments"]) + 1,
            }
        )  # fmt: skip

    def follow(self, invoice_id: str, on: date, payable: str = "0", currency: str = "USD") -> None:
        """A document and a posting of an invoice."""
        source = {
            "day": on,
            "observed_on": on,
            "source_file": "f.csv",
            "source_row": len(self.rows["ledger_entries"]) + 1,
        }
        self.rows["rendered_invoices"].append(
            {
                "document_id": f"D-{invoice_id}", "invoice_id": invoice_id, "format": "csv", "issued_on": on, "currency": currency,
                "customer_id": "A", "subtotal": payable, "discount": 0, "tax": 0, "total": payable, "payable": payable, "sha256": "",
            }
            | source
        )  # fmt: skip
        self.rows["ledger_entries"].append(
            {
                "entry_id": f"E-{invoice_id}", "journal_id": f"J-{invoice_id}", "posted_on": on, "account": "1200", "role": "ar",
                "debit": payable, "credit": 0, "currency": currency, "invoice_id": invoice_id,
            }
            | source
        )  # fmt: skip

    @contextmanager
    def session(self, day: date) -> Iterator[duckdb.DuckDBPyConnection]:
        with scratch() as con:
            for spec in TABLES:
                register(con, spec, self.rows[spec.name])
            con.execute(
                "CREATE TABLE rollout_members (rollout VARCHAR, customer_id VARCHAR, stage VARCHAR, variant VARCHAR, "
                "since_day DATE, until_day DATE, since_at TIMESTAMPTZ, until_at TIMESTAMPTZ)"
            )
            if self.members:
                columns = [list(column) for column in zip(*self.members, strict=True)]
                con.execute(
                    "INSERT INTO rollout_members SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), "
                    "unnest(CAST(? AS DATE[])), NULL, NULL",
                    columns[:6],
                )
            exposed = self.exposed_since or self.since
            before = exposed - timedelta(days=1)
            first = before - timedelta(days=self.before_days - 1)
            rules = (self.of_payments, 1, self.settle_days, self.cycle_days, list(self.retry_days))
            register(con, STAGE_PARAMS, [("r", "first", day, self.since, exposed, first, before, *rules)])
            names = sorted({row[0] for row in self.members} | {"r"})
            register(con, ROLLOUTS_WATCHED, [(one, first, self.closed.get(one), True) for one in names])
            build(
                con, [one for one in ENGINE_OUTPUT if one.name in ("mapped_keys", "engine_superseded", "engine_lines")]
            )
            yield con

    def facts(self, day: date, unknown_days: Mapping[date, str] | None = None) -> StageFacts:
        """What the stage gate judges as of a day."""
        with self.session(day) as con:
            return stage_facts(con, unknown_days or {})
