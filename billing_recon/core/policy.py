"""Policies as frozen data: windows, tolerances, thresholds, owners, gates, approvers. A change is a new version, never code."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from billing_recon.core.catalog import Exact, Frozen
from billing_recon.core.reason import Code, Level, Pair
from billing_recon.core.tables import BY_NAME


class Windows(Frozen):
    """How long each layer may take, in days of the company's time zone."""

    late_window_days: int = Field(
        default=2, ge=0, description="usage received this late still counts in its own period"
    )
    issue_grace_days: int = Field(default=1, ge=0, description="after the due day, before an invoice is missing")
    render_lag_days: int = Field(default=1, ge=0, description="from issue to document")
    ledger_lag_days: int = Field(default=2, ge=0, description="from issue to posting")
    payment_terms_days: int = Field(default=30, ge=0, description="from issue to the latest first attempt to collect")
    payment_settle_days: int = Field(default=5, ge=0, description="from first payment until payments must tie")
    lookback_days: int = Field(default=62, ge=1, description="how far back a counterpart may lie")


class Tolerance(Frozen):
    """A difference within both bounds is accepted, counted and shown. `*` matches every currency."""

    pair: Pair
    level: Level
    currency: str = "*"
    absolute: Exact = Decimal(0)
    relative: Exact | None = Field(default=None, description="of the first layer's amount; must hold too if given")


class Threshold(Frozen):
    """A bound on a metric. `drift` compares with the baseline's mean instead of with a fixed figure."""

    metric: str
    max: Exact | None = None
    min: Exact | None = None
    max_drift: Exact | None = Field(default=None, description="relative change against the baseline, 0.25 is 25%")
    severity: Literal["block", "warn"] = "block"

    @model_validator(mode="after")
    def _bounded(self) -> Threshold:
        if self.max is None and self.min is None and self.max_drift is None:
            raise ValueError(f"threshold on '{self.metric}' bounds nothing: give max, min or max_drift")
        return self


class Gate(Frozen):
    """When a day may be released."""

    required_layers: tuple[str, ...] = (
        "usage_events",
        "subscriptions",
        "invoice_lines",
        "rendered_invoices",
        "rendered_lines",
        "ledger_entries",
        "payments",
    )
    may_be_empty: tuple[str, ...] = Field(default=("payments",), description="a file must come, but may have no rows")
    max_breaks: int = 0
    max_quarantined_rows: int = 0
    quarantine_share_stops: Exact = Field(
        default=Decimal("0.05"), description="above it, landing itself blocks the run"
    )
    thresholds: tuple[Threshold, ...] = ()
    baseline: str | None = Field(default=None, description="name of the baseline that drift is measured against")

    @model_validator(mode="after")
    def _known(self) -> Gate:
        unknown = sorted(set(self.required_layers + self.may_be_empty) - set(BY_NAME))
        if unknown:
            raise ValueError(f"unknown layers {unknown}; known are {sorted(BY_NAME)}")
        return self


class Approver(Frozen):
    """A person who may sign a month off, in one role."""

    name: str
    role: Literal["finance", "product", "engineering"]


class Paging(Frozen):
    """Where a page goes. The URL itself comes from the environment variable, never from a file."""

    webhook_env: str = "BILLING_RECON_PAGE_URL"


class Policy(Frozen):
    """Everything that decides how the same data is judged."""

    windows: Windows = Windows()
    tolerances: tuple[Tolerance, ...] = ()
    owners: dict[str, str] = Field(default_factory=dict, description="reason code -> team; key 'default' for the rest")
    gate: Gate = Gate()
    approvers: tuple[Approver, ...] = ()
    paging: Paging = Paging()

    @model_validator(mode="after")
    def _codes(self) -> Policy:
        unknown = sorted(set(self.owners) - {code.value for code in Code} - {"default"})
        if unknown:
            raise ValueError(f"owners for unknown reason codes {unknown}")
        return self
