"""Which files the tables hold, remembered from look to look: who only looks reads the log of a table that has grown, and no other.

Reading fifteen logs of 1,000 days takes longer than the rest of a look. What is remembered is as true as the log's newest commit is the
same file; what the files are compared with is in the control database. Gate, release and whatever writes read the logs themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from billing_recon.day.home import Home
from billing_recon.day.sealed_notes import read_notes, write_notes
from billing_recon.warehouse import Listings, Warehouse

FILE = "listed.json"


@contextmanager
def remembered_files(home: Home) -> Iterator[Home]:
    """The home for a look; what was read of logs is remembered at its end."""
    looked = copy(home)
    listings = Listings(read_notes(home.state / FILE, "tables"))
    looked.warehouse = Warehouse(home.state / "warehouse", listings)
    yield looked
    if listings.changed:
        write_notes(home.state / FILE, "tables", listings.notes)
