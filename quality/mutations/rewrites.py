"""The same rows written differently: names, order, file forms, columns, zeros, time zones. None of this is a difference."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from billing_recon.core.schema import BY_NAME, Kind
from quality.foreign.files import ARROW
from quality.mutations.books import INSTANTS, TABLES, Books, Row

_NAMES = {"INV-2026-": "rg/26.", "PAY-": "tx_", "JRN-": "Beleg ", "DOC-2026-": "d#"}
_AMOUNTS = ("gross", "discount", "tax", "total", "amount", "debit", "credit", "subtotal", "payable")
_IN_PARQUET = ("subscriptions", "metered_usage", "usage_events")
_TO_ARROW: dict[Kind, Callable[[str], object]] = {
    Kind.QUANTITY: Decimal,
    Kind.PRICE: Decimal,
    Kind.AMOUNT: Decimal,
    Kind.RATE: Decimal,
    Kind.DATE: date.fromisoformat,
    Kind.TIMESTAMP: lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")),
    Kind.INTEGER: int,
}


def rename(books: Books) -> None:
    """Invoices, documents, journals and payments are named in another style, in every table alike."""
    for rows in books.tables.values():
        for row in rows:
            for column, value in row.items():
                for old, new in _NAMES.items():
                    if column not in ("_day", "contract") and old in value:
                        value = value.replace(old, new)
                row[column] = value
    for bill in books.bills:
        bill.name = bill.lines[0]["invoice_id"]


def write(books: Books, *, harmless: bool) -> None:
    """Write every table's files, one per day. `harmless`: each table in its own form, with its rows in another order."""
    days = [books.first + timedelta(days=n) for n in range((books.last - books.first).days + 1)]
    if harmless:
        _rewrite_company(books.home, [name for name in TABLES if books.tables[name]])
    for name in TABLES:
        rows, columns = books.tables[name], list(books.columns.get(name) or BY_NAME[name].names)
        if not rows:
            continue
        folder = books.home / "landing" / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        by_day: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_day[row["_day"]].append({column: row.get(column, "") for column in columns})
        form = _form(books, name) if harmless else "csv"
        for day in days:
            shown = by_day[str(day)]
            if harmless:
                books.rng.shuffle(shown)
                shown = [_rewritten(row) for row in shown] if form != "parquet" else shown
            _write(folder / str(day), shown, columns, name, form)


def _form(books: Books, name: str) -> str:
    if name in _IN_PARQUET:
        return books.rng.choice(("csv", "jsonl", "parquet"))
    return books.rng.choice(("csv", "jsonl"))


def _rewritten(row: Row) -> Row:
    """More trailing zeros, instants of another zone, and an unknown column."""
    shown = dict(row)
    for column in _AMOUNTS:
        if "." in shown.get(column, "") and shown[column].replace(".", "").replace("-", "").isdigit():
            shown[column] += "00"
    for column in INSTANTS:
        if shown.get(column, "").endswith("Z"):
            at = datetime.fromisoformat(shown[column].replace("Z", "+00:00"))
            shown[column] = at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
    shown["remark"] = "exported, twice; checked"
    return shown


def _write(path: Path, rows: list[Row], columns: list[str], name: str, form: str) -> None:
    if form == "jsonl":
        lines = [json.dumps({key: value if value != "" else None for key, value in row.items()}) for row in rows]
        path.with_name(f"{path.name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    elif form == "parquet":
        spec = BY_NAME[name]
        fields = {column: spec.column(column).kind for column in columns}
        arrays = [
            pa.array([_TO_ARROW.get(kind, str)(row[column]) if row[column] else None for row in rows], _arrow(kind))
            for column, kind in fields.items()
        ]
        pq.write_table(pa.table(arrays, names=columns), path.with_name(f"{path.name}.parquet"))
    else:
        header = list(rows[0]) if rows else columns
        with path.with_name(f"{path.name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header)
            writer.writeheader()
            writer.writerows(rows)


def _arrow(kind: Kind) -> pa.DataType:
    return ARROW.get(kind, pa.string())


def _rewrite_company(home: Path, tables: list[str]) -> None:
    """Currencies without a row, and permission for the unknown column."""
    path = home / "company.yaml"
    company = yaml.safe_load(path.read_text(encoding="utf-8"))
    company["currencies"] = [*company["currencies"], "KWD", "CHF"]
    company["feeds"] = {name: {"unknown_columns": "ignore"} for name in tables}
    path.write_text(yaml.safe_dump(company, sort_keys=False), encoding="utf-8")
