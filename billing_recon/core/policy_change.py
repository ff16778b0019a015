"""What changes between two versions of a policy, field by field, and whether it loosens a limit.

A change loosens if the same data may pass afterwards that did not before, or if other people may decide. What cannot be
told to tighten or to leave every verdict as it is counts as loosening.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from billing_recon.core.close_policy import Close
from billing_recon.core.detector import Detector
from billing_recon.core.exception_policy import ExceptionPolicy
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.gate_policy import Gate, Limit, Threshold
from billing_recon.core.policy import Policy, Tolerance, ToleranceLevel
from billing_recon.core.resolution import Resolution


class Effect(StrEnum):
    """What a change does to what may pass."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `before` and `after` as text; empty: not given."""

    path: str
    before: str
    after: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.path}: {self.before or 'nothing'} -> {self.after or 'nothing'} ({self.effect.value})"


Row = tuple[str, Any, Any, Effect]
LOOSENS, TIGHTENS, NEUTRAL = Effect.LOOSENS, Effect.TIGHTENS, Effect.NEUTRAL


def changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """Every field that differs, in the order of the file; empty if the two judge alike."""
    rows = (
        *_one("effective_from", before.effective_from, after.effective_from, NEUTRAL),
        *_windows(before, after),
        *_tolerances(before.tolerances, after.tolerances),
        *_names("owners", before.owners, after.owners),
        *_gate(before.gate, after.gate),
        *_approvers(before, after),
        *_one("paging.webhook_env", before.paging.webhook_env, after.paging.webhook_env, NEUTRAL),
        *_expected(before.expected_changes, after.expected_changes),
        *_drift(before, after),
        *_detectors(before, after),
        *_exceptions(before.exceptions, after.exceptions),
        *_close(before.close, after.close),
    )
    return tuple(Change(path, _shown(old), _shown(new), effect) for path, old, new, effect in rows)


def loosened(found: Iterable[Change]) -> list[Change]:
    """Those changes that let more pass, or other people decide."""
    return [change for change in found if change.effect is LOOSENS]


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case BaseModel():
            given = value.model_dump(mode="json", exclude_defaults=True)
            return ", ".join(f"{name} {_shown(one)}" for name, one in given.items() if one not in ({}, []))
        case Decimal():
            return f"{value:f}"
        case dict():
            return ", ".join(f"{key}: {_shown(one)}" for key, one in value.items())
        case tuple() | list():
            return ", ".join(map(_shown, value))
        case _:
            return str(value)


def _one(path: str, old: Any, new: Any, effect: Effect) -> Iterator[Row]:
    if old != new:
        yield path, old, new, effect


def _larger_loosens(path: str, old: Any, new: Any) -> Iterator[Row]:
    """A bound from above; None is no bound."""
    if old != new:
        yield path, old, new, LOOSENS if new is None or (old is not None and new > old) else TIGHTENS


def _smaller_loosens(path: str, old: Any, new: Any) -> Iterator[Row]:
    """A bound from below; None is no bound."""
    if old != new:
        yield path, old, new, LOOSENS if new is None or (old is not None and new < old) else TIGHTENS


def _more_loosens(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Row]:
    """A list of what is allowed."""
    for one in old:
        if one not in new:
            yield path, one, None, TIGHTENS
    for one in new:
        if one not in old:
            yield path, None, one, LOOSENS


def _fewer_loosens(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Row]:
    """A list of what is required."""
    for one in old:
        if one not in new:
            yield path, one, None, LOOSENS
    for one in new:
        if one not in old:
            yield path, None, one, TIGHTENS


def _names(path: str, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Row]:
    for key in dict.fromkeys((*old, *new)):
        yield from _one(f"{path}.{key}", old.get(key), new.get(key), NEUTRAL)


_EITHER_WAY = ("late_window_days", "lookback_days")
"""Windows that decide what is billed and compared at all; of all others a longer one lets a layer be late."""


def _windows(before: Policy, after: Policy) -> Iterator[Row]:
    for name in type(before.windows).model_fields:
        old, new = getattr(before.windows, name), getattr(after.windows, name)
        path = f"windows.{name}"
        yield from _one(path, old, new, LOOSENS) if name in _EITHER_WAY else _larger_loosens(path, old, new)


