"""Whole packages at a price each, begun ones counting in full."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import PRICE
from billing_recon.compute.rating.model import text


@dataclass(frozen=True, slots=True)
class Package:
    """Free units come off first; what is left is rounded up to whole packages."""

    name: str = "package"
    doc: str = "ceil(max(units - free_units, 0) / package_size) x package_price (ARCHITECTURE 2, rule 6)"

    def price(self, terms: str) -> str:
        return f"""
SELECT item_id, CAST(package_price AS {PRICE}) AS unit_price, extend(packages, package_price) AS raw,
    json_object('units', say_quantity(quantity), 'free_units', say_quantity(free_units),
        'package_size', say_quantity(package_size), 'packages', CAST(packages AS VARCHAR),
        'package_price', {text("package_price")}) AS steps,
    group_thousands(say_quantity(quantity)) || ' ' || noun
        || CASE WHEN free_units = 0 THEN '' ELSE ' less ' || group_thousands(say_quantity(free_units)) || ' free' END
        || ' in ' || group_thousands(CAST(packages AS VARCHAR)) || CASE WHEN packages = 1 THEN ' package' ELSE ' packages' END
        || ' of ' || group_thousands(say_quantity(package_size))
        || ' at ' || currency || ' ' || say(package_price, decimals) AS phrase
FROM (
    SELECT item_id, quantity, currency, decimals, noun, free_units, package_size, package_price,
        packages_of(greatest(quantity - free_units, 0), package_size) AS packages
    FROM {terms} WHERE model = '{self.name}'
) AS packed"""
