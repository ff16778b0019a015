"""A seeded company with usage, contracts, bills, documents, ledger and money, and billing bugs injected on purpose."""

from billing_recon.simulate.company import SUPPORTED, SimulationSummary, simulate

__all__ = ["SUPPORTED", "SimulationSummary", "simulate"]
