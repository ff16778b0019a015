"""Edits of the contract's own table and the usage feed, while the engine billed by the original ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from quality.mutations.books import Bill, Books, amount_of
from quality.mutations.charges import by_unit, undiscounted
from quality.mutations.finding import Finding, Findings, on_line


def _only_bill(books: Books, bill: Bill) -> bool:
    """Its subscription has no other bill, and never changed."""
    rows = [row for row in books.tables["subscriptions"] if row["subscription_id"] == bill.sub]
    unchanged = {(row["valid_from"], row["valid_to"]) for row in rows}
    tied = any(row["kind"] not in ("subscription", "usage") for row in bill.lines)
    return sum(o.sub == bill.sub for o in books.bills) == 1 and len(unchanged) == 1 and not tied


def crm_has_a_seat_more(books: Books, bill: Bill) -> Findings:
    """The contract's table has a seat more than was ever agreed; what was billed is a seat short of it."""
    if not _only_bill(books, bill):
        return None
    for line in undiscounted(by_unit(bill, "subscription")):
        if not line["meter"] or (books.charge(line) or {}).get("model") != "per_unit":
            continue
        seats = Decimal(line["quantity"])
        for row in books.tables["subscriptions"]:
            if row["subscription_id"] == bill.sub:
                row["quantity"] = f"{seats + 1:f}"
        gross = bill.settle((seats + 1) * Decimal(line["unit_price"]))
        due = gross + bill.settle(gross * Decimal(line["tax_rate"] or "0"))
        return [on_line("SUBSCRIPTION_STATE", bill, line["line_id"], amount_of(line, "total") - due)]
    return None


def crm_says_another_country(books: Books, bill: Bill) -> Findings:
    """The contract's table moved the customer to a country with another rate; the engine taxed by the old one."""
    elsewhere = {Decimal("0.19"): ("GB", Decimal("0.20")), Decimal("0.20"): ("DE", Decimal("0.19"))}
    rates = {Decimal(row["tax_rate"]) for row in bill.lines if row["tax_rate"]}
    if not _only_bill(books, bill) or len(rates) != 1 or not (moved := elsewhere.get(rates.pop())):
        return None
    for row in books.tables["subscriptions"]:
        if row["subscription_id"] == bill.sub:
            row["tax_region"] = moved[0]
    told = []
    for line in bill.lines:
        due = bill.settle(amount_of(line, "taxable") * moved[1])
        if due != amount_of(line, "tax"):
            told.append(on_line("TAX_RATE_JURISDICTION", bill, line["line_id"], amount_of(line, "tax") - due))
        elif amount_of(line, "taxable"):
            told.append(
                Finding(
                    ("TAX_RATE_JURISDICTION",),
                    "expected_billed",
                    bill.name,
                    line["line_id"],
                    bill.sub,
                    Decimal(0),
                    None,
                    False,
                )
            )
    return told


def an_event_lost_in_our_feed(books: Books, bill: Bill) -> Findings:
    """An event that the engine billed never reached us: bill and metering have units that usage lacks."""
    if any(row["kind"] not in ("subscription", "usage", "proration") for row in bill.lines):
        return None
    zone = next(r["timezone"] for r in books.tables["subscriptions"] if r["subscription_id"] == bill.sub)
    for line in undiscounted(by_unit(bill, "usage")):
        if zone != "UTC" or (books.charge(line) or {}).get("model") != "per_unit":
            continue
        corrected = {row["corrects"] for row in books.tables["usage_events"]}
        for event in books.tables["usage_events"]:
            day = event["event_time"][:10]
            if (event["subscription_id"], event["meter"]) != (bill.sub, line["meter"]) or event["corrects"]:
                continue
            if not line["period_start"] <= day < line["period_end"] or event["event_id"] in corrected:
                continue
            if event["received_at"][:10] != day or event["_day"] != day:
                continue
            units = Decimal(line["quantity"]) - Decimal(event["quantity"])
            gross = bill.settle(units * Decimal(line["unit_price"]))
            delta = amount_of(line, "total") - gross - bill.settle(gross * Decimal(line["tax_rate"] or "0"))
            alike = [e for e in books.tables["usage_events"] if e["event_id"] == event["event_id"]]
            if delta <= 0 or len(alike) > 1:
                continue
            books.remove("usage_events", alike)
            known = date.fromisoformat(day) + timedelta(days=books.windows["late_window_days"])
            codes = ("USAGE_DUPLICATE", "USAGE_AGGREGATION")
            return [
                on_line("|".join(codes), bill, line["line_id"], delta),
                Finding(codes, "metered_used", "", "", bill.sub, Decimal(event["quantity"]), known),
            ]
    return None


CONTRACTS: tuple[Callable[[Books, Bill], Findings], ...] = (
    crm_has_a_seat_more,
    crm_says_another_country,
    an_event_lost_in_our_feed,
)
