"""Contracts that are learnt late or change within a day, added to a simulated company, with and without a fault.

Their bills are those of simulate.corrections. A fault is an engine that never corrects what was learnt late (D16), or that
works by dates and leaves out what was used on the day of a cancellation (D2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from billing_recon.core.company import Profile
from billing_recon.core.period import Interval, billing_period
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate import files, offers
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.by_event import Single, Singles
from billing_recon.simulate.corrections import Account, Version
from billing_recon.simulate.documents import RenderedAs
from billing_recon.simulate.downstream import follow
from billing_recon.simulate.ledgers import BookedAs
from billing_recon.simulate.population import OPEN_END, Customer, Subscription
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span

ZONE = "America/New_York"
UNITS = Decimal(2_000)
"""Messages of a day."""


@dataclass(frozen=True, slots=True)
class Story:
    """A subscription with what was known of it and when; `until`: the instant of its cancellation."""

    subscription: Subscription
    versions: tuple[Version, ...]
    until: datetime | None = None
    faulty: bool = False


def add(out: Path, first: date, days: int, *, each: int) -> None:
    """Add the rows of all stories to the landing files in `out`, and the faults of `each` of the two kinds to truth.csv."""
    profile, windows = Profile(), Windows()
    book = PriceBook(offers.plans(in_advance=True), offers.taxes())
    landing = files.Landing([first + timedelta(days=n) for n in range(days)], RenderedAs.CSV, BookedAs.CSV)
    invoices: list[Invoice] = []
    truth: list[str] = []
    for story in (*_backdated(first, each), *_cancelled(first, each)):
        used = _use(landing, story, windows)
        right = _bills(story, used, book, profile)
        wrong = right
        if story.faulty and story.until is None:
            (due_on,) = {due for due, (_, corrects) in right.items() if corrects}
            wrong = {due: bill for due, bill in right.items() if due != due_on}
            total = sum((line.total for line in right[due_on][0].lines), Decimal(0))
            day = due_on + timedelta(days=windows.issue_grace_days)
            truth.append(_row(Code.INVOICE_MISSING, "", "", story, day, -total))
        elif story.faulty:
            assert story.until is not None
            before = [one for one in used.events["messages"] if one.at.date() < story.until.date()]
            by_dates = Singles({}, {"messages": before}, ZONE, windows.late_window_days, first)
            wrong = _bills(story, by_dates, book, profile)
        for number, due_on in enumerate(sorted(wrong)):
            invoice = wrong[due_on][0]
            invoice.invoice_id = f"INV-L{story.subscription.subscription_id[-5:]}{number}"
            for place, (line, should) in enumerate(zip(invoice.lines, right[due_on][0].lines, strict=True)):
                if line.total != should.total:
                    off = line.total - should.total
                    truth.append(
                        _row(Code.USAGE_AGGREGATION, invoice.invoice_id, invoice.line_id(place), story, due_on, off)
                    )
            if invoice.issued_on < first + timedelta(days=days):
                invoices.append(invoice)
        _put_contract(landing, story)
    chains = follow(7, invoices, profile)
    files.put_invoices(landing, invoices)
    files.put_documents(landing, chains)
    files.put_money(landing, chains, profile)
    _append(landing, out)
    with (out / files.TRUTH_FILE).open("a", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in truth)


def _backdated(first: date, each: int) -> Iterator[Story]:
    """Seats and a price version learnt ten days after they changed, within a month billed in advance."""
    changes = ({"quantity": Decimal(6)}, {"plan_version": offers.NEW}, {"quantity": Decimal(2)})
    for number in range(2 * each + 2):
        subscription = _subscription(100 + number, first - timedelta(days=40 + number))
        (span,) = subscription.spans
        changed = first + timedelta(days=4 + number % 5)
        after = (replace(span, end=changed), replace(span, start=changed, **changes[number % 3]))
        known_on = changed + timedelta(days=9)
        yield Story(subscription, (Version(first, (span,)), Version(known_on, after)), faulty=number < each)


def _cancelled(first: date, each: int) -> Iterator[Story]:
    """Cancelled at three in the afternoon, with usage in the morning, in a month of which every day is metered."""
    for number in range(2 * each + 2):
        subscription = _subscription(200 + number, first - timedelta(days=30 - number % 4))
        (span,) = subscription.spans
        last = first + timedelta(days=10 + number % 7)
        until = datetime.combine(last, time(15), ZoneInfo(ZONE)).astimezone(UTC)
        ended = replace(span, end=last, ends=until)
        known = (Version(first, (span,)), Version(last, (ended,)))
        yield Story(subscription, known, until, number < each)


def _subscription(number: int, anchor: date) -> Subscription:
    customer = Customer(f"CUS-L{number}", "mid_market", "US-NY", ZONE, "USD")
    span = Span(
        start=anchor, end=OPEN_END, plan_id="team", plan_version=offers.OLD, currency="USD", tax_region="US-NY",
        quantity=Decimal(4), customer_id=customer.customer_id,
    )  # fmt: skip
    return Subscription(f"SUB-L{number:05d}", customer, anchor, Interval.MONTH, (span,))


def _use(landing: files.Landing, story: Story, windows: Windows) -> Singles:
    """Messages at nine each morning, from the period that holds the first day to the cancellation; those before the first day
    arrive on it. The engine meters them right."""
    subscription, delivered = story.subscription, list(landing.rows["usage_events"])
    events: list[Single] = []
    day = subscription.period_of(delivered[0]).start
    while day <= delivered[-1] and (story.until is None or day <= story.until.date()):
        at = datetime.combine(day, time(9), ZoneInfo(ZONE)).astimezone(UTC)
        arrived = max(day, delivered[0])
        name, holder = f"E-{subscription.subscription_id}-{day}", subscription.customer.customer_id
        one = Single(name, UNITS, at, max(at, datetime.combine(arrived, time(1), UTC)), arrived, "", {})
        events.append(one)
        landing.add(
            "usage_events", arrived, name, "gateway", holder, subscription.subscription_id, "messages", UNITS, at, one.received,
            None,
        )  # fmt: skip
        if day >= delivered[0]:
            settled_on = day + timedelta(days=windows.late_window_days)
            landing.add("metered_usage", settled_on, subscription.subscription_id, "messages", day, UNITS, 1)
        day += timedelta(days=1)
    return Singles({}, {"messages": events}, ZONE, windows.late_window_days, delivered[0])


def _bills(story: Story, used: Singles, book: PriceBook, profile: Profile) -> dict[date, tuple[Invoice, bool]]:
    """What is due on each day, and whether it is nothing but corrections."""
    first = story.versions[0].known_on
    periods = [billing_period(story.subscription.anchor, Interval.MONTH, number) for number in range(6)]
    lines = defaultdict(list)
    for one in Account(periods, story.versions, used, first).bills(book, profile):
        if one.due_on >= first:
            lines[one.due_on].append(one)
    return {
        due_on: (
            Invoice(story.subscription, story.subscription.period_of(due_on), due_on, [one.line for one in billed]),
            all(one.known_on for one in billed),
        )
        for due_on, billed in lines.items()
    }


def _put_contract(landing: files.Landing, story: Story) -> None:
    """Each day's snapshot of what is known of the contract; an end in the future is not."""
    subscription, customer = story.subscription, story.subscription.customer
    for day in landing.rows["subscriptions"]:
        known = [version for version in story.versions if version.known_on <= day][-1]
        for span in known.spans:
            begins, ends = span.held(ZONE)
            if begins.date() <= day:
                landing.add(
                    "subscriptions", day, subscription.subscription_id, customer.customer_id, span.plan_id,
                    span.plan_version, span.status, span.quantity, customer.currency, ZONE, span.tax_region,
                    customer.segment, subscription.anchor, subscription.interval.value, begins,
                    ends if ends.date() <= day else None, None,
                )  # fmt: skip


def _row(code: Code, invoice_id: str, line_id: str, story: Story, day: date, off: Decimal) -> str:
    return f"{code},{Pair.EXPECTED_BILLED},{invoice_id},{line_id},{story.subscription.subscription_id},{day},{off:f}"


def _append(landing: files.Landing, out: Path) -> None:
    """Add the rows to the company's own files, under numbers of their own; files that have more columns leave them empty."""
    for table, of_days in landing.rows.items():
        for day, rows in of_days.items():
            path = out / "landing" / table / f"{day}.csv"
            more = path.read_text(encoding="utf-8").split("\n", 1)[0].count(",") - files.COLUMNS[table].count(",")
            with path.open("a", encoding="utf-8") as file:
                for row in rows:
                    file.write(row.replace("PAY-", "PAY-L").replace("JRN-", "JRN-L") + "," * more + "\n")
