"""A seeded company with usage, contracts, bills, documents, ledger and money, and billing bugs injected on purpose."""

from billing_recon.simulate.company import SUPPORTED, SimulationSummary, known_faults, simulate
from billing_recon.simulate.documents import RenderedAs
from billing_recon.simulate.ledgers import BookedAs

__all__ = ["SUPPORTED", "BookedAs", "RenderedAs", "SimulationSummary", "known_faults", "simulate"]
