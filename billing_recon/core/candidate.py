"""shadow/NAME/candidate.yaml as frozen data: what changes, who owns it, what is accepted, and when it may be launched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.exact import Amount, Day, Frozen, Name, Share
from billing_recon.core.feed import Feed, feed_problems
from billing_recon.core.feed_path import path_problems
from billing_recon.core.period import days_between
from billing_recon.core.reason import Code

SCENARIOS: Mapping[str, str] = {
    "renewal": "a whole period, with no change in it",
    "new": "the subscription's first bill",
    "upgrade": "more seats or a dearer plan within the billed period",
    "downgrade": "fewer seats or a cheaper plan within the billed period",
    "prorated": "a part of a period is billed",
    "trial_end": "a trial ended within the billed period",
    "paused": "the subscription was paused within the billed period",
    "cancelled": "the subscription was cancelled within the billed period",
    "annual": "billed by the year",
    "quarterly": "billed by the quarter",
    "weekly": "billed by the week",
    "in_advance": "a charge is billed when its period begins",
    "usage": "usage is charged",
    "minimum": "a minimum is topped up",
    "cap": "a maximum or cap takes something off",
    "discount": "the contract has a discount",
    "coupon": "a coupon is used",
    "credit": "a credit is used",
    "refund": "a credit note, or a total below zero",
    "late_usage": "usage of an earlier period is adjusted",
    "tax_exempt": "taxable, at a rate of zero",
}
"""What an invoice can be an example of; an invoice may be one of several."""


class Chosen(Frozen):
    """Which contracts a mapping is about: every field given must hold."""

    plan_id: Name | None = None
    plan_version: str | None = None
    currency: str | None = None
    segment: str | None = None
    customers: tuple[Name, ...] = Field(default=(), description="empty: all")
    subscriptions: tuple[Name, ...] = Field(default=(), description="empty: all")


class Mapped(Frozen):
    """Contracts that move to another plan or version, or get other terms. The first mapping that fits a contract applies."""

    of: Chosen = Chosen()
    plan_id: Name | None = Field(default=None, description="the new plan; empty: as it is")
    plan_version: str | None = Field(default=None, description="the new version; empty: as it is")
    contract: dict[str, Any] | None = Field(
        default=None, description="terms merged into the contract, see contracts.md; null removes one"
    )

    @model_validator(mode="after")
    def _changes(self) -> Mapped:
        if self.plan_id is None and self.plan_version is None and self.contract is None:
            raise ValueError("changes nothing: give plan_id, plan_version or contract")
        return self


class Terms(Frozen):
    """Other terms than today's. What is not given stays as it is frozen."""

    catalog: str | None = Field(
        default=None,
        description="files with plans and taxes, relative to the candidate's folder (catalog/*.yaml). A plan of the same id, "
        "version and currency is replaced, any other is added; a tax rate likewise, by region and day",
    )
    price_lists: dict[str, Feed] = Field(
        default_factory=dict,
        description="per-unit prices from tables, as price_lists of company.yaml, relative to the candidate's folder",
    )
    profile: dict[str, Any] = Field(default_factory=dict, description="settings of company.yaml's profile that change")
    contracts: tuple[Mapped, ...] = Field(default=(), description="contracts that move to other terms")

    @model_validator(mode="after")
    def _inside(self) -> Terms:
        problems = path_problems(self.catalog) if self.catalog else []
        if problems:
            raise ValueError(f"catalog: {problems[0].replace('landing/payments/{day}.csv', 'catalog/*.yaml')}")
        return self


class Engine(Frozen):
    """The new engine's own bills of the frozen period."""

    feed: Feed = Field(
        default=Feed(),
        description="as a feed of company.yaml, relative to the candidate's folder; by default landing/invoice_lines/DAY.csv",
    )
    subscriptions: dict[str, str] = Field(
        default_factory=dict, description="the new engine's subscription -> ours, many to one"
    )
    customers: dict[str, str] = Field(
        default_factory=dict, description="the new engine's customer -> ours, many to one"
    )

    @model_validator(mode="after")
    def _readable(self) -> Engine:
        problems = list(feed_problems("invoice_lines", self.feed))
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Accepted(Frozen):
    """Differences of the new engine that somebody agreed to. They stay differences: counted, gross and net, never matched."""

    id: Name
    codes: tuple[Code, ...] = Field(min_length=1)
    currency: str
    max_per_line: Amount = Field(description="the largest difference of a line")
    max_total: Amount | None = Field(default=None, description="beyond this gross sum none is accepted")
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)

    @model_validator(mode="after")
    def _explained(self) -> Accepted:
        if Code.UNEXPLAINED in self.codes:
            raise ValueError("UNEXPLAINED cannot be accepted: nobody knows what it is")
        if self.currency not in EXPONENTS:
            raise ValueError(f"currency '{self.currency}' is not an active ISO 4217 code")
        return self


