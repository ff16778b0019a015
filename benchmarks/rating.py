"""Rating lines of mixed models, compared with a hand-written statement for graduated tiers, with plain decimals, and by size.

`python -m benchmarks.rating LINES` rates LINES lines in this process and prints what it took; `run` does so in separate processes, to read their memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random

import duckdb

from benchmarks.measure import WORK, Measurement, measure
from billing_recon.compute.engine import Limits, build, session
from billing_recon.compute.rating import price
from billing_recon.compute.terms import register_terms
from billing_recon.core.catalog import Catalog, Charge, Plan, Tier
from billing_recon.core.company import Company
from billing_recon.core.money import Rounding, settle_at
from billing_recon.core.profile import Profile
from billing_recon.simulate.price_book import rate_charge
from billing_recon_tests.compute.rating.oracle import Asked, amount, settled

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
COMPARED = 1_000_000
"""The size at which the two peers are run too."""
SAMPLE = 50_000
"""Lines that are rated one by one in Python; the time is multiplied by COMPARED / SAMPLE."""
RESULT = WORK / "rating.json"

PEERS = {
    "by hand": "one statement for graduated tiers, the same rows",
    "by oracle": "the tests' oracle in exact fractions",
    "by decimals": "five models in plain decimals, nothing kept",
}

HAND_WRITTEN = """
CREATE OR REPLACE TABLE by_hand AS
SELECT i.item_id, sum(CAST(least(i.quantity, coalesce(t.upper, i.quantity)) - t.lower AS DECIMAL(38,10))
        * CAST(t.unit AS DECIMAL(38,12)) + t.flat) AS raw,
    round(sum(CAST(least(i.quantity, coalesce(t.upper, i.quantity)) - t.lower AS DECIMAL(38,10))
        * CAST(t.unit AS DECIMAL(38,12)) + t.flat), 2) AS gross
FROM items AS i
JOIN term_tiers AS t ON t.plan_id = i.plan_id AND t.plan_version = i.plan_version AND t.currency = i.currency
    AND t.charge_id = 'graduated' AND t.lower < i.quantity
GROUP BY i.item_id"""
"""What an engineer would write who has one model and one rounding."""

MODELS = ("per_unit", "graduated", "volume", "package", "flat", "dynamic", "percentage", "graduated_blocks")


def plans(number: int = 200) -> list[Plan]:
    """Plans with a charge of each model; the tiers of each are its own."""
    random = Random(7)
    found = []
    for n in range(number):
        edges = sorted(random.sample(range(10, 5000), 3))
        tiers = tuple(
            Tier(
                up_to=None if edge is None else Decimal(edge),
                unit=Decimal(random.randrange(1, 3000)).scaleb(-4),
                flat=Decimal(random.randrange(900)).scaleb(-2),
            )
            for edge in (*edges, None)
        )
        terms: dict[str, dict[str, object]] = {
            "per_unit": {"unit_price": Decimal("0.0125")},
            "graduated": {"tiers": tiers},
            "volume": {"tiers": tiers},
            "package": {"package_size": 100, "package_price": Decimal("4.5"), "free_units": 50},
            "flat": {"amount": 20},
            "dynamic": {"multiplier": Decimal("1.2")},
            "percentage": {"rate": Decimal("0.0125")},
            "graduated_blocks": {
                "tiers": [{"block_size": 100, "unit": 1, "max_blocks": 10}, {"block_size": 1000, "unit": 5}]
            },
        }
        charges = [
            Charge.model_validate({"charge_id": m, "kind": "usage", "meter": m, "model": m, **terms[m]}) for m in MODELS
        ]
        found.append(Plan(plan_id=f"p{n}", plan_version="1", currency="USD", charges=tuple(charges)))
    return found


def opened(lines: int) -> duckdb.DuckDBPyConnection:
    """A session with the catalog and some items."""
    con = session(Limits(memory="1536MB"))
    register_terms(con, Catalog(plans=tuple(plans()), taxes=(), digest=""), Company(name="b", currencies=("USD",)))
    con.execute("CREATE TABLE run_params AS SELECT 'half_up' AS rounding")
    names = ", ".join(f"'{model}'" for model in MODELS)
    con.execute(
        f"CREATE TABLE items AS SELECT i AS item_id, 'p' || CAST(i % 200 AS VARCHAR) AS plan_id, '1' AS plan_version, "
        f"'USD' AS currency, [{names}][CAST(i % {len(MODELS)} AS INTEGER) + 1] AS charge_id, "
        "CAST(CAST((i * 7919) % 600000 AS DECIMAL(18,2)) / 100 AS DECIMAL(28,10)) AS quantity, 1 AS part, 1 AS whole "
        f"FROM range({lines}) AS numbers(i)"
    )
    return con


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The best of a few runs: what the work costs, not what else the machine does."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def asked(lines: int, models: Sequence[str]) -> list[tuple[Charge, Decimal]]:
    known = [{charge.charge_id: charge for charge in plan.charges} for plan in plans()]
    return [(known[i % 200][models[i % len(models)]], Decimal((i * 7919) % 600000).scaleb(-2)) for i in range(lines)]


def by_oracle(lines: int) -> float:
    """The same lines by the tests' oracle, which is exact fractions from the rules, and settled."""
    profile = Profile()
    work = [Asked(charge, Fraction(units), events=((Fraction(units),) * 2,)) for charge, units in asked(lines, MODELS)]
    return seconds(lambda: [settled(amount(one, profile), 2, "half_up") for one in work], times=1)


def by_decimals(lines: int) -> float:
    """The five simplest models in plain decimals, as the simulated engine prices them, and settled; no working is kept."""
    work = asked(lines, MODELS[:5])
    return seconds(lambda: [settle_at(rate_charge(c, u), 2, Rounding.HALF_UP) for c, u in work], times=1)


def rate_here(lines: int) -> dict[str, float]:
    """Rate some lines in this process."""
    con = opened(lines)
    relations = price("items", "rated")
    build(con, relations)
    found = {"rating": seconds(lambda: build(con, relations))}
    if lines == COMPARED:
        found["by hand"] = seconds(lambda: con.execute(HAND_WRITTEN))
        found["by oracle"] = by_oracle(SAMPLE) * (COMPARED // SAMPLE)
        found["by decimals"] = by_decimals(SAMPLE) * (COMPARED // SAMPLE)
    return found


def run() -> list[Measurement]:
    """Rate each size in a separate process; the seconds are those of rating, the memory is the process's."""
    WORK.mkdir(exist_ok=True)
    rows = []
    for lines in SIZES:
        whole = measure(f"rate {lines:,} lines", [sys.executable, "-m", "benchmarks.rating", str(lines)])
        found = json.loads(RESULT.read_text("utf-8"))
        note = f"{found['rating'] / lines * 1e6:.2f} microseconds a line"
        rows.append(Measurement(whole.what, found["rating"], whole.peak_mb, note))
        if lines == COMPARED:
            for peer, name in PEERS.items():
                times = f"rating takes {found['rating'] / found[peer]:.2f} of this"
                rows.append(Measurement(f"  {name}", found[peer], whole.peak_mb, times))
    return rows


if __name__ == "__main__":
    WORK.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rate_here(int(sys.argv[1]))), encoding="utf-8")
    print(RESULT.read_text("utf-8"))
