"""Sessions of tests: schemas of one shared database, since making a database with its macros costs more than most tests."""

from __future__ import annotations

from contextlib import ExitStack

import duckdb

from billing_recon.compute.engine import Limits, scratch

_OPEN = ExitStack()
_USUAL = Limits()


def session(limits: Limits = _USUAL) -> duckdb.DuckDBPyConnection:
    """An empty session until the module's tests end. What is made while modules are imported takes `compute.engine.session`."""
    return _OPEN.enter_context(scratch(limits))


def close_sessions() -> None:
    """Drop every session that is open, with its tables."""
    _OPEN.close()
