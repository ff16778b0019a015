"""rollouts/NAME.yaml as frozen data: why, who, which flags, stages, windows, thresholds, triggers, and what is done with issued invoices.

A rollout bills customers by a new path in stages. Who is in a stage is chosen here and written down once: the list is the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from billing_recon.core.exact import Amount, Currency, Day, Exact, Frozen, Name, Share, repeated
from billing_recon.core.person import person_name, same_person

CONTROL, CANDIDATE = "control", "candidate"
"""The old path and the new one, as `invoice_lines.variant` has them."""
EVERYBODY = "*"
"""In a list of members: every customer without a row of their own."""

Person = Annotated[str, AfterValidator(person_name)]


class Kind(StrEnum):
    """Why a company does it."""

    REVENUE = "revenue"
    EFFICIENCY = "efficiency"
    COMPLIANCE = "compliance"


class Layer(StrEnum):
    """Which step of billing a flag switches."""

    CALCULATION = "calculation"
    TAX = "tax"
    RENDERING = "rendering"
    PAYMENT_RETRY = "payment_retry"


class Risk(StrEnum):
    """What a change may make wrong."""

    TOTALS = "totals"
    CAPTURE = "capture"
    TAX = "tax"
    REFUNDS = "refunds"
    EXPORTS = "exports"


MONEY = frozenset({Risk.TOTALS, Risk.CAPTURE, Risk.TAX, Risk.REFUNDS})
"""Risks of a change that touches money: it may not be made for everybody at once."""


class Boundary(StrEnum):
    """An event of billing that a stage must have lived through, since bugs wait for it."""

    MONTH_END = "month_end"
    RENEWAL = "renewal"
    RETRY_CYCLE = "retry_cycle"
    COUPON_EXPIRY = "coupon_expiry"
    TAX_CHANGE = "tax_change"
    REISSUE = "reissue"
    PLAN_CHANGE = "plan_change"


FINANCIAL, TECHNICAL = "financial", "technical"
METRICS: Mapping[str, tuple[str, str]] = {
    "breaks": (FINANCIAL, "open breaks of the cohort over all layers"),
    "break_money": (FINANCIAL, "open breaks of the cohort, gross, in each currency"),
    "tolerated_money": (FINANCIAL, "differences of the cohort within tolerances, gross, in each currency"),
    "mismatch_rate": (FINANCIAL, "broken items of the cohort / items compared"),
    "duplicate_invoices": (FINANCIAL, "invoices reported as duplicates"),
    "missing_invoices": (FINANCIAL, "invoices due and not billed"),
    "tax_anomalies": (FINANCIAL, "breaks of tax, and findings about tax"),
    "unbilled_usage": (FINANCIAL, "usage that no invoice bills, in each currency"),
    "ar_drift": (FINANCIAL, "receivables billed less booked, gross, in each currency"),
    "refunds": (FINANCIAL, "money refunded / money paid"),
    "exposure": (FINANCIAL, "customers billed by another path than the flag gives them"),
    "recovery_rate": (
        FINANCIAL,
        "money whose first attempt failed and that a retry collected / all of it, in each currency",
    ),
    "money_left": (
        FINANCIAL,
        "money whose first attempt failed and that no retry collected in its cycle, in each currency",
    ),
    "collection_faults": (FINANCIAL, "invoices asked for after they were paid or void, twice, or against retry_days"),
    "capture_rate": (FINANCIAL, "expected amount that was billed, whatever was billed too much / expected amount"),
    "invoice_creation": (TECHNICAL, "invoice generations that succeeded / all"),
    "payment_failures": (TECHNICAL, "payment attempts that failed / all"),
    "payment_retries": (TECHNICAL, "attempts after the first / invoices with an attempt"),
    "failed_webhooks": (TECHNICAL, "webhooks that failed"),
    "tickets": (TECHNICAL, "tickets of customers of the cohort"),
}
"""What a stage can be judged by: financial or technical, and what it is."""


class Bound(Frozen):
    """A bound on a metric of a stage's cohort. What it is held against: itself, the time before launch, or the control cohort."""

    metric: str
    direction: Literal["at_most", "at_least"] = Field(default="at_most", description="the side on which it is in order")
    limit: Exact = Field(description="of the metric, or of its difference where `against` says so; money: per currency")
    currency: Currency | None = Field(default=None, description="of a metric in money: only this one; left out: each")
    against: Literal["itself", "baseline", "control"] = Field(
        default="itself",
        description="itself: the figure; baseline: its change since before the launch; control: how much more it changed than "
        "that of customers of no stage at the same time",
    )

    @model_validator(mode="after")
    def _known(self) -> Bound:
        if self.metric not in METRICS:
            raise ValueError(f"'{self.metric}' is no metric of a stage; there are {', '.join(METRICS)}")
        return self


