"""A foreign company as a home: its catalog, conventions and policy as YAML, its rows as CSV, JSON lines or Parquet, its truth."""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from billing_recon.core.schema import BY_NAME, Kind, TableSpec
from quality.foreign.books import Company, Row
from quality.foreign.engine import Charge, Plan
from quality.foreign.world import World

FORMS = ("csv", "jsonl", "parquet", "semicolons")
ARROW = {
    Kind.QUANTITY: pa.decimal128(28, 10),
    Kind.PRICE: pa.decimal128(24, 12),
    Kind.AMOUNT: pa.decimal128(38, 12),
    Kind.RATE: pa.decimal128(12, 8),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.INTEGER: pa.int64(),
}


def write(company: Company, out: Path) -> None:
    world = company.world
    rng = random.Random(f"files {world.seed}")
    tables = [
        "usage_events",
        "subscriptions",
        "invoice_lines",
        "rendered_invoices",
        "rendered_lines",
        "ledger_entries",
        "payments",
    ]
    if world.meters:
        tables.append("metered_usage")
    forms = {name: rng.choice(FORMS) for name in tables}
    forms["invoice_lines"] = rng.choice(("csv", "jsonl", "semicolons"))
    for folder in ("catalog", "policies", *(f"landing/{name}" for name in tables)):
        (out / folder).mkdir(parents=True, exist_ok=True)
    _write_yaml(out / "company.yaml", _company(world, forms))
    _write_yaml(out / "catalog/sold.yaml", {"plans": [_plan(p) for p in world.plans]})
    taxes = [
        {"tax_region": region, "rate": str(rate), "effective_from": since}
        for region, rates in world.taxes.items() for since, rate in rates
    ]  # fmt: skip
    _write_yaml(out / "catalog/taxes.yaml", {"taxes": taxes})
    policy = {"windows": world.windows, "owners": {"default": "controlling"}, "gate": {"quarantine_share_stops": "0.9"}}
    _write_yaml(out / "policies/policy.yaml", policy)
    for name in tables:
        days: dict[date, list[Row]] = defaultdict(list)
        for day, row in company.rows[name]:
            days[day].append(row)
        for n in range(world.days):
            day = world.first + timedelta(days=n)
            rows = [*days.get(day, [])]
            if name != "rendered_lines":
                rng.shuffle(rows)
            _write_rows(out / "landing" / name, day, BY_NAME[name], rows, forms[name])
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        names = ["code", "pair", "invoice_id", "line_id", "subscription_id", "day", "delta", "form"]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(row for row in company.truth if world.first <= row["day"] <= world.last)


def _company(world: World, forms: dict[str, str]) -> Row:
    feeds = {
        name: {"path": f"landing/{name}/{{day}}.csv", "delimiter": ";", "decimal_mark": ",", "dates": ["%d.%m.%Y", "iso"]}
        for name, form in forms.items() if form == "semicolons"
    }  # fmt: skip
    mine = world.conventions
    profile = {
        "changes_take_effect": "date",  # this engine meters by local days: the day of a change is at the new terms
        "rounding": mine.rounding,
        "credit": mine.credit,
        "tax_point": mine.tax_point,
        "issue_after_days": mine.issue_after,
    }
    return {
        "name": f"Foreign {world.seed}", "timezone": world.timezone, "currencies": world.currencies, "first_day": world.first,
        "last_day": world.last, "profile": profile, **({"feeds": feeds} if feeds else {}),
    }  # fmt: skip


def _plan(plan: Plan) -> Row:
    found: Row = {"plan_id": plan.plan_id, "plan_version": plan.version, "currency": plan.currency}
    if plan.minimum is not None:
        found["minimum"] = str(plan.minimum)
    return {**found, "charges": [_charge(one) for one in plan.charges]}


def _charge(charge: Charge) -> Row:
    found: Row = {"charge_id": charge.charge_id, "kind": charge.kind, "model": charge.model}
    if charge.meter:
        found["meter"] = charge.meter
    if not charge.discountable:
        found["discountable"] = False
    if charge.free_units:
        found["free_units"] = str(charge.free_units)
    if charge.package_size:
        found["package_size"] = str(charge.package_size)
    price = {"flat": "amount", "per_unit": "unit_price", "package": "package_price"}.get(charge.model)
    if price:
        found[price] = str(charge.price)
    if charge.tiers:
        found["tiers"] = [
            {**({"up_to": str(t.up_to)} if t.up_to is not None else {}), "unit": str(t.unit), "flat": str(t.flat)}
            for t in charge.tiers
        ]
    return found


def _write_yaml(path: Path, content: Row) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _write_rows(folder: Path, day: date, spec: TableSpec, rows: list[Row], form: str) -> None:
    present = {name for row in rows for name, value in row.items() if value is not None}
    columns = [c for c in spec.columns if c.required or c.name in present]
    if form == "parquet":
        arrays = [
            pa.array([_typed(row.get(c.name), c.kind) for row in rows], ARROW.get(c.kind, pa.string())) for c in columns
        ]
        pq.write_table(pa.table(arrays, names=[c.name for c in columns]), folder / f"{day}.parquet")
    elif form == "jsonl":
        texts = (json.dumps({c.name: _text(row.get(c.name), False) for c in columns}) for row in rows)
        (folder / f"{day}.jsonl").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    else:
        _write_csv(folder / f"{day}.csv", [c.name for c in columns], rows, form == "semicolons")


def _write_csv(path: Path, names: list[str], rows: Iterable[Row], local: bool) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";" if local else ",")
        writer.writerow(names)
        writer.writerows([_text(row.get(name), local) for name in names] for row in rows)


def _text(value: Any, local: bool) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.replace(".", ",") if local else text
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y") if local else value.isoformat()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _typed(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind in (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE):
        return Decimal(value)
    if kind in (Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER):
        return value
    return json.dumps(value) if isinstance(value, dict) else str(value)