def _tolerances(before: tuple[Tolerance, ...], after: tuple[Tolerance, ...]) -> Iterator[Row]:
    """Compared as they hold for each currency, since an entry of its own replaces the one for `*`."""
    old, new = ({(t.pair, t.level, t.currency): t for t in listed} for listed in (before, after))
    currencies = {t.currency for t in (*before, *after)}
    for place in dict.fromkeys((*old, *new)):
        mine, other = old.get(place), new.get(place)
        if mine == other:
            continue
        pair, level, currency = place
        affected = {currency} if currency != "*" else {"*", *currencies}
        held = [
            (
                old.get((pair, level, one), old.get((pair, level, "*"))),
                new.get((pair, level, one), new.get((pair, level, "*"))),
            )
            for one in sorted(affected)
        ]
        loosens = any(_tolerates_more(level, *both) for both in held)
        path = f"tolerances[{pair.value} {level.value} {currency}]"
        yield path, mine and _bounds(mine), other and _bounds(other), LOOSENS if loosens else TIGHTENS


def _tolerates_more(level: ToleranceLevel, old: Tolerance | None, new: Tolerance | None) -> bool:
    """At `total` a tolerance only bounds what finer levels accept; at `account` it accepts and bounds."""
    if old == new:
        return False
    if level is ToleranceLevel.TOTAL and old is None:
        return False
    if level in (ToleranceLevel.TOTAL, ToleranceLevel.ACCOUNT) and new is None:
        return True
    if new is None:
        return False
    if old is None:
        return new.absolute > 0 or level is ToleranceLevel.ACCOUNT
    share = old.relative is not None and (new.relative is None or new.relative > old.relative)
    return new.absolute > old.absolute or share


def _bounds(tolerance: Tolerance) -> str:
    share = f" and {_shown(tolerance.relative)} of the amount" if tolerance.relative is not None else ""
    return f"{_shown(tolerance.absolute)}{share}"


def _gate(old: Gate, new: Gate) -> Iterator[Row]:
    yield from _fewer_loosens("gate.required_layers", old.required_layers, new.required_layers)
    yield from _more_loosens("gate.may_be_empty", old.may_be_empty, new.may_be_empty)
    for name in ("max_breaks", "max_quarantined_rows", "quarantine_share_stops"):
        yield from _larger_loosens(f"gate.{name}", getattr(old, name), getattr(new, name))
    yield from _limits(old, new)
    yield from _thresholds(old.thresholds, new.thresholds)
    yield from _one("gate.baseline", old.baseline, new.baseline, TIGHTENS if old.baseline is None else LOOSENS)
    mine, other = ({part.name: part for part in gate.parts} for gate in (old, new))
    for name in dict.fromkeys((*mine, *other)):
        one, two = mine.get(name), other.get(name)
        judged_by_no_less = two is None or (one is not None and set(two.pairs) >= set(one.pairs))
        effect = TIGHTENS if judged_by_no_less else LOOSENS
        yield from _one(f"gate.parts[{name}]", one and one.pairs, two and two.pairs, effect)


def _limits(old: Gate, new: Gate) -> Iterator[Row]:
    """Compared as they hold: an entry of its own replaces that of `*`, and without either `max_breaks` holds."""
    named = dict.fromkeys(limit.currency for limit in (*old.limits, *new.limits))
    for currency in named:
        mine, other = (next((one for one in gate.limits if one.currency == currency), None) for gate in (old, new))
        if mine == other:
            continue
        affected = [currency] if currency != "*" else list(named)
        loosens = any(_allows_more(old.limit_of(one), new.limit_of(one)) for one in affected)
        yield f"gate.limits[{currency}]", mine, other, LOOSENS if loosens else TIGHTENS


def _allows_more(old: Limit | None, new: Limit | None) -> bool:
    if old == new:
        return False
    if old is None or new is None:
        return True  # counts and limits are not comparable: either may allow what the other does not
    bounds = ("max_rate", "max_per_account", "max_total")
    if any(getattr(new, name) > getattr(old, name) for name in bounds):
        return True
    return new.min_population < old.min_population or (old.below_minimum, new.below_minimum) == (
        "inconclusive",
        "count",
    )


def _thresholds(before: tuple[Threshold, ...], after: tuple[Threshold, ...]) -> Iterator[Row]:
    """A threshold that is replaced is one that is gone and one that is new, unless only its bounds differ."""

    def kind(threshold: Threshold) -> tuple[Any, ...]:
        given = (threshold.max is None, threshold.min is None, threshold.max_drift is None, threshold.within_band)
        return (threshold.metric, threshold.against, threshold.severity, *given)

    gone = [one for one in before if one not in after]
    new = [one for one in after if one not in before]
    for one in gone:
        other = next((two for two in new if kind(two) == kind(one)), None)
        path = f"gate.thresholds[{one.metric}]"
        if other is None:
            yield path, one, None, LOOSENS if one.severity == "block" else NEUTRAL
            continue
        new.remove(other)
        loosens = (
            (one.max is not None and other.max is not None and other.max > one.max)
            or (one.min is not None and other.min is not None and other.min < one.min)
            or (one.max_drift is not None and other.max_drift is not None and other.max_drift > one.max_drift)
        )
        yield path, one, other, NEUTRAL if one.severity == "warn" else LOOSENS if loosens else TIGHTENS
    for one in new:
        yield f"gate.thresholds[{one.metric}]", None, one, TIGHTENS if one.severity == "block" else NEUTRAL


