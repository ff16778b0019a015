"""Edits of the engine's charges: one line is wrong, and document, ledger and payment follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from quality.mutations.books import ZERO, Bill, Books, Row, amount_of
from quality.mutations.finding import Findings, on_invoice, on_line

SOLD = ("subscription", "usage", "proration")


def single(bill: Bill, *kinds: str) -> Iterator[Row]:
    """The lines that cost something and are the only ones on their bill with their kind, meter and period."""
    keys = [(r["kind"], r["meter"], r["period_start"]) for r in bill.lines]
    for row, key in zip(bill.lines, keys, strict=True):
        if row["kind"] in kinds and keys.count(key) == 1 and amount_of(row, "total") > 0:
            yield row


def by_unit(bill: Bill, *kinds: str) -> Iterator[Row]:
    """Lines with a gross of quantity times unit price."""
    for row in single(bill, *kinds):
        if row["unit_price"] and amount_of(row, "gross") > 20 * bill.unit:
            raw = Decimal(row["quantity"]) * Decimal(row["unit_price"])
            if bill.settle(raw) == amount_of(row, "gross"):
                yield row


def undiscounted(rows: Iterator[Row]) -> Iterator[Row]:
    return (row for row in rows if not amount_of(row, "discount"))


def regross(bill: Bill, row: Row, gross: Decimal) -> Decimal:
    """A new gross; the discount keeps its share, the tax its rate. Answers what the total moved by."""
    before = amount_of(row, "gross")
    share = amount_of(row, "discount") / before if before else ZERO
    row["gross"] = bill.say(gross)
    row["discount"] = bill.say(bill.settle(gross * share.quantize(Decimal("0.001"))))
    return bill.retax(row)


def dearer(books: Books, bill: Bill) -> Findings:
    """A unit price is a fifth too high, as stated on the line."""
    for row in undiscounted(by_unit(bill, "usage", "subscription")):
        if (books.charge(row) or {}).get("model") == "per_unit":
            price = Decimal(row["unit_price"]) * Decimal("1.2")
            row["unit_price"] = f"{price:f}"
            delta = regross(bill, row, bill.settle(price * Decimal(row["quantity"])))
            bill.follow()
            return [on_line("PRICE_VERSION", bill, row["line_id"], delta)]
    return None


def last_years_fee(books: Books, bill: Bill) -> Findings:
    """The base fee of the plan's other version, though the line names the right one."""
    for row in undiscounted(single(bill, "subscription")):
        charge = books.charge(row)
        if not charge or charge.get("model") != "flat" or row["meter"]:
            continue
        for (plan, version, currency), other in books.plans.items():
            if (plan, currency) != (row["plan_id"], row["currency"]) or version == row["plan_version"]:
                continue
            fee = Decimal(str(other["charges"][0]["amount"]))  # type: ignore[index]
            if fee == amount_of(row, "gross"):
                continue
            row["unit_price"] = f"{fee:f}"
            delta = regross(bill, row, fee)
            bill.follow()
            return [on_line("PRICE_VERSION", bill, row["line_id"], delta)]
    return None


def one_seat_more(books: Books, bill: Bill) -> Findings:
    """A seat too many is charged."""
    for row in by_unit(bill, "subscription"):
        if row["meter"] and Decimal(row["quantity"]) > 1:
            row["quantity"] = str(int(Decimal(row["quantity"])) + 1)
            delta = regross(bill, row, bill.settle(Decimal(row["unit_price"]) * Decimal(row["quantity"])))
            bill.follow()
            return [on_line("SUBSCRIPTION_STATE", bill, row["line_id"], delta)]
    return None


def units_lost(books: Books, bill: Bill) -> Findings:
    """A third of a line's units was never rated; the engine's metering is right."""
    for row in by_unit(bill, "usage"):
        units = (Decimal(row["quantity"]) * Decimal("0.67")).quantize(Decimal(1), ROUND_DOWN)
        row["quantity"] = str(units)
        delta = regross(bill, row, bill.settle(units * Decimal(row["unit_price"])))
        bill.follow()
        return [on_line("USAGE_MISSING|USAGE_AGGREGATION", bill, row["line_id"], delta)]
    return None


