"""A step of the computation: one named, documented SELECT with declared inputs. Relations are data; compute.engine runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

_HEADER = re.compile(r"(?:--[^\n]*\n)+")
_KEYED = re.compile(r"(inputs|rows from|kept): *(.*)")


@dataclass(frozen=True, slots=True)
class Relation:
    """One SELECT over other relations or registered tables.

    `inputs` are all tables it reads; a test parses the SQL and holds it to them. `kept` makes it a table rather than a
    view, for results that are read more than once. An auditor can run `sql` by hand.

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
        """What must exist before it is made: what it reads, and what tells that it would be empty."""
        return {*self.inputs, *(source.split()[0] for source in self.rows_from)}


def load(package: str, *names: str) -> tuple[Relation, ...]:
    """The relations of the files `<name>.sql` in a package, in the order given.

    A file begins with a header of comment lines: what the relation is, then `inputs:` (comma-separated), and where they
    apply `rows from:` (FROM clauses, separated by semicolons) and `kept: no` for a view. The SELECT follows.

    ValueError: a file without a description or inputs, or with an unknown value.
    """
    folder = files(package)
    return tuple(_read(name, folder / f"{name}.sql") for name in names)


def _read(name: str, file: Traversable) -> Relation:
    text = file.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise ValueError(f"{name}.sql has no header; begin it with comment lines that say what it is and its inputs")
    doc: list[str] = []
    said: dict[str, str] = {}
    key = ""
    for line in header.group().splitlines():
        words = line.removeprefix("--").strip()
        keyed = _KEYED.fullmatch(words)
        if keyed:
            key, said[keyed[1]] = keyed[1], keyed[2]
        elif key:
            said[key] += f" {words}"
        else:
            doc.append(words)
    inputs = tuple(filter(None, (part.strip() for part in said.get("inputs", "").split(","))))
    if not inputs or not any(doc):
        raise ValueError(f"{name}.sql: the header must describe the relation and list its inputs")
    if said.get("kept", "no") != "no":
        raise ValueError(f"{name}.sql: 'kept: {said['kept']}' is unknown; write 'kept: no' for a view, or nothing")
    return Relation(
        name=name,
        sql=text[header.end() :].strip(),
        inputs=inputs,
        doc=" ".join(doc),
        kept="kept" not in said,
        rows_from=tuple(filter(None, (part.strip() for part in said.get("rows from", "").split(";")))),
    )
