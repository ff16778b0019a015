"""Loading relations from .sql files: the header is read and held to its form, and the file's name is the relation's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.compute.relation import Relation, load

_NUMBER = itertools.count(1)
Write = Callable[[str], Relation]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Loads one file's text as `doubled.sql` of a package made for it."""

    def loaded(text: str) -> Relation:
        package = f"sql_files_{next(_NUMBER)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "doubled.sql").write_text(text, "utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        (relation,) = load(package, "doubled")
        return relation

    return loaded


def test_a_file_is_the_relation_of_its_name(read: Write) -> None:
    assert read("-- Twice each number.\n-- inputs: numbers\nSELECT n + n AS n\nFROM numbers\n") == Relation(
        name="doubled", sql="SELECT n + n AS n\nFROM numbers", inputs=("numbers",), doc="Twice each number."
    )


def test_a_header_may_say_what_rows_come_from_and_that_it_is_a_view(read: Write) -> None:
    relation = read(
        "-- Twice each number,\n-- if any.\n-- inputs: numbers,\n--   params\n"
        "-- rows from: numbers WHERE n > 0; params\n-- kept: no\nSELECT 1 AS n FROM numbers, params"
    )
    assert (relation.doc, relation.inputs, relation.kept) == (
        "Twice each number, if any.",
        ("numbers", "params"),
        False,
    )
    assert relation.rows_from == ("numbers WHERE n > 0", "params")
    assert relation.waits_for == {"numbers", "params"}


def test_comments_within_the_select_belong_to_it(read: Write) -> None:
    assert read("-- Twice.\n-- inputs: a\nSELECT n\n-- as it is\nFROM a").sql == "SELECT n\n-- as it is\nFROM a"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT 1 AS n", "doubled.sql has no header"),
        ("-- Twice each number.\nSELECT 1 AS n", "must describe the relation and list its inputs"),
        ("-- inputs: numbers\nSELECT n FROM numbers", "must describe the relation and list its inputs"),
        ("-- Twice.\n-- inputs: \nSELECT 1 AS n", "must describe the relation and list its inputs"),
        ("-- Twice.\n-- inputs: a\n-- row from: a\nSELECT n FROM a", "key 'row from' is unknown; known are inputs"),
        ("-- Twice.\n-- inputs: a\n-- kept: yes\nSELECT n FROM a", "'kept: yes' is unknown; write 'kept: no'"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(read: Write, text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        read(text)


def test_a_name_without_a_file_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.sql"):
        load("billing_recon.compute.totals", "absent")


def test_the_same_select_over_another_table() -> None:
    links = Relation(
        "roots", "SELECT links.id FROM links, links_of_old", ("links",), "Roots.", rows_from=("links WHERE a",)
    )
    other = links.over("known_links", name="known", doc="Known roots.")
    assert (other.name, other.inputs, other.rows_from) == ("known", ("known_links",), ("known_links WHERE a",))
    assert other.sql == "SELECT known_links.id FROM known_links, links_of_old"


def test_a_select_of_several_tables_is_not_moved_to_another() -> None:
    with pytest.raises(ValueError, match="too many values"):
        Relation("a", "SELECT 1 AS n FROM b, c", ("b", "c"), "A.").over("d", name="e", doc="E.")