def units_invented(books: Books, bill: Bill) -> Findings:
    """A third more units than were used, as many as no day has; the engine's metering is right."""
    for row in by_unit(bill, "usage"):
        units = (Decimal(row["quantity"]) * Decimal("1.37")).quantize(Decimal(1), ROUND_DOWN)
        row["quantity"] = str(units)
        delta = regross(bill, row, bill.settle(units * Decimal(row["unit_price"])))
        bill.follow()
        return [on_line("USAGE_AGGREGATION|USAGE_DUPLICATE", bill, row["line_id"], delta)]
    return None


def usage_line_forgotten(books: Books, bill: Bill) -> Findings:
    """The usage of a period is on no line of its invoice."""
    if len(bill.lines) < 2 or any(row["kind"] in ("minimum", "credit", "discount") for row in bill.lines):
        return None
    for row in single(bill, "usage"):
        delta = -amount_of(row, "total")
        bill.lines.remove(row)
        books.remove("invoice_lines", [row])
        bill.follow()
        return [on_invoice("USAGE_MISSING|USAGE_AGGREGATION", bill, delta)]
    return None


def discount_forgotten(books: Books, bill: Bill) -> Findings:
    """A line without the discount of its contract."""
    for row in single(bill, *SOLD):
        if amount_of(row, "discount") > 2 * bill.unit:
            row["discount"] = bill.say(ZERO)
            delta = bill.retax(row)
            bill.follow()
            return [on_line("DISCOUNT_VALUE", bill, row["line_id"], delta)]
    return None


def discount_given_twice(books: Books, bill: Bill) -> Findings:
    """A line with twice the discount of its contract."""
    for row in single(bill, *SOLD):
        if amount_of(row, "discount") > 2 * bill.unit:
            row["discount"] = bill.say(amount_of(row, "discount") * 2)
            delta = bill.retax(row)
            bill.follow()
            return [on_line("DISCOUNT_VALUE", bill, row["line_id"], delta)]
    return None


def discount_not_agreed(books: Books, bill: Bill) -> Findings:
    """A discount of 7% where the contract has none."""
    for row in single(bill, "subscription"):
        if not amount_of(row, "discount") and amount_of(row, "gross") > 20 * bill.unit:
            row["discount"] = bill.say(bill.settle(amount_of(row, "gross") * Decimal("0.07")))
            delta = bill.retax(row)
            bill.follow()
            return [on_line("DISCOUNT_VALUE", bill, row["line_id"], delta)]
    return None


def neighbours_tax(books: Books, bill: Bill) -> Findings:
    """The tax rate of another country, on every line that is taxed."""
    rate = Decimal("0.21")
    told = []
    for row in bill.lines:
        if row["tax_rate"] and amount_of(row, "taxable"):
            row["tax_rate"] = f"{rate}"
            delta = bill.retax(row) if row["kind"] != "credit" else ZERO
            if delta:
                told.append(on_line("TAX_RATE_JURISDICTION", bill, row["line_id"], delta))
    if not told or any(row["kind"] in ("credit", "discount") for row in bill.lines):
        return None
    bill.follow()
    return told


def untaxed(books: Books, bill: Bill) -> Findings:
    """A line taxed at nothing."""
    for row in single(bill, *SOLD):
        if amount_of(row, "tax") > bill.unit:
            row["tax_rate"] = "0"
            delta = bill.retax(row)
            bill.follow()
            return [on_line("TAX_RATE_JURISDICTION", bill, row["line_id"], delta)]
    return None


