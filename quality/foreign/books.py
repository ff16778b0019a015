"""What a foreign company has written down so far: its rows by table and day, its invoices, and the truth about them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from quality.foreign.engine import ZERO, Engine, Line, Subscription
from quality.foreign.world import World

Row = dict[str, Any]


@dataclass
class Invoice:
    """One bill as issued by the engine; `subscription_id` is the stated one, `sub` the actual one."""

    invoice_id: str
    sub: Subscription
    start: date
    end: date
    issued: date
    lines: list[Line]
    status: str = "issued"
    subscription_id: str = ""

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), ZERO)

    @property
    def currency(self) -> str:
        return self.lines[0].currency


@dataclass
class Company:
    """Rows by table and file day, and the truth."""

    world: World
    rows: dict[str, list[tuple[date, Row]]] = field(default_factory=lambda: defaultdict(list))
    truth: list[Row] = field(default_factory=list)
    metering: dict[str, tuple[Engine, date, date]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    set_aside: set[str] = field(default_factory=set)
    """Invoices with rows that will be quarantined; their other rows name them."""
    numbers: int = 0
    form: str = ""

    def put(self, table: str, day: date, row: Row) -> None:
        self.rows[table].append((day, row))

    def true(self, code: str, pair: str, invoice: str, line: str, sub: str, day: date, delta: Decimal) -> None:
        row = {"code": code, "pair": pair, "invoice_id": invoice, "line_id": line, "subscription_id": sub}
        self.truth.append({**row, "day": day, "delta": delta, "form": self.form})

    def number(self, sub: Subscription) -> str:
        self.numbers += 1
        match self.world.seed % 4:
            case 0:
                return f"R{self.numbers:06d}"
            case 1:
                return f"{self.world.first.year}/{self.numbers:05d}"
            case 2:
                return hashlib.md5(f"{self.world.seed}{self.numbers}".encode(), usedforsecurity=False).hexdigest()[:12]
            case _:
                return f"{sub.customer_id}-{self.numbers}"


def name_lines(company: Company, invoice: Invoice) -> None:
    for place, line in enumerate(invoice.lines, start=1):
        match company.world.seed % 3:
            case 0:
                line.line_id = str(place)
            case 1:
                line.line_id = f"{invoice.invoice_id}:{place:03d}"
            case _:
                line.line_id = hashlib.md5(f"{invoice.invoice_id}{place}".encode(), usedforsecurity=False).hexdigest()[
                    :8
                ]