class Threshold(Bound):
    """What a stage must hold to be widened."""

    critical: bool = Field(default=True, description="false: shown, and no reason to hold the stage back")
    must_have_data: bool = Field(default=True, description="without a population the stage is INCONCLUSIVE, never PASS")
    min_population: int = Field(default=1, ge=1, description="fewer invoices or customers than this prove nothing")
    max_failures: int = Field(default=0, ge=0, description="days of the stage that may miss the bound")
    max_inconclusives: int = Field(default=0, ge=0, description="days of the stage on which it may not be known")
    dry_run: bool = Field(default=False, description="judged and shown, and decides nothing")


class Trigger(Bound):
    """What switches back or holds the rollout by itself, also while people are asked about a promotion."""

    then: Literal["rollback", "pause"] = "rollback"


class Window(Frozen):
    """How long a stage is watched, counted in events of billing: all three must have happened."""

    days: int = Field(default=1, ge=1, description="judged days with the stage exposed")
    invoices: int = Field(default=1, ge=0, description="invoices billed by the new path to the stage's customers")
    boundaries: tuple[Boundary, ...] = Field(default=(), description="events that must have been crossed")
    settled: bool = Field(
        default=True,
        description="a bill counts once a document or posting that it lacks would be known; false: from its first day",
    )

    @model_validator(mode="after")
    def _once(self) -> Window:
        twice = repeated(boundary.value for boundary in self.boundaries)
        if twice:
            raise ValueError(f"boundaries given twice: {', '.join(twice)}")
        return self


class Cohort(Frozen):
    """Who may be in a stage: every field given must hold. Largest accounts and complex contracts wait for the last stage unless asked."""

    customers: tuple[Name, ...] = Field(
        default=(), description="these, whatever else; empty: chosen by the other fields"
    )
    segments: tuple[str, ...] = ()
    plans: tuple[Name, ...] = ()
    regions: tuple[str, ...] = Field(default=(), description="tax regions")
    currencies: tuple[Currency, ...] = ()
    single_tax: bool = Field(
        default=False, description="only customers of one tax region whose tax is that of the catalog"
    )
    pays: bool = Field(
        default=False, description="only customers without a failed payment or chargeback in the lookback"
    )
    max_revenue: dict[Currency, Amount] = Field(
        default_factory=dict, description="billed in the lookback at most, by currency; others are not chosen"
    )
    include_largest: bool = Field(default=False, description="largest accounts too")
    include_complex: bool = Field(default=False, description="complex contracts too")

    @property
    def is_rule(self) -> bool:
        """Whether it narrows the choice at all."""
        return self != Cohort(include_largest=self.include_largest, include_complex=self.include_complex)


