"""Sessions and relations: steps do not see each other, and a relation without rows to come from is empty, not planned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from billing_recon.compute.engine import Limits, beside, build, scratch, session
from billing_recon.compute.relation import Relation

DOUBLED = Relation(
    "doubled",
    sql="SELECT n + n AS n, CAST('a' AS VARCHAR) AS label, CAST(1 AS DECIMAL(38,12)) AS amount FROM numbers WHERE n > 0",
    inputs=("numbers",),
    doc="Twice each positive number.",
    rows_from=("numbers WHERE n > 0",),
)


def test_steps_of_one_process_do_not_see_each_others_tables() -> None:
    with scratch() as one, scratch() as other:
        one.execute("CREATE TABLE mine AS SELECT 1 AS n")
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT n FROM mine")


def test_a_step_leaves_nothing_behind() -> None:
    with scratch() as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS n")
    with scratch() as con:
        left = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'").fetchone()
    assert left == (0,)


def test_a_second_cursor_sees_the_steps_tables_in_utc() -> None:
    with scratch() as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS n")
        assert beside(con).execute("SELECT n, current_setting('TimeZone') FROM mine").fetchall() == [(1, "UTC")]


def test_steps_may_run_side_by_side() -> None:
    def count(number: int) -> int:
        with scratch() as con:
            con.execute(f"CREATE TABLE mine AS SELECT n FROM range({number}) r(n)")
            row = con.execute("SELECT count(*) FROM mine").fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(40))) == list(range(40))


SUMMED = """
FROM (SELECT 'S' || n AS subscription, CAST(n AS DECIMAL(38, 12)) AS total FROM numbers) AS line
LEFT JOIN keys ON keys.layer = 'x' AND keys.subscription = line.subscription
"""
"""Lines joined to keys of which none can match. Plain DuckDB 2.0 takes the sum of their totals for zero when it compares it."""


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT count(*) FROM (SELECT line.subscription {SUMMED} GROUP BY line.subscription HAVING sum(total) <> 0)",
        f"SELECT count(*) FROM (SELECT sum(total) AS total {SUMMED} GROUP BY line.subscription) WHERE total <> 0",
        f"SELECT count(*) FILTER (is_off) FROM (SELECT sum(total) <> 0 AS is_off {SUMMED} GROUP BY line.subscription)",
        f"SELECT sum(CASE WHEN total > 0 THEN 1 ELSE 0 END) FROM (SELECT sum(total) AS total {SUMMED} GROUP BY line.subscription)",
    ],
)
def test_a_sum_that_is_not_zero_is_not_taken_for_zero(query: str) -> None:
    def answer(con: duckdb.DuckDBPyConnection) -> int:
        con.execute("CREATE TABLE numbers AS SELECT n FROM range(10) AS r(n)")
        con.execute("CREATE TABLE keys (layer VARCHAR, subscription VARCHAR)")
        return int(con.execute(query).fetchall()[0][0])

    with scratch() as con:
        assert answer(con) == 9
    assert answer(session(Limits(threads=1))) == 9
    assert answer(duckdb.connect()) == 0, "DuckDB no longer needs compute.definitions.SUMS_AS_THEY_ARE: see ADR 11"


@pytest.mark.parametrize("numbers", [[], [0], [0, 3, 4]])
def test_a_relation_made_empty_unplanned_has_the_columns_types_and_rows_of_the_planned_one(numbers: list[int]) -> None:
    results = []
    for _ in range(2):  # the first build plans it, the second may know its shape
        con = session()
        con.execute("CREATE TABLE numbers (n INTEGER)")
        for number in numbers:
            con.execute("INSERT INTO numbers VALUES (?)", [number])
        build(con, (DOUBLED,))
        types = con.execute("DESCRIBE doubled").fetchall()
        results.append(
            ([t[:2] for t in types], con.execute("SELECT n, label, amount FROM doubled ORDER BY n").fetchall())
        )
    assert results[0] == results[1]
    assert len(results[0][1]) == sum(number > 0 for number in numbers)


def _after(name: str, *inputs: str) -> Relation:
    source = " UNION ALL ".join(f"SELECT n FROM {one}" for one in inputs) or "SELECT 1 AS n"
    return Relation(name=name, inputs=inputs, doc="Counts the ways to it.", sql=f"SELECT sum(n) AS n FROM ({source})")


def test_small_relations_are_made_side_by_side_each_after_its_inputs() -> None:
    steps = [_after("r0")]
    for number in range(1, 40):
        steps.append(_after(f"r{number}", *sorted({f"r{number - 1}", f"r{number // 2}"})))
    one_by_one, side_by_side = session(Limits(threads=2)), session(Limits(threads=1))
    build(one_by_one, steps)
    build(side_by_side, steps)
    for step in steps:
        counted = f"SELECT n FROM {step.name}"
        assert side_by_side.execute(counted).fetchall() == one_by_one.execute(counted).fetchall()


def test_a_relation_that_fails_ends_the_others_and_its_error_is_raised() -> None:
    wrong = Relation(name="wrong", inputs=("r3",), doc="Reads what is not there.", sql="SELECT absent FROM r3")
    steps = [*(_after(f"r{n}", *([f"r{n - 1}"] if n else [])) for n in range(12)), wrong]
    with pytest.raises(duckdb.BinderException, match="absent"):
        build(session(Limits(threads=1)), steps)


def test_what_tells_that_a_relation_is_empty_is_made_before_it() -> None:
    late = Relation(
        name="late", inputs=("r0",), doc="Waits.", sql="SELECT n FROM r0", rows_from=("r11 WHERE n IS NULL",)
    )
    steps = [late, *(_after(f"r{n}", *([f"r{n - 1}"] if n else [])) for n in range(12))]
    con = session(Limits(threads=1))
    for _ in range(2):
        build(con, steps)
    assert con.execute("SELECT count(*) FROM late").fetchall() == [(0,)]


def test_what_can_only_come_from_an_empty_relation_is_empty_too_whatever_is_asked_of_it() -> None:
    con = session(Limits(threads=1))
    con.execute("CREATE TABLE given AS SELECT 1 AS n")
    steps = [
        Relation("none", "SELECT n FROM given", ("given",), "None.", rows_from=("given WHERE n > 1",)),
        Relation("after", "SELECT n FROM given", ("given",), "None.", rows_from=("none WHERE n = 1",)),
        Relation("one", "SELECT n FROM given", ("given",), "One.", rows_from=("given WHERE n = 1",)),
        Relation("either", "SELECT n FROM given", ("given",), "One.", rows_from=("none", "one WHERE n = 1")),
        Relation("other", "SELECT n FROM given", ("given",), "None.", rows_from=("one WHERE n = 2",)),
    ]
    build(con, steps)
    counted = [con.execute(f"SELECT count(*) FROM {step.name}").fetchall()[0][0] for step in steps]
    assert counted == [0, 0, 1, 1, 0]
