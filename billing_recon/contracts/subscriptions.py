"""Rules of contract intervals. What may be agreed in `contract` is in core.contract_terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import DETAILS, Rule
from billing_recon.core.catalog import Catalog, Plan
from billing_recon.core.contract_terms import Fault, TermProblem, problems_of_contract
from billing_recon.core.period import COUNTED_INTERVAL, day_bounds

PlanKey = tuple[str | None, str | None, str | None]

RULES: tuple[Rule, ...] = (
    Rule(
        "valid_to",
        Reason.TABLE_RULE,
        pl.col("valid_to") > pl.col("valid_from"),
        "is not after valid_from; an interval that ends before it begins holds nothing",
    ),
    Rule(
        "billing_anchor",
        Reason.OUT_OF_RANGE,
        pl.col("billing_anchor").is_between(date(1900, 1, 1), date(2199, 12, 31)),
        "is not between 1900 and 2199; check its century",
    ),
)

_REASONS: Mapping[Fault, Reason] = {
    Fault.UNREADABLE: Reason.UNPARSABLE,
    Fault.MISSING: Reason.MISSING_VALUE,
    Fault.UNKNOWN: Reason.NOT_ALLOWED,
    Fault.OUT_OF_RANGE: Reason.OUT_OF_RANGE,
    Fault.CONTRADICTION: Reason.TABLE_RULE,
}
_PLAN = ("plan_id", "plan_version", "currency")
_BILLED_LONG_AGO, _BILLED_BEFORE_ANY_COUNT = timedelta(days=400), timedelta(days=3700)
"""A named period lasts at most a year, a counted one at most ten: an interval that ended earlier than this before the
lookback is never rated."""


def catalog_rules(catalog: Catalog | None, day: date, lookback_days: int, timezone: str) -> tuple[Rule, ...]:
    """The rules of `contract`, and that active intervals are on a plan of the catalog (None: plans are not known)."""
    plans = {(p.plan_id, p.plan_version, p.currency): p for p in catalog.plans} if catalog else {}

    @lru_cache(maxsize=100_000)
    def problems(text: str, key: PlanKey) -> tuple[TermProblem, ...]:
        return problems_of_contract(text, plans.get(key))  # type: ignore[arg-type]

    rules = [_terms_rule(problems)]
    if catalog:
        reach = day - timedelta(days=lookback_days)
        rated, counted = (day_bounds(reach - ago, timezone)[0] for ago in (_BILLED_LONG_AGO, _BILLED_BEFORE_ANY_COUNT))
        reached = pl.when(pl.col("billing_interval").str.contains(COUNTED_INTERVAL)).then(counted).otherwise(rated)
        known = pl.Series([_key(key) for key in plans], dtype=pl.String)
        sold = pl.concat_str(_PLAN, separator="\x1f").is_in(known.implode())
        old = (pl.col("valid_to") <= reached).fill_null(False)
        rules.append(
            Rule(
                "plan_version",
                Reason.NOT_ALLOWED,
                sold | (pl.col("status") != "active") | old,
                "is not in the catalog",
                details=pl.struct(_PLAN).map_batches(
                    lambda rows: _each(
                        rows, lambda row: {"reason": Reason.NOT_ALLOWED.value, "says": _not_sold(row, catalog.plans)}
                    ),
                    return_dtype=DETAILS,
                ),
            )
        )
    return tuple(rules)


def _key(parts: Sequence[str | None]) -> str:
    return "\x1f".join(part or "" for part in parts)


def _terms_rule(problems: Callable[[str, PlanKey], tuple[TermProblem, ...]]) -> Rule:
    """The rule that a contract can be computed. Many subscriptions share one, so each distinct contract is read once."""

    def of(row: Mapping[str, str | None]) -> tuple[TermProblem, ...]:
        text = (row["contract"] or "").strip()
        return problems(text, (row["plan_id"], row["plan_version"], row["currency"])) if text else ()

    def details(row: Mapping[str, str | None]) -> dict[str, str]:
        found = of(row)
        return {"reason": _REASONS[found[0].fault].value, "says": "; ".join(str(problem) for problem in found)}

    terms = pl.struct("contract", *_PLAN)
    return Rule(
        "contract",
        Reason.UNPARSABLE,
        terms.map_batches(lambda rows: _each(rows, lambda row: not of(row)), return_dtype=pl.Boolean),
        "is not a contract",
        details=terms.map_batches(lambda rows: _each(rows, details), return_dtype=DETAILS),
    )


def _each(rows: pl.Series, answer: Callable[[Mapping[str, str | None]], object]) -> pl.Series:
    """The answer for each row, worked out once for each distinct one."""
    distinct = rows.unique()
    answers = distinct.to_frame("row").with_columns(pl.Series("answer", [answer(row) for row in distinct.to_list()]))
    return rows.to_frame("row").join(answers, on="row", how="left", nulls_equal=True, maintain_order="left")["answer"]


def _not_sold(row: Mapping[str, str | None], plans: Sequence[Plan]) -> str:
    """What the catalog has instead of the plan that a row names."""
    plan_id, version, currency = row["plan_id"], row["plan_version"], row["currency"]
    versions = sorted({plan.plan_version for plan in plans if plan.plan_id == plan_id})
    if not versions:
        known = sorted({plan.plan_id for plan in plans})
        shown = ", ".join(known[:5]) + (" and more" if len(known) > 5 else "")
        return f"belongs to no plan '{plan_id}' of catalog/, which has {shown}; add the plan or correct plan_id"
    if version not in versions:
        shown = ", ".join(versions[-5:])
        return f"is no version of plan '{plan_id}' in catalog/, which has {shown}; add the version or correct the row"
    sold = sorted({p.currency for p in plans if p.plan_id == plan_id and p.plan_version == version})
    return (
        f"of plan '{plan_id}' is sold in {', '.join(sold)} and not in {currency}; add its prices in {currency} to catalog/ "
        "or correct the currency"
    )
