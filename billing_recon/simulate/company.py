"""One simulation from seed to files: population, usage, bills, bugs, later layers, files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.core.company import Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import days_between
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code
from billing_recon.simulate import by_event_offers, candidates, files, home, offers
from billing_recon.simulate.billing import Invoice, bill, number
from billing_recon.simulate.chains import Following
from billing_recon.simulate.documents import RenderedAs
from billing_recon.simulate.downstream import Chain, follow
from billing_recon.simulate.downstream_faults import later_faults
from billing_recon.simulate.engine_faults import EngineFaults
from billing_recon.simulate.faults import Fault, Finding, TooFew, capacity, divided, inject, refuse_unknown
from billing_recon.simulate.ledgers import BookedAs
from billing_recon.simulate.population import populate
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.rollouts import Exposed, Rollout, refuse, with_change
from billing_recon.simulate.usage import UsageBook, come_late, use

Progress = Callable[[str, int, int], None]

SUPPORTED: tuple[Code, ...] = tuple(code for code in Code if code is not Code.EXPOSURE)
"""The faults that can be injected: every code, UNEXPLAINED too (a total that is not the sum of its parts), but EXPOSURE,
which needs a rollout (simulate.rollouts)."""


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What was written. `events` counts delivered rows with duplicates; `faults` counts injected ones by code."""

    out: Path
    days: int
    files: int
    customers: int
    subscriptions: int
    events: int
    invoices: int
    invoice_lines: int
    payments: int
    faults: dict[str, int]


def simulate(
    *,
    seed: int,
    first: date,
    last: date,
    customers: int,
    faults: Mapping[str, int] | Mapping[Code, int],
    out: Path,
    documents: RenderedAs = RenderedAs.CSV,
    ledger: BookedAs = BookedAs.CSV,
    late_events: int = 0,
    closed: bool = False,
    faults_from: date | None = None,
    by_event: bool = False,
    in_advance: bool = False,
    profile: Profile | None = None,
    candidate: str | None = None,
    candidate_faults: Mapping[str, int] | None = None,
    rollout: Rollout | None = None,
    progress: Progress | None = None,
) -> SimulationSummary:
    """Write a company's home to `out` for the days `first` to `last`, with truth.csv (faults.csv adds the forms).

    Equal arguments give equal bytes; without faults, every layer ties to the next.

    - `faults`: counts by CODE (its forms in turn, one invoice each) or by CODE:FORM.
    - `out`: absent, empty, or an earlier simulation, which is replaced with everything computed from it.
    - `documents`, `ledger`: the forms of those layers' files; their rows are the same in each form.
    - `late_events`: usage events after the late window of their period; the engine correctly bills them in the next one.
    - `closed`: the company has no days after `last`; otherwise later days exist without files.
    - `faults_from`: only what is billed from this day on is faulty, so that the days before are clean.
    - `by_event`: adds subscriptions charged by single events (users, peaks, payments, regions), without engine bugs.
    - `in_advance`: base fees and seats of some plans are billed when their period begins.
    - `profile`: billing conventions, of those that the simulated engine knows.
    - `candidate`: also a candidate for shadow billing of this name, with `candidate_faults` in its engine (simulate.candidates).
    - `rollout`: a new engine bills some customers from some days on, and has bugs of its own (simulate.rollouts).
    - `progress`: called with a stage, the steps done and the steps in all.

    ConfigurationError, before anything is written: the range ends before it starts, there are no customers, a fault is
    unknown or there is no place for it, or `out` holds something else.
    """
    days = days_between(first, last)
    if customers < 1:
        raise ConfigurationError(f"{customers} customers make no company; give 1 or more")
    forms: dict[Code, list[str]] = {}
    for fault in known_faults():
        forms.setdefault(fault.code, []).append(fault.form)
    asked = {str(name): count for name, count in faults.items()}
    refuse_unknown(asked, forms)
    if rollout is not None:
        refuse(rollout, forms)
    home.refuse_foreign(out)
    report = progress or (lambda stage, done, of: None)
    profile, windows = profile or Profile(), Windows()
    plans = offers.plans(in_advance=in_advance) + (by_event_offers.plans() if by_event else ())
    taxes = offers.taxes() if rollout is None else with_change(rollout, offers.taxes(), days)
    book = PriceBook(plans, taxes)

    subscriptions = populate(seed, first, last, customers, book)
    usage = use(
        seed,
        subscriptions,
        first,
        last,
        profile.issue_after_days,
        book,
        lambda done: report("customers use", done, len(subscriptions)),
    )
    if by_event:
        charged = by_event_offers.populate(seed, first, last)
        by_event_offers.use(seed, charged, usage, profile.issue_after_days, book)
        subscriptions += charged
    if late_events:
        come_late(seed, subscriptions, usage, profile.issue_after_days, windows.lookback_days, late_events)
    report("engine bills", 0, 1)
    billed = bill(subscriptions, usage, book, profile, first, last)
    draft = None
    if candidate is not None:
        refused = [str(name) for name in asked if Code(name.partition(":")[0]) in candidates.OF_WHOLE_INVOICES]
        if refused:
            raise ConfigurationError(f"{', '.join(refused)}: not with a candidate, whose truth is told line by line")
        wanted = candidate_faults or {}
        draft = candidates.Draft.make(
            candidate, seed, subscriptions, usage, plans, taxes, profile, windows, first, last, wanted
        )
    invoices, spared = _open_to_faults(billed, usage, faults_from)
    used: set[int] = set()
    exposed = None
    if rollout is not None:
        exposed = Exposed.of(rollout, seed, (one.customer.customer_id for one in subscriptions), days)
        exposed.rates = taxes
        exposed.expose(seed, invoices + spared)
        invoices += exposed.reissued
    places = list(invoices)
    since = faults_from or first
    engine = EngineFaults(invoices, usage, plans, taxes, profile, windows, since, last, used).registry
    counts = divided(seed, asked, engine, later_faults(Following([], profile, windows, last)))
    try:
        findings = inject(seed, engine, counts, places, used, lambda invoice: invoice)
        if exposed is not None:
            exposed.inject(seed, engine, places, used, lambda invoice: invoice)
            exposed.follow_flags(invoices)
        invoices = number(invoices + spared)
        chains = follow(seed, invoices, profile)
        later = later_faults(Following(chains, profile, windows, last, used))
        after = [chain for chain in chains if not faults_from or chain.invoice.issued_on >= faults_from]
        findings += inject(seed, later, counts, after, used, lambda chain: chain.invoice)
        if exposed is not None:
            exposed.inject(seed, later, after, used, lambda chain: chain.invoice)
            findings += exposed.bugs
    except TooFew as shortage:
        usage.believed.clear()
        usage.late = {name: [one for one in late if not one.missed] for name, late in usage.late.items()}
        clean, _ = _open_to_faults(bill(subscriptions, usage, book, profile, first, last), usage, faults_from)
        after = follow(seed, clean, profile)
        engine = EngineFaults(clean, usage, plans, taxes, profile, windows, since, last).registry
        room = Counter(capacity(engine, counts, list(clean), lambda invoice: invoice))
        later = later_faults(Following(after, profile, windows, last))
        room += Counter(capacity(later, counts, after, lambda chain: chain.invoice))
        raise _cannot_hold(shortage, counts, room, len(clean)) from None
    _within(findings, since, last)
    report("engine bills", 1, 1)

    home.clear(out)
    written = home.write_configuration(
        out,
        home.company_of(first, offers.CURRENCIES, profile, documents, ledger, last if closed else None),
        home.policy_of(windows),
        plans,
        taxes,
        documents,
    )
    landing = files.Landing(days, documents, ledger)
    steps: list[Callable[[], None]] = [
        lambda: files.put_usage(landing, usage, windows.late_window_days),
        lambda: files.put_subscriptions(landing, subscriptions, windows.lookback_days),
        lambda: files.put_invoices(landing, invoices),
        lambda: files.put_documents(landing, chains),
        lambda: files.put_money(landing, chains, profile),
    ]
    for count, step in enumerate(steps):
        report("write files", count, len(steps) + 1)
        step()
    written += landing.write(out)
    written += files.write_truth(out, findings)
    if draft is not None:
        written += draft.write(out, invoices, findings, days)
    if exposed is not None:
        written += exposed.write(out)
    report("write files", len(steps) + 1, len(steps) + 1)
    return SimulationSummary(
        out=out,
        days=len(days),
        files=written,
        customers=customers,
        subscriptions=len(subscriptions),
        events=usage.delivered(),
        invoices=len(invoices),
        invoice_lines=sum(len(invoice.lines) for invoice in invoices),
        payments=sum(len(rows) for rows in landing.rows["payments"].values()),
        faults={code: count for code, count in sorted(asked.items()) if count},
    )


