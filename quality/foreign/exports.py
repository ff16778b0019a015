"""Usage as it was used, usage as the engine metered it, and the contracts as they were known on each day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from quality.foreign.books import Company
from quality.foreign.engine import utc
from quality.foreign.world import World


def _day(world: World, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(world.timezone)).date()


def usage(company: Company) -> None:
    world, engine = company.world, company.world.engine()
    late = timedelta(days=world.conventions.late_window)
    for sub in world.subscriptions:
        for event in sub.events:
            row = {
                "event_id": event.event_id, "source": "edge", "customer_id": sub.customer_id, "meter": event.meter,
                "subscription_id": sub.subscription_id, "quantity": event.quantity, "event_time": event.at,
                "received_at": event.received, "corrects": event.corrects,
            }  # fmt: skip
            day = max(_day(world, event.received), world.first)
            company.put("usage_events", day, row)
            if event.twice:
                company.put("usage_events", day, dict(row))
        bug, start, end = company.metering.get(sub.subscription_id, (engine, date.max, date.max))
        for meter, day in sorted({(e.meter, sub.local_day(e.at)) for e in sub.events}):
            said = (bug if start <= day < end else engine).day_units(sub, meter, day)
            used = engine.day_units(sub, meter, day)
            exported = max(day + late, world.first)
            if said:
                events = len(engine.of_day(sub, meter, day))
                row = {
                    "subscription_id": sub.subscription_id,
                    "meter": meter,
                    "day": day,
                    "quantity": said,
                    "events": events,
                }
                company.put("metered_usage", exported, row)
            if world.meters and said != used and world.first <= day + late <= world.last:
                company.form = type(bug).__name__
                company.true(bug.code, "metered_used", "", "", sub.subscription_id, day + late, said - used)


def contracts(company: Company) -> None:
    world = company.world
    for n in range(world.days):
        day = world.first + timedelta(days=n)
        for sub in world.subscriptions:
            for place, one in enumerate(sub.intervals):
                begins = utc(one.begins, sub.timezone, one.hour)
                ends = (
                    utc(sub.intervals[place + 1].begins, sub.timezone, sub.intervals[place + 1].hour)
                    if place + 1 < len(sub.intervals)
                    else None
                )
                if _day(world, begins) > day:
                    continue
                known = ends if ends and _day(world, ends) <= day else None
                if known and n and _day(world, known) < day:
                    continue
                row = {
                    "subscription_id": sub.subscription_id, "customer_id": sub.customer_id, "plan_id": one.plan.plan_id,
                    "plan_version": one.plan.version, "status": one.status, "quantity": one.seats, "currency": one.plan.currency,
                    "timezone": sub.timezone, "tax_region": one.region, "segment": sub.segment, "billing_anchor": sub.anchor,
                    "billing_interval": sub.every, "valid_from": begins, "valid_to": known, "contract": _agreed(one.contract),
                }  # fmt: skip
                company.put("subscriptions", day, row)


def _agreed(contract: Any) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if contract.discount is not None:
        found["discount"] = {"rate": str(contract.discount)}
        if contract.discount_until:
            found["discount"]["valid_to"] = str(contract.discount_until)
    if contract.coupons:
        found["coupons"] = [
            {"coupon_id": a, "amount": str(b), "valid_from": str(c), "valid_to": str(d)}
            for a, b, c, d in contract.coupons
        ]
    if contract.credits:
        found["credits"] = [{"credit_id": a, "amount": str(b), "granted_on": str(c)} for a, b, c in contract.credits]
    for name in ("minimum", "cap"):
        if getattr(contract, name) is not None:
            found[name] = str(getattr(contract, name))
    if contract.overrides:
        found["overrides"] = {name: str(price) for name, price in contract.overrides}
    if contract.allowances:
        found["allowances"] = [{"meter": meter, "units": str(units)} for meter, units in contract.allowances]
    return found or None
