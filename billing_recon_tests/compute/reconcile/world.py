"""A day's tables written out row by row, and what the reconciler makes of them. Defaults are a plain, consistent bill."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from billing_recon.compute import breaks, detect, drift, metrics, reconcile, totals
from billing_recon.compute.engine import Limits, build
from billing_recon.compute.registration import register
from billing_recon.compute.relation import Relation
from billing_recon.compute.terms import register_terms
from billing_recon.core.break_decision import BreakDecision
from billing_recon.core.catalog import Catalog, Plan, TaxRate
from billing_recon.core.company import Company, Profile
from billing_recon.core.currency import EXPONENTS
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.money import Rounding, settle_at
from billing_recon.core.pair_layers import pairs_compared
from billing_recon.core.policy import Detectors, Drift, Policy, Windows
from billing_recon.core.reason import Pair
from billing_recon.core.schema import (
    EXPECTED_LINES,
    INVOICE_LINES,
    KEY_MAP,
    LEDGER_ENTRIES,
    METERED_USAGE,
    PAYMENTS,
    QUARANTINE,
    RENDERED_INVOICES,
    RENDERED_LINES,
    SIGNALS,
    SUBSCRIPTIONS,
    UNBILLED_USAGE,
    UNRATED,
    USAGE_ROLLUP,
)
from billing_recon.core.schema.parameters import (
    BASELINE_VALUES,
    BREAK_DECISIONS,
    LANDING_REPORTS,
    LAST_CLOSE,
    LAYER_SOURCES,
    PAIRS_COMPARED,
    POLICY_TOLERANCES,
    RUN_PARAMS,
    RunParams,
)
from billing_recon.core.schema.rollout import ROLLOUT_MEMBERS, ROLLOUTS_WATCHED
from billing_recon.day.parameters import decision_rows, policy_tables
from billing_recon.explain import write_detections, write_explanations
from billing_recon_tests.sessions import session_over

DAY = date(2026, 3, 3)
"""The day that a world is about, unless it says otherwise: invoices of February are due on it."""
FEBRUARY = (date(2026, 2, 1), date(2026, 3, 1))

LANDED = (
    SUBSCRIPTIONS,
    INVOICE_LINES,
    RENDERED_INVOICES,
    RENDERED_LINES,
    LEDGER_ENTRIES,
    PAYMENTS,
    METERED_USAGE,
    SIGNALS,
    KEY_MAP,
)
PLANS = tuple(
    Plan.model_validate(plan)
    for plan in (
        {
            "plan_id": "api",
            "plan_version": version,
            "currency": currency,
            "charges": [
                {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": base},
                {
                    "charge_id": "seats",
                    "kind": "subscription",
                    "model": "per_unit",
                    "meter": "seat",
                    "unit_price": seat,
                },
                {
                    "charge_id": "calls",
                    "kind": "usage",
                    "model": "per_unit",
                    "meter": "api_calls",
                    "unit_price": call,
                },
                {
                    "charge_id": "storage",
                    "kind": "usage",
                    "model": "per_unit",
                    "meter": "gb",
                    "unit_price": "0.10",
                    "free_units": "50",
                },
            ],
        }
        for currency in ("USD", "EUR", "JPY")
        for version, base, seat, call in (("v1", "40", "9", "0.010"), ("v2", "50", "10", "0.015"))
    )
)
AHEAD = tuple(
    plan.model_copy(
        update={
            "plan_id": "ahead",
            "charges": tuple(
                c.model_copy(update={"due": "in_advance"}) if c.kind == "subscription" else c for c in plan.charges
            ),
        }
    )
    for plan in PLANS
    if plan.currency == "USD"
)
"""The same plans with base and seats billed in advance."""
TAXES = (
    TaxRate.model_validate({"tax_region": "DE", "rate": "0.19"}),
    TaxRate.model_validate({"tax_region": "FR", "rate": "0.20"}),
    TaxRate.model_validate({"tax_region": "US-OR", "rate": "0"}),
)
PRICES = {"base": "50", "seats": "10", "calls": "0.015", "storage": "0.10"}


def money(figure: str | int | Decimal) -> Decimal:
    return Decimal(figure)


class World:
    """Tables of one day. Each method adds rows and returns what it added, so that a story can change it."""

    plans = PLANS

    def __init__(
        self,
        day: date = DAY,
        *,
        credit: str = "after_tax",
        rounding: str = "half_up",
        tax_point: str = "line",
        prices_include_tax: bool = False,
        **windows: int,
    ) -> None:
        self.day = day
        self.rounding = Rounding(rounding)
        self.credit, self.tax_point, self.prices_include_tax = credit, tax_point, prices_include_tax
        self.windows = {
            "issue_grace_days": 1,
            "late_window_days": 2,
            "render_lag_days": 1,
            "ledger_lag_days": 2,
            "payment_terms_days": 30,
            "payment_settle_days": 5,
            "lookback_days": 62,
            "issue_after_days": 2,
        } | windows
        self.first_day = date(2026, 1, 1)
        self.rows: dict[str, list[dict[str, Any]]] = {spec.name: [] for spec in LANDED}
        self.rows |= {"expected_lines": [], "usage_rollup": [], "quarantine": [], "unbilled_usage": [], "unrated": []}
        self.tolerances: list[tuple[Any, ...]] = []
        self.expected_changes: list[ExpectedChange] = []
        self.decisions: list[BreakDecision] = []
        self.detectors = Detectors()
        self.drift = Drift()
        self.closed_after: list[int] = []
        self.baseline: list[tuple[Any, ...]] = []
        self.members: list[dict[str, Any]] = []
        self.watched: list[tuple[str, date, date | None, bool]] = []
        self._subscribed: set[str] = set()

    def expose(self, *customers: str, since: date, until: date | None = None, **at: datetime) -> None:
        """Rollout `new` exposes these customers ('*': everybody) from a day on, or from an instant on it (since_at, until_at)."""
        span = {"rollout": "new", "stage": "small", "variant": "candidate", "since_day": since, "until_day": until}
        self.members += [{**span, "customer_id": one, **at} for one in customers]
        self.watched = self.watched or [("new", since, None, True)]

    def add(self, table: str, *, on: date | None = None, **row: Any) -> dict[str, Any]:
        """A row observed on `on` (the world's day if not said)."""
        on = on or self.day
        full = {"observed_on": on, "day": on, "source_file": f"landing/{table}/{on}.csv"} | row
        full.setdefault("source_row", len(self.rows[table]) + 1)
        self.rows[table].append(full)
        return full

    def subscription(self, subscription_id: str, customer_id: str) -> None:
        if subscription_id in self._subscribed:
            return
        self._subscribed.add(subscription_id)
        self.add(
            "subscriptions",
            on=date(2026, 1, 1),
            subscription_id=subscription_id,
            customer_id=customer_id,
            plan_id="api",
            plan_version="v2",
            status="active",
            quantity=3,
            currency="USD",
            timezone="UTC",
            tax_region="DE",
            segment="smb",
            billing_anchor=date(2026, 1, 1),
            billing_interval="month",
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def figures(
        self,
        gross_raw: Decimal,
        *,
        currency: str = "USD",
        discount_rate: Decimal = Decimal(0),
        discount: Decimal | None = None,
        credit: Decimal = Decimal(0),
        rate: Decimal = Decimal("0.19"),
    ) -> dict[str, Decimal]:
        """A line's settled figures from its raw gross, as the rules have it."""
        places = EXPONENTS[currency]
        gross = settle_at(gross_raw, places, self.rounding)
        if discount is None:
            discount = settle_at(gross * discount_rate, places, self.rounding)
        before = credit if self.credit == "before_tax" else Decimal(0)
        taxable = gross - discount - before
        tax = settle_at(taxable * rate / (1 + rate if self.prices_include_tax else 1), places, self.rounding)
        if self.prices_include_tax:
            taxable -= tax
        total = taxable + tax - (credit - before)
        return {
            "gross": gross,
            "discount": discount,
            "credit": credit,
            "taxable": taxable,
            "tax_rate": rate,
            "tax": tax,
            "total": total,
        }

    def expect(
        self,
        subscription_id: str = "S1",
        charge: str | None = "calls",
        *,
        kind: str | None = None,
        meter: str | None = None,
        quantity: str | int | Decimal = 12_000,
        period: tuple[date, date] = FEBRUARY,
        due_on: date | None = None,
        currency: str = "USD",
        gross: str | Decimal | None = None,
        discount_rate: str = "0",
        discount: str | None = None,
        credit: str = "0",
        rate: str = "0.19",
        share: tuple[int, int] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """An expected line of plan api v2 (per unit prices), or of the kind given, with its subscription."""
        self.subscription(subscription_id, f"C-{subscription_id}")
        kinds = {
            "calls": ("usage", "api_calls"),
            "storage": ("usage", "gb"),
            "seats": ("subscription", "seat"),
            "base": ("subscription", None),
        }
        if charge:
            kind, meter = kind or kinds[charge][0], meter or kinds[charge][1]
        units = Decimal(1) if charge in (None, "base") else Decimal(quantity)
        raw = Decimal(gross) if gross is not None else units * Decimal(PRICES[charge or "base"])
        working: dict[str, Any] = {"plan_version": "v2"}
        if share:
            raw = (raw * share[0] / share[1]).quantize(Decimal(1).scaleb(-20))
            kind = "proration"
            working["steps"] = {"rating": {"proration": {"days": share[0], "of": share[1]}}}
        figures = self.figures(
            raw,
            currency=currency,
            discount_rate=Decimal(discount_rate),
            discount=Decimal(discount) if discount is not None else None,
            credit=Decimal(credit),
            rate=Decimal(rate),
        )
        start, end = period
        row = {
            "subscription_id": subscription_id,
            "customer_id": f"C-{subscription_id}",
            "plan_id": "api",
            "plan_version": "v2",
            "charge_id": charge,
            "kind": kind,
            "meter": meter,
            "period_start": start,
            "period_end": end,
            "due_on": due_on or end + timedelta(days=2),
            "currency": currency,
            "decimals": EXPONENTS[currency],
            "segment": "smb",
            "tax_region": "DE",
            "quantity": units,
            "unit_price": Decimal(PRICES[charge]) if charge else None,
            "gross_raw": raw,
            "discount_rate": Decimal(discount_rate),
            "discount_raw": figures["gross"] * Decimal(discount_rate),
            "tax_raw": figures["taxable"] * Decimal(rate),
            "late_quantity": 0,
            "duplicate_quantity": 0,
            "superseded_quantity": 0,
            "working": json.dumps(working),
            **figures,
            **more,
        }
        row["expected_line_id"] = f"{subscription_id}|{kind}|{meter or ''}|{start}|{end}|api"
        row["day"] = self.day
        self.rows["expected_lines"].append(row)
        return row

    def bill(
        self, invoice_id: str, line: dict[str, Any], *, line_id: str = "1", on: date | None = None, **changes: Any
    ) -> dict[str, Any]:
        """A billed line like the expected one, with changes as given. Nothing is computed again."""
        names = {c.name for c in INVOICE_LINES.columns}
        row = {k: v for k, v in line.items() if k in names}
        on = on or self.day
        row |= {
            "invoice_id": invoice_id,
            "line_id": line_id,
            "issued_on": on,
            "calculated_at": datetime.combine(on, time(1), UTC),
            "status": "issued",
            "variant": "control",
            "cohort": "all",
            "invoice_kind": "invoice",
        }
        return self.add("invoice_lines", on=on, **{**row, **changes})

    def refigure(self, line: dict[str, Any], gross: str | Decimal, **changes: Any) -> dict[str, Any]:
        """Figures of a bill that follows from another gross under the same rules."""
        return self.figures(
            Decimal(gross),
            currency=line["currency"],
            discount_rate=changes.get("discount_rate", line["discount_rate"]),
            discount=changes.get("discount"),
            credit=changes.get("credit", line["credit"]),
            rate=changes.get("rate", line["tax_rate"]),
        )

    def invoice(
        self, invoice_id: str = "INV-1", total: str = "119.00", *, on: date | None = None, **changes: Any
    ) -> dict[str, Any]:
        """A billed invoice of one line that was expected and matches; for stories about what follows it."""
        places = EXPONENTS[changes.get("currency", "USD")]
        gross = settle_at(Decimal(total) / Decimal("1.19"), places, Rounding.HALF_UP)
        sub = changes.pop("subscription_id", f"S-{invoice_id}")
        line = self.expect(sub, "base", gross=gross, currency=changes.get("currency", "USD"))
        if on is not None and on != self.day:
            self.rows["expected_lines"].remove(line)
        return self.bill(invoice_id, line, on=on, **changes)

    def document(
        self,
        invoice: dict[str, Any],
        document_id: str = "D1",
        *,
        on: date | None = None,
        lines: bool = True,
        **changes: Any,
    ) -> dict[str, Any]:
        """The document of a one-line invoice, with its line."""
        on = on or self.day
        row = {
            "document_id": document_id,
            "invoice_id": invoice["invoice_id"],
            "format": "pdf",
            "issued_on": on,
            "currency": invoice["currency"],
            "customer_id": invoice["customer_id"],
            "subtotal": invoice["gross"],
            "discount": invoice["discount"],
            "tax": invoice["tax"],
            "total": invoice["gross"] - invoice["discount"] + invoice["tax"],
            "payable": invoice["total"],
            "sha256": "0" * 64,
        }
        full = self.add("rendered_invoices", on=on, **{**row, **changes})
        if lines:
            self.document_line(full, invoice, on=on)
        return full

    def document_line(
        self, document: dict[str, Any], line: dict[str, Any], *, on: date | None = None, **changes: Any
    ) -> dict[str, Any]:
        row = {
            "document_id": document["document_id"],
            "line_no": len(self.rows["rendered_lines"]) + 1,
            "line_id": line["line_id"],
            "description": "line",
            "amount": line["gross"] - line["discount"],
        }
        return self.add("rendered_lines", on=on, **{**row, **changes})

    def journal(
        self,
        invoice: dict[str, Any],
        journal_id: str = "J1",
        *,
        on: date | None = None,
        posted_on: date | None = None,
        ar: str | Decimal | None = None,
        revenue: str | Decimal | None = None,
        tax: str | Decimal | None = None,
        **changes: Any,
    ) -> list[dict[str, Any]]:
        """The posting of an invoice: debit AR and the credits used, credit revenue and tax."""
        on = on or self.day
        tax = Decimal(tax) if tax is not None else invoice["tax"]
        ar = Decimal(ar) if ar is not None else invoice["total"]
        used = invoice["credit"]
        revenue = Decimal(revenue) if revenue is not None else ar + used - tax
        entries = [("ar", ar), ("revenue", -revenue), ("tax_payable", -tax)]
        entries += [("customer_credit", used)] if used else []
        return [
            self.add(
                "ledger_entries",
                on=on,
                **{
                    "entry_id": f"{journal_id}-{n}",
                    "journal_id": journal_id,
                    "posted_on": posted_on or on,
                    "account": role,
                    "role": role,
                    "debit": max(amount, Decimal(0)),
                    "credit": max(-amount, Decimal(0)),
                    "currency": invoice["currency"],
                    "invoice_id": invoice["invoice_id"],
                    "customer_id": invoice["customer_id"],
                    **changes,
                },
            )
            for n, (role, amount) in enumerate(entries)
        ]

    def payment(
        self,
        invoice: dict[str, Any],
        payment_id: str = "P1",
        amount: str | Decimal | None = None,
        *,
        on: date | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        on = on or self.day
        row = {
            "payment_id": payment_id,
            "kind": "payment",
            "customer_id": invoice["customer_id"],
            "invoice_id": invoice["invoice_id"],
            "amount": Decimal(amount) if amount is not None else invoice["total"],
            "currency": invoice["currency"],
            "status": "succeeded",
            "processed_at": datetime.combine(on, time(12), UTC),
        }
        return self.add("payments", on=on, **{**row, **changes})

    def usage(
        self,
        quantity: str | int,
        usage_day: date,
        *,
        sub: str = "S1",
        meter: str = "api_calls",
        on: date | None = None,
        **more: Any,
    ) -> None:
        self.rows["usage_rollup"].append(
            {
                "day": on or usage_day,
                "usage_day": usage_day,
                "subscription_id": sub,
                "customer_id": f"C-{sub}",
                "meter": meter,
                "quantity": quantity,
                "events": 1,
                "duplicate_quantity": 0,
                "duplicate_events": 0,
                "late_quantity": 0,
                "late_events": 0,
                "superseded_quantity": 0,
                "superseded_events": 0,
                "corrected_quantity": 0,
                **more,
            }
        )

    def metered(
        self, quantity: str | int, usage_day: date, *, sub: str = "S1", meter: str = "api_calls", on: date | None = None
    ) -> None:
        self.add(
            "metered_usage",
            on=on or usage_day,
            subscription_id=sub,
            meter=meter,
            quantity=quantity,
            events=1,
            usage_day=usage_day,
        )

    def quarantine(
        self,
        table: str,
        reason: str = "wrong_type",
        money_at_risk: str | None = None,
        currency: str | None = None,
        **payload: Any,
    ) -> None:
        self.rows["quarantine"].append(
            {
                "day": self.day,
                "table_name": table,
                "source_file": f"landing/{table}/{self.day}.csv",
                "source_row": 900 + len(self.rows["quarantine"]),
                "reason": reason,
                "message": reason,
                "owner": "data",
                "money_at_risk": money_at_risk,
                "currency": currency,
                "payload": json.dumps({k: str(v) for k, v in payload.items()}),
            }
        )

    def run(self, pair: str | None = None, *, shuffle: int | None = None) -> Outcome:
        """Reconcile the day. `pair`: only this one, which is quicker. `shuffle`: a seed; every table's rows are then given
        in another order."""
        windows = {name: days for name, days in self.windows.items() if name in Windows.model_fields}
        profile = Profile(
            rounding=self.rounding,
            credit=self.credit,
            tax_point=self.tax_point,
            issue_after_days=self.windows["issue_after_days"],
        )
        params = RunParams(day=self.day, first_day=self.first_day, windows=Windows(**windows), profile=profile)
        policy = Policy(
            owners={"default": "team"},
            expected_changes=self.expected_changes,
            detectors=self.detectors,
            drift=self.drift,
        )

        def configured(con: duckdb.DuckDBPyConnection) -> None:
            register_terms(
                con,
                Catalog(plans=self.plans, taxes=TAXES, digest=""),
                Company(name="T", currencies=("USD",), profile=Profile(prices_include_tax=self.prices_include_tax)),
            )
            for table, rows in policy_tables(policy):
                register(con, table, self.tolerances if table is POLICY_TOLERANCES else rows)
            register(con, LAYER_SOURCES, [(spec.name, f"their {spec.name}") for spec in LANDED])
            register(con, LANDING_REPORTS, [("invoice_lines", "landed", 1, 1, 0, 0)])

        con = session_over(
            (self.plans, policy, self.tolerances, self.prices_include_tax), configured, Limits(threads=1)
        )
        register(con, RUN_PARAMS, [params.row()])
        register(con, BREAK_DECISIONS, decision_rows(self.decisions))
        register(con, LAST_CLOSE, [(days,) for days in self.closed_after])
        books_cash = any(row["role"] == "cash" for row in self.rows["ledger_entries"])
        compared = pairs_compared((), books_cash=books_cash or pair == Pair.PAID_BOOKED)
        register(con, PAIRS_COMPARED, [(pair,) for pair in compared])
        register(con, BASELINE_VALUES, self.baseline)
        register(con, ROLLOUT_MEMBERS, self.members)
        register(con, ROLLOUTS_WATCHED, self.watched)
        order = random.Random(shuffle)
        for table in (*LANDED, EXPECTED_LINES, USAGE_ROLLUP, QUARANTINE, UNBILLED_USAGE, UNRATED):
            given = list(self.rows[table.name])
            if shuffle is not None:
                order.shuffle(given)
            register(con, table, given)
        build(con, _of_pair(con, pair) if pair else reconcile.RELATIONS)
        write_explanations(con)
        build(con, reconcile.EXPLAINED)
        build(con, totals.RELATIONS)
        return Outcome(con)


_OF_PAIR = {
    "expected_billed": ("expected_billed_findings", "expected_billed_assessed"),
    "billed_rendered": ("billed_rendered_findings", "billed_rendered_assessed"),
    "billed_booked": ("booked_findings", "booked_assessed"),
    "billed_paid": ("paid_findings", "paid_assessed"),
    "paid_booked": ("cash_findings", "cash_assessed"),
    "metered_used": ("metered_findings", "metered_assessed"),
    "exposure": ("exposure_findings",),
}


def _of_pair(con: duckdb.DuckDBPyConnection, pair: str) -> list[Relation]:
    """The relations that lead to one pair's findings and items; those of the other pairs are created as empty tables."""
    for shape, names in (("no_finding", breaks.FOUND_IN), ("no_assessed", breaks.ASSESSED_IN)):
        for name in set(names) - set(_OF_PAIR[pair]):
            con.execute(f"CREATE TABLE {name} AS FROM {shape}()")
    empty = {*breaks.FOUND_IN, *breaks.ASSESSED_IN} - set(_OF_PAIR[pair])
    wanted = {relation.name for relation in breaks.RELATIONS} | set(_OF_PAIR[pair])
    for relation in reversed(reconcile.RELATIONS):
        if relation.name in wanted:
            wanted |= relation.waits_for - empty
    return [relation for relation in reconcile.RELATIONS if relation.name in wanted]


class Outcome:
    """What the reconciler made of a world."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def rows(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.con.execute(sql)
        names = [d[0] for d in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def breaks(self, pair: str | None = None) -> list[dict[str, Any]]:
        where = f" WHERE pair = '{pair}'" if pair else ""
        return self.rows(f"FROM breaks{where} ORDER BY break_id")

    def the_break(self, pair: str | None = None) -> dict[str, Any]:
        """The only break (of a pair)."""
        found = self.breaks(pair)
        assert len(found) == 1, [(b["pair"], b["code"], b["delta"], b["explanation"]) for b in found]
        return found[0]

    def codes(self, pair: str | None = None) -> list[tuple[str, Decimal]]:
        return sorted((b["code"], b["delta"]) for b in self.breaks(pair))

    def totals(self, pair: str) -> list[dict[str, Any]]:
        return self.rows(f"FROM control_totals WHERE pair = '{pair}' ORDER BY currency, cohort, variant")

    def metric(self, name: str, currency: str | None = None) -> Decimal | None:
        where = "currency IS NULL" if currency is None else f"currency = '{currency}'"
        row = self.con.execute(f"SELECT value FROM metrics WHERE metric = '{name}' AND {where}").fetchone()
        return row[0] if row else None

    def measured(self) -> Outcome:
        """With the day's metrics and their drift."""
        build(self.con, metrics.RELATIONS)
        build(self.con, drift.RELATIONS)
        return self

    def detected(self, detector: str | None = None) -> list[dict[str, Any]]:
        """What the detectors found, of one of them if given."""
        build(self.con, detect.RELATIONS)
        write_detections(self.con)
        build(self.con, detect.EXPLAINED)
        where = f" WHERE detector = '{detector}'" if detector else ""
        return self.rows(f"FROM detections{where} ORDER BY detector, invoice_id, payment_id")

    def foots(self) -> bool:
        row = self.con.execute("SELECT count(*) FROM footing").fetchone()
        return row is not None and row[0] == 0
