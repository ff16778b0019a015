"""The code location that Dagster loads: the definitions of the home that BILLING_RECON_HOME names."""

from billing_recon.defs.build import build_definitions
from billing_recon.defs.calendar import home_path

defs = build_definitions(home_path())
