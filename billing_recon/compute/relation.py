"""A step of the computation: one named, documented SELECT with declared inputs. Relations are data; compute.engine runs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    """One SELECT over other relations or registered tables.

    `inputs` are all tables it reads; a test parses the SQL and holds it to them. `kept` makes it a table rather than a
    view, for results that are read more than once. An auditor can run `sql` by hand.

    `rows_from` lists what its rows can only come from, as FROM clauses. Where none of them has a row the relation has
    none either, and the engine makes it empty without planning it: on a day without differences, wording them costs nothing.
    """

    name: str
    sql: str
    inputs: tuple[str, ...]
    doc: str
    kept: bool = True
    rows_from: tuple[str, ...] = ()

    @property
    def waits_for(self) -> set[str]:
        """What must be there before it is made: what it reads, and what tells that it would be empty."""
        return {*self.inputs, *(source.split()[0] for source in self.rows_from)}
