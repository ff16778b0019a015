"""A step of the computation: one named, documented SELECT with declared inputs. Relations are data; compute.engine runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable

_HEADER = re.compile(r"(?:--[^\n]*\n)+")
_KEYED = re.compile(r"([a-z][a-z ]*): *(.*)")
_KEYS = ("inputs", "rows from", "kept")


@dataclass(frozen=True, slots=True)
class Relation:
    """One SELECT over other relations or registered tables.

    `inputs` are all tables it reads; a test parses the SQL and checks it against them. `kept` makes it a table rather than
    a view, for results that are read more than once. An auditor can run `sql` by hand.

    `rows_from` lists what its rows can only come from, as FROM clauses. If none of them has a row, the relation has
    none either, and the engine creates it empty without planning it.
    """

    name: str
    sql: str
    inputs: tuple[str, ...]
    doc: str
    kept: bool = True
    rows_from: tuple[str, ...] = ()

    @property
    def waits_for(self) -> set[str]:
        """What must exist before it is made: what it reads, and what shows that it would be empty."""
        return {*self.inputs, *(source.split()[0] for source in self.rows_from)}

    def over(self, table: str, *, name: str, doc: str) -> Relation:
        """The same SELECT over another table than its only input, under another name.

        >>> Relation("twice", "SELECT n + n AS n FROM a", ("a",), "Doubles.", rows_from=("a",)).over("b", name="c", doc="d").sql
        'SELECT n + n AS n FROM b'
        """
        (given,) = self.inputs

        def renamed(sql: str) -> str:
            return re.sub(rf"\b{given}\b", table, sql)

        rows_from = tuple(renamed(source) for source in self.rows_from)
        return replace(self, name=name, doc=doc, sql=renamed(self.sql), inputs=(table,), rows_from=rows_from)


def load(package: str, *names: str) -> tuple[Relation, ...]:
    """The relations of the files `<name>.sql` in a package, in the order given.

    A file begins with a header of comment lines: what the relation is, then `inputs:` (comma-separated), and where they
    apply `rows from:` (FROM clauses, separated by semicolons) and `kept: no` for a view. The SELECT follows.

    ValueError: a file without a description or inputs, or with an unknown key or value.
    """
    folder = files(package)
    return tuple(read(name, folder / f"{name}.sql") for name in names)


def read(name: str, file: Traversable) -> Relation:
    """The relation of one file; ValueError says what its header lacks."""
    text = file.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise ValueError(
            f"{name}.sql has no header; begin it with comment lines: what the relation is, then its inputs"
        )
    doc: list[str] = []
    stated: dict[str, str] = {}
    key = ""
    for line in header.group().splitlines():
        words = line.removeprefix("--").strip()
        keyed = _KEYED.fullmatch(words)
        if keyed and keyed[1] in _KEYS:
            key, stated[keyed[1]] = keyed[1], keyed[2]
        elif keyed and key:
            raise ValueError(f"{name}.sql: the header's key '{keyed[1]}' is unknown; known are {', '.join(_KEYS)}")
        elif key:
            stated[key] += f" {words}"
        else:
            doc.append(words)
    inputs = tuple(filter(None, (part.strip() for part in stated.get("inputs", "").split(","))))
    if not inputs or not any(doc):
        raise ValueError(f"{name}.sql: the header must describe the relation and list its inputs")
    if stated.get("kept", "no") != "no":
        raise ValueError(f"{name}.sql: 'kept: {stated['kept']}' is unknown; write 'kept: no' for a view, or nothing")
    return Relation(
        name=name,
        sql=text[header.end() :].strip(),
        inputs=inputs,
        doc=" ".join(doc),
        kept="kept" not in stated,
        rows_from=tuple(filter(None, (part.strip() for part in stated.get("rows from", "").split(";")))),
    )
