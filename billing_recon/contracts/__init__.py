"""Is this row acceptable? One contract per landed table (contracts.registry), and the reasons for quarantining a row."""

from billing_recon.contracts.quarantine_reasons import Reason

__all__ = ["Reason"]
