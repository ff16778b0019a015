"""What a charge model is: units and terms in, an unrounded amount and its working out. Each model has a file of its own."""

from __future__ import annotations

from typing import Protocol

from billing_recon.compute.money import PRICE, RAW


class ChargeModel(Protocol):
    """One way to price units. A new one is a file with a frozen declaration, and one line in rating.registry.MODELS."""

    @property
    def name(self) -> str:
        """As the catalog writes it in `model`."""

    @property
    def doc(self) -> str:
        """The rule in one sentence, and where it is written."""

    def price(self, terms: str) -> str:
        """SELECT over the relation `terms` giving the columns PRICED, one row for each of its rows of this model.

        `terms` has one row an item: item_id, quantity, currency, decimals, noun (what is counted, for phrases) and the charge's
        columns of `term_charges` (plan_id, plan_version, charge_id, model, amount, unit_price, package_price,
        package_size, free_units).
        """


PRICED: tuple[tuple[str, str], ...] = (
    ("item_id", ""),
    ("unit_price", PRICE),
    ("raw", RAW),
    ("steps", "JSON"),
    ("phrase", "VARCHAR"),
)
"""Columns of a model's SELECT with their types: `raw` is unrounded and not prorated, `steps` the working as JSON whose
figures are strings, `phrase` the same for a sentence. `unit_price` is empty where a line has no single price."""


def text(figure: str) -> str:
    """SQL for a figure with decimals as plain text, without trailing zeros: 0.0150000000 -> 0.015."""
    return f"rtrim(rtrim(CAST({figure} AS VARCHAR), '0'), '.')"
