"""SQL that pairs not yet in .sql files share."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT

CONTENT = f"sum(hash({{line_id}}, CAST(coalesce({{figure}}, 0) AS {AMOUNT})))"


def mapped(layer: str, alias: str, key: str) -> tuple[str, str]:
    """SQL for our name of `alias.key`, and the join that finds it."""
    join = f"LEFT JOIN mapped_keys AS of_{key} ON of_{key}.layer = '{layer}' AND of_{key}.their_key = {alias}.{key}"
    return f"coalesce(of_{key}.our_key, {alias}.{key})", join
