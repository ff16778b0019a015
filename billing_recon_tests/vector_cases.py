"""Rows of a vector file as cases for the rater: what a row's parameters mean in its engine's own words. Nothing is computed here.

A row names its engine, a model, parameters and an input, and the figure that the engine's own tests expect. Which row it is
(its id, its case, its source line) plays no part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from billing_recon_tests.vector_fields import Fields, VectorError, endless, figure, named, opened, zone

Stage = Literal["raw", "gross", "net", "raised"]


@dataclass(frozen=True)
class Vector:
    """One row as it stands in the file."""

    vector_id: str
    engine: str
    model: str
    params: str
    input: str
    expected: str
    expected_kind: str
    currency: str
    where: str


@dataclass(frozen=True)
class Rated:
    """Units under a charge, in one or several parts of one line; `stage` is the rater's figure that the row states."""

    charge: dict[str, Any]
    units: tuple[Decimal, ...]
    stage: Stage
    in_buckets: bool = False
    rounds_each: bool = False
    before: Decimal = Decimal(0)
    opens: bool = True
    closes: bool = True
    tier_units: Decimal | None = None
    events: tuple[tuple[Decimal, Decimal], ...] | None = None
    """Value and prorated value of each event, in order; None where the charge needs none."""
    number_of_events: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    discount_rate: Decimal = Decimal(0)
    previous: Decimal | None = None


@dataclass(frozen=True)
class Shared:
    """Part of a period: its ratio, or what it makes of an amount."""

    begins: datetime
    ends: datetime
    interval: str
    anchor: datetime | None
    timezone: str
    amount: Decimal | None


@dataclass(frozen=True)
class Counted:
    """Days between two times on the clock on which they are written."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Stub:
    """A share of the period at a billing cycle's edge."""

    ahead: bool
    edge: date
    other: date
    months: int
    days: int


@dataclass(frozen=True)
class Cycles:
    """Billing cycles up to a target date."""

    begins: date
    stops: date | None
    target: date
    cycle_day: int
    months: int
    days: int
    in_advance: bool


@dataclass(frozen=True)
class Changed:
    """A change within a period; `figure` is what the row states of it."""

    figure: Literal["credit", "charge", "net"]
    changed_at: datetime
    period_begins: datetime
    period_ends: datetime
    timezone: str
    old: tuple[Decimal, Decimal] | None
    new: tuple[Decimal, Decimal] | None
    paid: Decimal | None = None
    credited: Decimal | None = None
    same_price: bool = False
    decimals: int | None = None


@dataclass(frozen=True)
class Capped:
    """The most that can be given back."""

    potential: Decimal
    paid: Decimal
    credited: Decimal


Case = Rated | Shared | Counted | Stub | Cycles | Changed | Capped


def case_of(vector: Vector) -> tuple[Case, dict[str, Any]]:
    """The row as a case, and what its parameters override in its engine's profile. VectorError where it cannot be read."""
    base, _, suffix = vector.model.partition("+")
    reader = _READERS.get((vector.engine, base))
    if reader is None:
        known = sorted(model for engine, model in _READERS if engine == vector.engine)
        what = (
            f"its models are {', '.join(known)}"
            if known
            else f"engines are {', '.join(sorted({e for e, _ in _READERS}))}"
        )
        raise VectorError(f"{vector.engine} has no model {vector.model} here; {what}")
    unknown = [part for part in suffix.split("+") if suffix and part not in _SUFFIXES]
    if unknown:
        raise VectorError(f"model {vector.model}: +{unknown[0]} is not known; +{', +'.join(_SUFFIXES)} are")
    params, given = opened(vector.params, "params"), opened(vector.input, "input")
    case, overrides = reader(params, given)
    params.done()
    given.done()
    return case, overrides


_SUFFIXES = ("commitment", "discount", "usage_discount", "unit_config")
"""What a model's name may add; what is agreed stands in the parameters whatever the name says."""

Reader = Callable[[Fields, Fields], tuple[Case, dict[str, Any]]]
_NOTHING: dict[str, Any] = {}


def _usage(model: str, **charge: Any) -> dict[str, Any]:
    return {"charge_id": "c", "kind": "usage", "meter": "units", "model": model, **charge}


