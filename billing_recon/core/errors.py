"""Errors for users. Each says what is wrong, where, and what to do next; a bug raises something else."""

from __future__ import annotations


class BillingReconError(Exception):
    """Base of every error whose text is written for a user rather than for a developer."""


class ConfigurationError(BillingReconError):
    """The home's company.yaml, catalog or policies cannot be used. Lists every problem found, not only the first."""

    def __init__(self, problems: str | list[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class LandingRefused(BillingReconError):
    """A whole file cannot be read as what it claims to be (truncated, wrong encoding, missing columns)."""


class GateRefused(BillingReconError):
    """A downstream step was requested while its gate is not a current PASS."""


class CloseRefused(BillingReconError):
    """A month cannot be closed, or belongs to a closed one; lists every reason."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("\n".join(self.reasons))
