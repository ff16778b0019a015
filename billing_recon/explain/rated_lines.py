"""How an expected line's total is made up, in one sentence: its working in words, discount, tax, total."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billing_recon.core.catalog import Catalog, Charge
from billing_recon.explain.charge_models import Step, words
from billing_recon.explain.facts import grouped, percent, units

Line = Mapping[str, Any]
Working = Mapping[str, Any]

PARTS_SHOWN = 5
"""So many parts of a line (hours, matrix cells) are written out; of more only the first."""

FEES_AT_ZERO = frozenset({"graduated", "graduated_percentage", "volume", "prorated_graduated"})
"""Models that may charge a fee for no units, so that their own words say what no usage costs."""


def line_sentence(line: Line, catalog: Catalog) -> str:
    """The sentence of a row of `expected_lines`: `12,000 events at USD 0.015 = USD 180.00; total USD 180.00.`

    The catalog adds what a working does not repeat: the charge's free units and the amount that its minimum or maximum is a
    share of. Both are left out if the catalog does not have the charge any more.
    """
    gross = _money(line, line["gross"])
    sentence = _working_words(line, _charge_of(line, catalog))
    if line["gross"]:
        sentence += "" if sentence.endswith(gross) else f" = {gross}"
        if line["discount"]:
            sentence += f"; less {percent(line['discount_rate'])} discount {_money(line, line['discount'])}"
    if line["tax"]:
        sentence += f"; {_tax(line)}"
    return f"{sentence}; total {_money(line, line['total'])}."


def _working_words(line: Line, charge: Charge | None) -> str:
    working = json.loads(line["working"])
    steps, period = working["steps"], working["billing_period"]
    match line["kind"]:
        case "minimum":
            return _minimum(line, steps["minimum"], period)
        case "discount" | "credit":
            return _granted(line, steps)
        case "adjustment" if "tax" in steps:
            return f"tax on {_money(line, steps['tax']['base'])}"
        case "adjustment":
            return (
                _correction(line, steps["corrects"]) if steps.get("corrects") else _late_usage(line, steps["adjusts"])
            )
        case _:
            return _charged(line, steps, period, charge)


def _charged(line: Line, steps: Working, period: list[str], charge: Charge | None) -> str:
    """The steps of the charge's model, the share of the period, and the charge's own minimum or maximum."""
    rating = steps["rating"]
    allowance = Decimal(steps["allowance"]["units"]) if steps["allowance"] else Decimal(0)
    included = charge.free_units + allowance if charge else allowance
    found = rating["steps"]
    parts = [
        _step(line, rating["model"], figures, included) for figures in (found if isinstance(found, list) else [found])
    ]
    if isinstance(found, dict):
        phrase = parts[0].nothing if steps["usage"] and not line["quantity"] and _is_idle(parts[0]) else words(parts[0])
    elif rating["model"] == "flat":
        phrase = words(parts[0]) if line["quantity"] else parts[0].nothing
    else:
        phrases = [part.nothing if not _units(part) and _is_idle(part) else words(part) for part in parts]
        phrase = " + ".join(phrases) if len(parts) <= PARTS_SHOWN else f"{len(parts)} parts, the first {phrases[0]}"
    given_back = "given back: " if line["expected_line_id"].endswith("|given back") else ""
    share = rating["proration"]
    sharing = f" for {_share(share['days'], share['of'], period)}" if share else ""
    return f"{given_back}{phrase}{sharing}{_bounds(line, steps['bounds'], period, charge)}"


def _step(line: Line, model: str, figures: Working, included: Decimal) -> Step:
    noun = (line["meter"] or "units").replace("_", " ")
    times = int(line["quantity"]) if model == "flat" else 1
    return Step(model, figures, noun, line["currency"], line["decimals"], included, times)


def _is_idle(step: Step) -> bool:
    """Whether no usage costs nothing: not where tiers have a fee for it, nor where events are raised to a minimum."""
    return step.model not in FEES_AT_ZERO and "event_minimum" not in step.figures


def _units(step: Step) -> Decimal:
    return Decimal(step.figures.get("units", step.figures.get("cost", 1)))


def _bounds(line: Line, bounds: Working | None, period: list[str], charge: Charge | None) -> str:
    """What the charge's own minimum or maximum makes of its price."""
    if bounds is None or not (Decimal(bounds["cut"]) or Decimal(bounds["raised"])):
        return ""
    charged = _money(line, bounds["charged"])
    if Decimal(bounds["cut"]):
        agreed = _agreed(line, bounds, "maximum", charge.maximum if charge else None, period)
        return f" = {charged}; cut by {_money(line, bounds['cut'])} to {agreed}"
    priced = f" = {charged}" if Decimal(bounds["charged"]) else ""
    agreed = _agreed(line, bounds, "minimum", charge.minimum if charge else None, period)
    discounted = line["discount"] and line["gross"] != Decimal(bounds["minimum"])
    return f"{priced}; raised by {_money(line, bounds['raised'])} to {agreed}{' after discount' if discounted else ''}"


