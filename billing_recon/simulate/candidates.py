"""A candidate for shadow billing: terms that change on purpose, a new engine with bugs, and what a perfect review finds.

Its bills are computed by the plain engine, so truth.csv owes nothing to the SQL that is tested by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from billing_recon.core.catalog import Charge, Plan, TaxRate
from billing_recon.core.company import Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.money import minor_unit
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code
from billing_recon.simulate import files, home, offers
from billing_recon.simulate.billing import Invoice, bill
from billing_recon.simulate.documents import RenderedAs
from billing_recon.simulate.engine import EngineLine
from billing_recon.simulate.engine_faults import EngineFaults
from billing_recon.simulate.faults import Fault, Finding, Reach, TooFew, inject, refuse_unknown
from billing_recon.simulate.ledgers import BookedAs
from billing_recon.simulate.line_faults import ORDINARY, Lines, only
from billing_recon.simulate.population import Subscription
from billing_recon.simulate.price_book import ZERO, PriceBook, rate_charge
from billing_recon.simulate.usage import UsageBook

TRUTH = "invoice_id,line_id,meant,new_fault,old_fault,code"
"""Columns of shadow/NAME/truth.csv: one row per line of which any part is not zero."""

OF_WHOLE_INVOICES = frozenset(
    {Code.KEY_UNMAPPED, Code.RECORD_QUARANTINED, Code.INVOICE_MISSING, Code.INVOICE_UNEXPECTED, Code.INVOICE_DUPLICATE,
     Code.INVOICE_PERIOD, Code.CURRENCY_FX}
)  # fmt: skip
"""Faults after which lines cannot be told apart by what they charge; with a candidate they are refused."""

ENGINE_BUGS = (
    Code.SUBSCRIPTION_STATE,
    Code.PRICE_VERSION,
    Code.CONTRACT_OVERRIDE,
    Code.ALLOWANCE_ROLLOVER,
    Code.TIER_RATE,
    Code.PRORATION,
    Code.MINIMUM,
    Code.CAP,
    Code.DISCOUNT_VALUE,
    Code.CREDIT_VALUE,
    Code.MANUAL_ADJUSTMENT,
    Code.STEP_ORDER,
    Code.TAX_RATE_JURISDICTION,
    Code.TAX_BASE,
    Code.MINOR_UNIT,
    Code.ROUNDING,
    Code.UNEXPLAINED,
)
"""Bugs that a new engine can have."""

Key = tuple[str, str, date, date, bool]
Identity = tuple[str, date, date]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of terms that is meant: what becomes of a plan, or of the contracts on it, and the code of that."""

    code: Code
    about: str
    plans: Mapping[tuple[str, str, str], Plan] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)
    plan_id: str = ""

    def of(self, subscription: Subscription) -> Subscription:
        """The subscription under the new terms."""
        if not self.mapping:
            return subscription
        spans = (
            replace(span, plan_version=offers.NEW)
            if (span.plan_id, span.plan_version) == (self.plan_id, offers.OLD)
            else span
            for span in subscription.spans
        )
        return replace(subscription, spans=tuple(spans))


def changes(rng: Random, plans: Sequence[Plan]) -> tuple[Change, ...]:
    """Two changes of terms that do not meet on one invoice's plan."""
    menu = (
        _dearer_base("starter", plans),
        _dearer_base("scale", plans),
        _cheaper_tiers("starter", plans),
        _cheaper_tiers("scale", plans),
        _newer_version("team"),
        _newer_version("batch"),
        _newer_version("enterprise"),
        _higher_minimum(plans),
    )
    first = menu[rng.randrange(len(menu))]
    others = [change for change in menu if change.plan_id != first.plan_id]
    return first, others[rng.randrange(len(others))]


def _keyed(plans: Iterable[Plan]) -> dict[tuple[str, str, str], Plan]:
    return {(p.plan_id, p.plan_version, p.currency): p for p in plans}


