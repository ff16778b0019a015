"""A company with another engine's ids, names and habits, and with faults made in its rows, not in an engine.

It keeps contracts, catalog and usage of a clean simulated company and the amounts of its bills, and writes everything
after them anew: lines cut up and named otherwise, documents without line ids, one journal entry a line, journals that name
their invoice in the memo alone, payments net of fees. It shares no code with the simulator's faults.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

from quality.scores import DAYS, FIRST

LAST = FIRST + timedelta(days=DAYS - 1)
Row = dict[str, Any]
_MONEY = ("gross", "discount", "credit", "taxable", "tax", "total")
_PLACES = {"JPY": 0}


@dataclass(eq=False)
class Bill:
    """An invoice with what follows it; `name` is its number."""

    name: str
    lines: list[Row]
    issued: date
    documents: int = 1
    asked: Decimal = Decimal(0)
    postings: list[tuple[Decimal, int, bool]] = field(default_factory=lambda: [(Decimal(0), 0, False)])
    paid: list[tuple[str, Decimal, int, str]] = field(default_factory=list)
    collected: bool = True
    status: str = "issued"
    kind: str = "invoice"
    habit: int = 0
    earned_as: str = "revenue"
    dated: date | None = None

    @property
    def total(self) -> Decimal:
        return sum((line["total"] for line in self.lines), Decimal(0))

    @property
    def currency(self) -> str:
        return str(self.lines[0]["currency"])

    @property
    def sub(self) -> str:
        return str(self.lines[0]["subscription_id"])

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(-_PLACES.get(self.currency, 2))


def write_company(out: Path, seed: int, each: int) -> None:
    """Rewrite the clean company in `out` in this make, with up to `each` of every fault, and its truth.csv."""
    rng = Random(f"other hand {seed}")
    bills = _read(out)
    for number, bill in enumerate(bills):
        bill.habit = number
        _rename(bill, number)
    truth: list[tuple[str, ...]] = []
    free = [bill for bill in bills if bill.total > 0]
    rng.shuffle(free)
    for fault in FAULTS:
        for _ in range(each):
            for bill in list(free):
                told = fault(bill, bills, rng)
                if told:
                    truth += told
                    free.remove(bill)
                    break
    _write(out, bills, truth)


def _read(out: Path) -> list[Bill]:
    found: dict[str, Bill] = {}
    for path in sorted((out / "landing" / "invoice_lines").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name in _MONEY:
                    row[name] = Decimal(row[name])
                for name in ("quantity", "unit_price", "tax_rate"):
                    row[name] = Decimal(row[name]) if row[name] else None
                for name in ("period_start", "period_end"):
                    row[name] = date.fromisoformat(row[name])
                bill = found.setdefault(
                    row["invoice_id"], Bill(row["invoice_id"], [], date.fromisoformat(row["issued_on"]))
                )
                bill.lines.append(row)
    return list(found.values())


def _rename(bill: Bill, number: int) -> None:
    """This engine's numbers and names; on some bills a line is split in two or a charge has no meter."""
    bill.name = f"{bill.lines[0]['customer_id'][4:]}/{bill.issued:%y%m}/{number:04d}"
    if number % 3 == 0:
        for place, line in enumerate(bill.lines):
            cut = _cut(line) if line["kind"] == "usage" and line["total"] > 10 else None
            if cut:
                bill.lines[place : place + 1] = cut
                break
    for place, line in enumerate(bill.lines):
        line["line_id"] = f"L{number * 100 + place:06x}"
        if line["kind"] == "subscription" and number % 2:
            line["meter"] = ""
        if number % 5 == 0:
            line["plan_id"] = line["plan_version"] = ""


def _cut(line: Row) -> list[Row] | None:
    """A line split into two that add up to it in every figure."""
    first, second = dict(line), dict(line)
    unit = Decimal(1).scaleb(-_PLACES.get(line["currency"], 2))
    for name in (*_MONEY, "quantity"):
        step = unit if name != "quantity" else Decimal(1)
        first[name] = (line[name] / 3).quantize(step, ROUND_HALF_UP)
        second[name] = line[name] - first[name]
    first["unit_price"] = second["unit_price"] = None
    return [first, second]


