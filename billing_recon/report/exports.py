"""Breaks as CSV and as JSON lines: the fixed columns in order, amounts as exact text, the same bytes each time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

from billing_recon.core.money import plain
from billing_recon.core.schema import BREAKS, Kind
from billing_recon.report.stored_rows import Row

JSON_COLUMNS = tuple(column.name for column in BREAKS.columns if column.kind is Kind.JSON)


def _text(value: object, currency: str | None) -> str | None:
    """A cell as text: amounts plain at their currency's decimals, days as YYYY-MM-DD; None stays None."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return plain(value, currency)
    return value.isoformat() if isinstance(value, date) else str(value)


def break_json(row: Row) -> str:
    """One break as one line of JSON; stage_deltas and evidence are objects, their figures strings."""
    currency = row["currency"]
    fields: dict[str, Any] = {name: _text(row[name], currency) for name in BREAKS.names}
    for name in JSON_COLUMNS:
        if row[name] is not None:
            # parse_float keeps a figure that was written as a number from passing through a binary float.
            fields[name] = json.loads(row[name], parse_float=str)
    return json.dumps(fields, ensure_ascii=False)


def breaks_csv(rows: Iterable[Row]) -> str:
    """Breaks as CSV with a header; JSON columns as they are stored."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(BREAKS.names)
    writer.writerows([_text(row[name], row["currency"]) for name in BREAKS.names] for row in rows)
    return out.getvalue()


def breaks_json(rows: Iterable[Row]) -> str:
    """Breaks as JSON, one object a line."""
    return "".join(break_json(row) + "\n" for row in rows)


EXPORTS: dict[str, Callable[[Iterable[Row]], str]] = {"csv": breaks_csv, "json": breaks_json}