def _dearer_base(plan_id: str, plans: Sequence[Plan]) -> Change:
    def dearer(charge: Charge, currency: str) -> Charge:
        if charge.model != "flat" or charge.amount is None:
            return charge
        unit = minor_unit(currency)
        amount = (charge.amount * Decimal("1.1") / unit).to_integral_value() * unit
        return charge.model_copy(update={"amount": amount})

    found = [
        plan.model_copy(update={"charges": tuple(dearer(c, plan.currency) for c in plan.charges)})
        for plan in plans
        if plan.plan_id == plan_id
    ]
    return Change(Code.PRICE_VERSION, f"the base fee of {plan_id} rises by 10%", _keyed(found), plan_id=plan_id)


def _cheaper_tiers(plan_id: str, plans: Sequence[Plan]) -> Change:
    def cheaper(charge: Charge) -> Charge:
        if charge.kind != "usage" or not charge.tiers:
            return charge
        tiers = tuple(t.model_copy(update={"unit": (t.unit * Decimal("0.8")).normalize() + ZERO}) for t in charge.tiers)
        return charge.model_copy(update={"tiers": tiers})

    found = [
        plan.model_copy(update={"charges": tuple(map(cheaper, plan.charges))})
        for plan in plans
        if plan.plan_id == plan_id
    ]
    return Change(Code.TIER_RATE, f"usage of {plan_id} costs 20% less in every tier", _keyed(found), plan_id=plan_id)


def _newer_version(plan_id: str) -> Change:
    mapping = {"of": {"plan_id": plan_id, "plan_version": offers.OLD}, "plan_version": offers.NEW}
    return Change(
        Code.PRICE_VERSION,
        f"contracts on {plan_id} {offers.OLD} move to {offers.NEW}",
        mapping=mapping,
        plan_id=plan_id,
    )


def _higher_minimum(plans: Sequence[Plan]) -> Change:
    found = [
        plan.model_copy(update={"minimum": plan.minimum * Decimal("1.25")})
        for plan in plans
        if plan.plan_id == "enterprise" and plan.minimum
    ]
    return Change(Code.MINIMUM, "the minimum of enterprise rises by a quarter", _keyed(found), plan_id="enterprise")


