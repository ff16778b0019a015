"""Every relation's SQL, parsed: nothing in it can turn money into a float, or multiply or round it outside the macros.

Each rule is one test that lists its offenders. Also the files themselves: each is loaded, and lines fit a page.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import sqlglot
from sqlglot import exp

import billing_recon.compute
from billing_recon.compute.money import STATEMENTS
from billing_recon.compute.relation import Relation

COMPUTE = Path(billing_recon.compute.__path__[0])

INTO_FLOATS = {
    "avg", "mean", "favg", "power", "pow", "sqrt", "cbrt", "exp", "ln", "log", "log2", "log10", "fdiv", "divide", "stddev",
    "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "random", "quantile_cont", "percentile_cont", "corr",
    "regr_slope", "fsum", "kahan_sum", "sumkahan",
}  # fmt: skip
"""Functions with a DOUBLE result whatever the arguments are."""

ROUNDING = {"round", "round_even", "trunc", "ceil", "ceiling", "floor", "decimal_division", "multiply"}
"""What only the macros of compute.money may call."""

BINARY = {exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.DECFLOAT}

FORMATTED: set[str] = {
    "expect.bounds", "rating.changes", "rating.commitment", "rating.cycles", "rating.events", "rating.metering",
    "rating.proration", "rating.registry",
}  # fmt: skip
"""Modules with relations made by an f-string: only where a relation is parameterised by the names of its tables."""


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
def parsed(sql: str) -> exp.Expression:
    """Parsed once for all the rules that read it; none of them changes the tree."""
    return sqlglot.parse_one(sql, read="duckdb")


def functions(tree: exp.Expression) -> Iterator[str]:
    for call in tree.find_all(exp.Func):
        yield (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()


def divides(relation: Relation) -> list[str]:
    return [node.sql() for node in parsed(relation.sql).find_all(exp.Div, exp.IntDiv)]


def calls_what_gives_a_float(relation: Relation) -> list[str]:
    return sorted(set(functions(parsed(relation.sql))) & INTO_FLOATS)


def rounds_outside_the_money_macros(relation: Relation) -> list[str]:
    return sorted(set(functions(parsed(relation.sql))) & ROUNDING)


def casts_to_a_float_or_writes_an_exponent(relation: Relation) -> list[str]:
    tree = parsed(relation.sql)
    casts = [node.sql() for node in tree.find_all(exp.DataType) if node.this in BINARY]
    return casts + [n.sql() for n in tree.find_all(exp.Literal) if not n.is_string and re.search("[eE]", n.this)]


def multiplies(relation: Relation) -> list[str]:
    return [node.sql(dialect="duckdb") for node in parsed(relation.sql).find_all(exp.Mul)]


def selects_a_star(relation: Relation) -> list[str]:
    tree = parsed(relation.sql)
    selects = tree.selects if isinstance(tree, exp.Query) else []
    return [node.sql() for node in selects if node.is_star] if selects else ["is no SELECT"]


def reads_other_than_it_declares(relation: Relation) -> list[str]:
    tree = parsed(relation.sql)
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = list(tree.find_all(exp.Table))
    read = {table.name for table in tables if table.name} - own
    # A table macro takes the tables that it reads by name.
    for call in (table.this for table in tables if isinstance(table.this, exp.Func)):
        read |= {arg.name for arg in call.expressions if arg.is_string}
    return sorted(read ^ set(relation.inputs))


def lacks_a_description(relation: Relation) -> list[str]:
    return [] if relation.doc.endswith((".", ")")) else [relation.doc]


RULES: tuple[Callable[[Relation], list[str]], ...] = (
    divides,
    calls_what_gives_a_float,
    rounds_outside_the_money_macros,
    casts_to_a_float_or_writes_an_exponent,
    multiplies,
    selects_a_star,
    reads_other_than_it_declares,
    lacks_a_description,
)
"""Each answers what in a relation breaks the rule that it is named for."""


def offenders(rule: Callable[[Relation], list[str]], relations: Iterable[Relation]) -> dict[str, list[str]]:
    """Relation -> what in it breaks the rule."""
    return {relation.name: found for relation in relations if (found := rule(relation))}


def test_all_rooms_are_searched() -> None:
    assert {"rollup_day", "expected_lines", "unbilled_usage", "unrated", "unit_rates", "drift"} <= set(RELATIONS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_relation(rule: Callable[[Relation], list[str]]) -> None:
    assert offenders(rule, RELATIONS.values()) == {}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT a / b AS x FROM t", divides),
        ("SELECT a // b AS x FROM t", divides),
        ("SELECT avg(a) AS x FROM t", calls_what_gives_a_float),
        ("SELECT a ** 2 AS x FROM t", calls_what_gives_a_float),
        ("SELECT stddev(a) AS x FROM t", calls_what_gives_a_float),
        ("SELECT round(a, 2) AS x FROM t", rounds_outside_the_money_macros),
        ("SELECT a::DOUBLE AS x FROM t", casts_to_a_float_or_writes_an_exponent),
        ("SELECT CAST(a AS REAL) AS x FROM t", casts_to_a_float_or_writes_an_exponent),
        ("SELECT 1e-1 AS x FROM t", casts_to_a_float_or_writes_an_exponent),
        ("SELECT a * b AS x FROM t", multiplies),
        ("SELECT * FROM t", selects_a_star),
        ("SELECT t.* FROM t", selects_a_star),
        ("SELECT a FROM t JOIN u ON true", reads_other_than_it_declares),
        ("SELECT a FROM u", reads_other_than_it_declares),
        ("SELECT a FROM t JOIN found('u') AS f ON true", reads_other_than_it_declares),
        ("WITH u AS (SELECT a FROM v) SELECT a FROM t", reads_other_than_it_declares),
    ],
)
def test_each_rule_finds_what_it_forbids(sql: str, rule: Callable[[Relation], list[str]]) -> None:
    wrong = Relation("wrong", sql, ("t",), "Wrong.")
    assert rule(wrong)
    assert rule(Relation("right", "SELECT a FROM t", ("t",), "Right.")) == []


def test_a_description_ends_as_a_sentence() -> None:
    assert lacks_a_description(Relation("wrong", "SELECT a FROM t", ("t",), "no sentence"))


def macros() -> dict[str, exp.Expression]:
    """Name -> body of each money macro."""
    found = {}
    for macro in (one for one in STATEMENTS if one.startswith("CREATE MACRO")):
        head = re.match(r"CREATE MACRO (\w+)\(.*?\)\s+AS\s+", macro, re.DOTALL)
        assert head, macro
        found[head[1]] = sqlglot.parse_one(f"SELECT {macro[head.end() :]}", read="duckdb")
    return found


def test_money_is_multiplied_in_few_macros_and_nowhere_else() -> None:
    multiplying = {name for name, body in macros().items() if body.find(exp.Mul)}
    assert multiplying == {"extend", "apply_rate", "share", "part_of", "converted", "metered_units"}


def test_no_macro_divides_but_by_exact_decimal_division() -> None:
    dividing = set()
    for name, body in macros().items():
        assert not list(body.find_all(exp.Div, exp.IntDiv)), name
        assert not set(functions(body)) & INTO_FLOATS, name
        if "decimal_division" in functions(body):
            dividing.add(name)
    exact = {"share", "ratio", "packages_of", "full_packages_of", "ratio_of", "split_of", "converted", "metered_units"}
    assert dividing == exact


def test_no_line_of_sql_is_longer_than_a_page_is_wide() -> None:
    assert [
        f"{file.relative_to(COMPUTE)}:{number}"
        for file in sorted(COMPUTE.rglob("*.sql"))
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
        if len(line) > 120
    ] == []


def test_every_sql_file_is_loaded() -> None:
    """As the relation of its name, or statement by statement where it defines types and macros."""
    definitions = {
        one
        for module in modules()
        for v in vars(module).values()
        if isinstance(v, tuple)
        for one in v
        if isinstance(one, str)
    }
    unused = []
    for file in sorted(COMPUTE.rglob("*.sql")):
        body = re.sub(r"^--[^\n]*\n", "", file.read_text("utf-8"), flags=re.MULTILINE).strip()
        if re.search(r"^CREATE (TYPE|MACRO)", body, re.MULTILINE):
            loaded = all(part.strip() in definitions for part in re.split(r";\n|;$", body) if part.strip())
        else:
            loaded = file.stem in RELATIONS and RELATIONS[file.stem].sql in file.read_text("utf-8")
        if not loaded:
            unused.append(str(file.relative_to(COMPUTE)))
    assert unused == []


def formatted_relations(source: str) -> bool:
    """Whether a module gives a Relation an f-string for its SQL."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(
        isinstance(argument.value, ast.JoinedStr)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Relation"
        for argument in call.keywords
        if argument.arg == "sql"
    )


def test_sql_is_in_files_unless_its_tables_are_parameters() -> None:
    found = {
        ".".join(file.relative_to(COMPUTE).with_suffix("").parts)
        for file in COMPUTE.rglob("*.py")
        if formatted_relations(file.read_text("utf-8"))
    }
    assert found == FORMATTED
    assert formatted_relations('r = Relation(name="r", sql=f"SELECT a FROM {t}")')
