"""SQL over rows set aside that landing and reports share: what names a row, and which rows count as in quarantine."""

from __future__ import annotations

from datetime import date

from billing_recon.core.quarantine import Status

IN_QUARANTINE = f"decision IS DISTINCT FROM '{Status.RELEASED.value}'"
"""Rows that are not landed: open, or discarded."""

OPEN = "decision IS NULL"
"""Rows that nobody has dealt with: what a gate counts."""


def named(rows: str, day: date) -> str:
    """SQL for `rowid` and `row_id` of each row of the table `rows` (columns of core.schema.QUARANTINE).

    The id is a hash of table, day, file and the row as it came; of rows that came alike in one file, the n-th. So it
    is the same on every rerun and when other rows of the file are mended, and never the id of a row that was changed.
    """
    return (
        f"SELECT rowid AS number, left(sha256(concat_ws(chr(31), table_name, '{day}', source_file, payload, "
        "row_number() OVER (PARTITION BY table_name, source_file, payload ORDER BY source_row, rowid))), 16) AS row_id "
        f"FROM {rows}"
    )
