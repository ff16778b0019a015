"""Every reason code has a story, and each story is told with its code, delta, stages and sentence."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from billing_recon.core.reason import Code
from billing_recon_tests.cases import later_layers, lines, population
from billing_recon_tests.cases.story import Story

STORIES = (*population.STORIES, *lines.STORIES, *later_layers.STORIES)


def test_every_code_has_a_story() -> None:
    assert {story.code for story in STORIES} == set(Code)


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_what_went_wrong_is_told_once_with_its_figures(story: Story) -> None:
    outcome = story.tell().run(story.pair)
    found = sorted(outcome.breaks(story.pair), key=lambda one: Decimal(one["delta"]))
    assert len(found) == story.breaks, [(one["code"], one["delta"], one["explanation"]) for one in found]
    told = found[0]
    assert (told["code"], told["delta"]) == (story.code, Decimal(story.delta)), told["explanation"]
    stages = {code: Decimal(amount) for code, amount in json.loads(told["stage_deltas"]).items()}
    assert stages == ({code: Decimal(d) for code, d in story.stages} or {story.code: Decimal(story.delta)})
    assert told["explanation"] == story.sentence
    assert outcome.foots()
