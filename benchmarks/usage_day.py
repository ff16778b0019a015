"""Twenty million usage events landed in one day: contract, dedupe and roll-up, compared with one DuckDB statement and with pandas.

Some events are duplicated (0.1%), late (1%), corrections (0.1%) or contradict another of the same id (a handful). All three read the same
Parquet files and answer the same questions: which rows count, and how many units each subscription, meter and local day
has. Only the first also says what is wrong with a row, keeps the rows by partition, and can be run again.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import duckdb

from benchmarks.measure import WORK, Measurement, measure, python

DAY = "2026-03-03"
EVENTS = 20_000_000
EVENTS_A_SUBSCRIPTION = 200


def build_home(home: Path, events: int) -> None:
    """A home with subscriptions in four time zones and three meters; the day's events are one Parquet file."""
    shutil.rmtree(home, ignore_errors=True)
    for folder in ("catalog", "policies", "landing/usage_events", "landing/subscriptions"):
        (home / folder).mkdir(parents=True)
    (home / "company.yaml").write_text(f"name: Usage Day\ncurrencies: [USD]\nfirst_day: '{DAY}'\n")
    (home / "policies/policy.yaml").write_text("owners: {default: finance-operations}\n")
    (home / "catalog/plans.yaml").write_text(
        """plans:
  - plan_id: metered
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: calls, kind: usage, meter: calls, model: per_unit, unit_price: "0.0123"}
taxes:
  - {tax_region: DE, rate: "0.19"}
"""
    )
    subscriptions = max(events // EVENTS_A_SUBSCRIPTION, 1)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET memory_limit = '1GB'")
    con.execute(f"SET temp_directory = '{home / 'spill'}'")
    con.execute("SET preserve_insertion_order = false")
    # n % 1000 = 1 comes twice, 2 corrects the event before it, 3 comes twice with two quantities (one in a million).
    con.execute(
        f"""
        CREATE VIEW sent AS
        SELECT n, 'ev-' || lpad(CAST(n AS VARCHAR), 12, '0') AS event_id, 'S' || lpad(CAST(n % {subscriptions} AS VARCHAR), 7, '0') AS s,
            CASE hash(n) % 3 WHEN 0 THEN 'calls' WHEN 1 THEN 'storage' ELSE 'seats' END AS meter,
            CAST(1 + hash(n + 1) % 90000 AS DECIMAL(28,10)) * CAST(0.01 AS DECIMAL(3,2)) AS quantity,
            TIMESTAMPTZ '{DAY} 00:00:00Z' - CASE WHEN n % 100 = 7 THEN to_days(CAST(1 + hash(n + 2) % 5 AS INTEGER)) ELSE INTERVAL 0 DAY END
                + to_seconds(CAST(hash(n + 3) % 80000 AS BIGINT)) AS event_time,
            TIMESTAMPTZ '{DAY} 23:00:00Z' + to_seconds(CAST(hash(n + 4) % 3000 AS BIGINT)) AS received_at,
            CASE WHEN n % 1000 = 2 THEN 'ev-' || lpad(CAST(n - 500 AS VARCHAR), 12, '0') END AS corrects
        FROM range(10000, {events} + 10000) AS r(n)
        """
    )
    con.execute(
        f"""
        COPY (
            SELECT event_id, 'meter-' || CAST(n % 2 AS VARCHAR) AS source, 'C' || s[2:] AS customer_id, s AS subscription_id, meter,
                CAST(quantity + CASE WHEN copy = 1 AND n % 1000000 = 3 THEN 1 ELSE 0 END AS DECIMAL(28,10)) AS quantity, event_time,
                received_at, corrects
            FROM sent, range(CASE WHEN n % 1000 = 1 OR n % 1000000 = 3 THEN 2 ELSE 1 END) AS again(copy)
        ) TO '{home / "landing/usage_events" / DAY}.parquet' (FORMAT parquet)
        """
    )
    con.execute(
        f"""
        COPY (
            SELECT 'S' || lpad(CAST(n AS VARCHAR), 7, '0') AS subscription_id, 'C' || lpad(CAST(n AS VARCHAR), 7, '0') AS customer_id,
                'metered' AS plan_id, '1' AS plan_version, 'active' AS status, CAST(1 AS DECIMAL(28,10)) AS quantity, 'USD' AS currency,
                ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Asia/Tokyo'][1 + n % 4] AS timezone, 'DE' AS tax_region,
                'self_serve' AS segment, DATE '2026-03-01' AS billing_anchor, 'month' AS billing_interval,
                TIMESTAMPTZ '2026-02-01 00:00:00Z' AS valid_from, CAST(NULL AS TIMESTAMPTZ) AS valid_to
            FROM range({subscriptions}) AS r(n)
        ) TO '{home / "landing/subscriptions" / DAY}.parquet' (FORMAT parquet)
        """
    )
    con.close()
    shutil.rmtree(home / "spill", ignore_errors=True)


OURS = """
from datetime import date
from billing_recon.day import Home, land, roll_up
home, day = Home.open({home!r}), date.fromisoformat({day!r})
land(home, "subscriptions", day, "bench")
print(land(home, "usage_events", day, "bench"))
print(roll_up(home, day, "bench"))
"""

STATEMENT = """
import duckdb
con = duckdb.connect()
con.execute("SET TimeZone = 'UTC'; SET memory_limit = '1536MB'; SET threads = 2; SET preserve_insertion_order = false; "
            "SET temp_directory = '{home}/hand_spill'")
print(con.execute('''
COPY (
    WITH events AS (
        SELECT source, event_id, min(subscription_id) AS subscription_id, min(meter) AS meter, min(quantity) AS quantity,
            min(event_time) AS event_time, min(received_at) AS received_at, min(corrects) AS corrects
        FROM read_parquet('{home}/landing/usage_events/{day}.parquet')
        WHERE event_id IS NOT NULL AND source IS NOT NULL AND subscription_id IS NOT NULL AND customer_id IS NOT NULL
            AND meter IS NOT NULL AND quantity >= 0 AND quantity <= 1000000000000 AND received_at >= event_time - INTERVAL 1 DAY
            AND event_time < TIMESTAMPTZ '{day} 00:00:00Z' + INTERVAL 1 DAY AND corrects IS DISTINCT FROM event_id
        GROUP BY source, event_id
        HAVING min(quantity) = max(quantity) AND min(event_time) = max(event_time) AND min(meter) = max(meter)
            AND min(subscription_id) = max(subscription_id) AND min(customer_id) = max(customer_id)
    ),
    zones AS (SELECT subscription_id, timezone FROM read_parquet('{home}/landing/subscriptions/{day}.parquet'))
    SELECT CAST(timezone(z.timezone, e.event_time) AS DATE) AS usage_day, e.subscription_id, e.meter, sum(e.quantity) AS quantity,
        count(*) AS events
    FROM events AS e JOIN zones AS z ON z.subscription_id = e.subscription_id
    WHERE NOT EXISTS (SELECT 1 FROM events AS c WHERE c.corrects = e.event_id AND c.source = e.source)
    GROUP BY 1, 2, 3
) TO '{home}/hand.parquet' (FORMAT parquet)''').fetchall())
"""

PANDAS = """
import pandas as pd
events = pd.read_parquet({home!r} + "/landing/usage_events/{day}.parquet")
needed = ["event_id", "source", "customer_id", "subscription_id", "meter"]
events = events[events[needed].notna().all(axis=1)]
events["quantity"] = events["quantity"].astype(float)
events = events[(events.quantity >= 0) & (events.received_at >= events.event_time - pd.Timedelta(days=1))]
key, content = ["source", "event_id"], ["customer_id", "subscription_id", "meter", "quantity", "event_time", "corrects"]
events = events.drop_duplicates(key + content)
events = events[~events.duplicated(key, keep=False)]
gone = pd.MultiIndex.from_frame(events.loc[events.corrects.notna(), ["source", "corrects"]])
events = events[~pd.MultiIndex.from_frame(events[key]).isin(gone)]
zones = pd.read_parquet({home!r} + "/landing/subscriptions/{day}.parquet").set_index("subscription_id").timezone
zone = events.subscription_id.map(zones)
local = pd.concat([part.dt.tz_convert(name).dt.date for name, part in events.event_time.groupby(zone)])
events["usage_day"] = local
used = events.groupby(["usage_day", "subscription_id", "meter"], sort=False).quantity.agg(["sum", "count"]).reset_index()
used.to_parquet({home!r} + "/pandas.parquet")
print(len(used))
"""


def run(events: int = EVENTS) -> list[Measurement]:
    home = WORK / "usage"
    build_home(home, events)
    given = {"home": str(home), "day": DAY}
    shape = f"{events:,} events, 0.1% twice, 1% late, 0.1% corrections"
    found = [
        measure(
            "billing_recon: land and roll up",
            python(OURS.format(**given)),
            f"{shape}; contract, row equation, partitions kept",
        ),
        measure(
            "DuckDB, one statement",
            python(STATEMENT.format(**given)),
            "writes the totals only; one level of corrections",
        ),
        measure("pandas", python(PANDAS.format(**given)), "quantities as floats; one level of corrections"),
    ]
    shutil.rmtree(home, ignore_errors=True)
    return found


if __name__ == "__main__":
    from benchmarks.measure import table

    print(table(run(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)))
