"""Faults of a billing engine: the bugs of bugs.py in single bills, and whole bills that are missing, doubled or unasked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from quality.foreign.books import Company, Invoice, name_lines
from quality.foreign.bugs import BUGS, ClosesEarly, ListMinimum, TwiceFree
from quality.foreign.engine import EXPONENTS, ZERO, Engine, Line

Difference = tuple[Line | None, Line | None, Decimal]
"""The line that is due, the one that was billed, and how much the second is above the first."""


def engine_faults(company: Company, invoices: list[Invoice], extra: list[Invoice]) -> None:
    world = company.world
    once = [i for i in invoices if i.issued < world.last - timedelta(days=5)]
    choices: list[tuple[int, type[Engine], list[tuple[Invoice, list[Line]]]]] = []
    for bug in BUGS:
        if bug.code == "USAGE_AGGREGATION" and not world.meters:
            continue
        engine = world.engine(bug)
        fits = [(i, lines) for i in once if _tells((lines := engine.bill(i.sub, i.start, i.end)), i.lines, bug)]
        choices.append((len(fits), bug, fits))
    for _, bug, fits in sorted(choices, key=lambda c: (c[0], c[1].__name__)):
        free = [fit for fit in fits if fit[0].sub.subscription_id not in company.used]
        world.rng.shuffle(free)
        chosen = next((fit for fit in free if not _rivalled(company, bug, *fit)), None)
        if chosen:
            company.form = bug.__name__
            _spoil(company, bug, *chosen)
    for form in (_not_issued, _issued_twice, _line_twice, _ghost, _quarantined, _other_currency, _after_the_end):
        fits = [i for i in once if i.sub.subscription_id not in company.used]
        world.rng.shuffle(fits)
        company.form = form.__name__.strip("_")
        for invoice in fits:
            if form(company, invoice, invoices, extra):
                company.used.add(invoice.sub.subscription_id)
                break


def _rivalled(company: Company, bug: type[Engine], invoice: Invoice, lines: list[Line]) -> bool:
    """Whether a bug with another code gives the same bill, so that two answers are honest."""
    figures = sorted(map(str, map(_figures, lines)))
    for other in (*BUGS, TwiceFree):
        if other.code != bug.code:
            bill = company.world.engine(other).bill(invoice.sub, invoice.start, invoice.end)
            if sorted(map(str, map(_figures, bill))) == figures:
                return True
    return bug is ClosesEarly and invoice.sub.timezone != company.world.timezone


def _tells(billed: list[Line], due: list[Line], bug: type[Engine]) -> bool:
    """Whether a bug shows in a bill, and in a way that has one honest answer."""
    code = bug.code
    if code == "INVOICE_PERIOD":
        return len(due) == 1 and due[0].kind == "subscription"
    differing = _differing(billed, due)
    if not billed or not differing:
        return False
    if any(delta == 0 for _, _, delta in differing):
        return False
    if bug is ListMinimum and not any(line.kind == "minimum" for line in billed):
        return False
    if code == "TIER_RATE" and any(line.kind == "proration" for line in billed):
        return False
    return code != "ROUNDING" or max(abs(delta) for _, _, delta in differing) <= Decimal(2)


def _differing(billed: list[Line], due: list[Line]) -> list[Difference]:
    there, here = {li.key: li for li in due}, {li.key: li for li in billed}
    found: list[Difference] = []
    for key in sorted({*there, *here}, key=str):
        one, other = there.get(key), here.get(key)
        if one and other and _figures(one) == _figures(other):
            continue
        found.append((one, other, (other.total if other else ZERO) - (one.total if one else ZERO)))
    return found


def _figures(line: Line) -> tuple[object, ...]:
    return (
        line.quantity,
        line.gross,
        line.discount,
        line.credit,
        line.taxable,
        line.tax,
        line.total,
        line.plan_id,
        line.version,
    )


def _spoil(company: Company, bug: type[Engine], invoice: Invoice, lines: list[Line]) -> None:
    world, sub = company.world, invoice.sub
    due, invoice.lines = invoice.lines, lines
    name_lines(company, invoice)
    company.used.add(sub.subscription_id)
    shifted: list[Difference] = [(due[0], lines[0], ZERO)]
    differing = shifted if bug.code == "INVOICE_PERIOD" else _differing(lines, due)
    for _, line, delta in differing:
        name = line.line_id if line and bug.code != "INVOICE_PERIOD" else ""
        company.true(bug.code, "expected_billed", invoice.invoice_id, name, sub.subscription_id, invoice.issued, delta)
    if bug.metering:
        company.metering[sub.subscription_id] = (world.engine(bug), invoice.start, invoice.end)


def _not_issued(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    world = company.world
    invoices.remove(invoice)
    due = invoice.end + timedelta(days=world.conventions.issue_after + world.windows["issue_grace_days"])
    company.true("INVOICE_MISSING", "expected_billed", "", "", invoice.sub.subscription_id, due, -invoice.total)
    return True


def _issued_twice(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    again = replace(invoice, lines=[replace(li) for li in invoice.lines], issued=invoice.issued + timedelta(days=1))
    again.invoice_id = company.number(invoice.sub)
    name_lines(company, again)
    extra.append(again)
    sub = invoice.sub.subscription_id
    company.true("INVOICE_DUPLICATE", "expected_billed", again.invoice_id, "", sub, again.issued, again.total)
    return True


def _line_twice(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    line = invoice.lines[0]
    if company.world.conventions.tax_point == "invoice" or line.kind != "subscription" or not line.total:
        return False
    invoice.lines.append(replace(line, line_id=f"{line.line_id}b"))
    sub = invoice.sub.subscription_id
    company.true(
        "INVOICE_DUPLICATE", "expected_billed", invoice.invoice_id, f"{line.line_id}b", sub, invoice.issued, line.total
    )
    return True


def _ghost(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    """A bill for a subscription that no contract has."""
    name = f"ghost-{invoice.sub.subscription_id}"
    again = replace(invoice, lines=[replace(li) for li in invoice.lines], subscription_id=name)
    again.invoice_id = company.number(invoice.sub)
    extra.append(again)
    name_lines(company, again)
    company.true("KEY_UNMAPPED", "expected_billed", again.invoice_id, "", name, again.issued, again.total)
    return True


def _quarantined(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    if len(invoice.lines) > 1:
        return False
    invoice.lines[0].spoilt = True
    world = company.world
    company.set_aside.add(invoice.invoice_id)
    due = invoice.end + timedelta(days=world.conventions.issue_after + world.windows["issue_grace_days"])
    company.true("RECORD_QUARANTINED", "expected_billed", "", "", invoice.sub.subscription_id, due, -invoice.total)
    return True


def _other_currency(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    other = next(c for c in company.world.currencies if c != invoice.currency and EXPONENTS[c] == 2)
    if len(invoice.lines) > 1 or EXPONENTS[invoice.currency] != 2:
        return False
    line, sub = invoice.lines[0], invoice.sub.subscription_id
    line.currency = other
    company.true("CURRENCY_FX", "expected_billed", invoice.invoice_id, "", sub, invoice.issued, line.total)
    company.true("CURRENCY_FX", "expected_billed", invoice.invoice_id, "", sub, invoice.issued, -line.total)
    return True


def _after_the_end(company: Company, invoice: Invoice, invoices: list[Invoice], extra: list[Invoice]) -> bool:
    """A bill for a whole period after the subscription was cancelled."""
    sub, world = invoice.sub, company.world
    if sub.intervals[-1].status != "cancelled" or not invoice.start <= sub.intervals[-1].begins < invoice.end:
        return False
    length = (invoice.end - invoice.start).days
    issued = invoice.issued + timedelta(days=length)
    if issued > world.last or sub.intervals[-1].begins > issued:
        return False
    going_on = replace(sub, intervals=sub.intervals[:-1])
    number = next(n for n in range(200) if sub.period(n)[0] == invoice.end)
    start, end = sub.period(number)
    issued = end + timedelta(days=world.conventions.issue_after)
    lines = world.engine().bill(going_on, start, end)
    if issued > world.last or not lines:
        return False
    again = Invoice(company.number(sub), sub, start, end, issued, lines, subscription_id=sub.subscription_id)
    name_lines(company, again)
    extra.append(again)
    company.true(
        "INVOICE_UNEXPECTED", "expected_billed", again.invoice_id, "", sub.subscription_id, issued, again.total
    )
    return True
