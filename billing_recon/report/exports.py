"""Rows as CSV and as JSON lines: columns in a fixed order, amounts as exact text, the same bytes each time.

All CSV is written here: a spreadsheet runs none of its cells.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from typing import Any

from billing_recon.core import figures
from billing_recon.core.money import plain
from billing_recon.core.schema import BREAKS, Kind
from billing_recon.core.shown_text import inert, visible, visible_json

Record = Mapping[str, Any]

JSON_COLUMNS = tuple(column.name for column in BREAKS.columns if column.kind is Kind.JSON)


def text(value: object, currency: str | None = None) -> str | None:
    """A cell as text: figures plain, amounts at their currency's decimals, days as YYYY-MM-DD; None stays None."""
    if value is None:
        return None
    return plain(value, currency) if isinstance(value, Decimal) else str(value)


def rows_csv(rows: Iterable[Record], names: Sequence[str]) -> str:
    """CSV with a header. Amounts have the decimals of their row's `currency`; JSON columns are as stored.

    Texts that a spreadsheet would run begin with an apostrophe; control and bidirectional characters are escaped.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name), row.get("currency")) for name in names] for row in rows)
    return out.getvalue()


def _cell(value: object, currency: str | None) -> str | None:
    if type(value) is str and value.isprintable() and value[:1] not in _LOOKED_AT:
        return value  # nearly every cell: nothing in it can act
    written = text(value, currency)
    return inert(visible(written)) if isinstance(value, str) and written is not None else written


def rows_json(
    rows: Iterable[Record],
    names: Sequence[str] | None = None,
    json_columns: Sequence[str] = (),
    *,
    parse_int: Callable[[str], object] | None = None,
    ensure_ascii: bool = True,
) -> str:
    """JSON, one object a line: `names` in order (else all columns), figures as strings, empty cells as null.

    `json_columns` hold JSON and become objects; their figures are strings too, their whole numbers through `parse_int`.
    """

    def record(row: Record) -> dict[str, Any]:
        fields: dict[str, Any] = {name: text(row[name], row.get("currency")) for name in names or row}
        for name in json_columns:
            if row[name] is not None:
                # parse_float: a figure written as a number must not pass through a binary float.
                fields[name] = json.loads(row[name], parse_float=str, parse_int=parse_int)
        return fields

    return "".join(visible_json(json.dumps(record(row), ensure_ascii=ensure_ascii)) + "\n" for row in rows)


_LOOKED_AT = "=+-@ "
"""A text that begins with one of these may act in a spreadsheet."""


def breaks_csv(rows: Iterable[Record]) -> str:
    """Breaks as CSV with the fixed columns."""
    return rows_csv(rows, BREAKS.names)


def breaks_json(rows: Iterable[Record]) -> str:
    """Breaks as JSON lines with the fixed columns; stage_deltas and evidence are objects."""
    return rows_json(rows, BREAKS.names, JSON_COLUMNS, ensure_ascii=False)


EXPORTS: dict[str, Callable[[Iterable[Record]], str]] = {"csv": breaks_csv, "json": breaks_json}


def breaks_script(rows: Sequence[Record]) -> str:
    """Breaks for the search of the day pack, as a script, since a page from a disk may read no other file; the largest first.

    id, code, owner, customer and invoice, amount, sentence.
    """
    ordered = sorted(rows, key=lambda row: (row["currency"] or "", -abs(row["delta"]), row["break_id"]))
    lines = (
        [
            row["break_id"],
            row["code"],
            row["owner"] or "",
            " · ".join(part for part in (row["customer_id"], row["invoice_id"]) if part),
            figures.with_currency(row["delta"], row["currency"], signed=True),
            row["explanation"],
        ]
        for row in ordered
    )
    listed = ",\n".join(visible_json(json.dumps(line, ensure_ascii=False)) for line in lines)
    return f"window.ALL_BREAKS = [\n{listed}\n];\n"
