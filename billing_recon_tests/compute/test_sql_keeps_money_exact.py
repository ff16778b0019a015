"""Every relation's SQL, parsed: nothing in it can turn money into a float, or multiply or round it behind the macros' backs."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import pytest
import sqlglot
from sqlglot import exp

import billing_recon.compute
from billing_recon.compute.money import MACROS
from billing_recon.compute.relation import Relation

INTO_FLOATS = {
    "avg", "mean", "favg", "power", "pow", "sqrt", "cbrt", "exp", "ln", "log", "log2", "log10", "fdiv", "divide", "stddev",
    "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "random", "quantile_cont", "percentile_cont", "corr",
    "regr_slope", "fsum", "kahan_sum", "sumkahan",
}  # fmt: skip
"""Functions whose result is a DOUBLE whatever goes in."""

ROUNDING = {"round", "round_even", "trunc", "ceil", "ceiling", "floor", "decimal_division", "multiply"}
"""What only the macros of compute.money may call."""

BINARY = {exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.DECFLOAT}

ALLOWED_PRODUCTS: dict[tuple[str, str], str] = {}
"""(relation, product as sqlglot prints it) -> why it is no money: whole numbers of days or rows only."""


def modules() -> Iterator[ModuleType]:
    package = billing_recon.compute
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def all_relations() -> dict[str, Relation]:
    """Every Relation that a module of compute names or lists, once."""
    found: dict[str, Relation] = {}
    for module in modules():
        for value in vars(module).values():
            listed = value if isinstance(value, tuple) else (value,)
            for one in listed:
                if isinstance(one, Relation):
                    assert found.setdefault(one.name, one) is one or found[one.name] == one, f"two relations {one.name}"
    return found


RELATIONS = all_relations()


@cache
def parsed_sql(sql: str) -> exp.Expression:
    """Parsed once for all the rules that read it; none of them changes the tree."""
    return sqlglot.parse_one(sql, read="duckdb")


def parsed(relation: Relation) -> exp.Expression:
    return parsed_sql(relation.sql)


def functions(tree: exp.Expression) -> Iterator[str]:
    for call in tree.find_all(exp.Func):
        yield (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()


def test_the_rooms_of_computing_are_all_found() -> None:
    assert {"rollup_day", "expected_lines", "unbilled_usage", "unrated", "unit_rates"} <= set(RELATIONS)


@pytest.mark.parametrize("name", sorted(RELATIONS))
class TestRelation:
    def test_divides_nothing(self, name: str) -> None:
        tree = parsed(RELATIONS[name])
        assert [node.sql() for node in tree.find_all(exp.Div, exp.IntDiv)] == []

    def test_calls_nothing_that_gives_a_float(self, name: str) -> None:
        assert sorted(set(functions(parsed(RELATIONS[name]))) & INTO_FLOATS) == []

    def test_rounds_only_through_the_money_macros(self, name: str) -> None:
        assert sorted(set(functions(parsed(RELATIONS[name]))) & ROUNDING) == []

    def test_casts_nothing_to_a_float_and_writes_no_exponent(self, name: str) -> None:
        tree = parsed(RELATIONS[name])
        assert [node.sql() for node in tree.find_all(exp.DataType) if node.this in BINARY] == []
        assert [n.sql() for n in tree.find_all(exp.Literal) if not n.is_string and re.search("[eE]", n.this)] == []

    def test_multiplies_only_whole_numbers_of_days_or_rows(self, name: str) -> None:
        products = {node.sql(dialect="duckdb") for node in parsed(RELATIONS[name]).find_all(exp.Mul)}
        assert sorted(p for p in products if (name, p) not in ALLOWED_PRODUCTS) == []

    def test_lists_its_columns(self, name: str) -> None:
        tree = parsed(RELATIONS[name])
        selects = tree.selects if isinstance(tree, exp.Query) else []
        assert selects, "a relation is a SELECT"
        assert [node.sql() for node in selects if isinstance(node, exp.Star) or node.is_star] == []

    def test_reads_what_it_declares_and_declares_what_it_reads(self, name: str) -> None:
        tree = parsed(RELATIONS[name])
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        read = {table.name for table in tree.find_all(exp.Table) if table.name} - own
        assert read == set(RELATIONS[name].inputs)

    def test_is_documented(self, name: str) -> None:
        assert RELATIONS[name].doc.endswith((".", ")"))


def macros() -> dict[str, exp.Expression]:
    """Name -> body of each money macro."""
    found = {}
    for macro in MACROS:
        head = re.match(r"CREATE OR REPLACE MACRO (\w+)\(.*?\) AS ", macro)
        assert head, macro
        found[head[1]] = sqlglot.parse_one(f"SELECT {macro[head.end() :]}", read="duckdb")
    return found


def test_money_is_multiplied_in_few_macros_and_nowhere_else() -> None:
    multiplying = {name for name, body in macros().items() if body.find(exp.Mul)}
    assert multiplying == {"extend", "apply_rate", "share", "part_of", "converted"}


def test_no_macro_divides_but_by_exact_decimal_division() -> None:
    dividing = set()
    for name, body in macros().items():
        assert not list(body.find_all(exp.Div, exp.IntDiv)), name
        assert not set(functions(body)) & INTO_FLOATS, name
        if "decimal_division" in functions(body):
            dividing.add(name)
    exact = {"share", "ratio", "packages_of", "full_packages_of", "ratio_of", "split_of", "converted"}
    assert dividing == exact


@pytest.mark.parametrize(
    ("sql", "test"),
    [
        ("SELECT a / b AS x FROM t", "test_divides_nothing"),
        ("SELECT a // b AS x FROM t", "test_divides_nothing"),
        ("SELECT avg(a) AS x FROM t", "test_calls_nothing_that_gives_a_float"),
        ("SELECT a ** 2 AS x FROM t", "test_calls_nothing_that_gives_a_float"),
        ("SELECT stddev(a) AS x FROM t", "test_calls_nothing_that_gives_a_float"),
        ("SELECT round(a, 2) AS x FROM t", "test_rounds_only_through_the_money_macros"),
        ("SELECT a::DOUBLE AS x FROM t", "test_casts_nothing_to_a_float_and_writes_no_exponent"),
        ("SELECT CAST(a AS REAL) AS x FROM t", "test_casts_nothing_to_a_float_and_writes_no_exponent"),
        ("SELECT 1e-1 AS x FROM t", "test_casts_nothing_to_a_float_and_writes_no_exponent"),
        ("SELECT a * b AS x FROM t", "test_multiplies_only_whole_numbers_of_days_or_rows"),
        ("SELECT * FROM t", "test_lists_its_columns"),
        ("SELECT t.* FROM t", "test_lists_its_columns"),
        ("SELECT a FROM t JOIN u ON true", "test_reads_what_it_declares_and_declares_what_it_reads"),
        ("WITH u AS (SELECT a FROM v) SELECT a FROM t", "test_reads_what_it_declares_and_declares_what_it_reads"),
    ],
)
def test_each_rule_catches_what_it_forbids(sql: str, test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RELATIONS, "wrong", Relation("wrong", sql, ("t",), "Wrong."))
    with pytest.raises(AssertionError):
        getattr(TestRelation(), test)("wrong")
