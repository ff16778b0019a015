"""Open and load the files of a table's day into the session, all of them or without those that are known to be bad."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from billing_recon.core.company import Company
from billing_recon.core.feed import Feed
from billing_recon.core.schema import TableSpec
from billing_recon.feeds.landing.bad_files import of_other_days
from billing_recon.feeds.landing.delivery import Delivery, numbered, open_delivery
from billing_recon.feeds.landing.loaded_file import Loaded, load, prepare
from billing_recon.feeds.parse.days import Partition
from billing_recon.feeds.tables.day_files import DayFile, find_files


@dataclass(frozen=True)
class Intake:
    """Opens and loads the files of a table's day into the session."""

    con: duckdb.DuckDBPyConnection
    home: Path
    company: Company
    spec: TableSpec
    day: date
    scratch: Path

    def open(self, feeds: Sequence[Feed], unread: Sequence[Collection[Path]] = ()) -> list[Delivery]:
        """Open the delivery of each feed, without its `unread` files."""
        return [
            open_delivery(
                self.home, self.company, self.spec, feed, self.day, self._folder(), without=unread[at] if unread else ()
            )
            for at, feed in enumerate(feeds)
        ]

    def load(self, feeds: Sequence[Feed], deliveries: Sequence[Delivery]) -> list[list[Loaded]]:
        """Load the deliveries of a table's feeds, whose files are numbered through."""
        parts = sum(len(one.parts) for one in deliveries)
        return [
            [
                found
                for at, (number, file) in enumerate(one.parts)
                if (found := self._load(feed, one, at, number, file, alone=parts == 1)) is not None
            ]
            for feed, one in zip(feeds, numbered(deliveries), strict=True)
        ]

    def unread(self, feed: Feed) -> dict[Path, str]:
        """Return the feed's files that cannot be read and are of other days, each with the reason."""
        if feed.is_database:
            return {}
        return of_other_days(
            feed, self.day, find_files(self.home, self.spec.name, feed, self.day), partial(self._alone, feed)
        )

    def _alone(self, feed: Feed, path: Path) -> list[Loaded]:
        prepare(self.con, self.spec)
        one = open_delivery(self.home, self.company, self.spec, feed, self.day, self._folder(), only=path)
        parts = [self._load(feed, one, at, number, file, alone=False) for at, (number, file) in enumerate(one.parts)]
        return [found for found in parts if found is not None]

    def _load(self, feed: Feed, one: Delivery, at: int, number: int, file: DayFile, *, alone: bool) -> Loaded | None:
        return load(
            self.con,
            number=number,
            file=file,
            spec=self.spec,
            feed=feed,
            key=f"feeds.{self.spec.name}",
            roles=self.company.roles,
            partition=Partition(self.day, self.company.timezone, is_first=str(self.day) == self.company.first_day),
            stays=alone and file.readable == self.home / file.name,
            count=len(one.files),
            spans=one.spans[at:] if len(one.parts) == 1 else one.spans[at : at + 1],
        )

    def _folder(self) -> Path:
        """Return a new folder for the copies of a feed's files."""
        return Path(tempfile.mkdtemp(dir=self.scratch))
