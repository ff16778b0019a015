"""Spot checks: the lines to look at by hand, per day and per month, and what people saw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.compute import close
from billing_recon.compute.engine import build, scratch
from billing_recon.compute.registration import register
from billing_recon.control import month_of
from billing_recon.control.spot_checks import SpotCheck
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.period import parse_day, parse_month
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.schema import BREAKS, INVOICE_LINES, KEY_MAP
from billing_recon.core.schema.parameters import SPOT_PARAMS
from billing_recon.day import reasons
from billing_recon.day.home import Home
from billing_recon.day.month_days import month_days
from billing_recon.day.session import register_window


@dataclass(frozen=True, slots=True)
class SampledLine:
    """One line to look at, and the latest look at it."""

    period: str
    place: int
    invoice_id: str
    line_id: str
    customer_id: str
    currency: str
    kind: str
    total: Decimal
    stratum: str
    check: SpotCheck | None = None


def sampled(home: Home, period: str, lines: int | None = None) -> list[SampledLine]:
    """The sample of a day (YYYY-MM-DD) or month (YYYY-MM), by default as many lines as the policy asks for.

    The seed is the digest of the period's landed invoice lines: it cannot be known before they are, and the same lines
    give the same sample.
    """
    days = _days(home, period)
    asked = home.policy.close.spot_checks
    size = (asked.per_day if len(period) > len("2026-01") else asked.per_month) if lines is None else lines
    if not size or not days:
        return []
    digests = home.control.partition_digests((INVOICE_LINES.name,), days[0], days[-1])
    seed = hashlib.sha256(f"{period} {sorted(digests.items())}".encode()).hexdigest()
    with scratch(home.limits(home.landed_rows(days[-1]) * len(days))) as con:
        register(con, SPOT_PARAMS, [(seed, days[0], days[-1], size)])
        lookback = timedelta(days=home.policy.windows.lookback_days)
        for table in (INVOICE_LINES, KEY_MAP):
            register_window(con, home, table, days[0] - lookback, days[-1])
        con.execute(
            f"CREATE TABLE spot_breaks AS SELECT invoice_id FROM ({home.warehouse.scan(BREAKS, days[0], days[-1])}) "
            "WHERE invoice_id IS NOT NULL"
        )
        build(con, close.SAMPLE)
        names = [name for name in SampledLine.__dataclass_fields__ if name not in ("period", "check")]
        rows = con.execute(f"SELECT {', '.join(names)} FROM spot_sample ORDER BY place").fetchall()
    latest = {(c.period, c.invoice_id, c.line_id): c for c in home.control.spot_checks(period)}
    found = [SampledLine(period, *row) for row in rows]
    return [replace(one, check=_still(one, latest)) for one in found]


def _still(line: SampledLine, latest: dict[tuple[str, str, str], SpotCheck]) -> SpotCheck | None:
    """The latest check, unless the line comes to another amount since."""
    found = latest.get((line.period, line.invoice_id, line.line_id))
    return found if found and (found.billed, found.currency) == (line.total, line.currency) else None


def samples_of_month(home: Home, month: str) -> list[SampledLine]:
    """What the policy asks to be looked at for a month: its own sample, and those of its days."""
    asked = home.policy.close.spot_checks
    days = month_days(home, month) if asked.per_day else []
    return [*sampled(home, month), *(line for day in days for line in sampled(home, str(day)))]


def record_check(
    home: Home, period: str, invoice_id: str, line_id: str, *, seen: Decimal, note: str, by: str, actor: str
) -> SpotCheck:
    """Record what somebody saw when they checked a sampled line by hand: what it should come to.

    ConfigurationError if the line is not in the sample, or if it is not right and nothing is said of it. CloseRefused if the
    month is locked or closed.
    """
    looked, said = reasons.somebody(by), reasons.remark(note, "a spot check")
    line = next((one for one in sampled(home, period) if (one.invoice_id, one.line_id) == (invoice_id, line_id)), None)
    if line is None:
        raise ConfigurationError(
            f"{invoice_id} line {line_id} is not in the sample of {period}; see: billing-recon spot list {period}"
        )
    if seen != line.total:
        said = reasons.reason(note, "a line that is not right", "--note")
    month = period[: len("2026-01")]
    if home.control.is_closed(parse_month(month)):
        raise CloseRefused([f"{month} is locked or closed; {reopen_command(month)} opens it again"])
    check = SpotCheck(
        period, invoice_id, line_id, line.currency, line.total, seen, said, looked, actor, home.control.now()
    )
    home.control.record_spot_check(check)
    return check


def _days(home: Home, period: str) -> Sequence[date]:
    if len(period) <= len("2026-01"):
        parse_month(period)
        return month_days(home, period)
    day = parse_day(period)
    return [one for one in month_days(home, month_of(day)) if one == day]
