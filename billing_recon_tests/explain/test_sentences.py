"""Names of sentences: every one that a relation can state is registered, and every registered one can be stated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pytest
import sqlglot
from sqlglot import exp

from billing_recon.compute import detect, reconcile
from billing_recon.compute.relation import Relation
from billing_recon.explain.detections import DETECTIONS
from billing_recon.explain.sentences import SENTENCES


def named(node: exp.Expression) -> Iterator[str]:
    """The sentences that an expression can state. Columns pass on what is named elsewhere; anything else cannot be read."""
    if isinstance(node, exp.Alias | exp.Cast | exp.Paren):
        yield from named(node.this)
    elif isinstance(node, exp.Case):
        for branch in [one.args["true"] for one in node.args["ifs"]] + [node.args.get("default") or exp.Null()]:
            yield from named(branch)
    elif isinstance(node, exp.Coalesce):
        for part in (node.this, *node.expressions):
            yield from named(part)
    elif isinstance(node, exp.Literal) and node.is_string:
        yield node.this
    elif not isinstance(node, exp.Column | exp.Null):
        yield f"unreadable: {node.sql()}"


def stated(relations: Iterable[Relation]) -> dict[str, str]:
    """Sentence -> a relation that can state it."""
    found = {}
    for relation in relations:
        for select in sqlglot.parse_one(relation.sql, read="duckdb").find_all(exp.Select):
            columns = {column.alias_or_name: column for column in select.selects}
            if {"sentence", "facts"} <= set(columns):
                found |= dict.fromkeys(named(columns["sentence"]), relation.name)
    return found


def offenders(relations: Iterable[Relation], registered: Collection[str]) -> dict[str, str]:
    found = stated(relations)
    unregistered = {name: f"stated by {found[name]}, not registered" for name in found.keys() - set(registered)}
    return unregistered | dict.fromkeys(set(registered) - found.keys(), "registered, stated by no relation")


@pytest.mark.parametrize(
    ("relations", "registered"),
    [(reconcile.RELATIONS, SENTENCES), (detect.RELATIONS, DETECTIONS)],
    ids=["breaks", "detections"],
)
def test_sentences_stated_and_registered_are_the_same(
    relations: tuple[Relation, ...], registered: Collection[str]
) -> None:
    assert offenders(relations, registered) == {}


def test_the_rule_finds_a_name_on_one_side_only_and_one_that_it_cannot_read() -> None:
    sql = (
        "WITH x AS (SELECT CASE WHEN a = 'no name' THEN 'one' ELSE coalesce(b, 'two') END AS sentence, facts FROM t) "
        "SELECT sentence, facts FROM x UNION ALL SELECT 'three' || a AS sentence, facts FROM t"
    )
    found = offenders([Relation("r", sql, ("t",), "Test.")], ("one", "four"))
    assert found == {
        "two": "stated by r, not registered",
        "unreadable: 'three' || a": "stated by r, not registered",
        "four": "registered, stated by no relation",
    }