class Stage(Frozen):
    """One step of exposure. It holds the customers of the stages before it and those that it adds."""

    name: Name = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")
    share: Share | None = Field(
        default=None,
        description="of all customers, by salted hash, at most; left out: everybody whom the cohort allows",
    )
    cohort: Cohort = Cohort()
    approvers: tuple[Person, ...] = Field(min_length=1, description="who must all allow it, each with a one-time code")
    window: Window = Window()
    thresholds: tuple[Threshold, ...] = ()

    @property
    def everybody(self) -> bool:
        """Whether every customer is in it, new ones included."""
        return self.share == 1 and not self.cohort.is_rule

    @model_validator(mode="after")
    def _chooses(self) -> Stage:
        if self.share is None and not self.cohort.is_rule:
            raise ValueError(
                f"stage '{self.name}' chooses nobody: give share, cohort, or both (everybody: share: \"1\")"
            )
        if self.share == 0:
            raise ValueError(f"stage '{self.name}' has a share of 0; leave the stage out")
        return self


class Flag(Frozen):
    """A switch of the company's own systems that the lists are exported to."""

    key: Name = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    layer: Layer
    fallback: Literal["old_path", "fail_closed", "queue"] = Field(
        default="old_path", description="what a system does that cannot read the flag"
    )
    remove_by: Day = Field(description="by when the flag is removed from the code; later it is reported as stale")


class FailureMode(Frozen):
    """What could go wrong, and the metric that would show it."""

    what: str = Field(min_length=1)
    metric: str

    @model_validator(mode="after")
    def _known(self) -> FailureMode:
        if self.metric not in METRICS:
            raise ValueError(f"'{self.metric}' is no metric of a stage; there are {', '.join(METRICS)}")
        return self


class Owners(Frozen):
    """Who answers for it: one person, and a team each."""

    accountable: Person
    finance: str = Field(min_length=1)
    support: str = Field(min_length=1)
    engineering: str = Field(min_length=1)


class Authority(Frozen):
    """People (approvers of the policy) who may act, and how fast they have to."""

    widen: tuple[Person, ...] = Field(min_length=1)
    stop: tuple[Person, ...] = Field(min_length=1)
    roll_back: tuple[Person, ...] = Field(min_length=1, description="any one of them, alone")
    stop_within_minutes: int = Field(ge=1)
    roll_back_within_minutes: int = Field(ge=1)


class Way(StrEnum):
    """What is done with an invoice that the new path billed wrongly."""

    VOID_AND_REISSUE = "void_and_reissue"
    CREDIT_NOTE_AND_INVOICE = "credit_note_and_invoice"
    ADJUST_NEXT_CYCLE = "adjust_next_cycle"
    REFUND = "refund"


class Correction(Frozen):
    """How issued invoices are corrected. Numbers stay: an issued document is never deleted."""

    unpaid: Way = Way.CREDIT_NOTE_AND_INVOICE
    paid: Way = Way.CREDIT_NOTE_AND_INVOICE
    below: Way = Field(default=Way.ADJUST_NEXT_CYCLE, description="differences up to `small`")
    small: dict[Currency, Amount] = Field(default_factory=dict, description="by currency; others: none is small")
    nothing_below: dict[Currency, Amount] = Field(
        default_factory=dict, description="a smaller difference is not corrected; it is counted and listed"
    )


class Dates(Frozen):
    """When it may start, and when it has to be over."""

    not_before: Day
    complete_by: Day

    @model_validator(mode="after")
    def _in_order(self) -> Dates:
        if self.complete_by < self.not_before:
            raise ValueError("complete_by is before not_before")
        return self


class Success(Frozen):
    """What the change is for: a metric of the first month after everybody is exposed."""

    metric: Name = Field(
        description="as docs/metrics.md or a word of your own; the review states expected and observed"
    )
    direction: Literal["at_most", "at_least"] = "at_least"
    target: Exact
    observed_by: str = Field(default="", description="where it is read if it is none of docs/metrics.md")


