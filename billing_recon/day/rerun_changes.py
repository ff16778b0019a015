"""What running days again changed: verdicts, breaks closed, opened and changed, their money, and signatures that lapsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_recon.compute.engine import scratch
from billing_recon.control import MonthState
from billing_recon.control.months import month_of
from billing_recon.core.schema import BREAKS
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.month_evidence import month_evidence

LARGEST = 10
"""So many changes are listed one by one."""


@dataclass(frozen=True, slots=True)
class ChangedMoney:
    """The breaks of one kind of change and one currency; `change`: closed, opened, changed, unchanged."""

    change: str
    currency: str | None
    breaks: int
    gross_before: Decimal
    gross_after: Decimal
    net_before: Decimal
    net_after: Decimal


@dataclass(frozen=True, slots=True)
class ChangedBreak:
    """One break before and after. None: it was not there."""

    change: str
    break_id: str
    currency: str | None
    day: date
    before: str | None
    delta_before: Decimal | None
    after: str | None
    delta_after: Decimal | None


@dataclass(frozen=True, slots=True)
class RerunChanges:
    """`verdicts`: each day's before and after, empty if it had none. `lapsed`: a sentence for each signature."""

    verdicts: dict[date, tuple[str, str]]
    money: tuple[ChangedMoney, ...]
    largest: tuple[ChangedBreak, ...]
    lapsed: tuple[str, ...]


@contextmanager
def before_and_after(home: Home, days: Sequence[date]) -> Iterator[Callable[[], RerunChanges]]:
    """Keep what the breaks of `days` are now; the function yielded compares them with what they are later."""
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    with scratch() as con:
        con.execute(f"CREATE TABLE before AS {_breaks(home, days)}")

        def compare() -> RerunChanges:
            con.execute(f"CREATE OR REPLACE TABLE after AS {_breaks(home, days)}")
            con.execute(_COMPARED)
            later = home.control.verdicts(DAY_GATE, [str(day) for day in days])
            shown = {
                day: (
                    verdicts[str(day)].verdict.value if str(day) in verdicts else "",
                    later[str(day)].verdict.value if str(day) in later else "",
                )
                for day in days
            }
            return RerunChanges(
                shown,
                tuple(ChangedMoney(*row) for row in con.execute(_MONEY).fetchall()),
                tuple(ChangedBreak(*row) for row in con.execute(_LARGEST).fetchall()),
                tuple(_lapsed(home, days)),
            )

        yield compare


def _breaks(home: Home, days: Sequence[date]) -> str:
    what = "code || ' ' || disposition AS what, day, currency, delta"
    return f"SELECT break_id, {what} FROM ({home.warehouse.scan(BREAKS, days[0], days[-1])})"


_COMPARED = """
    CREATE OR REPLACE TABLE compared AS
    SELECT
        CASE WHEN after.break_id IS NULL THEN 'closed'
            WHEN before.break_id IS NULL THEN 'opened'
            WHEN (before.what, before.day, before.currency, before.delta)
                IS DISTINCT FROM (after.what, after.day, after.currency, after.delta) THEN 'changed'
            ELSE 'unchanged' END AS change,
        break_id,
        coalesce(after.currency, before.currency) AS currency,
        coalesce(after.day, before.day) AS day,
        before.what AS before, before.delta AS delta_before, after.what AS after, after.delta AS delta_after
    FROM before FULL JOIN after USING (break_id)
"""
_MONEY = """
    SELECT change, currency, count(*), coalesce(sum(abs(delta_before)), 0), coalesce(sum(abs(delta_after)), 0),
        coalesce(sum(delta_before), 0), coalesce(sum(delta_after), 0)
    FROM compared GROUP BY change, currency ORDER BY change, currency
"""
_LARGEST = f"""
    SELECT change, break_id, currency, day, before, delta_before, after, delta_after
    FROM compared WHERE change <> 'unchanged'
    ORDER BY abs(coalesce(delta_after, 0) - coalesce(delta_before, 0)) DESC, break_id LIMIT {LARGEST}
"""


def _lapsed(home: Home, days: Sequence[date]) -> Iterator[str]:
    """The signatures of open months that were given for other evidence than that of now."""
    for month in dict.fromkeys(map(month_of, days)):
        if home.control.month_state(month) is MonthState.OPEN:
            now = month_evidence(home, month)
            for one in home.control.signoffs(month):
                if one.evidence_hash != now:
                    yield (
                        f"{month}: {one.approver} signed for {one.role.value} at evidence {one.evidence_hash[:12]}, which is "
                        f"now {now[:12]}; it has to be signed again"
                    )