def _open_to_faults(
    invoices: list[Invoice], usage: UsageBook, since: date | None
) -> tuple[list[Invoice], list[Invoice]]:
    """Invoices that may get engine bugs, and those that may not: of charges by single events, or from before `since`."""
    spared = [
        i
        for i in invoices
        if i.subscription.subscription_id in usage.singles or (since is not None and i.issued_on < since)
    ]
    kept = set(map(id, spared))
    return [i for i in invoices if id(i) not in kept], spared


def known_faults() -> tuple[Fault[Invoice] | Fault[Chain], ...]:
    """Every form of every fault, by code in the order of the codes."""
    anyday = date(2000, 1, 1)
    engine = EngineFaults(
        [], UsageBook(anyday, anyday), offers.plans(), offers.taxes(), Profile(), Windows(), anyday, anyday
    )
    later = later_faults(Following([], Profile(), Windows(), anyday))
    found: list[Fault[Invoice] | Fault[Chain]] = [*engine.registry, *later]
    return tuple(sorted(found, key=lambda fault: SUPPORTED.index(fault.code)))


def _cannot_hold(
    shortage: TooFew, faults: Mapping[str, int], room: Mapping[str, int], invoices: int
) -> ConfigurationError:
    """What was asked for and what is possible, fault by fault."""
    asked = ", ".join(f"{code}={count} of at most {room.get(code, 0)}" for code, count in faults.items() if count)
    return ConfigurationError(
        [
            f"{shortage.name}: {faults[shortage.name]} asked, places for {shortage.placed} found. Each fault needs "
            f"its own invoice, and there are {invoices}. Ask for fewer faults, more customers or more days",
            f"asked: {asked}",
            "possible, if asked for alone: " + ", ".join(f"{code}={room.get(code, 0)}" for code in SUPPORTED),
        ]
    )


def _within(findings: list[Finding], first: date, last: date) -> None:
    """Every injected fault must be findable inside the simulated days; anything else is a bug here."""
    outside = [f"{f.code} {f.day}" for f in findings if not first <= f.day <= last]
    if outside:
        raise AssertionError(f"faults outside {first} to {last}: {outside}")
