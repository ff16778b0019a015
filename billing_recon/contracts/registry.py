"""Every landed table's contract. Importing this loads polars, so import it only where rows are read."""

from __future__ import annotations

from functools import cache

from billing_recon.contracts import (
    invoice_lines,
    key_map,
    ledger_entries,
    metered_usage,
    payments,
    rendered_invoices,
    rendered_lines,
    signals,
    subscriptions,
    usage_events,
)
from billing_recon.contracts.rule import Contract, Rule, column_rules
from billing_recon.core.schema import BY_NAME

TABLE_RULES: dict[str, tuple[Rule, ...]] = {
    "usage_events": usage_events.RULES,
    "subscriptions": subscriptions.RULES,
    "invoice_lines": invoice_lines.RULES,
    "rendered_invoices": rendered_invoices.RULES,
    "rendered_lines": rendered_lines.RULES,
    "ledger_entries": ledger_entries.RULES,
    "payments": payments.RULES,
    "metered_usage": metered_usage.RULES,
    "signals": signals.RULES,
    "key_map": key_map.RULES,
}


@cache
def contract_of(table: str, currencies: tuple[str, ...] = ()) -> Contract:
    """The contract of a landed table for a company that bills in `currencies` (without any: all of ISO 4217)."""
    return Contract(BY_NAME[table], column_rules(BY_NAME[table], currencies), TABLE_RULES[table])
