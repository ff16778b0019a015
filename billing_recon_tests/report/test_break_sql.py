"""What an auditor gets of one break: rows of every layer, terms and policy, and SQL that plain DuckDB runs again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import Result

from billing_recon.compute.metrics import RELATIONS as METRICS
from billing_recon.compute.reconcile import EXPLAINED, RELATIONS
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import BREAKS
from billing_recon.day import Home
from billing_recon.report.break_sql import leading_to, write_rerun
from billing_recon.report.layer_rows import layer_rows
from billing_recon_tests.cli.conftest import typed
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks
from billing_recon_tests.day.test_exceptions import broken, broken_once

pytestmark = pytest.mark.long

__all__ = ["broken", "broken_once", "typed"]


def test_the_script_gives_the_same_break_in_plain_duckdb(
    broken: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Callable[..., Result]
) -> None:
    (row,) = breaks(broken, FIRST)
    script = write_rerun(broken, FIRST, row["break_id"], tmp_path / "audit")
    monkeypatch.chdir(script.parent)
    (again,) = duckdb.connect().execute(script.read_text(encoding="utf-8")).fetchall()
    assert again == tuple(row[name] for name in BREAKS.names)
    with pytest.raises(ConfigurationError, match="is not empty"):
        write_rerun(broken, FIRST, row["break_id"], script.parent)
    found = layer_rows(broken, row)
    assert {"invoice_lines", "rendered_invoices", "rendered_lines"} <= {cells[0] for cells in found.rows}
    said = typed("explain", "--home", broken.path, row["break_id"][:9]).stdout
    for words in ("Rows of every layer", "policy version", "catalog", "billed_rendered_findings", "duckdb < break.sql"):
        assert words.replace("policy version", "version 1") in said
    listed = typed("exceptions", "list", "--home", broken.path)
    assert "1 exception open" in listed.stdout
    refused = typed("exceptions", "resolve", "--home", broken.path, row["break_id"], "--disposition", "TIMING")
    assert refused.exit_code == 2
    assert "--as NAME" in refused.stderr
    assert "--reason TEXT" in refused.stderr


def test_only_what_leads_to_the_breaks_is_in_it() -> None:
    names = [relation.name for relation in leading_to("breaks", (*RELATIONS, *METRICS, *EXPLAINED))]
    assert names[-1] == "breaks"
    assert "findings" in names
    assert "metrics" not in names
