"""A company small enough to write out in a test: a DuckDB session with terms, contracts and usage, and its expected lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from billing_recon.compute import expect, rollup
from billing_recon.compute.engine import build
from billing_recon.compute.registration import register
from billing_recon.compute.terms import load_catalog, register_terms
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company, Profile
from billing_recon.core.policy import Windows
from billing_recon.core.schema import (
    INVOICE_LINES,
    QUARANTINE,
    SUBSCRIPTIONS,
    USAGE_DUPLICATES,
    USAGE_EVENTS,
    USAGE_ROLLUP,
    Kind,
    TableSpec,
)
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams
from billing_recon.explain.entitlements import write_entitlements
from billing_recon.explain.rated_lines import line_sentence
from billing_recon.explain.withheld import write_withheld
from billing_recon_tests.sessions import session, session_over

UTC = ZoneInfo("UTC")


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str, zone: str = "UTC") -> datetime:
    """An instant from a local time, for example 2026-03-01T23:30."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@dataclass
class SmallCompany:
    """What a company landed, and what our rating makes of it on one day. Everything not given has a plain default."""

    catalog: Catalog
    on: date
    profile: Profile = field(default_factory=Profile)
    timezone: str = "UTC"
    first_day: date = date(2020, 1, 1)
    history_from: date = date(2010, 1, 1)
    issue_grace_days: int = 1
    late_window_days: int = 2
    lookback_days: int = 62
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)

    def subscribes(self, **given: Any) -> None:
        """Land one interval of a subscription; `since` and `until` are local dates in its time zone."""
        zone = given.get("timezone", "UTC")
        row: dict[str, Any] = {
            "subscription_id": "S1",
            "customer_id": "C1",
            "plan_id": "p",
            "plan_version": "1",
            "status": "active",
            "quantity": Decimal(1),
            "currency": "USD",
            "timezone": zone,
            "tax_region": "none",
            "segment": "smb",
            "billing_anchor": day("2026-03-01"),
            "billing_interval": "month",
            "landed": date(2026, 3, 1),
            "contract": None,
        }
        since, until = given.pop("since", "2026-03-01"), given.pop("until", None)
        row["valid_from"] = at(since if "T" in since else f"{since}T00:00", zone)
        row["valid_to"] = at(until if "T" in until else f"{until}T00:00", zone) if until else None
        row.update(given)
        if isinstance(row["contract"], dict):
            row["contract"] = json.dumps(row["contract"])
        row["quantity"] = Decimal(row["quantity"])
        row["day"] = row["observed_on"] = row.pop("landed")
        self.subscriptions.append(row)

    def uses(
        self,
        quantity: str,
        usage_day: str,
        *,
        meter: str = "events",
        subscription: str = "S1",
        arrived: str | None = None,
        lands: bool = True,
    ) -> None:
        """Land one event at noon (UTC) of a usage day, as arrived on a day (its own, if not given), and roll it up."""
        landed = day(arrived or usage_day)
        if lands:
            self.events.append(
                event(
                    f"used-{len(self.events)}", quantity, at(f"{usage_day}T12:00"), arrived=landed, meter=meter,
                    subscription_id=subscription,
                )
            )  # fmt: skip
        self.usage.append(
            {
                "usage_day": day(usage_day),
                "subscription_id": subscription,
                "customer_id": "C1",
                "meter": meter,
                "quantity": Decimal(quantity),
                "events": 1,
                "day": landed,
            }
        )

    def billed(
        self, period_start: str, *, observed: str, subscription: str = "S1", period_end: str = "2026-04-01"
    ) -> None:
        """Land a billed line, of which only the period matters here."""
        self.lines.append(
            {
                "invoice_id": "I1",
                "line_id": "1",
                "customer_id": "C1",
                "subscription_id": subscription,
                "kind": "usage",
                "period_start": day(period_start),
                "period_end": day(period_end),
                "observed_on": day(observed),
                "day": day(observed),
            }
        )

    def rated(self) -> duckdb.DuckDBPyConnection:
        """A session in which every relation of compute.expect stands."""
        con = prepared(self)
        land(con, SUBSCRIPTIONS, self.subscriptions)
        land(con, INVOICE_LINES, self.lines)
        register(con, QUARANTINE, self.quarantined, "quarantined_subscriptions")
        known = self.on + timedelta(days=self.late_window_days)
        figures = dict.fromkeys((c.name for c in USAGE_ROLLUP.columns if c.kind in (Kind.QUANTITY, Kind.INTEGER)), 0)
        register(con, USAGE_ROLLUP, [figures | row for row in self.usage if row["day"] <= known])
        land(con, USAGE_EVENTS, [row for row in self.events if row["observed_on"] <= known])
        con.execute("CREATE VIEW usage_corrections AS SELECT * FROM usage_events WHERE corrects IS NOT NULL")
        build(con, expect.RELATIONS)
        write_withheld(con)
        write_entitlements(con)
        return con

    def expected(self) -> list[dict[str, Any]]:
        """The expected lines with their sentences, in the order of their ids."""
        lines = rows(self.rated(), "SELECT * FROM expected_lines ORDER BY expected_line_id")
        assert len({line["expected_line_id"] for line in lines}) == len(lines), "two expected lines have one identity"
        return [{**line, "sentence": line_sentence(line, self.catalog)} for line in lines]


