"""Which days a month has here: from the company's first day on."""

from __future__ import annotations

from datetime import date

from billing_recon.core.period import days_of_month
from billing_recon.day.history import opening_day
from billing_recon.day.home import Home


def month_days(home: Home, month: str) -> list[date]:
    """The month's days, from the company's first day on."""
    first = opening_day(home)
    return [day for day in days_of_month(month) if first is None or day >= first]
