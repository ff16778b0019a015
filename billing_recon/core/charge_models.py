"""What each charge model needs and may read of a charge, one line per model. How it prices is in compute.rating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """Fields of core.catalog.Charge: those that a model needs, and those it reads if they are given; and those of its tiers."""

    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.needs, *self.reads)


_STEPS = ("up_to", "first_unit", "unit", "flat")
_RATES = ("up_to", "first_unit", "rate", "flat")
_BLOCKS = ("block_size", "max_blocks", "unit")
_PERCENTAGE = ("free_units", "event_fee", "free_events", "event_minimum", "event_maximum")

CHARGE_MODELS: Mapping[str, Terms] = {
    "flat": Terms(needs=("amount",), reads=("due",)),
    "per_unit": Terms(needs=("unit_price",), reads=("free_units", "due")),
    "graduated": Terms(reads=("tiers", "free_units", "due"), tier=_STEPS),
    "volume": Terms(reads=("tiers", "free_units", "due"), tier=_STEPS),
    "package": Terms(needs=("package_price",), reads=("package_size", "package_rounding", "free_units", "due")),
    "percentage": Terms(needs=("rate",), reads=_PERCENTAGE),
    "graduated_percentage": Terms(reads=("tiers",), tier=_RATES),
    "dynamic": Terms(reads=("free_units", "multiplier")),
    "matrix": Terms(needs=("dimensions", "prices"), reads=("unit_price",)),
    "graduated_blocks": Terms(reads=("tiers", "due"), tier=_BLOCKS),
    "volume_blocks": Terms(reads=("tiers", "due"), tier=_BLOCKS),
}
"""Every charge model by its name in the catalog, in the order of the rule book. Tiers are checked by core.catalog."""

AGREED_PRICES: Mapping[str, str] = {"flat": "amount", "per_unit": "unit_price", "package": "package_price"}
"""The field of a charge that a contract's `overrides` replaces, for the models that have one price."""

RESTRICTED: tuple[str, ...] = tuple(dict.fromkeys(field for terms in CHARGE_MODELS.values() for field in terms.fields))
"""Fields that only some models read."""


def models_reading(field: str) -> tuple[str, ...]:
    """The models that read a field; given for any other model it would do nothing, so it is refused.

    >>> models_reading("rate")
    ('percentage',)
    """
    return tuple(name for name, terms in CHARGE_MODELS.items() if field in terms.fields)