def half_taxed(books: Books, bill: Bill) -> Findings:
    """Only 60% of a line is taxed, but all of it is charged."""
    for row in single(bill, *SOLD):
        if amount_of(row, "tax") > 10 * bill.unit:
            before = amount_of(row, "total")
            net = amount_of(row, "gross") - amount_of(row, "discount")
            base = bill.settle(net * Decimal("0.6"))
            tax = bill.settle(base * Decimal(row["tax_rate"]))
            row |= {"taxable": bill.say(base), "tax": bill.say(tax), "total": bill.say(net + tax)}
            bill.follow()
            return [on_line("TAX_BASE", bill, row["line_id"], amount_of(row, "total") - before)]
    return None


def taxed_before_discount(books: Books, bill: Bill) -> Findings:
    """The tax is that of the gross, the discount is taken off after it."""
    for row in single(bill, *SOLD):
        if amount_of(row, "discount") > 10 * bill.unit and amount_of(row, "tax"):
            before, gross = amount_of(row, "total"), amount_of(row, "gross")
            tax = bill.settle(gross * Decimal(row["tax_rate"]))
            total = gross - amount_of(row, "discount") + tax
            row |= {"taxable": bill.say(gross), "tax": bill.say(tax), "total": bill.say(total)}
            bill.follow()
            return [on_line("TAX_BASE|STEP_ORDER", bill, row["line_id"], total - before)]
    return None


def tax_cut_off(books: Books, bill: Bill) -> Findings:
    """A tax cut off where it is to be rounded."""
    for row in single(bill, *SOLD):
        raw = amount_of(row, "taxable") * Decimal(row["tax_rate"] or "0")
        if amount_of(row, "tax") > raw:
            delta = bill.retotal(row, amount_of(row, "tax") - bill.unit)
            bill.follow()
            return [on_line("ROUNDING", bill, row["line_id"], delta)]
    return None


def gross_cut_off(books: Books, bill: Bill) -> Findings:
    """A gross cut off where it is to be rounded; discount and tax are those of the smaller gross."""
    for row in undiscounted(by_unit(bill, "usage")):
        if Decimal(row["quantity"]) * Decimal(row["unit_price"]) < amount_of(row, "gross"):
            delta = regross(bill, row, amount_of(row, "gross") - bill.unit)
            bill.follow()
            return [on_line("ROUNDING", bill, row["line_id"], delta)]
    return None


def a_cent_without_cause(books: Books, bill: Bill) -> Findings:
    """A tax that needs no rounding and is a unit off all the same: nothing proves a rounding, so nothing is guessed."""
    for row in single(bill, "subscription"):
        raw = amount_of(row, "taxable") * Decimal(row["tax_rate"] or "0")
        if raw and raw == amount_of(row, "tax"):
            delta = bill.retotal(row, amount_of(row, "tax") + bill.unit)
            bill.follow()
            return [on_line("UNEXPLAINED|TAX_BASE", bill, row["line_id"], delta)]
    return None


def total_without_cause(books: Books, bill: Bill) -> Findings:
    """Every figure of a line is right except its total, which is 3.37 too high."""
    for row in single(bill, *SOLD):
        delta = 337 * bill.unit
        row["total"] = bill.say(amount_of(row, "total") + delta)
        bill.follow()
        unbalanced = on_invoice("LEDGER_AMOUNT", bill, ZERO, pair="billed_booked", required=False)
        return [on_line("UNEXPLAINED", bill, row["line_id"], delta), unbalanced]
    return None


def hundredfold(books: Books, bill: Bill) -> Findings:
    """Every figure of a line is in the currency's minor unit, or a hundredfold if it has none."""
    for row in single(bill, "usage", "subscription"):
        before = amount_of(row, "total")
        for name in ("gross", "discount", "taxable", "tax", "total"):
            row[name] = bill.say(amount_of(row, name) * 100)
        bill.follow()
        return [on_line("MINOR_UNIT", bill, row["line_id"], before * 99)]
    return None


def a_hundredth(books: Books, bill: Bill) -> Findings:
    """A line with whole amounts is charged at a hundredth of them."""
    for row in single(bill, "usage", "subscription"):
        if bill.unit < 1 and all(amount_of(row, name) % 1 == 0 for name in ("gross", "discount", "tax")):
            before = amount_of(row, "total")
            for name in ("gross", "discount", "taxable", "tax", "total"):
                row[name] = bill.say(amount_of(row, name) / 100)
            bill.follow()
            return [on_line("MINOR_UNIT", bill, row["line_id"], amount_of(row, "total") - before)]
    return None


