"""Every table of the house, by part. Read it for documents and tests; code imports the table that it means."""

from __future__ import annotations

from billing_recon.core.schema.computed import RESULTS
from billing_recon.core.schema.diagnostic import DIAGNOSTICS
from billing_recon.core.schema.landed import CANONICAL
from billing_recon.core.schema.parameters import PARAMETERS
from billing_recon.core.schema.rollout import ROLLOUTS
from billing_recon.core.schema.shadow import SHADOW
from billing_recon.core.schema.stage import STAGES
from billing_recon.core.schema.table import TableSpec
from billing_recon.core.schema.terms import TERMS

CATALOGUE: tuple[TableSpec, ...] = (
    *CANONICAL,
    *RESULTS,
    *DIAGNOSTICS,
    *TERMS,
    *PARAMETERS,
    *SHADOW,
    *ROLLOUTS,
    *STAGES,
)
