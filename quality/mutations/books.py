"""A company's landed rows as an outsider sees them: tables of text, and each invoice with all that follows it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random

import yaml

from billing_recon.core.schema import BY_NAME

Row = dict[str, str]
"""A row by canonical column; `_day` is the day of its file."""

Memory = tuple[dict[str, list[tuple[Row, Row]]], list["Bill"], dict[str, list[Row]]]

TABLES = tuple(BY_NAME)
EXPONENTS = {"JPY": 0, "KWD": 3}
DATES = ("issued_on", "posted_on")
INSTANTS = ("calculated_at", "processed_at", "sent_at")
ZERO = Decimal(0)


def money(amount: Decimal, currency: str) -> str:
    return f"{amount:.{EXPONENTS.get(currency, 2)}f}"


def amount_of(row: Row, column: str) -> Decimal:
    return Decimal(row[column] or "0")


class Books:
    """Every table of a home, and the windows of its policy."""

    def __init__(self, home: Path, seed: int, first: date, last: date) -> None:
        self.home, self.first, self.last = home, first, last
        self.rng = Random(f"mutations {seed}")
        self.columns: dict[str, list[str]] = {}
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        for name in TABLES:
            for path in sorted((home / "landing" / name).glob("*.csv")):
                with path.open(newline="", encoding="utf-8") as file:
                    reader = csv.DictReader(file)
                    self.columns[name] = list(reader.fieldnames or ())
                    self.tables[name] += [{**row, "_day": path.stem} for row in reader]
        self.book_gross()
        policy = yaml.safe_load((home / "policies" / "policy.yaml").read_text(encoding="utf-8"))
        self.windows: dict[str, int] = policy["windows"]
        plans: list[dict[str, object]] = []
        for path in sorted((home / "catalog").glob("*.yaml")):
            plans += (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("plans", [])
        self.plans = {(str(p["plan_id"]), str(p["plan_version"]), str(p["currency"])): p for p in plans}
        self.bills = self.read_bills()
        self.free = [bill for bill in self.bills if bill.plain]
        self.rng.shuffle(self.free)
        self._names = 0

    def book_gross(self) -> None:
        """Receipts of the whole amount, as if fees were booked elsewhere: an edit then sets one amount per receipt."""
        entries = self.tables["ledger_entries"]
        fees = {row["journal_id"]: amount_of(row, "debit") for row in entries if row["role"] == "fees"}
        for row in entries:
            if row["role"] == "cash" and row["journal_id"] in fees:
                side, sign = ("debit", 1) if amount_of(row, "debit") else ("credit", -1)
                row[side] = money(amount_of(row, side) + sign * fees[row["journal_id"]], row["currency"])
        self.remove("ledger_entries", [row for row in entries if row["role"] == "fees"])

    def read_bills(self) -> list[Bill]:
        lines: dict[str, list[Row]] = defaultdict(list)
        for row in self.tables["invoice_lines"]:
            lines[row["invoice_id"]].append(row)
        return [Bill(self, name, rows) for name, rows in lines.items()]

    def new_name(self, like: str) -> str:
        """An id that nothing has, in the style of the one given."""
        self._names += 1
        return f"{like}-Z{self._names}"

    def remember(self, bill: Bill) -> Memory:
        """All that a mutation of the bill may edit, as it is."""
        kept = {
            name: [(row, dict(row)) for row in rows]
            for name, rows in self.tables.items()
            if name not in ("subscriptions", "usage_events")
        }
        kept["usage_events"] = [(row, row) for row in self.tables["usage_events"]]
        parts = {name: list(value) for name, value in vars(bill).items() if isinstance(value, list)}
        return kept, list(self.free), parts

    def recall(self, bill: Bill, memory: Memory) -> None:
        """Everything as it was remembered."""
        kept, self.free, parts = memory
        for name, rows in kept.items():
            for row, was in rows:
                if row is not was:
                    row.clear()
                    row.update(was)
            self.tables[name] = [row for row, _ in rows]
        for name, part in parts.items():
            setattr(bill, name, part)

    def take(self, fits: Callable[[Bill], bool]) -> Bill | None:
        """A free bill for a mutation that needs a second one."""
        for bill in self.free:
            if fits(bill):
                self.free.remove(bill)
                return bill
        return None

    def remove(self, table: str, rows: Iterable[Row]) -> None:
        gone = {id(row) for row in rows}
        self.tables[table] = [row for row in self.tables[table] if id(row) not in gone]

    def charge(self, line: Row) -> dict[str, object] | None:
        """The catalog's charge that a line bills, if its plan has one with its meter and kind."""
        plan = self.plans.get((line["plan_id"], line["plan_version"], line["currency"]))
        kind = "usage" if line["kind"] == "usage" else "subscription"
        charges: list[dict[str, object]] = plan["charges"] if plan else []  # type: ignore[assignment]
        found = [c for c in charges if c["kind"] == kind and (c.get("meter") or "") == line["meter"]]
        return found[0] if len(found) == 1 else None