def in_other_money(books: Books, bill: Bill) -> Findings:
    """The whole bill is in another currency with the same figures: nothing is billed in its own currency, everything in the other."""
    other = {"EUR": "USD", "USD": "EUR"}.get(bill.currency)
    if not other:
        return None
    total = bill.total
    for row in bill.lines:
        row["currency"] = other
    bill.follow()
    return [on_invoice("CURRENCY_FX", bill, -total), on_invoice("CURRENCY_FX", bill, total)]


def part_period_in_full(books: Books, bill: Bill) -> Findings:
    """Seats of a part of the period are charged for all of it."""
    for row in single(bill, "proration"):
        charge = books.charge(row)
        if charge and charge.get("model") == "per_unit" and row["unit_price"]:
            full = bill.settle(Decimal(row["quantity"]) * Decimal(row["unit_price"]))
            if full != amount_of(row, "gross"):
                delta = regross(bill, row, full)
                bill.follow()
                return [on_line("PRORATION", bill, row["line_id"], delta)]
    return None


def minimum_lowered(books: Books, bill: Bill) -> Findings:
    """A minimum is filled up by a tenth less."""
    for row in single(bill, "minimum"):
        delta = regross(bill, row, bill.settle(amount_of(row, "gross") * Decimal("0.9")))
        bill.follow()
        return [on_line("MINIMUM", bill, row["line_id"], delta)]
    return None


def minimum_left_out(books: Books, bill: Bill) -> Findings:
    """A minimum is not filled up."""
    if any(row["kind"] in ("discount", "credit") for row in bill.lines):
        return None
    for row in single(bill, "minimum"):
        delta = -amount_of(row, "total")
        bill.lines.remove(row)
        books.remove("invoice_lines", [row])
        bill.follow()
        return [on_invoice("MINIMUM", bill, delta)]
    return None


def credit_halved(books: Books, bill: Bill) -> Findings:
    """Half of a credit is given."""
    for row in bill.lines:
        if row["kind"] == "credit" and amount_of(row, "credit") > 4 * bill.unit and row["taxable"].strip("0.") == "":
            given = bill.settle(amount_of(row, "credit") / 2)
            delta = amount_of(row, "credit") - given
            row["credit"], row["total"] = bill.say(given), bill.say(-given)
            bill.follow()
            return [on_line("CREDIT_VALUE", bill, row["line_id"], delta)]
    return None


def coupon_too_small(books: Books, bill: Bill) -> Findings:
    """A coupon is taken for a third of its worth."""
    for row in bill.lines:
        if row["kind"] == "discount" and amount_of(row, "discount") > 9 * bill.unit and row["meter"] != "cap":
            row["discount"] = bill.say(bill.settle(amount_of(row, "discount") * Decimal("0.33")))
            delta = bill.retax(row)
            bill.follow()
            return [on_line("DISCOUNT_VALUE", bill, row["line_id"], delta)]
    return None


def a_fee_by_hand(books: Books, bill: Bill) -> Findings:
    """Somebody adds a handling fee."""
    like = bill.lines[0]
    if any(row["kind"] in ("credit", "discount", "minimum") for row in bill.lines):
        return None
    row = dict(like) | {
        "line_id": f"{bill.name}/fee",
        "kind": "adjustment",
        "meter": "handling",
        "quantity": "1",
        "unit_price": "",
        "gross": bill.say(1150 * bill.unit),
        "discount": bill.say(ZERO),
        "credit": bill.say(ZERO),
        "total": bill.say(ZERO),
    }
    bill.lines.append(row)
    books.tables["invoice_lines"].append(row)
    delta = bill.retax(row)
    bill.follow()
    return [on_line("MANUAL_ADJUSTMENT", bill, row["line_id"], delta)]