def _agreed(line: Line, bounds: Working, name: str, whole: Decimal | None, period: list[str]) -> str:
    """A minimum or maximum, and which share of the charge's own it is."""
    agreed = f"the {name} of {_money(line, bounds[name])}"
    if bounds["part"] == bounds["whole"]:
        return agreed
    share = _share(bounds["part"], bounds["whole"], period)
    return f"{agreed} ({share} of {_money(line, whole)})" if whole is not None else f"{agreed} ({share})"


def _minimum(line: Line, minimum: Working, period: list[str]) -> str:
    share = ""
    if minimum["days"] is not None:
        share = f" for {_share(minimum['days'], minimum['of'], period)} ({_money(line, minimum['owed'])})"
    return f"minimum of {_money(line, minimum['agreed'])}{share} less charges of {_money(line, minimum['charged'])}"


def _granted(line: Line, steps: Working) -> str:
    """A coupon, the cap, or a credit, and how much of it the invoice has room for."""
    kind, granted = next(iter(steps.items()))
    agreed, used = _money(line, granted["agreed"]), _money(line, granted["used"])
    if kind == "coupon" and line["meter"] == "cap":
        return f"cap of {agreed}, above which are {used}"
    room = f", of which the invoice leaves room for {used}" if granted["used"] != granted["agreed"] else ""
    return f"{kind} {line['meter']} of {agreed}{room}"


def _late_usage(line: Line, adjusts: Working) -> str:
    """What the own period costs with the late usage, less what it costs without."""
    span = f"{adjusts['from']} to {adjusts['to']}"
    before, after = _money(line, adjusts["gross_before"]), _money(line, adjusts["gross_after"])
    if adjusts["charge"] == "minimum" and line["meter"] == "minimum":
        return f"minimum of {span} after late usage: {after} instead of {before}"
    noun = (line["meter"] or "units").replace("_", " ")
    with_it, without = units(Decimal(adjusts["units_after"])), units(Decimal(adjusts["units_before"]))
    return (
        f"{units(line['quantity'])} {noun} of {span} arrived late: {with_it} {noun} cost {after}, less {before} for the "
        f"{without} without them"
    )


def _correction(line: Line, corrects: Working) -> str:
    """What a period costs by the contract as it is known now, less what it was billed by what was known then."""
    before, after = _money(line, corrects["gross_before"]), _money(line, corrects["gross_after"])
    noun = (line["meter"] or corrects["charge"]).replace("_", " ")
    return (
        f"{noun} of {corrects['from']} to {corrects['to']} by the contract known since {corrects['known_on']}: {after}, less "
        f"{before} billed before"
    )


def _tax(line: Line) -> str:
    rate = f"{percent(line['tax_rate'])} tax"
    if line["tax"] < 0:
        return f"with it {rate} {_money(line, -line['tax'])}"
    included = line["gross"] - line["discount"] == line["total"]
    return f"{'includes' if included else 'plus'} {rate} {_money(line, line['tax'])}"


def _share(part: int, whole: int, period: list[str]) -> str:
    """`10 of 31 days`. A profile that prorates by the second counts far more than the period has days."""
    begins, ends = (date.fromisoformat(day) for day in period)
    unit = "seconds" if whole > 1000 * max((ends - begins).days, 1) else "days"
    return f"{part:,} of {whole:,} {unit}"


def _money(line: Line, figure: Decimal | str) -> str:
    return f"{line['currency']} {grouped(Decimal(figure), line['decimals'])}"


def _charge_of(line: Line, catalog: Catalog) -> Charge | None:
    named = (line["plan_id"], line["plan_version"], line["currency"])
    charges = (c for p in catalog.plans if (p.plan_id, p.plan_version, p.currency) == named for c in p.charges)
    return next((charge for charge in charges if charge.charge_id == line["charge_id"]), None)