def _listed(params: Fields, key: str) -> list[Any]:
    found = params.needed(key)
    if not isinstance(found, list):
        raise VectorError(f"params.{key} must be a list")
    return found


def _tiers(params: Fields, *, price: str = "unit") -> list[dict[str, Any]]:
    """Tiers as every engine writes them: up_to, or from and to; a price a unit (or a rate in percent) and a flat fee."""
    tiers = []
    for number, content in enumerate(_listed(params, "tiers"), start=1):
        tier = Fields(f"tier {number}", content if isinstance(content, dict) else {})
        tiers.append(
            {
                "up_to": None if endless(tier.get("up_to")) else tier.maybe("up_to"),
                "first_unit": tier.maybe("from"),
                "flat": tier.maybe("flat") or Decimal(0),
                price: (
                    (tier.maybe("unit") or Decimal(0)) if price == "unit" else tier.figure("rate_percent").scaleb(-2)
                ),
            }
        )
        tier.done()
    return tiers


_ROUNDINGS = {"ceil": "ceiling", "up": "ceiling", "down": "floor", "round": "half_up"}


def _convert(params: Fields) -> dict[str, Any]:
    content = params.get("unit_config")
    if content is None:
        return {}
    config = Fields("params.unit_config", content)
    operation, by = str(config.needed("op")).lower(), config.figure("by")
    way = {"divide": "divide_by", "multiply": "multiply_by"}.get(operation)
    if way is None:
        raise VectorError(f"params.unit_config.op is {operation!r}; it is divide or multiply")
    rounding = str(config.get("rounding", "none")).lower()
    convert = {way: by, "rounding": _ROUNDINGS.get(rounding, rounding), "decimals": int(config.get("precision", 0))}
    config.done()
    return {"convert": convert}


def _free(params: Fields) -> dict[str, Any]:
    free = params.maybe("free_units")
    return {"free_units": free} if free else {}


def _discounts(params: Fields, given: Fields) -> tuple[dict[str, Any], Decimal]:
    """Units that are not billed, and the rate that comes off: among the parameters, under `discounts`, or with the usage."""
    together = params.get("discounts") or {}
    if not isinstance(together, dict):
        raise VectorError('params.discounts must be an object, for example {"usage": {"quantity": "5"}}')
    kinds = {"usage": "usage_discount", "percentage": "percentage_discount"}
    places = (params, Fields("params.discounts", {kinds.get(str(k), str(k)): v for k, v in together.items()}), given)
    units = _stated("usage_discount", "units", places)
    percent = _stated("percentage_discount", "percentage", places)
    places[1].done()
    free = _free(params)
    if free and units:
        raise VectorError("params has both free_units and a usage discount, which say the same")
    return free or ({"free_units": units} if units else {}), (percent or Decimal(0)).scaleb(-2)


def _stated(key: str, inner: str, places: tuple[Fields, ...]) -> Decimal | None:
    """The one figure of that name in any of the places: bare, or within an object as the engine has it."""
    said = {place.name: place.get(key) for place in places if place.get(key) is not None}
    if len(said) > 1:
        raise VectorError(f"{key} is stated in {' and '.join(said)}")
    for name, value in said.items():
        return (
            Fields(f"{name}.{key}", value).figure(inner) if isinstance(value, dict) else figure(value, f"{name}.{key}")
        )
    return None


_LINE_MODES = {
    "SinglePerPeriod": (True, True),
    "MidPeriodSplit": (False, False),
    "LastInPeriodSplit": (False, True),
}


def _line(charge: dict[str, Any], params: Fields, given: Fields, stage: Stage = "net") -> Rated:
    """A line of OpenMeter: where it lies in its period, and the commitments around it."""
    mode = named(given.get("line_mode", "SinglePerPeriod"), _LINE_MODES, "input.line_mode", but="linemode")
    opens, closes = _LINE_MODES[mode]
    free, rate = _discounts(params, given)
    minimum, maximum = params.maybe("minimum_amount"), params.maybe("maximum_amount")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise VectorError(f"the minimum {minimum} is above the maximum {maximum}")
    return Rated(
        charge={**charge, **_convert(params), **free},
        units=(given.maybe("units") or Decimal(0) if charge["model"] == "flat" else given.figure("units"),),
        stage=stage,
        before=given.maybe("units_before_line") or Decimal(0),
        opens=opens,
        closes=closes,
        minimum=minimum,
        maximum=maximum,
        discount_rate=rate,
        previous=given.maybe("previous_billed_amount"),
    )


