"""Why a subscription's lines are withheld, from the facts of the relation `unrated`: a sentence per reason, with the next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

Withheld = Mapping[str, Any]


def _plan(row: Withheld) -> str:
    return f"plan '{row['plan_id']}' version '{row['plan_version']}'"


REASONS: Mapping[str, Callable[[Withheld], str]] = {
    "plan_not_in_catalog": lambda row: (
        f"Plan '{row['plan_id']}' version '{row['plan_version']}' in {row['currency']} is not in the catalog, so "
        f"{row['subscription_id']} cannot be rated for the period from {row['period_start']}; add the version to catalog/ or "
        "correct the subscription."
    ),
    "no_tax_rate": lambda row: (
        f"Tax region '{row['tax_region']}' has no rate on {row['period_end']}, so the invoice of {row['subscription_id']} "
        "cannot be rated; add the rate to the catalog's taxes."
    ),
    "contract_in_quarantine": lambda row: (
        f"A row of the contract of {row['subscription_id']} is in quarantine ({row['unknown']}), so what it agrees is unknown; "
        "correct the file, or release or discard the row: billing-recon quarantine list."
    ),
    "contract_unreadable": lambda row: (
        f"The contract of {row['subscription_id']} is not readable JSON with its figures written as strings, so its terms are "
        "unknown; have it sent again."
    ),
    "contract_term_unknown": lambda row: (
        f"The contract of {row['subscription_id']} has terms that rating does not know ({row['unknown']}), so what it owes is "
        "unknown; name them as in docs/contracts.md, or take them out."
    ),
    "contract_term_impossible": lambda row: (
        f"The contract of {row['subscription_id']} has terms that cannot be meant ({row['unknown']}): a rate is a fraction from 0 "
        "to 1, no amount is below zero, and no coupon, credit or meter is given twice; correct them and have the contract sent "
        "again."
    ),
    "term_without_charge": lambda row: (
        f"The contract of {row['subscription_id']} has terms for charges ({row['unknown']}) that {_plan(row)} does not have, or "
        "that have no single price to replace, so they would count for nothing; correct the charge_id, or take them out."
    ),
    "minimum_above_cap": lambda row: (
        f"The contract of {row['subscription_id']} has a minimum above its cap, so one of the two cannot be meant; correct the "
        "contract, or the plan's minimum."
    ),
    "order_not_rated": lambda row: (
        f"The profile puts the discount between maximum and minimum, and {row['subscription_id']} has all three, which expected "
        "lines cannot show line by line; set adjustments in company.yaml to an order that applies the maximum and the minimum "
        "on the same side of the discount."
    ),
    "allowance_without_charge": lambda row: (
        f"The contract of {row['subscription_id']} includes units of a meter that {_plan(row)} does not charge by its units, so "
        "they would count for nothing; correct the meter of the allowance, or take it out."
    ),
    "priced_by_event": lambda row: (
        f"Plan '{row['plan_id']}' version '{row['plan_version']}' has a charge that prices single events of a meter that is not "
        "their sum, count or number of distinct values, or one by time in buckets, so "
        f"{row['subscription_id']} is not rated; change its aggregation, or take the free events, bounds or bucket out."
    ),
    "rollover_by_event": lambda row: (
        f"The contract of {row['subscription_id']} rolls over units of a meter that {_plan(row)} charges by single events, and "
        "what a period left of them is not kept, so it is not rated; set rollover: none, or charge the meter by its sum."
    ),
    "no_fixed_days": lambda row: (
        f"The profile gives every month the same days, and the period of {row['subscription_id']} from {row['period_start']} is "
        "no month, so its change within the period is not rated; set fixed_days: null in company.yaml, or bill it monthly."
    ),
    "usage_before_history": lambda row: (
        f"The period of {row['subscription_id']} from {row['period_start']} began before history_from of company.yaml, so not "
        "all of its usage is known and it is not compared; nothing to do, or deliver that usage with the files of first_day."
    ),
    "usage_out_of_reach": lambda row: (
        f"The period of {row['subscription_id']} from {row['period_start']} began before the lookback, so not all of its usage "
        "is at hand; raise lookback_days in the policy."
    ),
    "balance_out_of_reach": lambda row: (
        f"A prepaid credit of {row['subscription_id']} was granted before the lookback, so not all that earlier invoices used "
        "of it is at hand; raise lookback_days in the policy."
    ),
}
"""Reason of compute/expect/judged_runs.sql -> its sentence."""


def write_withheld(con: duckdb.DuckDBPyConnection) -> None:
    """Create `withheld`: subscription_id, plan_id, plan_version, currency, reason and sentence of each row of `unrated`."""
    found = con.execute("SELECT * FROM unrated ORDER BY subscription_id, plan_id, plan_version, currency, reason")
    columns = [column[0] for column in found.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    import pyarrow as pa

    names = ("subscription_id", "plan_id", "plan_version", "currency", "reason")
    arrays = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    arrays["sentence"] = pa.array([REASONS[row["reason"]](row) for row in rows], pa.string())
    con.register("worded_withheld", pa.table(arrays))
    con.execute(f"CREATE OR REPLACE TABLE withheld AS SELECT {', '.join(arrays)} FROM worded_withheld")
    con.unregister("worded_withheld")