def _settle(amount: Decimal, bill: Bill) -> Decimal:
    return amount.quantize(bill.unit, ROUND_HALF_UP)


def _told(
    code: str,
    bill: Bill,
    delta: Decimal,
    *,
    pair: str = "expected_billed",
    line: Row | None = None,
    day: date | None = None,
    name: str | None = None,
    sub: str | None = None,
) -> list[tuple[str, ...]]:
    day = day or bill.issued
    line_id = line["line_id"] if line else ""
    return [
        (
            code,
            pair,
            bill.name if name is None else name,
            line_id,
            bill.sub if sub is None else sub,
            str(day),
            f"{delta:f}",
        )
    ]


def _retax(line: Row, bill: Bill, rate: Decimal | None = None) -> Decimal:
    """Compute the line's tax and total from its gross, discount and rate; return the change of the total."""
    before = line["total"]
    line["tax_rate"] = line["tax_rate"] if rate is None else rate
    line["taxable"] = line["gross"] - line["discount"]
    line["tax"] = _settle(line["taxable"] * line["tax_rate"], bill)
    line["total"] = line["taxable"] + line["tax"]
    return Decimal(line["total"] - before)


def _alone(bill: Bill, *kinds: str) -> list[Row]:
    """Lines of these kinds on a bill that nothing ties together, which stand for one charge each."""
    tied = any(line["kind"] in ("minimum", "discount", "credit", "adjustment") for line in bill.lines)
    plan = bill.lines[0]["plan_id"] or "?"
    if tied or plan in ("enterprise", "?"):
        return []
    keys = [(line["kind"], line["meter"], line["period_start"]) for line in bill.lines]
    return [line for line, key in zip(bill.lines, keys, strict=True) if line["kind"] in kinds and keys.count(key) == 1]


