"""Statements parsed once a process: parsing is a quarter of what a small relation costs, and a run makes each one every day."""

from __future__ import annotations

import duckdb

_STATEMENTS: dict[str, duckdb.Statement] = {}
_MANY = 4000


def parsed(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """One statement, to be executed on any connection. For SQL that is the same every day."""
    statement = _STATEMENTS.get(sql)
    if statement is None:
        if len(_STATEMENTS) >= _MANY:
            _STATEMENTS.clear()
        (statement,) = con.extract_statements(sql)
        _STATEMENTS[sql] = statement
    return statement
