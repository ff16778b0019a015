"""What a foreign company sells, to whom, and what they used: plans, taxes, subscriptions and events of a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from quality.foreign.engine import (
    EXPONENTS,
    ZERO,
    Charge,
    Contract,
    Conventions,
    Engine,
    Event,
    Interval,
    Plan,
    Subscription,
    Taxes,
    Tier,
    settle,
    utc,
)

BEGINS = (
    date(2026, 2, 20),
    date(2025, 12, 18),
    date(2024, 2, 9),
    date(2026, 5, 22),
    date(2026, 9, 30),
    date(2025, 3, 12),
)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "UTC",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "Asia/Kolkata",
)
SCALE = {
    "EUR": Decimal(1),
    "USD": Decimal(1),
    "GBP": Decimal(1),
    "CHF": Decimal(1),
    "JPY": Decimal(150),
    "KWD": Decimal("0.3"),
}


@dataclass
class World:
    """A company before any of its layers is written."""

    seed: int
    rng: random.Random
    first: date
    days: int
    timezone: str
    currencies: list[str]
    conventions: Conventions
    windows: dict[str, int]
    plans: list[Plan]
    older: dict[tuple[str, str, str], Plan]
    taxes: Taxes
    subscriptions: list[Subscription] = field(default_factory=list)

    @property
    def meters(self) -> bool:
        """Whether the engine reports metered usage. If not, a wrong sum cannot be distinguished from wrong usage."""
        return self.seed % 5 != 4

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.days - 1)

    def engine(self, kind: type[Engine] = Engine) -> Engine:
        return kind(self.conventions, self.taxes, self.older)


def make_world(seed: int, subscriptions: int, days: int) -> World:
    rng = random.Random(f"foreign {seed}")
    first = BEGINS[seed % len(BEGINS)]
    late = rng.choice((2, 3))
    conventions = Conventions(
        ("half_up", "half_even", "down")[seed % 3],
        ("after_tax", "before_tax")[seed // 2 % 2],
        ("line", "line", "invoice")[(seed + 1) % 3],
        late if seed % 4 else late - 1,
        late,
    )
    windows = {
        "late_window_days": late,
        "issue_grace_days": rng.choice((1, 2)),
        "render_lag_days": rng.choice((1, 2)),
        "ledger_lag_days": rng.choice((1, 2, 3)),
        "payment_terms_days": rng.choice((14, 18)),
        "payment_settle_days": rng.choice((3, 5)),
        "lookback_days": 62,
    }
    currencies = [*rng.sample(["EUR", "USD", "GBP", "CHF"], 2), "JPY", "KWD"]
    plans, older = _plans(rng, currencies)
    world = World(
        seed, rng, first, days, rng.choice(ZONES), currencies, conventions, windows, plans, older, _taxes(rng, first)
    )
    world.subscriptions = [_subscription(world, n) for n in range(subscriptions)]
    for sub in world.subscriptions:
        _use(world, sub)
        if len(sub.intervals) == 1 and not sub.intervals[0].contract.allowances:
            _fill_to_the_brim(world, sub)
    return world


def _fill_to_the_brim(world: World, sub: Subscription) -> None:
    """Usage of every period that ends exactly where a tier ends."""
    for charge in sub.intervals[0].plan.charges:
        if charge.kind != "usage" or not charge.tiers:
            continue
        for number in range(60):
            start, end = sub.period(number)
            if start < world.first - timedelta(days=41) or end > world.last:
                continue
            used = sum(
                (
                    world.engine().day_units(sub, charge.meter or "", start + timedelta(days=n))
                    for n in range((end - start).days)
                ),
                ZERO,
            )
            brim = next((t.up_to for t in charge.tiers if t.up_to and t.up_to > used), None)
            if brim and sub.intervals[0].begins < end - timedelta(days=1):
                at = utc(max(start, sub.intervals[0].begins) + timedelta(days=1), sub.timezone, 12)
                sub.events.append(Event(f"{sub.subscription_id}brim{number}", charge.meter or "", brim - used, at, at))


def _price(rng: random.Random, low: int, high: int, currency: str, decimals: int) -> Decimal:
    cents = Decimal(rng.randint(low, high)) + Decimal(rng.randint(1, 99)) / 100
    scaled = cents * SCALE[currency]
    return round(scaled, decimals) or Decimal(1).scaleb(-decimals)


def _charges(rng: random.Random, currency: str, shape: int) -> tuple[Charge, ...]:
    money = EXPONENTS[currency]
    fine = money + 3

    def fee(low: int, high: int) -> Decimal:
        return _price(rng, low, high, currency, money)

    def unit(low: int, high: int) -> Decimal:
        return round(_price(rng, low, high, currency, 8) / 100, fine)

    def tiers() -> tuple[Tier, ...]:
        first, second = Decimal(rng.choice((100, 250, 400))), Decimal(rng.choice((900, 1500)))
        top = unit(60, 90)
        return (
            Tier(first, top),
            Tier(second, round(top * Decimal("0.71"), fine), fee(2, 6)),
            Tier(None, round(top * Decimal("0.43"), fine), fee(3, 9)),
        )

    base = Charge("platform", "subscription", "flat", price=fee(40, 190), discountable=rng.random() < 0.8)
    seats = Charge("members", "subscription", "per_unit", "members", price=fee(7, 29))
    shapes: dict[int, tuple[Charge, ...]] = {
        0: (base,),
        1: (base, seats),
        2: (base, Charge("api", "usage", "graduated", "api", tiers=tiers())),
        3: (Charge("volume", "usage", "volume", "gb", tiers=tiers()), base),
        4: (
            Charge("bundles", "usage", "package", "sms", unit(700, 1500) * 10, (), Decimal(50), Decimal(20)),
            seats,
        ),
        5: (Charge("minutes", "usage", "per_unit", "min", unit(20, 60), free_units=Decimal(30)), base),
        6: (
            Charge(
                "crew",
                "subscription",
                "graduated",
                "crew",
                tiers=(Tier(Decimal(3), fee(20, 30)), Tier(None, fee(9, 15))),
            ),
        ),
        7: (
            base,
            seats,
            Charge("api", "usage", "per_unit", "api", unit(30, 90)),
            Charge("disk", "usage", "package", "gb", unit(900, 1900) * 10, (), Decimal(40), ZERO, False),
        ),
    }
    return shapes[shape]


NAMES = ("basis", "crew", "metered", "volume", "bundle", "voice", "guild", "full")


def _plans(rng: random.Random, currencies: list[str]) -> tuple[list[Plan], dict[tuple[str, str, str], Plan]]:
    plans, older = [], {}
    for currency in currencies:
        for shape, name in enumerate(NAMES):
            state = rng.getstate()
            least = _price(rng, 150, 260, currency, EXPONENTS[currency]) if shape in (2, 5) else None
            old = Plan(name, "v1", currency, _charges(rng, currency, shape), least)
            rng.setstate(state)
            rng.random()
            new = replace(old, version="v2", charges=tuple(_dearer(c, currency) for c in old.charges))
            plans += [old, new]
            older[name, "v2", currency] = old
    return plans, older


def _dearer(charge: Charge, currency: str) -> Charge:
    def up(price: Decimal) -> Decimal:
        places = max(-int(price.as_tuple().exponent), EXPONENTS[currency])
        return round(price * Decimal("1.13"), places)

    return replace(charge, price=up(charge.price), tiers=tuple(Tier(t.up_to, up(t.unit), t.flat) for t in charge.tiers))


def _taxes(rng: random.Random, first: date) -> Taxes:
    change = first + timedelta(days=rng.randint(8, 20))
    return {
        "DE": [(date(2007, 1, 1), Decimal("0.19"))],
        "NY": [(date(2000, 1, 1), Decimal("0.08875"))],
        "EE": [(date(2009, 7, 1), Decimal("0.20")), (date(2024, 1, 1), Decimal("0.22")), (change, Decimal("0.24"))],
        "JP": [(date(2019, 10, 1), Decimal("0.10"))],
        "OUT": [(date(1990, 1, 1), ZERO)],
    }


def _subscription(world: World, number: int) -> Subscription:
    rng, first = world.rng, world.first
    currency = rng.choices(world.currencies, (4, 4, 2, 2))[0]
    every = rng.choices(("month", "week", "quarter", "year"), (80, 6, 7, 7))[0]
    shapes = (0, 1, 6) if every in ("quarter", "year") else range(8)
    name = NAMES[rng.choice(list(shapes))]
    if number % 13 == 5 and every in ("month", "week"):
        name = rng.choice(("metered", "voice"))
    versions = [p for p in world.plans if p.plan_id == name and p.currency == currency]
    plan = versions[1] if rng.random() < 0.7 else versions[0]
    end = first + timedelta(days=rng.randint(0, max(world.days - 10, 3)))
    if rng.random() < 0.15:
        end = _month_end(end)
    anchor = _anchor(end, every, rng.choice((1, 1, 2, 5)) if every in ("month", "week") else 1)
    begins = anchor
    start = Interval(
        begins, 0, "active", plan, rng.randint(2, 9), rng.choice(["DE", "NY", "EE", "EE", "JP", "OUT"]), Contract()
    )
    sub = Subscription(
        f"{rng.choice('abcdef')}{number:04d}.{rng.randint(10, 99)}",
        f"K{rng.randint(1000, 9999)}{number:03d}",
        rng.choice((*ZONES, world.timezone, world.timezone)),
        anchor,
        every,
        rng.choice(("smb", "mid", "ent")),
        [replace(start, contract=_contract(world, plan, number, anchor))],
    )
    story = number % 9
    plain = sub.intervals[0].contract == Contract()
    middle = end - timedelta(days=rng.randint(3, 20) if every == "month" else 3)
    if every == "year":
        middle = end - timedelta(days=rng.randint(3, 200))
    now = sub.intervals[0]
    if story == 1 and not _singular(now.contract):
        sub.intervals.append(replace(now, begins=middle, hour=rng.randint(0, 23), seats=now.seats + rng.randint(1, 4)))
    elif story == 2 and plain:
        other = [
            p
            for p in world.plans
            if p.currency == currency and p.version == "v2" and p.plan_id in ("crew", "full", "basis")
        ]
        other = [p for p in other if every in ("month", "week") or p.plan_id != "full"]
        sub.intervals.append(replace(now, begins=middle, hour=rng.randint(0, 23), plan=rng.choice(other)))
    elif story == 3 and plain:
        sub.intervals.append(replace(now, begins=middle, hour=rng.randint(0, 23), status="cancelled"))
    elif story == 4 and plain and every == "month":
        again = middle + timedelta(days=rng.randint(1, 9))
        sub.intervals.append(replace(now, begins=middle, hour=rng.randint(0, 23), status="paused"))
        sub.intervals.append(replace(now, begins=again, hour=rng.randint(0, 23)))
    elif story == 5 and plain:
        trial = sub.period(0)[0] + timedelta(days=7 if every == "week" else 14)
        sub.intervals = [replace(now, status="trialing"), replace(now, begins=trial)]
    elif story == 6:
        edge = min(e for e in (sub.period(n)[0] for n in range(8)) if e > first) if every != "year" else end
        sub.intervals.append(replace(now, begins=edge, seats=now.seats + 3))
    elif story == 7 and every in ("month", "quarter") and not _singular(now.contract):
        sub.intervals[0] = replace(now, begins=sub.anchor + timedelta(days=rng.randint(2, 9)))
    return sub


def _singular(contract: Contract) -> bool:
    """Whether a contract has what reaches the invoice as a whole."""
    return bool(contract.coupons or contract.credits or contract.cap or contract.minimum)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _anchor(end: date, every: str, back: int) -> date:
    """An anchor with a `back`-th period that ends about `end`; on the 31st if possible."""
    if every == "week":
        return end - timedelta(days=7 * back)
    months = {"month": 1, "quarter": 3, "year": 12}[every] * back
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    at_end = end == _month_end(end)
    for day in (31, 30, 29, 28) if at_end else (min(end.day, 28),):
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    raise AssertionError(end)


def _contract(world: World, plan: Plan, number: int, anchor: date) -> Contract:
    rng, cents = world.rng, EXPONENTS[plan.currency]

    def amount(low: int, high: int) -> Decimal:
        return _price(rng, low, high, plan.currency, cents)

    since, until = world.first - timedelta(days=90), world.last + timedelta(days=400)
    fees = [c for c in plan.charges if c.model in ("flat", "per_unit") and c.price]
    usage = [c for c in plan.charges if c.kind == "usage"]
    match number % 13:
        case 1:
            return Contract(discount=Decimal(rng.choice(("0.10", "0.15", "0.075"))))
        case 3:
            return Contract(coupons=((f"WELCOME{number}", amount(5, 14), since, until),))
        case 4:
            return Contract(
                credits=((f"CR-{number}", amount(6, 19), world.first - timedelta(days=rng.randint(0, 12))),)
            )
        case 5:
            return Contract(minimum=amount(420, 560), discount=Decimal("0.10"))
        case 6 if plan.minimum is None:
            return Contract(cap=amount(20, 35))
        case 8 if fees:
            charge = fees[0]
            cut = settle(
                Fraction(charge.price) * 83 / 100, max(cents, -int(charge.price.as_tuple().exponent)), "ROUND_HALF_UP"
            )
            return Contract(overrides=((charge.charge_id, cut),))
        case 9 if usage:
            return Contract(allowances=((usage[0].meter or "", Decimal(25)),))
        case 10:
            return Contract(discount=Decimal("0.12"), discount_until=world.first - timedelta(days=60))
        case 11:
            return Contract(
                discount=Decimal("0.05"),
                coupons=((f"A{number}", amount(3, 6), since, until), (f"B{number}", amount(4, 9), since, until)),
            )
        case _:
            return Contract()


def _use(world: World, sub: Subscription) -> None:
    rng = world.rng
    meters = {c.meter for i in sub.intervals for c in i.plan.charges if c.kind == "usage" and c.meter}
    since = max(sub.intervals[0].begins, world.first - timedelta(days=41))
    for meter in sorted(meters):
        size = rng.choice((6, 20, 60))
        decimals = rng.choice((0, 0, 2, 4))
        for n in range((world.last - since).days + 1):
            for part in range(rng.choice((0, 1, 1, 2))):
                day = since + timedelta(days=n)
                at = utc(day, sub.timezone, rng.choice((0, 9, 15, 23)), rng.randint(0, 59))
                wait = timedelta(minutes=rng.choice((1, 5, 40, 500, 1200)))
                quantity = Decimal(rng.randint(1, size * 10**decimals)).scaleb(-decimals)
                event = Event(
                    f"{sub.subscription_id}{meter}{n}-{part}", meter, quantity, at, at + wait, twice=rng.random() < 0.03
                )
                sub.events.append(event)
                if rng.random() < 0.03:
                    sub.events.append(
                        replace(
                            event, event_id=event.event_id + "c", quantity=quantity * 3, corrects=event.event_id,
                            received=event.received + timedelta(minutes=30), twice=False,
                        )
                    )  # fmt: skip
