"""Why a billed line differs: re-rated alternatives, stages, reason codes, consequences. Prices come from compute.rating."""

from __future__ import annotations

from billing_recon.compute.expect.bounds import bound
from billing_recon.compute.rating import price
from billing_recon.compute.relation import Relation, load

RERATING: tuple[Relation, ...] = (
    *load(__package__, "differing_lines", "rerating_items"),
    *price("rerating_items", "rerated", given=("own_price", "allowance")),
    *bound("rerating_items", "rerated", "rerated_bounds"),
    *load(__package__, "rerated_lines"),
)
"""Lines that differ, both sides compared, and what they would have cost under other terms."""

CODES: tuple[Relation, ...] = load(
    __package__,
    *("line_stages", "line_closed", "line_metered", "line_orders"),
    *("coded_stages", "tax_consequences", "line_codes"),
)
"""One code per stage; the first that moves money is the line's own. A line that is right for its siblings takes theirs."""
