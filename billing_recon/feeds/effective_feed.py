"""The effective feed of a table: the company's declaration over the defaults of its format or preset."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.feeds.documents.document_rows import DEFAULT_COLUMNS
from billing_recon.feeds.statements.statement_rows import DEFAULT_COLUMNS as DEFAULT_STATEMENT
from billing_recon.feeds.statements.statement_rows import DEFAULT_WHERE


def feeds_of(company: Company, table: str) -> list[Feed]:
    """Return the feeds of a canonical table: the declared one and those under `also`; the default if there is none."""
    declared = company.feeds.get(table, Feed())
    return [feed_of(company, table), *(_effective(company, table, feed) for feed in declared.also)]


def feed_of(company: Company, table: str) -> Feed:
    """Return the feed of a canonical table, with defaults if company.yaml has none."""
    feed = company.feeds.get(table)
    return Feed() if feed is None else _effective(company, table, feed)


def _effective(company: Company, table: str, feed: Feed) -> Feed:
    if table == "rendered_lines" and feed.is_documents and _engine_is_documents(company):
        feed = _with_the_engines_lines(feed)
    if feed.timezone is None and company.timezone != "UTC":
        # A day without a time is one where the company is, as all days of a bank are.
        named = "timezone" if feed.is_statement else "day_zone"
        if getattr(feed, named) is None:
            feed = feed.model_copy(update={named: company.timezone})
    return completed(feed, table)


def _engine_is_documents(company: Company) -> bool:
    billed = company.feeds.get("invoice_lines")
    return billed is not None and billed.is_documents


def _with_the_engines_lines(feed: Feed) -> Feed:
    """Give rendered_lines the lines and ids that invoice_lines takes from documents, unless the feed says otherwise."""
    changes: dict[str, Any] = {}
    if "adjustments_as_lines" not in feed.model_fields_set:
        changes["adjustments_as_lines"] = True
    if "line_id" not in feed.columns:
        changes["columns"] = feed.columns | {"line_id": "row_line_id"}
    return feed.model_copy(update=changes)


def completed(feed: Feed, table: str) -> Feed:
    """Complete a declared feed from its preset, or with the default columns of documents.

    Raise LandingRefused if the preset does not cover the table.
    """
    if feed.preset is not None:
        feeds = preset_feeds(feed.preset)
        if table not in feeds:
            raise LandingRefused(
                f"feeds.{table}: the preset {feed.preset} does not cover {table}; it covers {', '.join(sorted(feeds))}"
            )
        given = feed.model_dump(exclude_unset=True)
        columns = feeds[table].get("columns", {}) | given.get("columns", {})
        return Feed.model_validate(feeds[table] | given | {"columns": columns})
    if feed.is_statement:
        changes: dict[str, Any] = {
            "columns": DEFAULT_STATEMENT | feed.columns,
            "unknown_columns": "ignore",
            "where": DEFAULT_WHERE if feed.where is None else feed.where,
            "dates": feed.dates or ("iso", "iso_day"),
            "clock_change": feed.clock_change or "after",
        }
        return feed.model_copy(update=changes)
    if feed.is_documents:
        return feed.model_copy(update={"columns": DEFAULT_COLUMNS[table] | feed.columns, "unknown_columns": "ignore"})
    return feed


@cache
def preset_feeds(preset: str) -> dict[str, dict[str, Any]]:
    """Return the feeds of a preset, by table: presets/<name>.yaml."""
    text = files("billing_recon.feeds").joinpath("presets", f"{preset}.yaml").read_text(encoding="utf-8")
    content: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return content
