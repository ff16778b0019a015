"""Is this row acceptable? One contract a canonical table (contracts.registry), and the reasons for setting a row aside."""

from billing_recon.contracts.quarantine_reasons import Reason

__all__ = ["Reason"]