def _approvers(before: Policy, after: Policy) -> Iterator[Row]:
    """Whoever may sign or allow something: any change of an existing list loosens, a first list does not."""
    old, new = ([f"{one.name} ({one.role})" for one in policy.approvers] for policy in (before, after))
    effect = LOOSENS if old else TIGHTENS
    for one in old:
        if one not in new:
            yield "approvers", one, None, effect
    for one in new:
        if one not in old:
            yield "approvers", None, one, effect


_TEXTS = ("reason", "owner", "approved_by")


def _expected(before: tuple[ExpectedChange, ...], after: tuple[ExpectedChange, ...]) -> Iterator[Row]:
    old, new = ({one.id: one for one in listed} for listed in (before, after))
    for key in dict.fromkeys((*old, *new)):
        mine, other = old.get(key), new.get(key)
        if mine == other:
            continue
        if mine is None or other is None:
            yield f"expected_changes[{key}]", mine, other, LOOSENS if mine is None else TIGHTENS
            continue
        for name in type(mine).model_fields:
            one, two = getattr(mine, name), getattr(other, name)
            path = f"expected_changes[{key}].{name}"
            match name:
                case "max_per_break" | "max_per_day" | "expires":
                    yield from _larger_loosens(path, one, two)
                case "starts":
                    yield from _smaller_loosens(path, one, two)
                case "codes":
                    yield from _more_loosens(path, one, two)
                case _:
                    yield from _one(path, one, two, NEUTRAL if name in _TEXTS else LOOSENS)


def _drift(before: Policy, after: Policy) -> Iterator[Row]:
    old, new = before.drift, after.drift
    yield from _one("drift.cycle", old.cycle, new.cycle, LOOSENS)
    yield from _one("drift.min_days", old.min_days, new.min_days, LOOSENS)
    for name in ("mad_factor", "min_share"):
        yield from _larger_loosens(f"drift.{name}", getattr(old, name), getattr(new, name))


_STRICTNESS = ("off", "warn", "block")


def _detectors(before: Policy, after: Policy) -> Iterator[Row]:
    old, new = before.detectors, after.detectors
    for detector in Detector:
        one, two = old.severity(detector), new.severity(detector)
        effect = LOOSENS if _STRICTNESS.index(two) < _STRICTNESS.index(one) else TIGHTENS
        yield from _one(f"detectors.severities.{detector.value}", one, two, effect)
    yield from _one("detectors.owner", old.owner, new.owner, NEUTRAL)
    for name in ("max_discount", "discount_history", "discount_spread", "series_of"):
        yield from _larger_loosens(f"detectors.{name}", getattr(old, name), getattr(new, name))


def _exceptions(old: ExceptionPolicy, new: ExceptionPolicy) -> Iterator[Row]:
    for name in ("issued_invoices", "open_the_gate"):
        one, two = ([Resolution(kind).value for kind in getattr(policy, name)] for policy in (old, new))
        yield from _more_loosens(f"exceptions.{name}", one, two)
    for currency in dict.fromkeys((*old.accept_up_to, *new.accept_up_to)):
        bounds = (policy.accept_up_to.get(currency, Decimal(0)) for policy in (old, new))
        yield from _larger_loosens(f"exceptions.accept_up_to.{currency}", *bounds)
    yield from _one("exceptions.deadlines", old.deadlines, new.deadlines, NEUTRAL)
    yield from _one("exceptions.gap_months", old.gap_months, new.gap_months, NEUTRAL)


def _close(old: Close, new: Close) -> Iterator[Row]:
    """A task that does not apply any more holds no month open; owners and due dates hold none either way."""
    for task in dict.fromkeys((*old.not_applicable, *new.not_applicable)):
        one, two = old.not_applicable.get(task), new.not_applicable.get(task)
        yield from _one(f"close.not_applicable.{task.value}", one, two, LOOSENS if two else TIGHTENS)
    for name in ("per_day", "per_month"):
        bounds = (getattr(close.spot_checks, name) for close in (old, new))
        yield from _smaller_loosens(f"close.spot_checks.{name}", *bounds)
    yield from _names("close.owners", old.owners, new.owners)
    yield from _names("close.due_days", old.due_days, new.due_days)
