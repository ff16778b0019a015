"""What a charge model is: units and terms in; an unrounded amount and its working out. Each model has a file of its own."""

from __future__ import annotations

from typing import Protocol

from billing_recon.compute.money import PRICE, QUANTITY, RAW


class Sources:
    """Names of the relations from which items are rated into `into`."""

    def __init__(self, into: str) -> None:
        self.terms = f"{into}_terms"
        self.converted = f"{into}_converted"
        self.events = f"{into}_events"
        self.paid = f"{into}_paid"
        self.paths = f"{into}_paths"
        self.weighed = f"{into}_weighed"
        self.by_tier = f"{into}_by_tier"


class ChargeModel(Protocol):
    """One way to price units. A new one is a file with a frozen declaration, and one line in rating.registry.MODELS.

    Prices and workings are expressions, so that all models are rated in one pass. They may read these aliases:
    `item`, the item with its terms (TERMS); `tier`, the row of term_tiers that holds item.tier_units; `cell`, the row of
    term_cells for item.cell; `sums`, what rating.events sums of the item's events (empty for a charge that is not priced by
    event); in a working also `ladder.tiers`, the charge's tiers as one list, of the models that ask for it.
    """

    @property
    def name(self) -> str:
        """As the catalog writes it in `model`."""

    @property
    def doc(self) -> str:
        """The rule in one sentence, and where it is written."""

    @property
    def unit_price(self) -> str | None:
        """SQL of the price shown on the line; None where there is no single one."""

    @property
    def amount(self) -> str:
        """SQL of what the period's units up to this part cost, unrounded, DECIMAL(38,22)."""

    @property
    def earlier(self) -> str | None:
        """SQL of what the units before this part cost, which a later part of a period does not owe again.

        It is asked only of a part with item.prior units before it, or one that does not open its period; `earlier_tier` is
        the tier that holds item.prior. None: every part is charged by itself.
        """

    @property
    def working(self) -> str:
        """SQL of the working as JSON text. Figures are strings, so that no reader turns them into floats."""

    def steps(self, terms: str) -> str | None:
        """SELECT of the columns STEPS from the relation `terms`: each tier's units and each fee, adding up to the amount.

        None: the price is a single step.
        """


TERMS = """
part_id, item_id, part, whole, decimals, term_no, kind, model, currency, quantity, prior, total, tier_units, events, cell,
opens, closes, idle, fee_at_zero, amount, unit_price, package_price, package_size, package_rounding, free_units, rate, event_fee,
free_events, event_minimum, event_maximum, multiplier, due"""
"""Columns of `terms`, one row per part (an item, or one of the buckets or cells that make up an item). `quantity` is the part's
billed units after conversion; `prior` and `total` the period's units before and after it, less the free ones; `tier_units` those
that choose the tier; `opens` and `closes` whether the part is the first and the last of its period; `idle` whether nothing
was used; `fee_at_zero` whether tiers bill a fee for no units."""

STEPS: tuple[tuple[str, str], ...] = (
    ("part_id", ""),
    ("step_no", "INTEGER"),
    ("tier_no", "INTEGER"),
    ("units", QUANTITY),
    ("price", PRICE),
    ("raw", RAW),
)
"""`units` are empty for a fee, whose `price` is the fee itself."""


def json_text(**figures: str) -> str:
    """SQL of a JSON object whose members are the texts given as SQL.

    >>> json_text(units="say_quantity(item.total)")
    '\\'{"units":"\\' || say_quantity(item.total) || \\'"}\\''
    """
    members = [f'"{name}":"\' || {sql} || \'"' for name, sql in figures.items()]
    return "'{" + ",".join(members) + "}'"