def old_tax_table(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The tax table is one version behind: every line of the bill has the rate of before."""
    old = {Decimal("0.19"): Decimal("0.16"), Decimal("0.1"): Decimal("0.08")}.get(bill.lines[0]["tax_rate"])
    if old is None or any(line["kind"] in ("credit", "discount") or not line["taxable"] for line in bill.lines):
        return None
    if len({(line["kind"], line["meter"]) for line in bill.lines}) < len(bill.lines):
        return None
    told = []
    for line in bill.lines:
        told += _told("TAX_RATE_JURISDICTION", bill, _retax(line, bill, old), line=line)
    return told


def one_day_off(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The period of the whole bill is dated a day late."""
    if any(line["kind"] in ("proration", "adjustment") for line in bill.lines):
        return None
    for line in bill.lines:
        line["period_start"] += timedelta(days=1)
        line["period_end"] += timedelta(days=1)
    return _told("INVOICE_PERIOD", bill, Decimal(0))


def dearer(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A unit price is a tenth too high, as stated on the line."""
    for line in _alone(bill, "usage", "subscription"):
        if (
            line["unit_price"]
            and not line["discount"]
            and line["gross"] > 20 * bill.unit
            and line["unit_price"] * line["quantity"] == line["gross"]
        ):
            line["unit_price"] *= Decimal("1.1")
            line["gross"] = _settle(line["unit_price"] * line["quantity"], bill)
            return _told("PRICE_VERSION", bill, _retax(line, bill), line=line)
    return None


def units_lost(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A tenth of the units is missing on a line."""
    for line in _alone(bill, "usage"):
        price = line["unit_price"]
        if price and _settle(price * line["quantity"], bill) == line["gross"] and not line["discount"]:
            line["quantity"] = (line["quantity"] * Decimal("0.9")).quantize(Decimal(1))
            line["gross"] = _settle(price * line["quantity"], bill)
            delta = _retax(line, bill)
            return _told("USAGE_MISSING", bill, delta, line=line) if delta else None
    return None


def units_twice(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A tenth of the units is counted twice."""
    for line in _alone(bill, "usage"):
        price = line["unit_price"]
        more = (line["quantity"] / 10).quantize(Decimal(1))
        if price and more and _settle(price * line["quantity"], bill) == line["gross"] and not line["discount"]:
            line["quantity"] += more
            line["gross"] = _settle(price * line["quantity"], bill)
            delta = _retax(line, bill)
            return _told("USAGE_DUPLICATE", bill, delta, line=line) if delta else None
    return None


def seats_added(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """Two seats more than the subscription has."""
    for line in _alone(bill, "subscription"):
        price = line["unit_price"]
        if price and line["quantity"] > 1 and price * line["quantity"] == line["gross"] and not line["discount"]:
            line["quantity"] += 2
            line["gross"] = _settle(price * line["quantity"], bill)
            return _told("SUBSCRIPTION_STATE", bill, _retax(line, bill), line=line)
    return None


def _left_out(code: str, bill: Bill, kind: str, name: str | None = None) -> list[tuple[str, ...]] | None:
    """The bill without its only line of a kind, if all its other lines are charges."""
    found = [line for line in bill.lines if line["kind"] == kind and name in (None, line["meter"])]
    others = [line["kind"] for line in bill.lines if line not in found]
    if len(found) != 1 or not found[0]["total"] or set(others) & {"minimum", "discount", "credit", "adjustment"}:
        return None
    bill.lines.remove(found[0])
    return _told(code, bill, -found[0]["total"])


def credit_forgotten(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    return _left_out("CREDIT_VALUE", bill, "credit")


def cap_forgotten(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    return _left_out("CAP", bill, "discount", "cap")


def minimum_forgotten(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    return _left_out("MINIMUM", bill, "minimum")


def discount_and_region(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """Two faults on one bill: one line without its discount, another at a foreign rate."""
    lines = _alone(bill, "usage", "subscription")
    given = [line for line in lines if line["discount"] > bill.unit]
    if not given or len(lines) < 2:
        return None
    first = given[0]
    second = next(line for line in lines if line is not first)
    first["discount"] = Decimal(0)
    told = _told("DISCOUNT_VALUE", bill, _retax(first, bill), line=first)
    rate = Decimal("0.20") if second["tax_rate"] != Decimal("0.2") else Decimal("0.19")
    delta = _retax(second, bill, rate)
    return told + (_told("TAX_RATE_JURISDICTION", bill, delta, line=second) if delta else [])


def rounded_up(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A tax rounded up where it rounds down."""
    for line in _alone(bill, "usage", "subscription"):
        raw = line["taxable"] * line["tax_rate"]
        if raw and line["tax"] < raw:
            line["tax"] += bill.unit
            line["total"] += bill.unit
            return _told("ROUNDING", bill, bill.unit, line=line)
    return None


def tax_on_gross(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A part of the line is not taxed, though the line is still summed in full."""
    for line in _alone(bill, "usage", "subscription"):
        tax = _settle(line["taxable"] * Decimal("0.7") * line["tax_rate"], bill)
        near = [Decimal(r) for r in ("0", "0.08", "0.08875", "0.1", "0.16", "0.19", "0.2")]
        if line["tax"] > 10 * bill.unit and all(abs(line["taxable"] * r - tax) > 2 * bill.unit for r in near):
            delta = tax - line["tax"]
            line["taxable"] = _settle(line["taxable"] * Decimal("0.7"), bill)
            line["tax"], line["total"] = tax, line["total"] + delta
            return _told("TAX_BASE", bill, delta, line=line)
    return None


def cents(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """Every figure of a line is a hundred times too high."""
    for line in _alone(bill, "usage", "subscription"):
        if line["total"]:
            delta = line["total"] * 99
            for name in _MONEY:
                line[name] *= 100
            return _told("MINOR_UNIT", bill, delta, line=line)
    return None


def other_money(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The whole bill in another currency at the same figures."""
    other = {"USD": "EUR", "EUR": "USD"}.get(bill.currency)
    if other is None or not all(line["total"] for line in bill.lines) or len(bill.lines) % 3 == 0:
        return None
    for line in bill.lines:
        line["currency"] = other
    return _told("CURRENCY_FX", bill, -bill.total) + _told("CURRENCY_FX", bill, bill.total)


def by_hand(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A charge that somebody added."""
    if any(line["kind"] in ("credit", "discount", "minimum") for line in bill.lines):
        return None
    line = dict(bill.lines[0]) | {
        "kind": "adjustment",
        "meter": "goodwill",
        "line_id": f"M{bill.habit}",
        "unit_price": None,
    }
    line |= {
        "quantity": Decimal(1),
        "gross": 1234 * bill.unit,
        "discount": Decimal(0),
        "credit": Decimal(0),
        "total": Decimal(0),
    }
    bill.lines.append(line)
    return _told("MANUAL_ADJUSTMENT", bill, _retax(line, bill), line=line)


def never_sent(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The bill does not exist in any layer."""
    if sum(other.issued == bill.issued for other in bills) < 2 or bill.issued >= LAST:
        return None
    bills.remove(bill)
    return _told("INVOICE_MISSING", bill, -bill.total, name="", day=bill.issued + timedelta(days=1))


def sent_again(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A retry two hours later, under a new number, in every layer."""
    again = deepcopy(bill)
    again.name = f"{bill.name}-R"
    for line in again.lines:
        line["line_id"] = f"R{line['line_id']}"
    bills.append(again)
    return _told("INVOICE_DUPLICATE", again, again.total)


def doubled(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A retry appends every line to the same bill again."""
    if (
        any(line["kind"] in ("credit", "discount", "minimum", "adjustment") for line in bill.lines)
        or bill.habit % 3 == 0
    ):
        return None
    delta = bill.total
    bill.lines += [dict(line) | {"line_id": f"D{line['line_id']}"} for line in bill.lines]
    return _told("INVOICE_DUPLICATE", bill, delta)


def stranger(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A bill for a subscription that is in no contract."""
    ghost = deepcopy(bill)
    ghost.name = f"X{bill.habit:05d}"
    for line in ghost.lines:
        line["subscription_id"] = "acct-unknown"
    bills.append(ghost)
    return _told("KEY_UNMAPPED", ghost, ghost.total)


def unreadable(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A line with a period that is not a date; document, ledger and payment have it."""
    if len(bill.lines) < 2 or bill.habit % 3 == 0:
        return None
    line = bill.lines[-1]
    if not line["total"] or line["kind"] not in ("subscription", "usage"):
        return None
    line["broken"] = True
    return _told("RECORD_QUARANTINED", bill, -line["total"])


def no_document(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    if sum(other.issued == bill.issued for other in bills) < 2 or bill.issued >= LAST:
        return None
    bill.documents = 0
    return _told("RENDER_MISSING", bill, -bill.total, pair="billed_rendered", day=bill.issued + timedelta(days=1))


def two_documents(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    bill.documents = 2
    return _told("RENDER_DUPLICATE", bill, bill.total, pair="billed_rendered")


def wrong_document(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    bill.asked = 7 * bill.unit
    return _told("RENDER_VALUE", bill, bill.asked, pair="billed_rendered")


def not_booked(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The posting batch of a whole day was lost; another day's arrived."""
    day = bill.issued + timedelta(days=2)
    if day > LAST:
        return None
    bill.postings = []
    return _told("LEDGER_MISSING", bill, -bill.total, pair="billed_booked", day=day)


def booked_twice(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """A retry posts again: as a separate journal, or into the same one."""
    bill.postings = [(Decimal(0), 0, False), (Decimal(0), 0, bool(bill.habit % 2))]
    return _told("LEDGER_DUPLICATE", bill, bill.total, pair="billed_booked")


def booked_wrong(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    bill.postings = [(13 * bill.unit, 0, False)]
    return _told("LEDGER_AMOUNT", bill, 13 * bill.unit, pair="billed_booked")


def earned_as_deposit(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """Revenue is posted to what is owed to the tax office."""
    bill.earned_as = "tax_payable"
    return _told("LEDGER_ACCOUNT", bill, Decimal(0), pair="billed_booked")


def booked_weeks_back(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    """The journal of a February invoice is dated in the third week of January."""
    if bill.issued.month != 2:
        return None
    bill.dated = date(2026, 1, 20)
    return _told("LEDGER_PERIOD", bill, Decimal(0), pair="billed_booked")


def void_but_booked(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    day = bill.issued + timedelta(days=2)
    if day > LAST:
        return None
    ghost = deepcopy(bill)
    ghost.name, ghost.status, ghost.documents, ghost.collected = f"V{bill.habit:05d}", "void", 0, False
    for line in ghost.lines:
        line["line_id"] = f"V{line['line_id']}"
    bills.append(ghost)
    return _told("REVERSAL_NOT_PROPAGATED", ghost, ghost.total, pair="billed_booked", day=day)


def _settles(bill: Bill) -> date:
    return bill.issued + timedelta(days=3 + 5)


def paid_short(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    if _settles(bill) > LAST or bill.total < 100 * bill.unit:
        return None
    bill.paid = [("payment", bill.total - 31 * bill.unit, 3, "")]
    return _told("PAYMENT_AMOUNT", bill, -31 * bill.unit, pair="billed_paid", day=_settles(bill))


def paid_twice(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    if _settles(bill) > LAST:
        return None
    bill.paid = [("payment", bill.total, 3, ""), ("payment", bill.total, 5, "")]
    return _told("PAYMENT_DUPLICATE", bill, bill.total, pair="billed_paid", day=_settles(bill))


def never_paid(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    day = bill.issued + timedelta(days=30)
    if day > LAST:
        return None
    bill.collected = False
    return _told("PAYMENT_MISSING", bill, -bill.total, pair="billed_paid", day=day)


def disputed(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    if _settles(bill) > LAST:
        return None
    part = _settle(bill.total / 2, bill)
    bill.paid = [("payment", bill.total, 3, ""), ("chargeback", part, 6, "")]
    return _told("REFUND_DISPUTE", bill, -part, pair="billed_paid", day=_settles(bill))


def somebody_elses(bill: Bill, bills: list[Bill], rng: Random) -> list[tuple[str, ...]] | None:
    if _settles(bill) > LAST:
        return None
    bill.paid = [("payment", bill.total, 3, "CUS-99999")]
    return _told("PAYMENT_MISAPPLIED", bill, Decimal(0), pair="billed_paid", day=_settles(bill))


Fault = Callable[[Bill, list[Bill], Random], list[tuple[str, ...]] | None]
FAULTS: tuple[Fault, ...] = (
    *(cap_forgotten, minimum_forgotten, credit_forgotten, units_twice, seats_added),
    *(discount_and_region, units_lost, dearer, never_paid, old_tax_table, tax_on_gross, rounded_up, cents, other_money),
    *(one_day_off, by_hand, doubled, unreadable, never_sent, sent_again, stranger, no_document, two_documents),
    *(
        wrong_document,
        not_booked,
        booked_twice,
        booked_wrong,
        void_but_booked,
        earned_as_deposit,
        booked_weeks_back,
        paid_short,
        paid_twice,
        disputed,
        somebody_elses,
    ),
)


def _write(out: Path, bills: list[Bill], truth: list[tuple[str, ...]]) -> None:
    tables: dict[str, dict[date, list[Row]]] = {
        name: defaultdict(list)
        for name in (
            "invoice_lines",
            "rendered_invoices",
            "rendered_lines",
            "ledger_entries",
            "payments",
            "metered_usage",
        )
    }
    for number, bill in enumerate(bills):
        _write_bill(tables, bill, number)
    headers = {path.parent.name: path.read_text("utf-8").split("\n")[0] for path in (out / "landing").glob("*/*.csv")}
    for table, days in tables.items():
        for offset in range(DAYS):
            day = FIRST + timedelta(days=offset)
            names = headers[table].split(",")
            text = io.StringIO()
            writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(days.get(day, []))
            (out / "landing" / table / f"{day}.csv").write_text(text.getvalue(), "utf-8")
    rows = [",".join(row) for row in sorted(truth)]
    (out / "truth.csv").write_text(
        "\n".join(["code,pair,invoice_id,line_id,subscription_id,day,delta", *rows]) + "\n", "utf-8"
    )


def _write_bill(tables: dict[str, dict[date, list[Row]]], bill: Bill, number: int) -> None:
    day, first = bill.issued, bill.lines[0]
    common = {"invoice_id": bill.name, "currency": bill.currency, "customer_id": first["customer_id"]}
    for line in bill.lines:
        row = dict(line) | {"invoice_id": bill.name, "status": bill.status, "invoice_kind": bill.kind, "batch_id": ""}
        if line.get("broken"):
            row["period_start"] = "the first"
        tables["invoice_lines"][day].append(row)
    sums = {name: sum((line[name] for line in bill.lines), Decimal(0)) for name in _MONEY}
    for copy in range(bill.documents):
        document = f"PDF{number:05d}{'ab'[copy]}"
        net = sums["gross"] - sums["discount"] + sums["tax"] + bill.asked
        tables["rendered_invoices"][day].append(
            common
            | {
                "document_id": document,
                "format": "html",
                "issued_on": day,
                "subtotal": sums["gross"],
                "tax": sums["tax"],
            }
            | {"discount": sums["discount"], "total": net, "payable": bill.total + bill.asked, "sha256": "0" * 64}
        )
        for place, line in enumerate(reversed(bill.lines), 1):
            shown = {
                "document_id": document,
                "line_no": place * 10,
                "description": line["kind"],
                "quantity": line["quantity"],
            }
            tables["rendered_lines"][day].append(shown | {"amount": line["gross"] - line["discount"]})
    for copy, (off, later, same) in enumerate(bill.postings):
        journal = f"{number:05d}" if same or not copy else f"{number:05d}R"
        posted = day + timedelta(days=later)
        entries = [("ar", line["total"]) for line in bill.lines] if bill.habit % 2 else [("ar", bill.total)]
        entries[0] = ("ar", entries[0][1] + off)
        entries += [(bill.earned_as, line["discount"] - line["gross"]) for line in bill.lines]
        entries[-1] = (bill.earned_as, entries[-1][1] - off)
        entries += [("tax_payable", -sums["tax"]), ("customer_credit", sums["credit"])]
        rest = -sum(amount for _, amount in entries)
        for place, (role, amount) in enumerate([*entries, ("other", rest)]):
            if amount:
                tables["ledger_entries"][posted].append(
                    common
                    | {
                        "entry_id": f"{journal}.{copy}.{place}",
                        "journal_id": journal,
                        "posted_on": bill.dated or posted,
                        "account": role,
                    }
                    | {"role": role, "debit": max(amount, Decimal(0)), "credit": max(-amount, Decimal(0))}
                    | {"invoice_id": bill.name if bill.habit % 4 else "", "memo": f"Invoice no. {bill.name}, thank you"}
                )
    paid = bill.paid or ([("payment", bill.total, 3, "")] if bill.collected and bill.total > 0 else [])
    for place, (kind, amount, later, who) in enumerate(paid):
        at = day + timedelta(days=later)
        fee = _settle(amount / 50, bill) if not bill.paid and bill.habit % 6 == 0 else Decimal(0)
        tables["payments"][at].append(
            common
            | {"payment_id": f"ch_{number:05d}{place}", "kind": kind, "amount": amount - fee, "status": "succeeded"}
            | {"processed_at": f"{at}T08:00:00Z", "attempt": 1, "fee": fee or ""}
            | ({"customer_id": who} if who else {})
        )
