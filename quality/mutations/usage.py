"""Edits of used and metered units; every bill stays the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from quality.mutations.books import Bill, Books
from quality.mutations.finding import Finding, Findings


def _metered(books: Books, bill: Bill, codes: str, delta: Decimal, day: str) -> list[Finding]:
    known = date.fromisoformat(day) + timedelta(days=books.windows["late_window_days"])
    return [Finding(tuple(codes.split("|")), "metered_used", "", "", bill.sub, delta, known)]


def metered_too_little(books: Books, bill: Bill) -> Findings:
    """The engine metered 5 units less on one day than were used."""
    for row in books.tables["metered_usage"]:
        known = date.fromisoformat(row["day"]) + timedelta(days=books.windows["late_window_days"])
        if row["subscription_id"] == bill.sub and Decimal(row["quantity"]) > 8 and books.first < known <= books.last:
            row["quantity"] = f"{Decimal(row['quantity']) - 5:f}"
            return _metered(books, bill, "USAGE_MISSING|USAGE_AGGREGATION", Decimal(-5), row["day"])
    return None


def an_event_again(books: Books, bill: Bill) -> Findings:
    """The source sends an event again with the same id: nothing to tell."""
    for row in books.tables["usage_events"]:
        if row["subscription_id"] == bill.sub and not row.get("corrects"):
            books.tables["usage_events"].append(dict(row))
            return []
    return None


USAGE: tuple[Callable[[Books, Bill], Findings], ...] = (metered_too_little, an_event_again)
