"""A table's feed as it is in force: what the company declares, over what its format or its preset brings along."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.feeds.documents.document_rows import DEFAULT_COLUMNS


def feed_of(company: Company, table: str) -> Feed:
    """The feed of a canonical table; the default place and form where company.yaml has none."""
    feed = company.feeds.get(table)
    return Feed() if feed is None else in_force(feed, table)


def in_force(feed: Feed, table: str) -> Feed:
    """A declared feed with what its preset says where it does not, and the columns of documents where it names none.

    Raises LandingRefused when its preset has nothing for the table.
    """
    if feed.preset is not None:
        feeds = preset_feeds(feed.preset)
        if table not in feeds:
            raise LandingRefused(
                f"the preset {feed.preset} of feeds.{table} has no {table}; it has {', '.join(sorted(feeds))}"
            )
        given = feed.model_dump(exclude_unset=True)
        columns = feeds[table].get("columns", {}) | given.get("columns", {})
        return Feed.model_validate(feeds[table] | given | {"columns": columns})
    if feed.is_documents:
        return feed.model_copy(update={"columns": DEFAULT_COLUMNS[table] | feed.columns, "unknown_columns": "ignore"})
    return feed


@cache
def preset_feeds(preset: str) -> dict[str, dict[str, Any]]:
    """The feeds of a preset, by table."""
    text = files("billing_recon.feeds").joinpath("presets", f"{preset}.yaml").read_text(encoding="utf-8")
    content: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return content