class Bill:
    """An invoice: the engine's lines, its documents and their lines, its journal, its payments and their journals."""

    def __init__(self, books: Books, name: str, lines: list[Row]) -> None:
        self.books, self.name, self.lines = books, name, lines
        tables = books.tables
        self.documents = [row for row in tables["rendered_invoices"] if row["invoice_id"] == name]
        ids = {row["document_id"] for row in self.documents}
        self.printed = [row for row in tables["rendered_lines"] if row["document_id"] in ids]
        entries = [row for row in tables["ledger_entries"] if row["invoice_id"] == name]
        settling = {row["journal_id"] for row in entries if row["role"] in ("cash", "refund")}
        self.posted = [row for row in entries if row["journal_id"] not in settling]
        self.settled = [row for row in entries if row["journal_id"] in settling]
        self.payments = [row for row in tables["payments"] if row["invoice_id"] == name]

    @property
    def sub(self) -> str:
        return self.lines[0]["subscription_id"]

    @property
    def customer(self) -> str:
        return self.lines[0]["customer_id"]

    @property
    def currency(self) -> str:
        return self.lines[0]["currency"]

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(-EXPONENTS.get(self.currency, 2))

    @property
    def day(self) -> date:
        """The day on which the engine's lines were observed."""
        return date.fromisoformat(self.lines[0]["_day"])

    @property
    def total(self) -> Decimal:
        return self.sum("total")

    @property
    def succeeded(self) -> list[Row]:
        return [row for row in self.payments if row["status"] == "succeeded" and row["kind"] == "payment"]

    @property
    def plain(self) -> bool:
        """Something to pay, one document, one journal, and no more than one payment that succeeded and is not returned."""
        return (
            self.total > 0
            and len(self.documents) == 1
            and len({row["journal_id"] for row in self.posted}) == 1
            and len(self.succeeded) == 1
            and all(row["kind"] == "payment" for row in self.payments)
            and amount_of(self.succeeded[0], "amount") == self.total
        )

    @property
    def settles(self) -> date:
        """The day on which its payment is judged."""
        first = min(date.fromisoformat(row["_day"]) for row in self.succeeded)
        return max(first, self.day) + timedelta(days=self.books.windows["payment_settle_days"])

    @property
    def judged(self) -> bool:
        """Whether its payment is judged within the days of the books."""
        return self.settles <= self.books.last

    def after(self, window: str) -> date | None:
        """The day on which what is missing is known; None where the books end before it."""
        day = self.day + timedelta(days=self.books.windows[window])
        return day if day <= self.books.last else None

    def sum(self, column: str) -> Decimal:
        return sum((amount_of(row, column) for row in self.lines), ZERO)

    def settle(self, amount: Decimal) -> Decimal:
        return amount.quantize(self.unit, ROUND_HALF_UP)

    def say(self, amount: Decimal) -> str:
        return money(amount, self.currency)

    def retax(self, line: Row) -> Decimal:
        """Compute the line's taxable, tax and total from its gross, discount and rate; return the change of the total."""
        before = amount_of(line, "total")
        line["taxable"] = self.say(amount_of(line, "gross") - amount_of(line, "discount"))
        tax = self.settle(amount_of(line, "taxable") * Decimal(line["tax_rate"] or "0"))
        return self.retotal(line, tax, before)

    def retotal(self, line: Row, tax: Decimal, before: Decimal | None = None) -> Decimal:
        before = amount_of(line, "total") if before is None else before
        line["tax"] = self.say(tax)
        line["total"] = self.say(amount_of(line, "taxable") + tax)
        return amount_of(line, "total") - before

    def follow(self) -> None:
        """Document, journal and payments say what the engine's lines say now."""
        self.print()
        self.post()
        self.pay()

    def print(self) -> None:
        kept = {row["line_id"]: row for row in self.printed}
        for document in self.documents:
            document["currency"] = self.currency
            document["customer_id"] = self.customer
            net = self.sum("gross") - self.sum("discount")
            figures = {
                "subtotal": self.sum("gross"),
                "discount": self.sum("discount"),
                "tax": self.sum("tax"),
                "total": net + self.sum("tax"),
                "payable": self.total,
            }
            document |= {name: self.say(figure) for name, figure in figures.items()}
            self.books.remove(
                "rendered_lines", [r for r in self.printed if r["document_id"] == document["document_id"]]
            )
            for number, line in enumerate(self.lines, 1):
                like = kept.get(line["line_id"]) or {"description": line["meter"] or line["kind"]}
                row = {
                    "document_id": document["document_id"],
                    "line_no": str(number),
                    "line_id": line["line_id"],
                    "description": like["description"],
                    "quantity": line["quantity"],
                    "unit_price": line["unit_price"],
                    "amount": self.say(amount_of(line, "gross") - amount_of(line, "discount")),
                    "tax_rate": line["tax_rate"],
                    "tax": line["tax"],
                    "_day": document["_day"],
                }
                self.books.tables["rendered_lines"].append(row)
        ids = {row["document_id"] for row in self.documents}
        self.printed = [row for row in self.books.tables["rendered_lines"] if row["document_id"] in ids]

    def post(self) -> None:
        sums = {
            "ar": self.total,
            "customer_credit": self.sum("credit"),
            "revenue": self.sum("discount") - self.sum("gross"),
            "tax_payable": -self.sum("tax"),
        }
        accounts = {"ar": "1200", "customer_credit": "2400", "revenue": "4000", "tax_payable": "2200"}
        for role, debit in sums.items():
            found = [row for row in self.posted if row["role"] == role]
            if not found and debit and self.posted:
                row = dict(self.posted[0]) | {"role": role, "account": accounts[role]}
                row["entry_id"] = f"{row['journal_id']}/{role}"
                self.posted.append(row)
                self.books.tables["ledger_entries"].append(row)
                found = [row]
            for row in found:
                row["currency"], row["customer_id"] = self.currency, self.customer
                row["debit"], row["credit"] = self.say(max(debit, ZERO)), self.say(max(-debit, ZERO))

    def pay(self) -> None:
        for row in self.payments:
            row["amount"], row["currency"] = self.say(self.total), self.currency
            row["customer_id"] = self.customer
        for row in self.settled:
            row["currency"], row["customer_id"] = self.currency, self.customer
            side = "debit" if amount_of(row, "debit") else "credit"
            row[side] = self.say(self.total)

    def copy(self, days: int = 0, layers: str = "dlp") -> Bill:
        """A copy of the bill under another number, `days` later, in the engine's output and the layers given by letter."""
        name = self.books.new_name(self.name)
        tables = self.books.tables

        def again(row: Row, **changed: str) -> Row:
            moved = {**row, **changed}
            for column in ("_day", *DATES):
                if moved.get(column):
                    moved[column] = str(date.fromisoformat(moved[column]) + timedelta(days=days))
            for column in INSTANTS:
                if moved.get(column):
                    at = datetime.fromisoformat(moved[column].replace("Z", "+00:00")) + timedelta(days=days)
                    moved[column] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            return moved

        lines = [again(row, invoice_id=name, line_id=f"{name}/{n}") for n, row in enumerate(self.lines, 1)]
        renamed = {old["line_id"]: new["line_id"] for old, new in zip(self.lines, lines, strict=True)}
        tables["invoice_lines"] += lines
        if "d" in layers:
            for row in self.documents:
                document = f"{name}-{row['document_id']}"
                tables["rendered_invoices"].append(again(row, invoice_id=name, document_id=document))
                tables["rendered_lines"] += [
                    again(r, document_id=document, line_id=renamed.get(r["line_id"], ""))
                    for r in self.printed
                    if r["document_id"] == row["document_id"]
                ]
        entries = (self.posted if "l" in layers else []) + (self.settled if "p" in layers else [])
        for row in entries:
            ids = {key: f"{name}-{row[key]}" for key in ("entry_id", "journal_id")}
            tables["ledger_entries"].append(again(row, invoice_id=name, **ids))
        if "p" in layers:
            for row in self.payments:
                tables["payments"].append(again(row, invoice_id=name, payment_id=f"{name}-{row['payment_id']}"))
        return Bill(self.books, name, lines)

    def drop(self, layers: str) -> None:
        """Take its rows out of the layers given: e(ngine), d(ocument), l(edger), p(ayments and their journals)."""
        books = self.books
        if "e" in layers:
            books.remove("invoice_lines", self.lines)
        if "d" in layers:
            books.remove("rendered_invoices", self.documents)
            books.remove("rendered_lines", self.printed)
        if "l" in layers:
            books.remove("ledger_entries", self.posted)
        if "p" in layers:
            books.remove("payments", self.payments)
            books.remove("ledger_entries", self.settled)