def dearest_tier_for_all(books: Books, bill: Bill) -> Findings:
    """Every unit at the price of one tier, where each tier has its own."""
    for row in undiscounted(single(bill, "usage")):
        charge = books.charge(row)
        if not charge or charge.get("model") != "graduated":
            continue
        tiers: list[dict[str, str]] = charge["tiers"]  # type: ignore[assignment]
        price = max(Decimal(str(tier.get("unit", "0"))) for tier in tiers)
        gross = bill.settle(Decimal(row["quantity"]) * price)
        if gross != amount_of(row, "gross"):
            delta = regross(bill, row, gross)
            bill.follow()
            return [on_line("TIER_RATE|ALLOWANCE_ROLLOVER", bill, row["line_id"], delta)]
    return None


def included_units_charged(books: Books, bill: Bill) -> Findings:
    """A package price without the units that are free."""
    for row in undiscounted(single(bill, "usage")):
        charge = books.charge(row)
        if not charge or charge.get("model") != "package" or not Decimal(str(charge.get("free_units") or 0)):
            continue
        size = Decimal(str(charge["package_size"]))
        packages = (Decimal(row["quantity"]) / size).quantize(Decimal(1), ROUND_CEILING)
        gross = bill.settle(packages * Decimal(str(charge["package_price"])))
        if gross != amount_of(row, "gross"):
            delta = regross(bill, row, gross)
            bill.follow()
            return [on_line("ALLOWANCE_ROLLOVER", bill, row["line_id"], delta)]
    return None


def price_and_tax(books: Books, bill: Bill) -> Findings:
    """One line with a wrong price and a foreign tax rate: one break, named by the price, which parts first."""
    for row in undiscounted(by_unit(bill, "usage", "subscription")):
        if (books.charge(row) or {}).get("model") == "per_unit" and row["tax_rate"]:
            before = amount_of(row, "total")
            price = Decimal(row["unit_price"]) * Decimal("1.2")
            row["unit_price"], row["tax_rate"] = f"{price:f}", "0.21"
            regross(bill, row, bill.settle(price * Decimal(row["quantity"])))
            bill.follow()
            return [on_line("PRICE_VERSION", bill, row["line_id"], amount_of(row, "total") - before)]
    return None


def two_lines(books: Books, bill: Bill) -> Findings:
    """Two faults on one invoice: a seat too many on one line, a fifth more for the units on another."""
    seats = next((r for r in by_unit(bill, "subscription") if r["meter"] and Decimal(r["quantity"]) > 1), None)
    usage = next((r for r in undiscounted(by_unit(bill, "usage"))), None)
    if not seats or not usage:
        return None
    seats["quantity"] = str(int(Decimal(seats["quantity"])) + 1)
    first = regross(bill, seats, bill.settle(Decimal(seats["unit_price"]) * Decimal(seats["quantity"])))
    price = Decimal(usage["unit_price"]) * Decimal("1.2")
    usage["unit_price"] = f"{price:f}"
    second = regross(bill, usage, bill.settle(price * Decimal(usage["quantity"])))
    bill.follow()
    return [
        on_line("SUBSCRIPTION_STATE", bill, seats["line_id"], first),
        on_line("PRICE_VERSION", bill, usage["line_id"], second),
    ]


CHARGES: tuple[Callable[[Books, Bill], Findings], ...] = (
    part_period_in_full,
    minimum_lowered,
    minimum_left_out,
    credit_halved,
    coupon_too_small,
    included_units_charged,
    dearest_tier_for_all,
    two_lines,
    price_and_tax,
    taxed_before_discount,
    discount_forgotten,
    discount_given_twice,
    one_seat_more,
    dearer,
    units_lost,
    units_invented,
    gross_cut_off,
    last_years_fee,
    usage_line_forgotten,
    discount_not_agreed,
    neighbours_tax,
    untaxed,
    half_taxed,
    tax_cut_off,
    a_cent_without_cause,
    total_without_cause,
    hundredfold,
    a_hundredth,
    in_other_money,
    a_fee_by_hand,
)
