"""A rollout of a new engine: who is billed by it from when, bugs that only it has, customers for whom the flag is ignored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from random import Random

from billing_recon.core.catalog import TaxRate
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.reason import Code
from billing_recon.core.rollout import CANDIDATE, CONTROL, Boundary
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.downstream import Chain
from billing_recon.simulate.faults import Fault, Finding, TooFew, Where, inject, refuse_unknown

IGNORED = "ignored"
"""In place of a code: an invoice that is billed by the other engine than the flag says."""
MEMBERS = "rollout,customer_id,stage,variant,since_day,until_day"
"""Columns of rollouts/NAME/members.csv: who is on, from a day until another (excluded; empty: still)."""
TRUTH = "kind,code,boundary,pair,invoice_id,line_id,customer_id,subscription_id,day,currency,delta,variant,flag"
"""Columns of rollouts/NAME/truth.csv: one row per bug of the new engine (`bug`) and per flag ignored (`exposure`)."""

OF_PAYMENTS = frozenset({Code.PAYMENT_AMOUNT, Code.PAYMENT_DUPLICATE})
"""What a retry engine gets wrong."""
NOBODY = "nobody"
"""`Invoice.kept_by` of a bill that was voided at once and that no other layer ever saw."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """From a day on this share of the customers is billed by the new engine; 0 switches it off for everybody."""

    day: date
    share: Decimal

    @property
    def name(self) -> str:
        return (
            "everybody"
            if self.share == 1
            else f"share_{f'{self.share * 100:f}'.rstrip('0').rstrip('.').replace('.', '_')}"
        )


def default_steps(days: Sequence[date]) -> tuple[Step, ...]:
    """5%, a quarter and all, after a quarter, a half and three quarters of the days."""
    shares = (Decimal("0.05"), Decimal("0.25"), Decimal(1))
    steps = {days[len(days) * part // 4]: share for part, share in enumerate(shares, 1)}
    return tuple(Step(day, share) for day, share in steps.items())


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is asked for. `faults`: CODE[:FORM][@BOUNDARY] or `ignored`, and how often."""

    name: str
    steps: tuple[Step, ...] = ()
    faults: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """A customer of a stage, from a day until another (excluded)."""

    customer_id: str
    stage: str
    since: date
    until: date | None

    def on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(slots=True)
