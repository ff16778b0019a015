"""docs/contracts.md is generated from the models that read contracts and the catalog."""

from __future__ import annotations

import json
import re

from billing_recon.core.contract_terms import problems_of_contract
from billing_recon.report.terms_page import PAGE, page


def test_the_tracked_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it: python -m billing_recon.report.terms_page"


def test_the_contract_that_the_page_shows_is_accepted() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", page(), re.DOTALL)
    assert json.loads(shown)
    assert problems_of_contract(shown, None) == ()
