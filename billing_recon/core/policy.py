"""Policies as frozen data: windows, tolerances, thresholds, owners, gates, approvers. A change is a new version, not code."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from billing_recon.core.close_policy import Close
from billing_recon.core.detector import Detector
from billing_recon.core.exact import CurrencyOrAny, Day, Exact, Frozen, repeated
from billing_recon.core.exception_policy import ExceptionPolicy
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.gate_policy import Gate, Limit, Part, Threshold
from billing_recon.core.person import confusable, person_name
from billing_recon.core.reason import Code, Pair

__all__ = [
    "LATE_REACH",
    "Approver",
    "Detectors",
    "Drift",
    "ExceptionPolicy",
    "Gate",
    "Limit",
    "Paging",
    "Part",
    "Policy",
    "Threshold",
    "Tolerance",
    "ToleranceLevel",
    "Windows",
]

LATE_REACH = 3
"""So many lookbacks far back lies the usage at hand of periods that late usage adjusts: an event is at most one lookback
older than its file, its period may have begun one before it, and the period that adjusts it may be as long as a third."""


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
    currency: CurrencyOrAny = "*"
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

    effective_from: Day | None = Field(
        default=None,
        description="the first day that is judged by this version; earlier days keep theirs. Left out: every open day",
    )
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
    exceptions: ExceptionPolicy = ExceptionPolicy()

    @field_validator("owners")
    @classmethod
    def _of_codes(cls, owners: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(owners) - {code.value for code in Code} - {"default"})
        if unknown:
            raise ValueError(f"owners for unknown reason codes {unknown}")
        return owners

    @field_validator("approvers")
    @classmethod
    def _told_apart(cls, approvers: tuple[Approver, ...]) -> tuple[Approver, ...]:
        alike = confusable(approver.name for approver in approvers)
        if alike:
            pairs = "; ".join(f"'{one}' and '{other}'" for one, other in alike)
            raise ValueError(f"approvers {pairs} look like one person; write one of them differently")
        return approvers

    @field_validator("expected_changes")
    @classmethod
    def _ids_once(cls, changes: tuple[ExpectedChange, ...]) -> tuple[ExpectedChange, ...]:
        twice = repeated(change.id for change in changes)
        if twice:
            raise ValueError(f"expected_changes with one id: {', '.join(twice)}")
        return changes

    @field_validator("tolerances")
    @classmethod
    def _one_each(cls, tolerances: tuple[Tolerance, ...]) -> tuple[Tolerance, ...]:
        twice = repeated(f"{t.pair.value} {t.level.value} {t.currency}" for t in tolerances)
        if twice:
            raise ValueError("; ".join(f"several tolerances for {place}: only one can hold" for place in twice))
        return tolerances

    @property
    def default_owner(self) -> str:
        """The team of everything without an owner of its own."""
        return self.owners.get("default", DEFAULT_OWNER)

    def owner_of(self, code: Code) -> str:
        """The team that works on breaks of this code."""
        return self.owners.get(code.value, self.default_owner)