class Exposed:
    """The members in order of their exposure, and the bugs put into their bills."""

    rollout: Rollout
    members: tuple[Member, ...]
    boundary_of: dict[int, str] = field(default_factory=dict)
    ignored: list[Invoice] = field(default_factory=list)
    bugs: list[Finding] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    reissued: list[Invoice] = field(default_factory=list)
    rates: tuple[TaxRate, ...] = ()

    @classmethod
    def of(cls, rollout: Rollout, seed: int, customers: Iterable[str], days: Sequence[date]) -> Exposed:
        """Customers come in by the hash of their id, so that a wider stage holds every narrower one.

        ConfigurationError: a step outside the days, or steps that are not in order.
        """
        steps = rollout.steps or default_steps(days)
        outside = [str(step.day) for step in steps if not days[0] <= step.day <= days[-1]]
        if outside or [s.day for s in steps] != sorted({s.day for s in steps}):
            raise ConfigurationError(
                f"--rollout-stage: give days from {days[0]} to {days[-1]} in order, each once"
                + (f"; outside are {', '.join(outside)}" if outside else "")
            )
        known = sorted(set(customers), key=lambda one: hashlib.sha256(f"{seed}/{rollout.name}/{one}".encode()).digest())
        since: dict[str, tuple[date, str]] = {}
        found: list[Member] = []
        for step in steps:
            if step.share == 0:
                found += [Member(one, stage, day, step.day) for one, (day, stage) in since.items()]
                since = {}
                continue
            count = int((step.share * len(known)).to_integral_value(ROUND_CEILING))
            since |= {one: (step.day, step.name) for one in known[:count] if one not in since}
        found += [Member(one, stage, day, None) for one, (day, stage) in since.items()]
        return cls(rollout, tuple(found))

    def flag(self, customer_id: str, day: date) -> tuple[str, str]:
        """Which engine is to bill a customer on a day, and the stage by which."""
        found = next((m for m in self.members if m.customer_id == customer_id and m.on(day)), None)
        return (CANDIDATE, found.stage) if found else (CONTROL, "")

    def expose(self, seed: int, invoices: Sequence[Invoice]) -> None:
        """Have each invoice billed by the engine that the flag says, except where it is ignored.

        If a bug is asked for at a reissue, the new engine voids some of its bills at once and issues them again (`reissued`).
        """
        for invoice in invoices:
            self._bill(invoice)
        self._reissue(seed, invoices)
        wanted = self.rollout.faults.get(IGNORED, 0)
        first = min((member.since for member in self.members), default=date.max)
        exposed = [invoice for invoice in invoices if invoice.issued_on >= first]
        Random(f"{seed}/{self.rollout.name}/{IGNORED}").shuffle(exposed)
        sides = {engine: [i for i in exposed if i.variant == engine] for engine in (CANDIDATE, CONTROL)}
        for number in range(wanted):
            turn = [sides[engine] for engine in ((CANDIDATE, CONTROL) if number % 2 else (CONTROL, CANDIDATE))]
            side = turn[0] or turn[1]
            if not side:
                raise ConfigurationError(
                    f"rollout:{IGNORED}: {wanted} asked, {number} invoices are issued from {first} on; ask for fewer, or more days"
                )
            invoice = side.pop()
            invoice.variant = CONTROL if invoice.variant == CANDIDATE else CANDIDATE
            self.ignored.append(invoice)

    def _reissue(self, seed: int, invoices: Sequence[Invoice]) -> None:
        asked = sum(n for name, n in self.rollout.faults.items() if name.partition("@")[2] == Boundary.REISSUE)
        mine = [i for i in invoices if i.variant == CANDIDATE and i.status == "issued" and i.total > 0]
        Random(f"{seed}/{self.rollout.name}/{Boundary.REISSUE}").shuffle(mine)
        for invoice in mine[: 3 * asked]:
            again = invoice.again(invoice.issued_on)
            invoice.status, invoice.kept_by = "void", NOBODY
            self.reissued.append(again)

    def _bill(self, invoice: Invoice) -> None:
        invoice.variant, invoice.cohort = self.flag(invoice.subscription.customer.customer_id, invoice.issued_on)

    def inject(
        self,
        seed: int,
        faults: Sequence[Fault[Where]],
        places: list[Where],
        used: set[int],
        invoice_of: Callable[[Where], Invoice],
    ) -> None:
        """Put those of the asked bugs that are among `faults` into bills of the new engine, only where their boundary is crossed.

        ConfigurationError: there are too few such bills.
        """
        codes = {fault.code for fault in faults}
        for asked, count in self.rollout.faults.items():
            name, _, boundary = asked.partition("@")
            if asked == IGNORED or asked in self.placed or Code(name.partition(":")[0]) not in codes:
                continue
            mine = [
                one
                for one in places
                if (invoice := invoice_of(one)).variant == CANDIDATE
                and invoice.status == "issued"
                and (self._retried(one) if boundary == Boundary.RETRY_CYCLE else crosses(invoice, boundary, self.rates))
            ]
            try:
                found = inject(seed, faults, {name: count}, mine, used, invoice_of)
            except TooFew as shortage:
                raise ConfigurationError(
                    f"rollout:{asked}: {count} asked, places for {shortage.placed} found among {len(mine)} bills of the new engine"
                    + (f" that cross {boundary}" if boundary else "")
                    + "; ask for fewer, wider stages, more customers or more days"
                ) from None
            self.boundary_of |= {id(finding): boundary for finding in found}
            self.bugs += found
            self.placed |= {asked} if found else set()

    def _retried(self, place: object) -> bool:
        """Whether what followed an invoice has an attempt after one that failed. An invoice itself does not tell."""
        payments = place.payments if isinstance(place, Chain) else []
        return any(one.status == "failed" for one in payments) and any(one.attempt > 1 for one in payments)

    def follow_flags(self, invoices: Iterable[Invoice]) -> None:
        """An invoice that a bug added is the new engine's."""
        for invoice in invoices:
            if not invoice.variant:
                invoice.variant, invoice.cohort = (
                    CANDIDATE,
                    self.flag(invoice.subscription.customer.customer_id, invoice.issued_on)[1],
                )

    def write(self, out: Path) -> int:
        """Write rollouts/NAME/members.csv and truth.csv."""
        folder = out / "rollouts" / self.rollout.name
        folder.mkdir(parents=True)
        name = self.rollout.name
        members = sorted(
            f"{name},{m.customer_id},{m.stage},{CANDIDATE},{m.since},{m.until or ''}" for m in self.members
        )
        rows = [self._bug(finding) for finding in self.bugs] + [self._exposure(invoice) for invoice in self.ignored]
        for file, lines in (("members.csv", [MEMBERS, *members]), ("truth.csv", [TRUTH, *sorted(rows)])):
            (folder / file).write_bytes(("\n".join(lines) + "\n").encode())
        return 2

    def _bug(self, finding: Finding) -> str:
        invoice = finding.invoice
        customer = invoice.subscription.customer.customer_id if invoice else ""
        cells = (
            "bug", finding.code, self.boundary_of[id(finding)], finding.pair,
            finding.named or (invoice.invoice_id if invoice else ""),
            invoice.line_id(finding.line) if invoice and finding.line is not None else "",
            customer, finding.subscription_id, finding.day, invoice.currency if invoice else "", f"{finding.delta:f}",
            invoice.variant if invoice else "", self.flag(customer, finding.day)[0],
        )  # fmt: skip
        return ",".join(map(str, cells))

    def _exposure(self, invoice: Invoice) -> str:
        customer = invoice.subscription.customer.customer_id
        cells = (
            "exposure", "", "", "", invoice.invoice_id, "", customer, invoice.subscription.subscription_id,
            invoice.issued_on, invoice.currency, f"{invoice.total:f}", invoice.variant, self.flag(customer, invoice.issued_on)[0],
        )  # fmt: skip
        return ",".join(map(str, cells))


