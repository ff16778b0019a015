"""docs/tables.md is the page that the catalogue generates."""

from __future__ import annotations

from billing_recon.report.schema_page import PAGE, page


def test_the_tracked_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it: python -m billing_recon.report.schema_page"