def _openmeter(model: str) -> Reader:
    def read(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
        charge = {
            "unit": lambda: _usage("per_unit", unit_price=params.figure("amount")),
            "flat": lambda: _fee(params),
            "graduated": lambda: _usage("graduated", tiers=_tiers(params)),
            "volume": lambda: _usage("volume", tiers=_tiers(params)),
            "package": lambda: _package(params, params.figure("amount")),
            "dynamic": lambda: _usage("dynamic", multiplier=params.maybe("multiplier") or Decimal(1)),
            "package_count": lambda: _package(params, Decimal(1)),
        }[model]()
        return _line(charge, params, given, "raw" if model == "package_count" else "net"), _NOTHING

    return read


def _fee(params: Fields) -> dict[str, Any]:
    """A flat price is owed whatever was used."""
    due = params.get("payment_term", "in_advance")
    return {"charge_id": "c", "kind": "subscription", "model": "flat", "amount": params.figure("amount"), "due": due}


def _package(params: Fields, price: Decimal) -> dict[str, Any]:
    rounding = params.get("round", "up")
    return _usage(
        "package",
        package_size=params.figure("package_size"),
        package_price=price,
        package_rounding=rounding,
        **_free(params),
    )


def _simple(charge: Callable[[Fields], dict[str, Any]], stage: Stage = "raw", *, buckets: bool = False) -> Reader:
    """Units, or units in buckets, under a charge."""

    def read(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
        if buckets:
            units = tuple(figure(u, "input.bucket_units") for u in _listed(given, "bucket_units"))
            return Rated(charge(params), units, stage, in_buckets=True), _NOTHING
        return Rated(charge(params), (given.figure("units"),), stage), _NOTHING

    return read


def _sorted_tiers(model: str) -> Callable[[Fields], dict[str, Any]]:
    """Flexprice's tiers, by where they end. Above the last end a volume is priced in the last tier, and slabs bill no more."""

    def charge(params: Fields) -> dict[str, Any]:
        tiers = sorted(_tiers(params), key=lambda tier: (tier["up_to"] is None, tier["up_to"] or 0))
        if not tiers:
            return _usage("per_unit", unit_price=Decimal(0))
        if tiers[-1]["up_to"] is not None and model == "volume":
            tiers[-1] = {**tiers[-1], "up_to": None}
        elif tiers[-1]["up_to"] is not None:
            tiers.append({"unit": Decimal(0)})
        return _usage(model, tiers=tiers)

    return charge


def _default_up(params: Fields) -> dict[str, Any]:
    """Flexprice's packages: rounded up unless told down; of no size they cost nothing."""
    price, size = params.figure("amount"), params.figure("package_size")
    if size <= 0:
        params.get("round")
        return _usage("per_unit", unit_price=Decimal(0))
    rounding = "down" if params.get("round") == "down" else "up"
    return _usage("package", package_size=size, package_price=price, package_rounding=rounding)


def _unit(params: Fields) -> dict[str, Any]:
    return _usage("per_unit", unit_price=params.figure("amount"))


def _rounded_unit(params: Fields) -> dict[str, Any]:
    rounding = params.get("rounding", "half away from zero to currency minor unit")
    if rounding != "half away from zero to currency minor unit":
        raise VectorError(f"params.rounding is {rounding!r}, which is not how this engine's profile rounds")
    return _unit(params)


def _lago_volume_prorated(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    charge = _usage("volume", tiers=_tiers(params), prorated=True)
    return Rated(charge, (given.figure("units"),), "raw", tier_units=given.figure("full_units"), events=()), _NOTHING


def _lago_graduated_prorated(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    full = [figure(v, "input.event_units") for v in _listed(given, "event_units")]
    prorated = [figure(v, "input.event_prorated_units") for v in _listed(given, "event_prorated_units")]
    if len(full) != len(prorated):
        raise VectorError(f"input has {len(full)} event_units and {len(prorated)} event_prorated_units")
    rounding = str(params.get("rounding", "half_up 2"))
    mode, _, decimals = rounding.partition(" ")
    modes = {"ceil": "up", "round": "half_up", "half_up": "half_up", "floor": "down"}
    if mode not in modes or not decimals.isdigit():
        raise VectorError(f"params.rounding is {rounding!r}; write for example ceil 2")
    charge = _usage("graduated", tiers=_tiers(params), prorated=True)
    case = Rated(charge, (sum(full, Decimal(0)),), "gross", events=tuple(zip(full, prorated, strict=True)))
    return case, {"rounding": modes[mode], "decimals": int(decimals)}


def _lago_percentage(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    charge = _usage(
        "percentage",
        rate=params.figure("rate_percent").scaleb(-2),
        event_fee=params.maybe("fixed_amount") or Decimal(0),
        free_events=int(params.maybe("free_events") or 0),
        free_units=params.maybe("free_units") or Decimal(0),
        event_minimum=params.maybe("per_transaction_min"),
        event_maximum=params.maybe("per_transaction_max"),
    )
    if given.get("events_values") is not None:
        values = [figure(v, "input.events_values") for v in _listed(given, "events_values")]
    else:
        counts = charge["event_fee"] or charge["free_events"] or given.get("events") is not None
        values = _event_values(given) if counts else [given.figure("units")]
    events = tuple((value, value) for value in values)
    return Rated(charge, (sum(values, Decimal(0)),), "raw", events=events, number_of_events=len(values)), _NOTHING


def _event_values(given: Fields) -> list[Decimal]:
    """Single events from the running total of the first of them, the number of all and their sum: the rest in one event."""
    running = [figure(v, "input.running_total") for v in given.get("running_total", [])]
    number, total = int(given.figure("events")), given.figure("units")
    values = [after - before for before, after in zip([Decimal(0), *running], running, strict=False)]
    left = number - len(values)
    if left < 0 or (left == 0 and sum(values) != total):
        raise VectorError(
            f"input has a running total of {len(values)} events, {number} events and {total} units in all"
        )
    return [*values, *([total - sum(values, Decimal(0))] if left else []), *[Decimal(0)] * (left - 1)]


def _blocks(model: str, policy: str) -> Reader:
    def read(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
        if params.get("policy", policy) != policy:
            raise VectorError(f"params.policy is {params.get('policy')!r}; {model} is {policy}")
        tiers = []
        for number, content in enumerate(_listed(params, "tiers"), start=1):
            tier = Fields(f"tier {number}", content if isinstance(content, dict) else {})
            size, price = tier.figure("block_size"), tier.figure("block_price")
            most = Decimal(-1) if tier.empty("max_blocks") else tier.figure("max_blocks")
            tiers.append({"block_size": size, "unit": price, "max_blocks": None if most == -1 else int(most)})
            tier.done()
        return Rated(_usage(model, tiers=tiers), (given.figure("units"),), "raw"), _NOTHING

    return read


def _flexprice_amounts(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    """An amount, or several, as lines: each is rounded by itself."""
    single = given.maybe("amount")
    amounts = (
        [single] if single is not None else [figure(v, "input.line_amounts") for v in _listed(given, "line_amounts")]
    )
    precision = params.maybe("precision")
    overrides = _NOTHING if precision is None else {"decimals": int(precision)}
    return Rated(_usage("dynamic"), tuple(amounts), "gross", rounds_each=True), overrides


def _true_up(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    return Rated(_usage("dynamic"), (given.figure("used"),), "raised", minimum=params.figure("commitment")), _NOTHING


_STRATEGIES = {"day_based": "by_day", "second_based": "by_second"}


def _strategy(params: Fields, default: str) -> dict[str, Any]:
    strategy = params.get("strategy", default)
    if strategy not in _STRATEGIES:
        raise VectorError(f"params.strategy is {strategy!r}; it is day_based or second_based")
    return {"proration": _STRATEGIES[strategy]}


def _changed(wanted: Literal["credit", "charge", "net"]) -> Reader:
    def read(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
        overrides = _strategy(params, "second_based")
        count = str(params.get("day_count", ""))
        if count:
            overrides["day_count"] = "both_ends" if count.startswith("inclusive") else "end_exclusive"
        old, new = (_priced(given, which) for which in ("old", "new"))
        same_price = old is not None and new is not None and old[0] == new[0]
        case = Changed(
            figure=wanted,
            changed_at=given.time("change"),
            period_begins=given.time("period_start"),
            period_ends=given.time("period_end"),
            timezone=zone(given.get("timezone", params.get("timezone", "UTC"))),
            old=old,
            new=new,
            paid=given.maybe("original_amount_paid"),
            credited=given.maybe("previous_credits"),
            same_price=same_price,
        )
        return case, overrides

    return read


def _priced(given: Fields, which: str) -> tuple[Decimal, Decimal] | None:
    price, quantity = given.maybe(f"{which}_price"), given.maybe(f"{which}_qty")
    if price is None:
        return None
    return price, Decimal(1) if quantity is None else quantity


def _credit_grant(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    case = Changed(
        figure="charge",
        changed_at=given.time("change"),
        period_begins=given.time("period_start"),
        period_ends=given.time("period_end"),
        timezone="UTC",
        old=None,
        new=(given.figure("credits"), Decimal(1)),
        decimals=int(params.get("scale", 8)),
    )
    return case, _strategy(params, "second_based")


def _capped(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    case = Capped(
        given.figure("potential_credit"), given.figure("original_amount"), given.maybe("previous_credits") or Decimal(0)
    )
    return case, _NOTHING


def _calendar_days(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    """The engine's count before it adds the last day: of the calendar days on which the two times are written."""
    zone(params.get("timezone", "UTC"))
    return Counted(given.time("start"), given.time("end")), {"day_count": "end_exclusive"}


_PERIODS: dict[str, tuple[int, int]] = {
    "DAILY": (0, 1),
    "WEEKLY": (0, 7),
    "BIWEEKLY": (0, 14),
    "THIRTY_DAYS": (0, 30),
    "THIRTY_ONE_DAYS": (0, 31),
    "SIXTY_DAYS": (0, 60),
    "NINETY_DAYS": (0, 90),
    "MONTHLY": (1, 0),
    "BIMESTRIAL": (2, 0),
    "QUARTERLY": (3, 0),
    "TRIANNUAL": (4, 0),
    "BIANNUAL": (6, 0),
    "ANNUAL": (12, 0),
    "SESQUIENNIAL": (18, 0),
    "BIENNIAL": (24, 0),
    "TRIENNIAL": (36, 0),
}


def _period(params: Fields) -> tuple[int, int]:
    return _PERIODS[named(params.needed("billing_period"), _PERIODS, "params.billing_period")]


def _fixed(params: Fields) -> dict[str, Any]:
    """Days of every month; 0, like none at all, leaves months as they are."""
    fixed = params.maybe("fixed_days_per_month")
    return {"fixed_days": int(fixed) if fixed else None}


def _killbill_days(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    return Counted(given.time("start"), given.time("end")), _fixed(params)


_STUBS = ("BeforeFirstBillingPeriod", "AfterLastBillingCycleDate")


def _killbill_ratio(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    function = named(params.needed("function"), _STUBS, "params.function", but="calculateproration")
    months, days = _period(params)
    if function == "BeforeFirstBillingPeriod":
        stub = Stub(True, given.day("nextBillingCycleDate"), given.day("startDate"), months, days)
    else:
        stub = Stub(False, given.day("previousBillThroughDate"), given.day("endDate"), months, days)
    return stub, _fixed(params)


def _killbill_cycles(in_advance: bool) -> Reader:
    def read(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
        months, days = _period(params)
        if params.get("denominator", "days in that billing period") != "days in that billing period":
            raise VectorError(f"params.denominator is {params.get('denominator')!r}, which this engine does not have")
        overrides = {**_fixed(params), "ratio_decimals": int(params.get("scale", 9))}
        if params.get("rounding", "HALF_UP") != "HALF_UP":
            raise VectorError(f"params.rounding is {params.get('rounding')!r}; a ratio is rounded HALF_UP")
        begins, target = given.day("start"), given.day("target")
        stops = given.day("end") if given.get("end") is not None else None
        if target < begins or (stops is not None and stops < begins):
            raise VectorError(f"the target {target} and the end {stops} must not be before the start {begins}")
        return Cycles(begins, stops, target, int(given.figure("bill_cycle_day")), months, days, in_advance), overrides

    return read


_INTERVALS = {
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "semiannual": "half_year",
    "yearly": "year",
    "annual": "year",
}


def _lago_share(params: Fields, given: Fields) -> tuple[Case, dict[str, Any]]:
    period = str(params.get("interval") or params.needed("billing_period")).lower()
    if period not in _INTERVALS:
        raise VectorError(f"params: interval {period!r} is not one of {', '.join(_INTERVALS)}")
    time = params.get("billing_time", "calendar")
    if time not in ("calendar", "anniversary"):
        raise VectorError(f"params.billing_time is {time!r}; it is calendar or anniversary")
    subscribed = given.get("subscription_at")
    anchor = given.time("subscription_at") if time == "anniversary" and subscribed is not None else None
    if time == "anniversary" and anchor is None:
        raise VectorError("input lacks subscription_at, from which anniversary periods are counted")
    timezone = zone(params.get("timezone", given.get("timezone", "UTC")))
    return (
        Shared(given.time("start"), given.time("end"), _INTERVALS[period], anchor, timezone, params.maybe("amount")),
        _NOTHING,
    )


_READERS: dict[tuple[str, str], Reader] = {
    **{
        ("openmeter", model): _openmeter(model)
        for model in ("unit", "flat", "graduated", "volume", "package", "dynamic", "package_count")
    },
    ("lago", "unit"): _simple(_unit),
    ("lago", "graduated"): _simple(lambda p: _usage("graduated", tiers=_tiers(p))),
    ("lago", "volume"): _simple(lambda p: _usage("volume", tiers=_tiers(p))),
    ("lago", "package"): _simple(lambda p: _package(p, p.figure("amount"))),
    ("lago", "graduated_percentage"): _simple(lambda p: _usage("graduated_percentage", tiers=_tiers(p, price="rate"))),
    ("lago", "percentage"): _lago_percentage,
    ("lago", "percentage_min_max"): _lago_percentage,
    ("lago", "volume_prorated"): _lago_volume_prorated,
    ("lago", "graduated_prorated"): _lago_graduated_prorated,
    ("lago", "proration_ratio"): _lago_share,
    ("lago", "proration_amount"): _lago_share,
    ("flexprice", "unit"): _simple(_unit),
    ("flexprice", "unit_rounded"): _simple(_rounded_unit, "gross"),
    ("flexprice", "graduated"): _simple(_sorted_tiers("graduated")),
    ("flexprice", "volume"): _simple(_sorted_tiers("volume")),
    ("flexprice", "package"): _simple(_default_up),
    ("flexprice", "bucketed_unit"): _simple(_unit, "gross", buckets=True),
    ("flexprice", "bucketed_package"): _simple(_default_up, "gross", buckets=True),
    ("flexprice", "bucketed_graduated"): _simple(_sorted_tiers("graduated"), "gross", buckets=True),
    ("flexprice", "bucketed_volume"): _simple(_sorted_tiers("volume"), "gross", buckets=True),
    ("flexprice", "currency_rounding"): _flexprice_amounts,
    ("flexprice", "sum_of_rounded_lines"): _flexprice_amounts,
    ("flexprice", "commitment_true_up"): _true_up,
    ("flexprice", "proration_credit"): _changed("credit"),
    ("flexprice", "proration_charge"): _changed("charge"),
    ("flexprice", "proration_net"): _changed("net"),
    ("flexprice", "proration_credit_grant"): _credit_grant,
    ("flexprice", "credit_cap"): _capped,
    ("flexprice", "days_between_dst"): _calendar_days,
    ("killbill", "graduated_blocks"): _blocks("graduated_blocks", "ALL_TIERS"),
    ("killbill", "volume_blocks"): _blocks("volume_blocks", "TOP_TIER"),
    ("killbill", "fixed_day_count"): _killbill_days,
    ("killbill", "proration_ratio"): _killbill_ratio,
    ("killbill", "proration_cycles_in_advance"): _killbill_cycles(in_advance=True),
    ("killbill", "proration_cycles_in_arrear"): _killbill_cycles(in_advance=False),
}
"""How each engine's rows read, by engine and model."""