def crosses(invoice: Invoice, boundary: str, rates: Sequence[TaxRate] = ()) -> bool:
    """Whether an invoice is one at which a bug of this boundary can show; without a boundary each is."""
    match boundary:
        case "":
            return True
        case Boundary.MONTH_END:
            return 1 in (invoice.issued_on.day, (invoice.issued_on + _DAY).day)
        case Boundary.RENEWAL:
            return invoice.period.start > invoice.subscription.anchor
        case Boundary.PLAN_CHANGE:
            return any(line.kind == "proration" for line in invoice.lines)
        case Boundary.COUPON_EXPIRY:
            return any(
                ends is not None and invoice.period.start <= ends <= invoice.issued_on
                for span in invoice.subscription.spans
                for ends in (span.contract.discount.valid_to if span.contract.discount else None,)
            )
        case Boundary.REISSUE:
            return invoice.retry > 0
        case Boundary.TAX_CHANGE:
            regions = {span.tax_region for span in invoice.subscription.spans}
            return any(
                rate.tax_region in regions
                and rate.effective_from is not None
                and invoice.period.start <= rate.effective_from <= invoice.issued_on
                for rate in rates
            )
    raise ConfigurationError(f"@{boundary}: bugs show at {', '.join(Boundary)}")


def with_change(rollout: Rollout, rates: tuple[TaxRate, ...], days: Sequence[date]) -> tuple[TaxRate, ...]:
    """The rates, and if a bug is asked for at a change of tax, each region's raised by a point in the middle of the exposed days."""
    if not any(name.partition("@")[2] == Boundary.TAX_CHANGE for name in rollout.faults):
        return rates
    first = (rollout.steps or default_steps(days))[0].day
    on = first + (days[-1] - first) / 2
    newest = {rate.tax_region: rate.rate for rate in rates}
    return (
        *rates,
        *(
            TaxRate(tax_region=region, rate=rate + Decimal("0.01"), effective_from=on)
            for region, rate in newest.items()
            if rate
        ),
    )


def refuse(rollout: Rollout, forms: Mapping[Code, Sequence[str]]) -> None:
    """ConfigurationError for bugs that cannot be simulated, and for boundaries at which none shows."""
    named = {asked: count for asked, count in rollout.faults.items() if asked != IGNORED}
    refuse_unknown({asked.partition("@")[0]: count for asked, count in named.items()}, forms)
    wrong = sorted({asked.partition("@")[2] for asked in named} - set(Boundary) - {""})
    if wrong:
        raise ConfigurationError(f"@{', @'.join(wrong)}: bugs show at {', '.join(Boundary)}")
    before = {
        asked
        for asked in named
        if asked.endswith(f"@{Boundary.RETRY_CYCLE}")
        and Code(asked.partition("@")[0].partition(":")[0]) not in OF_PAYMENTS
    }
    if before:
        raise ConfigurationError(
            f"rollout:{', rollout:'.join(sorted(before))}: at {Boundary.RETRY_CYCLE} show bugs of payments: "
            f"{', '.join(sorted(OF_PAYMENTS))}"
        )
