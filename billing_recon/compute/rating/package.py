"""Whole packages at a price each."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import json_text


def _packages(units: str) -> str:
    return (
        f"CASE item.package_rounding WHEN 'down' THEN full_packages_of({units}, item.package_size) "
        f"ELSE packages_of({units}, item.package_size) END"
    )


_ALL = _packages("item.total")
_BEGUN = f"(CASE WHEN item.opens THEN 0 ELSE {_packages('item.prior')} END)"


@dataclass(frozen=True, slots=True)
class Package:
    """Free units come off first; what is left is counted in whole packages, begun ones in full (or, rounded down, not at all).

    A later part of a period owes the packages that its units begin; the first part owes all begun by then.
    """

    name: str = "package"
    doc: str = "ceil(max(units - free_units, 0) / package_size) x package_price (docs/rating.md, rule 8)"

    unit_price: str = "item.package_price"
    amount: str = f"extend({_ALL}, item.package_price)"
    earlier: str = f"extend({_BEGUN}, item.package_price)"
    working: str = json_text(
        units="say_quantity(item.quantity)",
        free_units="say_quantity(item.free_units)",
        package_size="say_quantity(item.package_size)",
        packages=f"CAST({_ALL} - {_BEGUN} AS VARCHAR)",
        package_price="plain(item.package_price)",
    )

    def steps(self, terms: str) -> None:
        return None
