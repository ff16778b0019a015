"""Presets: each is a file of feeds, and its name is registered in core.feed."""

from __future__ import annotations

from importlib.resources import files
from typing import get_args

from billing_recon.core.feed import Feed, Preset
from billing_recon.core.schema import BY_NAME
from billing_recon.feeds.effective_feed import completed, preset_feeds
from billing_recon.feeds.price_list import PRICE_LIST


def test_every_preset_has_a_file_and_every_file_is_registered() -> None:
    folder = files("billing_recon.feeds").joinpath("presets")
    assert {file.name for file in folder.iterdir()} == {f"{name}.yaml" for name in get_args(Preset)}


def test_every_preset_maps_columns_of_known_tables() -> None:
    tables = {**BY_NAME, PRICE_LIST.name: PRICE_LIST}
    unknown = [
        (name, table, column)
        for name in get_args(Preset)
        for table in preset_feeds(name)
        for column in completed(Feed(preset=name), table).columns
        if table not in tables or column not in tables[table].names
    ]
    assert unknown == []


def test_the_presets_cover_these_tables() -> None:
    prices = ["invoice_lines", "price_list", "subscriptions", "usage_events"]
    covered = {"focus-1": ["invoice_lines", "subscriptions", "usage_events"], "aws-cur": prices, "aws-cur-2": prices}
    assert {name: sorted(preset_feeds(name)) for name in covered} == covered
