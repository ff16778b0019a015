"""Files of a wildcard that cannot be read: which of them cannot hold rows of the wanted day, so that it lands without them.

A name is believed only if the files that can be read prove it: each names days, and holds rows of those days alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import span_of
from billing_recon.feeds.landing.loaded_file import Loaded
from billing_recon.feeds.parse.days import Span

_NAMED = re.compile(
    r"(?<!\d)(?P<year>20\d\d)(?P<mark>[-_.]?)(?P<month>0[1-9]|1[0-2])(?:(?P=mark)(?P<day>0[1-9]|[12]\d|3[01]))?(?!\d)"
)


def days_named(name: str) -> Span | None:
    """Return the first and last day that a file's name speaks of, None if it names none.

    >>> days_named("bank/konto_2026-02.csv")
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 28))
    >>> days_named("20260301_20260315.csv"), days_named("konto 7.csv")
    ((datetime.date(2026, 3, 1), datetime.date(2026, 3, 15)), None)
    """
    spans = []
    for found in _NAMED.finditer(name):
        year, month = int(found["year"]), int(found["month"])
        try:
            first = date(year, month, int(found["day"] or 1))
        except ValueError:
            return None
        last = first if found["day"] else (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        spans.append((first, last))
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def of_other_days(
    feed: Feed, day: date, paths: Sequence[Path], load_alone: Callable[[Path], Sequence[Loaded]]
) -> dict[Path, str]:
    """Return the files that cannot be read and cannot hold rows of the day, each with the reason; none if one of them may.

    `load_alone` loads one file, or raises LandingRefused.
    """
    if feed.day_column is None or feed.is_remote or len(paths) < 2 or (feed.path and span_of(feed.path)):
        return {}
    bad: dict[Path, str] = {}
    proven = False
    for path in paths:
        named = days_named(path.name)
        try:
            ranges = [one.days for one in load_alone(path)]
        except LandingRefused as error:
            if named is None or named[0] <= day <= named[1]:
                return {}
            bad[path] = str(error)
            continue
        for found in ranges:
            if found.first is None or found.last is None:
                continue
            if named is None or not named[0] <= found.first <= found.last <= named[1]:
                return {}
            proven = True
    return bad if proven else {}
