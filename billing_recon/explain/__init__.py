"""Words: a sentence per break from its facts, the working of a rated line from its steps. SQL states facts, nothing else words them."""

from billing_recon.explain.breaks import write_explanations
from billing_recon.explain.detections import write_detections

__all__ = ["write_detections", "write_explanations"]