def prepared(company: SmallCompany) -> duckdb.DuckDBPyConnection:
    """A session with run_params and the terms."""

    def terms(con: duckdb.DuckDBPyConnection) -> None:
        register_terms(con, company.catalog, Company(name="small", currencies=("USD",), profile=company.profile))

    con = session_over((company.catalog, company.profile), terms)
    windows = Windows(
        issue_grace_days=company.issue_grace_days,
        late_window_days=company.late_window_days,
        lookback_days=company.lookback_days,
    )
    params = RunParams(
        day=company.on,
        first_day=company.first_day,
        history_from=company.history_from,
        windows=windows,
        profile=company.profile,
        company_timezone=company.timezone,
    )
    register(con, RUN_PARAMS, [params.row()])
    return con


def land(
    con: duckdb.DuckDBPyConnection, spec: TableSpec, given: Sequence[dict[str, Any]], name: str | None = None
) -> None:
    """A landed table; columns not given are empty, and rows are numbered."""
    register(con, spec, [{"source_file": "f.csv", "source_row": n, **row} for n, row in enumerate(given, 1)], name)


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def catalog(*charges: str, minimum: str | None = None, currency: str = "USD", taxes: str = "") -> Catalog:
    """One plan `p` version 1 with the charges given as YAML flow mappings, and a tax region `none` at 0%."""
    listed = "\n".join(f"      - {charge}" for charge in charges)
    text = f"""
plans:
  - plan_id: p
    plan_version: "1"
    currency: {currency}
    {f'minimum: "{minimum}"' if minimum else ""}
    charges:
{listed}
taxes:
  - {{tax_region: none, rate: "0"}}
{taxes}
"""
    return load_catalog([("plans.yaml", text)])


@dataclass
class Events:
    """Usage events of some days, rolled up day by day as the pipeline does."""

    events: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    company_timezone: str = "UTC"
    first_day: date = date(2020, 1, 1)

    def roll_up(self, on: date, duplicates: Sequence[tuple[Any, ...]] = ()) -> list[dict[str, Any]]:
        """`rollup_day` for one day of arrival."""
        return rows(
            self._rolled_up(on, duplicates), "SELECT * FROM rollup_day ORDER BY usage_day, subscription_id, meter"
        )

    def reopened(self, on: date) -> list[dict[str, Any]]:
        """`reopened_days` for one day of arrival."""
        return rows(self._rolled_up(on, ()), "SELECT * FROM reopened_days")

    def _rolled_up(self, on: date, duplicates: Sequence[tuple[Any, ...]]) -> duckdb.DuckDBPyConnection:
        con = session()
        params = RunParams(day=on, first_day=self.first_day, company_timezone=self.company_timezone)
        register(con, RUN_PARAMS, [params.row()])
        land(con, USAGE_EVENTS, [e for e in self.events if e["observed_on"] == on], "new_events")
        land(con, USAGE_EVENTS, [e for e in self.events if e["observed_on"] < on], "known_events")
        land(con, SUBSCRIPTIONS, [s for s in self.subscriptions if s["observed_on"] <= on])
        register(
            con, USAGE_DUPLICATES, [dict(zip(REPEATED, row, strict=True)) for row in duplicates], "landing_duplicates"
        )
        build(con, rollup.RELATIONS)
        return con

    def state(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The sum of every day's changes, per usage day, subscription and meter, without zeros."""
        sums: dict[tuple[Any, ...], list[Any]] = {}
        for on in sorted({e["observed_on"] for e in self.events}):
            for row in self.roll_up(on):
                key = (row["usage_day"], row["subscription_id"], row["meter"])
                figures = [row[name] for name in FIGURES]
                sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(FIGURES)), figures, strict=True)]
        return {key: tuple(figures) for key, figures in sums.items() if any(figures)}


FIGURES = ("quantity", "events", "late_quantity", "late_events", "superseded_quantity", "superseded_events")
REPEATED = ("subscription_id", "customer_id", "meter", "event_time", "quantity")


def event(event_id: str, quantity: str, when: datetime, *, arrived: date | None = None, **given: Any) -> dict[str, Any]:
    """One usage event of S1's meter `events`, received an hour later if not said otherwise."""
    observed = arrived or when.date()
    return {
        "event_id": event_id,
        "source": "app",
        "customer_id": "C1",
        "subscription_id": "S1",
        "meter": "events",
        "quantity": Decimal(quantity),
        "event_time": when,
        "received_at": when + timedelta(hours=1),
        "observed_on": observed,
        "day": observed,
        **given,
    }