@dataclass(slots=True)
class Draft:
    """A candidate before the old engine's bugs are injected: both bills as they should be, and the new one with its bugs."""

    name: str
    changes: tuple[Change, ...]
    right_old: list[Invoice]
    right_new: list[Invoice]
    billed: list[Invoice]
    findings: list[Finding]
    last: date

    @classmethod
    def make(
        cls,
        name: str,
        seed: int,
        subscriptions: Sequence[Subscription],
        usage: UsageBook,
        plans: tuple[Plan, ...],
        taxes: tuple[TaxRate, ...],
        profile: Profile,
        windows: Windows,
        first: date,
        last: date,
        faults: Mapping[str, int],
    ) -> Draft:
        """Bill every subscription under the old and the new terms, and inject the new engine's bugs.

        ConfigurationError: a bug that an engine cannot have, or more of one than there are places.
        """
        rng = Random(f"{seed}/candidate/{name}")
        meant = changes(rng, plans)
        renewed = _keyed(plans)
        mapped = list(subscriptions)
        for change in meant:
            renewed |= change.plans
            mapped = [change.of(one) for one in mapped]
        new_plans = tuple(renewed.values())
        old_book, new_book = PriceBook(plans, taxes), PriceBook(new_plans, taxes)
        right_old = bill(subscriptions, usage, old_book, profile, first, last)
        right_new = bill(mapped, usage, new_book, profile, first, last)
        billed = bill(mapped, usage, new_book, profile, first, last)
        open_ = [i for i in billed if i.subscription.subscription_id not in usage.singles]
        lines = Lines(new_book, profile, new_plans, taxes)
        registry = (
            Fault(Code.TIER_RATE, "boundary_off_by_one", lines.one(Code.TIER_RATE, _Boundaries(lines).one_less, plain=False),
                  "each tier ends one unit early", Reach.LINE),
            Fault(Code.STEP_ORDER, "minimum_before_discount", lines.one(Code.STEP_ORDER, _Minimums(lines).unreduced, plain=False),
                  "the minimum is filled up before the discount is taken off", Reach.LINE),
            *(
                fault
                for fault in EngineFaults(open_, usage, new_plans, taxes, profile, windows, first, last).registry
                if fault.code in ENGINE_BUGS and fault.reach is Reach.LINE and not fault.several
            ),
        )  # fmt: skip
        forms: dict[Code, list[str]] = {}
        for fault in registry:
            forms.setdefault(fault.code, []).append(fault.form)
        refuse_unknown(faults, forms)
        try:
            findings = inject(seed, registry, faults, open_, set(), lambda invoice: invoice)
        except TooFew as shortage:
            raise ConfigurationError(
                f"candidate:{shortage.name}: {faults[shortage.name]} asked, places for {shortage.placed} found among "
                f"{len(open_)} invoices; ask for fewer, more customers or more days"
            ) from None
        return cls(name, meant, right_old, right_new, billed, findings, last)

    def write(self, out: Path, issued: Sequence[Invoice], findings: Sequence[Finding], days: list[date]) -> int:
        """Write shadow/NAME: candidate.yaml, its catalog, the new engine's bills, truth.csv. `issued`: the old engine's bills."""
        old = {_identity(invoice): invoice for invoice in issued}
        right_old = {_identity(invoice): invoice for invoice in self.right_old}
        right_new = {_identity(invoice): invoice for invoice in self.right_new}
        named = [
            _Named.of(invoice, old.get(_identity(invoice)), number) for number, invoice in enumerate(self.billed, 1)
        ]
        codes = {(_identity(f.invoice), f.line): f.code for f in self.findings if f.invoice is not None}
        old_codes = {
            (_identity(f.invoice), f.line): f.code
            for f in findings
            if f.invoice is not None and f.pair.value == "expected_billed"
        }
        rows = [
            row
            for invoice in named
            for row in self._truth(
                invoice,
                old.get(_identity(invoice)),
                right_old.get(_identity(invoice)),
                right_new[_identity(invoice)],
                codes,
                old_codes,
            )
        ]
        folder = out / "shadow" / self.name
        (folder / "catalog").mkdir(parents=True)
        changed = [plan for change in self.changes for plan in change.plans.values()]
        written = 2
        if changed:
            content = {"plans": [home.shown(plan.model_dump(exclude_defaults=True)) for plan in changed]}
            home.write_yaml(folder / "catalog" / "plans.yaml", "# What the candidate sells instead.", content)
            written += 1
        home.write_yaml(
            folder / "candidate.yaml",
            "# A simulated candidate; truth.csv has what its review should find.",
            self._described(),
        )
        landing = files.Landing(days, RenderedAs.CSV, BookedAs.CSV)
        files.put_invoices(landing, named)
        into = folder / "landing" / "invoice_lines"
        into.mkdir(parents=True)
        for day, lines in landing.rows["invoice_lines"].items():
            (into / f"{day}.csv").write_bytes(("\n".join([files.COLUMNS["invoice_lines"], *lines]) + "\n").encode())
        (folder / "truth.csv").write_bytes(("\n".join([TRUTH, *sorted(rows)]) + "\n").encode())
        return written + len(days)

    def _described(self) -> dict[str, Any]:
        terms: dict[str, Any] = {}
        if any(change.plans for change in self.changes):
            terms["catalog"] = "catalog/*.yaml"
        mappings = [dict(change.mapping) for change in self.changes if change.mapping]
        if mappings:
            terms["contracts"] = mappings
        return {
            "purpose": "; ".join(change.about for change in self.changes),
            "owner": "pricing",
            "terms": terms,
            "engine": {},
            "launch": {
                "decided_by": "Amara Okafor",
                "parallel_from": (self.last + timedelta(days=1)).isoformat(),
                "parallel_to": (self.last + timedelta(days=14)).isoformat(),
                "cutover": (self.last + timedelta(days=15)).isoformat(),
                "rollback": "a difference nobody meant on any invoice: the new engine's flag goes off",
            },
        }

    def _truth(
        self,
        invoice: _Named,
        old: Invoice | None,
        right_old: Invoice | None,
        right_new: Invoice,
        codes: Mapping[tuple[Identity, int | None], Code],
        old_codes: Mapping[tuple[Identity, int | None], Code],
    ) -> Iterator[str]:
        """The rows of one invoice: each line by what it charges, on four bills."""
        bills = [_by_key(i.lines if i else ()) for i in (old, right_old, invoice, right_new)]
        ids = {key: old.line_id(n) for key, (n, _) in bills[0].items()} if old else {}
        ids = {key: invoice.line_id(n) for key, (n, _) in bills[2].items()} | ids
        identity = _identity(invoice)
        for key in dict.fromkeys(key for lines in bills for key in lines):
            o, eo, n, en = (lines[key][1].total if key in lines else ZERO for lines in bills)
            meant, new_fault, old_fault = en - eo, n - en, o - eo
            if not (meant or new_fault or old_fault):
                continue
            code = ""
            # The plan is that of our rating: a bug of the old engine may name another one on its line.
            line = next(lines[key][1] for lines in (bills[3], bills[1], bills[2], bills[0]) if key in lines)
            if new_fault and new_fault != old_fault:
                code = codes.get((identity, bills[2][key][0] if key in bills[2] else None), "")
                code = code or next((c for (i, _), c in codes.items() if i == identity), "")
            elif meant:
                code = next((c.code for c in self.changes if c.plan_id == line.plan_id), "")
            else:
                code = next((c for (i, _), c in old_codes.items() if i == identity), "")
            amounts = (f"{amount:f}" for amount in (meant, new_fault, old_fault))
            yield ",".join((old.invoice_id if old else invoice.invoice_id, ids.get(key, ""), *amounts, str(code)))


