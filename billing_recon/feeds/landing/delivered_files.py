"""The files of a table's day as delivered: how large they are, and whether they are those that were landed. No row is read."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.landing import LandingReport
from billing_recon.feeds.tables.day_files import contents, find_files

_DATABASE_BYTES = 1 << 30


def bytes_of_day(home: Path, company: Company, table: str, day: date) -> int:
    """Estimate the size of a table's delivery without opening it."""
    declared = company.feeds.get(table, Feed())
    feeds = (declared, *declared.also)
    if any(feed.is_database or feed.is_remote for feed in feeds):
        return _DATABASE_BYTES
    try:
        return sum(path.stat().st_size for feed in feeds for path in find_files(home, table, feed, day))
    except LandingRefused:
        return 0


def delivered_otherwise(home: Path, company: Company, report: LandingReport) -> bool:
    """Whether the files of a landed day are others now than those that were landed.

    What a database would answer now is not asked. A file that was refused counts as another if nothing of it was recorded.
    """
    declared = company.feeds.get(report.table, Feed())
    feeds = (declared, *declared.also)
    if any(feed.is_database for feed in feeds):
        return False
    try:
        paths = [path for feed in feeds for path in find_files(home, report.table, feed, report.day)]
    except LandingRefused:
        return True
    landed, now = dict(report.files), dict[str, str]()
    with TemporaryDirectory() as scratch:
        for path in paths:
            name = path.relative_to(home).as_posix()
            if name in landed:
                with path.open("rb") as stream:
                    now[name] = hashlib.file_digest(stream, "sha256").hexdigest()
            else:
                try:
                    found = contents(home, path, Path(scratch))
                except LandingRefused:
                    return True
                # The archive's files that are no tables were not landed, so they are not compared.
                tables = [one for one in found if one.name in landed]
                now |= {one.name: one.sha256 for one in tables or found}
    return now != landed
