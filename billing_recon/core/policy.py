"""Policies as frozen data: windows, tolerances, thresholds, owners, gates, approvers. A change is a new version, not code."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from billing_recon.core.close_policy import Close
from billing_recon.core.detector import Detector
from billing_recon.core.exact import Exact, Frozen
from billing_recon.core.expected_change import ExpectedChange, repeated_ids
from billing_recon.core.person import confusable, person_name
from billing_recon.core.reason import Code, Pair
from billing_recon.core.schema import BY_NAME


class Windows(Frozen):
    """How long each layer may take, in days of the company's time zone.

    A window is one field: `run_params` and docs/tables.md take its name and meaning from here.
    """

    late_window_days: int = Field(
        default=2, ge=0, description="usage received this late still counts in its own period"
    )
    issue_grace_days: int = Field(default=1, ge=0, description="from the due day until an invoice counts as missing")
    render_lag_days: int = Field(default=1, ge=0, description="from issue to document")
    ledger_lag_days: int = Field(default=2, ge=0, description="from issue to posting")
    cash_lag_days: int = Field(default=3, ge=0, description="from a payment, refund or chargeback to its posting")
    payment_terms_days: int = Field(default=30, ge=0, description="from issue to the latest first attempt to collect")
    payment_settle_days: int = Field(default=5, ge=0, description="from first payment until payments must tie")
    lookback_days: int = Field(default=62, ge=1, description="how far back a counterpart may lie")


class ToleranceLevel(StrEnum):
    """Where a tolerance applies."""

    LINE = "line"
    INVOICE = "invoice"
    ACCOUNT = "account"
    """Breaks of an account, and the gross sum of what was accepted for one customer on the day."""
    TOTAL = "total"
    """The gross sum of what was accepted for a pair and currency on the day."""


class Tolerance(Frozen):
    """A difference within both bounds is accepted, counted and shown gross and net. `*` matches currencies not named.

    At line, invoice and account level it accepts single differences. At account and total level it also limits the gross
    sum that the finer levels accepted: above the limit none of them is accepted.
    """

    pair: Pair
    level: ToleranceLevel
    currency: str = "*"
    absolute: Exact = Field(default=Decimal(0), description="the largest difference; nothing is accepted without it")
    relative: Exact | None = Field(default=None, description="of the first layer's amount; must hold too if given")

    @model_validator(mode="after")
    def _bounded(self) -> Tolerance:
        problems = []
        if self.absolute < 0 or (self.relative is not None and self.relative < 0):
            problems.append("a bound is not below zero")
        if self.absolute == 0 and self.relative:
            problems.append("relative alone accepts nothing, since 0.5% of 1,200,000 is 6,000: give absolute too")
        if problems:
            raise ValueError(f"tolerance on {self.pair.value} by {self.level.value}: " + "; ".join(problems))
        return self


class Threshold(Frozen):
    """A bound on a metric: on its value, on its change against other days, or that it lies within its expected band."""

    metric: str
    max: Exact | None = None
    min: Exact | None = None
    max_drift: Exact | None = Field(default=None, description="relative change, 0.25 is 25%")
    against: Literal["baseline", "prior", "cycle"] = Field(
        default="baseline",
        description="max_drift: the baseline's mean, the day before, or the same day of the cycle before",
    )
    within_band: bool = Field(default=False, description="the value lies in the band of days like it (see drift)")
    severity: Literal["block", "warn"] = "block"

    @model_validator(mode="after")
    def _bounded(self) -> Threshold:
        if self.max is None and self.min is None and self.max_drift is None and not self.within_band:
            raise ValueError(
                f"threshold on '{self.metric}' bounds nothing: give max, min, max_drift or within_band: true"
            )
        return self


class Drift(Frozen):
    """Which days are comparable, and how far from them a day may lie: median plus or minus a multiple of the MAD.

    The MAD is the median of the distances from the median; one outlier changes neither.
    """

    cycle: Literal["month", "week"] = Field(
        default="month",
        description="comparable days: the same day of other months (the 31st: month ends), or the same weekday",
    )
    min_days: int = Field(default=4, ge=2, description="fewer comparable days than this are NO DATA")
    mad_factor: Exact = Field(default=Decimal(6), description="half the band's width in MADs; 6 is about four sigma")
    min_share: Exact = Field(
        default=Decimal("0.05"), description="half the band's width is at least this of the median"
    )


class Detectors(Frozen):
    """Findings about the data itself. `warn` shows them, `block` also fails the gate, `off` turns the detector off."""

    severities: dict[Detector, Literal["warn", "block", "off"]] = Field(
        default_factory=dict, description="by detector; warn if left out"
    )
    owner: str = Field(default="", description="team that works on the findings; empty: the default owner")
    max_discount: Exact | None = Field(default=None, description="above this share of gross a discount is unusual")
    discount_history: int = Field(default=5, ge=2, description="fewer earlier invoices than this are not a history")
    discount_spread: Exact = Field(
        default=Decimal("0.10"), description="a share this far from the history's median is not unusual yet"
    )
    series_of: int = Field(default=5, ge=2, description="fewer invoices than this are not a numbered series")

    def severity(self, detector: Detector) -> str:
        """What a finding of this detector does."""
        return self.severities.get(detector, "warn")


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
    may_be_empty: tuple[str, ...] = Field(
        default=("payments",), description="a file must be delivered, but may have no rows"
    )
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

    name: Annotated[str, AfterValidator(person_name)]
    role: Literal["finance", "product", "engineering"]


class Paging(Frozen):
    """Where pages go. The URL is in an environment variable, never in a file."""

    webhook_env: str = "BILLING_RECON_PAGE_URL"


DEFAULT_OWNER = "finance-operations"
"""The team of whatever a policy names no owner for."""


class Policy(Frozen):
    """Everything that decides how the same data is judged."""

    windows: Windows = Windows()
    tolerances: tuple[Tolerance, ...] = ()
    owners: dict[str, str] = Field(
        default_factory=dict, description="reason code -> team; key 'default' for all others"
    )
    gate: Gate = Gate()
    approvers: tuple[Approver, ...] = ()
    paging: Paging = Paging()
    close: Close = Close()
    expected_changes: tuple[ExpectedChange, ...] = ()
    drift: Drift = Drift()
    detectors: Detectors = Detectors()

    @model_validator(mode="after")
    def _coherent(self) -> Policy:
        problems = []
        unknown = sorted(set(self.owners) - {code.value for code in Code} - {"default"})
        if unknown:
            problems.append(f"owners for unknown reason codes {unknown}")
        for one, other in confusable(approver.name for approver in self.approvers):
            problems.append(f"approvers '{one}' and '{other}' look like one person; write one of them differently")
        repeated = repeated_ids(self.expected_changes)
        if repeated:
            problems.append(f"expected_changes with one id: {', '.join(repeated)}")
        places = [(t.pair.value, t.level.value, t.currency) for t in self.tolerances]
        for place in sorted({place for place in places if places.count(place) > 1}):
            problems.append(f"several tolerances for {' '.join(place)}: only one can hold")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def default_owner(self) -> str:
        """The team of everything without an owner of its own."""
        return self.owners.get("default", DEFAULT_OWNER)

    def owner_of(self, code: Code) -> str:
        """The team that works on breaks of this code."""
        return self.owners.get(code.value, self.default_owner)