@dataclass(eq=False, slots=True)
class _Named(Invoice):
    """The new engine's invoice under the old one's number; a line that charges what an old one does has its id."""

    ids: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, invoice: Invoice, old: Invoice | None, number: int) -> _Named:
        named = cls(invoice.subscription, invoice.period, invoice.issued_on, invoice.lines)
        named.invoice_id = old.invoice_id if old else f"NEW-{number:06d}"
        theirs = {key: old.line_id(n) for key, (n, _) in _by_key(old.lines).items()} if old else {}
        later = len(theirs)
        for key, (place, _) in _by_key(invoice.lines).items():
            if key in theirs:
                named.ids[place] = theirs[key]
            else:
                later += 1
                named.ids[place] = f"{named.invoice_id}/{later}"
        return named

    def line_id(self, index: int) -> str:
        return self.ids[index]


def _identity(invoice: Invoice) -> Identity:
    return invoice.subscription.subscription_id, invoice.period.start, invoice.issued_on


def _by_key(lines: Iterable[EngineLine]) -> dict[tuple[Key, int], tuple[int, EngineLine]]:
    """Lines by what they charge; of several that charge the same, in order."""
    found: dict[tuple[Key, int], tuple[int, EngineLine]] = {}
    for place, line in enumerate(lines):
        key = (line.kind, line.meter or "", line.period_start, line.period_end, line.gross < 0)
        again = 0
        while (key, again) in found:
            again += 1
        found[key, again] = (place, line)
    return found


@dataclass(frozen=True, slots=True)
class _Boundaries:
    """Tiers that end one unit early."""

    lines: Lines

    def one_less(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        charge = self.lines.charge(line)
        if charge is None or line.kind == "proration" or charge.model not in ("graduated", "volume"):
            return []
        tiers = tuple(t.model_copy(update={"up_to": t.up_to - 1 if t.up_to else None}) for t in charge.tiers)
        return [self.lines.at(line, rate_charge(charge.model_copy(update={"tiers": tiers}), line.quantity))]


@dataclass(frozen=True, slots=True)
class _Minimums:
    """Minimums that are filled up in the wrong order."""

    lines: Lines

    def unreduced(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        if line.kind != "minimum" or not only(invoice, (*ORDINARY, "minimum")):
            return []
        discounts = sum((one.discount for one in invoice.lines if one.plan_id == line.plan_id), ZERO)
        return [self.lines.at(line, line.gross - discounts)] if 0 < discounts < line.gross else []
