"""What a charge model is: units and terms in, an unrounded amount and its working out. Each model has a file of its own."""

from __future__ import annotations

from typing import Protocol

from billing_recon.compute.money import PRICE, QUANTITY, RAW


class Sources:
    """Names of the relations that a model's SQL reads, for items rated into `into`."""

    def __init__(self, into: str) -> None:
        self.terms = f"{into}_terms"
        self.converted = f"{into}_converted"
        self.events = f"{into}_events"
        self.paid = f"{into}_paid"
        self.paths = f"{into}_paths"
        self.weighed = f"{into}_weighed"


class ChargeModel(Protocol):
    """One way to price units. A new one is a file with a frozen declaration, and one line in rating.registry.MODELS.

    The amount is an expression, so that all models are priced in one pass; the words are SELECTs of their own, since they are
    needed only of lines that people read, and cost more than the prices.
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
        """SQL of what the period's units up to this part cost, unrounded, DECIMAL(38,22), over the aliases

        t: the item with its terms (TERMS); s: the tier that holds t.tier_units, a row of term_tiers; k: the price of t.cell
        in term_cells; e: what rating.events sums of the item's events (empty for a charge that is not priced by event).
        """

    @property
    def earlier(self) -> str | None:
        """SQL of what the units before this part cost, which a later part of a period does not owe again.

        It is asked only of a part with t.prior units before it, or one that does not open its period; p is the tier that
        holds t.prior. None: every part is charged by itself.
        """

    def steps(self, at: Sources) -> str | None:
        """SELECT of the columns STEPS: what is charged for one by one (each tier's units, each fee), adding up to the amount.

        None: the price is a single step.
        """

    def words(self, at: Sources) -> str:
        """SELECT of the columns WORDED, one row for each row of `at.terms` of this model."""


TERMS = """
part_id, item_id, part, whole, decimals, term_no, kind, model, currency, noun, quantity, prior, total, tier_units, events, cell,
opens, closes, idle, fee_at_zero, amount, unit_price, package_price, package_size, package_rounding, free_units, rate, event_fee,
free_events, event_minimum, event_maximum, multiplier, due"""
"""Columns of `terms`, one row a part (an item, or one of the buckets or cells that make up an item). `quantity` is the part's
billed units after conversion; `prior` and `total` the period's units before and after it, less the free ones; `tier_units` those
that choose the tier; `noun` what is counted, for phrases; `opens` and `closes` whether the part is the first and the last of
its period; `idle` whether nothing was used; `fee_at_zero` whether tiers bill a fee for no units."""

STEPS: tuple[tuple[str, str], ...] = (
    ("part_id", ""),
    ("step_no", "INTEGER"),
    ("tier_no", "INTEGER"),
    ("units", QUANTITY),
    ("price", PRICE),
    ("raw", RAW),
)
"""`units` are empty for a fee, whose `price` is the fee itself."""

WORDED: tuple[tuple[str, str], ...] = (("part_id", ""), ("steps", "VARCHAR"), ("phrase", "VARCHAR"))
"""`steps` is the working as JSON text whose figures are strings, `phrase` the same for a sentence."""


def text(figure: str) -> str:
    """SQL for a figure with decimals as plain text, without trailing zeros: 0.0150000000 -> 0.015."""
    return f"rtrim(rtrim(CAST({figure} AS VARCHAR), '0'), '.')"


def said_units(quantity: str) -> str:
    """SQL for units in a sentence, thousands apart where there are any."""
    return (
        f"CASE WHEN {quantity} < 1000 THEN say_quantity({quantity}) ELSE group_thousands(say_quantity({quantity})) END"
    )


def said_price(price: str) -> str:
    """SQL for a price with its currency, thousands apart where there are any."""
    said = f"say({price}, decimals)"
    return f"currency || ' ' || CASE WHEN abs({price}) < 1000 THEN {said} ELSE group_thousands({said}) END"
