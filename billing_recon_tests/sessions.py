"""Sessions of tests: schemas of one shared database, since making a database with its macros costs more than most tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack

import duckdb

from billing_recon.compute.engine import Limits, scratch

_OPEN = ExitStack()
_USUAL = Limits()


def session(limits: Limits = _USUAL) -> duckdb.DuckDBPyConnection:
    """An empty session until the module's tests end. What is made while modules are imported takes `compute.engine.session`."""
    return _OPEN.enter_context(scratch(limits))


def session_over(
    given: object, create: Callable[[duckdb.DuckDBPyConnection], None], limits: Limits = _USUAL
) -> duckdb.DuckDBPyConnection:
    """A session over tables that many tests read unchanged, made once for all whose `given` has the same `repr`."""
    name = hashlib.sha256(repr(given).encode()).hexdigest()[:16]
    return _OPEN.enter_context(scratch(limits, (name, create)))


def close_sessions() -> None:
    """Drop every session that is open, with its tables."""
    _OPEN.close()
