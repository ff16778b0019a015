"""Our own rating of units under the catalog's terms, one file a charge model. The models are listed in rating.registry."""

from billing_recon.compute.rating.model import ChargeModel
from billing_recon.compute.rating.registry import MODELS, price, rate

__all__ = ["MODELS", "ChargeModel", "price", "rate"]
