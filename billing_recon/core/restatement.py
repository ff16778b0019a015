"""What changed between two closes of a month: the same figures side by side, and which breaks came, went or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Figures = Mapping[str, Any]
"""The figures of a close as day.month_figures writes them: texts, lists and mappings of JSON."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A figure that is another than before. An empty text: it was not there."""

    what: str
    currency: str
    before: str
    after: str

    @property
    def change(self) -> Decimal:
        """After less before."""
        return Decimal(self.after or 0) - Decimal(self.before or 0)


@dataclass(frozen=True, slots=True)
class Restatement:
    """The differences of two closes: figures, and breaks by id with what each is about."""

    figures: tuple[Restated, ...]
    came: tuple[str, ...]
    went: tuple[str, ...]
    changed: tuple[str, ...]
    complete: bool

    def __bool__(self) -> bool:
        return bool(self.figures or self.came or self.went or self.changed)


def restated(before: Figures, after: Figures) -> Restatement:
    """Compare the figures of a close with those of a later one, or of now."""
    old, new = _figures(before), _figures(after)
    were, are = _breaks(before), _breaks(after)
    return Restatement(
        tuple(
            Restated(what, currency, old.get((what, currency), ""), new.get((what, currency), ""))
            for what, currency in sorted({*old, *new})
            if Decimal(old.get((what, currency)) or 0) != Decimal(new.get((what, currency)) or 0)
        ),
        tuple(are[key] for key in sorted(set(are) - set(were))),
        tuple(were[key] for key in sorted(set(were) - set(are))),
        tuple(f"{were[key]} -> {are[key]}" for key in sorted(set(are) & set(were)) if are[key] != were[key]),
        len(were) == before["breaks_in_all"] and len(are) == after["breaks_in_all"],
    )


def _figures(given: Figures) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for one in given["roll_forwards"]:
        for name in ("opening", "closing", "booked"):
            found[f"{one['measure']} {name}", one["currency"]] = one[name]
        for line, figure in one["lines"].items():
            found[f"{one['measure']} {line}", one["currency"]] = figure
    for account, _role, currency, *_, closing in given["accounts"]:
        found[f"account {account}", currency] = closing
    for pair, currency, left, right, *_ in given["totals"]:
        first, second = pair.split("_")
        found[f"{pair}: {first}", currency] = left
        found[f"{pair}: {second}", currency] = right
    return found


def _breaks(given: Figures) -> dict[str, str]:
    return {one[0]: _words(one) for one in given["breaks"]}


def _words(one: Sequence[str | None]) -> str:
    break_id, day, pair, code, disposition, currency, delta = one
    return f"{break_id} {code} {pair} {day} {Decimal(delta or 0).normalize():+f} {currency or 'units'} {disposition}"
