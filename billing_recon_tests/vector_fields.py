"""The fields of a vector's parameters and input: read one by one, in any of the engines' own spellings; what is left is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DESCRIPTIVE = frozenset({"case", "comment", "description", "label", "name", "note", "notes", "source", "title"})
"""Fields that tell a reader what a row is about. They play no part in its price."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "tiers": ("graduated_ranges", "volume_ranges", "graduated_percentage_ranges"),
    "up_to": ("to", "to_value", "up_to_amount"),
    "from": ("from_value",),
    "unit": ("unit_price", "unit_amount", "per_unit_amount"),
    "flat": ("flat_price", "flat_amount"),
    "rate_percent": ("rate",),
    "free_events": ("free_units_per_events",),
    "free_units": ("free_units_per_total_aggregation",),
    "per_transaction_min": ("per_transaction_min_amount",),
    "per_transaction_max": ("per_transaction_max_amount",),
    "package_size": ("quantity_per_package", "divide_by"),
    "op": ("operation",),
    "by": ("conversion_factor",),
    "usage_discount": (
        *("usage_discount_units", "usage_discount_quantity", "usage_discount_qty"),
        *("discount_units", "discount_quantity"),
    ),
    "percentage_discount": ("discount_percentage", "discount_percent"),
    "units_before_line": ("pre_line_period_quantity", "pre_line_units"),
    "previous_billed_amount": ("previously_billed_amount",),
    "units": ("quantity",),
    "commitment": ("commitment_amount",),
    "used": ("used_amount",),
    "original_amount_paid": ("original_amount",),
    "original_amount": ("original_amount_paid",),
    "previous_credits": ("previous_credits_issued",),
    "old_qty": ("old_quantity",),
    "new_qty": ("new_quantity",),
    "old_price": ("old_price_per_unit",),
    "new_price": ("new_price_per_unit",),
    "change": ("proration_date",),
    "period_start": ("current_period_start",),
    "period_end": ("current_period_end",),
    "credits": ("original_credits",),
    "fixed_days_per_month": ("fixed_days", "fixed_days_in_month", "fixedDaysInMonth", "proration_fixed_days"),
    "bill_cycle_day": ("billing_cycle_day", "bcd"),
    "start": ("start_date", "startDate"),
    "end": ("end_date", "endDate"),
    "target": ("target_date", "targetDate"),
}
"""What else a field is called in the engines' own words. Two of them in one object are refused."""


class VectorError(Exception):
    """A row that cannot be rated, in a sentence."""


@dataclass
class Fields:
    """A JSON object read field by field; what is left unread in the end is a field that we do not know."""

    name: str
    content: Mapping[str, Any]
    read: set[str] = field(default_factory=set)

    def get(self, key: str, default: Any = None) -> Any:
        spellings = [name for name in (key, *SPELLINGS.get(key, ())) if name in self.content]
        self.read.update(spellings)
        found = {name: self.content[name] for name in spellings if self.content[name] not in (None, "")}
        if len(found) > 1:
            raise VectorError(f"{self.name} has both {' and '.join(found)}, which say the same")
        return next(iter(found.values()), default)

    def empty(self, key: str) -> bool:
        """Whether the field is there and says nothing."""
        return key in self.content and self.get(key) is None

    def needed(self, key: str) -> Any:
        found = self.get(key)
        if found is None:
            raise VectorError(f"{self.name} lacks {key}")
        return found

    def figure(self, key: str) -> Decimal:
        return figure(self.needed(key), f"{self.name}.{key}")

    def maybe(self, key: str) -> Decimal | None:
        found = self.get(key)
        return None if found is None else figure(found, f"{self.name}.{key}")

    def time(self, key: str) -> datetime:
        return moment(self.needed(key), f"{self.name}.{key}")

    def day(self, key: str) -> date:
        return self.time(key).date()

    def done(self) -> None:
        said = {name for name, value in self.content.items() if value is not None}
        unread = sorted(said - self.read - DESCRIPTIVE)
        if unread:
            raise VectorError(f"{self.name} has {', '.join(unread)}, which this model does not know")


def figure(value: Any, where: str) -> Decimal:
    """A decimal as written; JSON numbers are read without a float (see `opened`)."""
    try:
        found = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or isinstance(value, bool):
        raise VectorError(f"{where} is {value!r}, which is not a figure")
    return found


def moment(value: Any, where: str) -> datetime:
    """A time as written; a day alone is its midnight, a time without a zone is UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise VectorError(
            f"{where} is {value!r}, which is not a time; write 2024-03-15 or 2024-03-15T10:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def zone(name: Any) -> str:
    """The name of a time zone that exists."""
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError):
        raise VectorError(f"timezone {name!r} is not in the IANA database; for example Europe/Berlin") from None


def opened(text: str, name: str) -> Fields:
    try:
        content = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise VectorError(f"{name} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise VectorError(f"{name} must be a JSON object, it is {type(content).__name__}")
    return Fields(name, content)


def endless(edge: Any) -> bool:
    """Whether a tier's edge says that there is none."""
    return edge is None or str(edge).lower() in ("inf", "infinity", "infinite", "unlimited")


def named(value: Any, known: Iterable[str], where: str, *, but: str = "") -> str:
    """The one of the known names that the value is, whatever its case and underscores; `but` may be added to it."""

    def plain(name: Any) -> str:
        return str(name).lower().replace("_", "").replace(but, "")

    names = list(known)
    for name in names:
        if plain(name) == plain(value):
            return name
    raise VectorError(f"{where} is {value!r}; it is one of {', '.join(names)}")