class RolloutPlan(Frozen):
    """rollouts/NAME.yaml. A change of any byte of it is another version."""

    purpose: str = Field(min_length=1, description="what changes")
    reason: str = Field(min_length=1, description="why the business wants it")
    kind: Kind
    candidate: Name | None = Field(
        default=None, description="the candidate of shadow/ that is launched; it needs its go"
    )
    touches: tuple[Risk, ...] = Field(min_length=1, description="what it may make wrong")
    failure_modes: tuple[FailureMode, ...] = Field(min_length=1)
    owners: Owners
    authority: Authority
    escalation: tuple[str, ...] = Field(min_length=1, description="whom to call, in order")
    salt: str = Field(
        min_length=8, description="makes the choice of this plan independent of any other's; never changed"
    )
    flags: tuple[Flag, ...] = Field(min_length=1)
    with_rollouts: tuple[Name, ...] = Field(
        default=(), description="other plans that may be live on the same layers at the same time"
    )
    retry_days: tuple[int, ...] = Field(
        default=(),
        description="days after the first attempt on which the new path tries to collect again; left out: any day",
    )
    largest_share: Share = Field(default=Decimal("0.01"), description="of customers that count as largest accounts")
    stages: tuple[Stage, ...] = Field(min_length=1)
    triggers: tuple[Trigger, ...] = Field(min_length=1)
    correction: Correction
    wording: str = Field(min_length=1, description="what support tells a customer whose invoice is corrected")
    dates: Dates
    success: tuple[Success, ...] = Field(min_length=1)

    @property
    def layers(self) -> frozenset[Layer]:
        """The layers that its flags switch."""
        return frozenset(flag.layer for flag in self.flags)

    @property
    def touches_money(self) -> bool:
        """Whether a bug in it costs money."""
        return bool(MONEY & set(self.touches))

    def stage(self, name: str) -> Stage:
        """The stage of a name; KeyError if there is none."""
        return {stage.name: stage for stage in self.stages}[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The stages' names, in order."""
        return tuple(stage.name for stage in self.stages)

    def after(self, name: str | None) -> Stage | None:
        """The stage after one of this name; the first after none; None after the last."""
        place = 0 if name is None else self.names.index(name) + 1
        return self.stages[place] if place < len(self.stages) else None

    @model_validator(mode="after")
    def _coherent(self) -> RolloutPlan:
        problems = [*self._stage_problems(), *self._people_problems()]
        if self.retry_days != tuple(sorted({day for day in self.retry_days if day > 0})):
            problems.append("retry_days: give days after the first attempt, from 1, in order, each once")
        twice = repeated(flag.key for flag in self.flags)
        problems += [f"flag '{key}' is given twice" for key in twice]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _stage_problems(self) -> Iterator[str]:
        for name in repeated(self.names):
            yield f"stage '{name}' is given twice"
        shares = [stage.share for stage in self.stages if stage.share is not None]
        if shares != sorted(set(shares)):
            yield "stages only widen: their shares must rise from one to the next"
        if any(stage.everybody for stage in self.stages[:-1]):
            yield "a stage after everybody adds nobody; share 1 belongs to the last stage"
        if self.touches_money and self.stages[-1].everybody:
            before = self.stages[:-1]
            if len(before) < 2:
                yield (
                    "it touches money and may not be a big bang: give at least two stages before everybody, "
                    "such as internal accounts and 5%"
                )
            if before and before[0].share is not None and before[0].share > SMALL:
                yield f"it touches money: the first stage may have at most {SMALL:%} of customers, not {before[0].share:%}"
        if self.touches_money:
            for stage in self.stages:
                if not any(t.critical and not t.dry_run for t in stage.thresholds):
                    yield f"it touches money: stage '{stage.name}' needs a critical threshold, such as breaks at most 0"
            if not any(trigger.then == "rollback" for trigger in self.triggers):
                yield "it touches money: at least one trigger has to roll back"

    def _people_problems(self) -> Iterator[str]:
        widen = {same_person(name) for name in self.authority.widen}
        for stage in self.stages:
            strangers = [name for name in stage.approvers if same_person(name) not in widen]
            if strangers:
                yield f"stage '{stage.name}': {', '.join(strangers)} may not widen; authority.widen names who may"
            if repeated(same_person(name) for name in stage.approvers):
                yield f"stage '{stage.name}': an approver is given twice"


SMALL = Decimal("0.05")
"""The largest share of customers of the first stage of a change that touches money."""
