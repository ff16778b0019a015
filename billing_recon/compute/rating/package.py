"""Whole packages at a price each."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.rating.model import Sources, said_price, said_units, text


def _packages(units: str) -> str:
    return (
        f"CASE t.package_rounding WHEN 'down' THEN full_packages_of({units}, t.package_size) "
        f"ELSE packages_of({units}, t.package_size) END"
    )


_BEGUN = f"(CASE WHEN t.opens THEN 0 ELSE {_packages('t.prior')} END)"


@dataclass(frozen=True, slots=True)
class Package:
    """Free units come off first; what is left is counted in whole packages, begun ones in full (or, rounded down, not at all).

    A later part of a period owes the packages that its units begin; the first part owes all begun by then.
    """

    name: str = "package"
    doc: str = "ceil(max(units - free_units, 0) / package_size) x package_price (ARCHITECTURE 2, rule 6)"

    unit_price: str = "t.package_price"
    amount: str = f"extend({_packages('t.total')}, t.package_price)"
    earlier: str = f"extend({_BEGUN}, t.package_price)"

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id,
    '{{"units":"' || say_quantity(quantity) || '","free_units":"' || say_quantity(free_units)
        || '","package_size":"' || say_quantity(package_size) || '","packages":"' || CAST(packages AS VARCHAR)
        || '","package_price":"' || {text("package_price")} || '"}}' AS steps,
    {said_units("quantity")} || ' ' || noun
        || CASE WHEN free_units = 0 THEN '' ELSE ' less ' || {said_units("free_units")} || ' free' END
        || ' in ' || group_thousands(CAST(packages AS VARCHAR)) || CASE WHEN packages = 1 THEN ' package' ELSE ' packages' END
        || ' of ' || {said_units("package_size")} || ' at ' || {said_price("package_price")} AS phrase
FROM (
    SELECT t.part_id, t.quantity, t.currency, t.decimals, t.noun, t.free_units, t.package_size, t.package_price,
        {_packages("t.total")} - {_BEGUN} AS packages
    FROM {at.terms} AS t WHERE t.model = '{self.name}'
) AS packed"""