class LaunchRule(Frozen):
    """When the candidate may be launched. Every clause is judged by itself: PASS, FAIL or INCONCLUSIVE."""

    max_unmeant_share: Share = Field(default=Decimal(0), description="of invoices with a difference nobody meant")
    max_unmeant_money: dict[str, Amount] = Field(
        default_factory=dict, description="gross money of those differences by currency; others: 0"
    )
    max_misstated_share: Share = Field(
        default=Decimal(0),
        description="of invoices with right amounts that state another unit price than the terms give",
    )
    max_unexplained: Amount = Field(
        default=Decimal(0), description="largest unexplained difference of a line, in any currency"
    )
    max_accepted_money: dict[str, Amount] | None = Field(
        default=None, description="gross money of accepted differences by currency; others: 0; empty: no bound"
    )
    max_account_drift: Share | None = Field(
        default=None, description="largest difference nobody meant of an account, as a share of what it should pay"
    )
    max_rise: Share | None = Field(
        default=None, description="largest rise of a customer's total, even when meant; 0.10 is 10%"
    )
    coverage: tuple[str, ...] = Field(default=(), description="scenarios that must have examples")
    coverage_pairs: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of scenarios on one invoice")
    sample: int = Field(default=0, ge=0, description="invoices to be checked by hand and signed off, row by row")
    require_closed: bool = Field(default=False, description="the frozen period must have been closed")

    @model_validator(mode="after")
    def _known(self) -> LaunchRule:
        named = [*self.coverage, *(name for pair in self.coverage_pairs for name in pair)]
        unknown = sorted(set(named) - set(SCENARIOS))
        problems = [f"'{name}' is no scenario; there are {', '.join(SCENARIOS)}" for name in unknown]
        currencies = {*self.max_unmeant_money, *(self.max_accepted_money or {})}
        problems += [f"currency '{c}' is not an active ISO 4217 code" for c in sorted(currencies - set(EXPONENTS))]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Back(Frozen):
    """The way back: the old logic beside live billing after the cutover. Its catalog and profile are the frozen ones."""

    until: Day = Field(description="last day on which the old logic goes on in shadow")
    contracts: tuple[Mapped, ...] = Field(default=(), description="how contracts that moved would move back")
    engine: Engine | None = Field(default=None, description="the old engine's bills; empty: what our rating gives")


class Launch(Frozen):
    """How the candidate is launched; part of what is approved, since a change of it is another version."""

    decided_by: str = Field(min_length=1, description="the one person who says go or no-go, as the policy names them")
    parallel_from: Day | None = Field(default=None, description="first day on which it runs beside live billing")
    parallel_to: Day | None = Field(default=None, description="last such day")
    cutover: Day = Field(description="first day on which it bills")
    rollback: str = Field(min_length=1, description="what makes the company go back, and how")
    back: Back | None = Field(
        default=None, description="the old logic in shadow after the cutover; empty: it ends there"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Launch:
        days = [day for day in (self.parallel_from, self.parallel_to, self.cutover) if day is not None]
        if days != sorted(days):
            raise ValueError("parallel_from, parallel_to and cutover are not in order")
        if self.parallel_to is not None and self.parallel_from is None:
            raise ValueError("parallel_to without parallel_from: give the first day of the parallel run")
        if self.back is not None and self.back.until < self.cutover:
            raise ValueError("back.until is before cutover: the way back begins on the day of the cutover")
        return self

    @property
    def parallel_days(self) -> list[date]:
        """Days on which the candidate runs beside live billing before the cutover; up to the day before if no end is given.

        >>> [str(day) for day in Launch(decided_by="ana", parallel_from="2026-03-01", cutover="2026-03-03", rollback="r").parallel_days]
        ['2026-03-01', '2026-03-02']
        """
        if self.parallel_from is None:
            return []
        last = self.parallel_to or self.cutover - timedelta(days=1)
        return days_between(self.parallel_from, last) if last >= self.parallel_from else []


class Candidate(Frozen):
    """candidate.yaml. A change of any byte of it, or of a file that it names, is another version."""

    purpose: str = Field(min_length=1, description="what changes and why")
    owner: str = Field(min_length=1, description="team that answers for it")
    snapshot: str | None = Field(default=None, description="label of the frozen period; empty: the latest")
    terms: Terms | None = Field(default=None, description="other terms; empty: those of today")
    engine: Engine | None = Field(default=None, description="the new engine's bills; empty: what our rating gives")
    flags: dict[str, str] = Field(default_factory=dict, description="settings of the new engine's run, for the record")
    names: dict[str, str] = Field(default_factory=dict, description="words for sentences: discount, minimum")
    accepted: tuple[Accepted, ...] = ()
    launch_rule: LaunchRule = LaunchRule()
    launch: Launch | None = Field(default=None, description="how it is launched; a decision needs it")

    @model_validator(mode="after")
    def _compares(self) -> Candidate:
        problems = []
        if self.terms is None and self.engine is None:
            problems.append("nothing is new: give terms, engine, or both")
        ids = [one.id for one in self.accepted]
        problems += [f"accepted id '{one}' is given twice" for one in sorted({i for i in ids if ids.count(i) > 1})]
        unknown = sorted(set(self.names) - {"discount", "minimum"})
        problems += [f"names: '{name}' is not a word of the sentences; there are discount, minimum" for name in unknown]
        if problems:
            raise ValueError("; ".join(problems))
        return self
