"""A real browser for tests: the machine's own chromium, or the one that playwright installed. Without one, a test skips and says why.

With RECON_PICTURES=DIR, tests leave pictures of what they look at in DIR; `make docs` shows them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSER, PICTURES = "RECON_CHROMIUM", "RECON_PICTURES"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser, headless."""
    from playwright.sync_api import Error, sync_playwright

    program = os.environ.get(BROWSER) or next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        except Error as error:
            pytest.skip(f"no browser here (install chromium, or set {BROWSER}): {str(error).splitlines()[0]}")
        yield running
        running.close()


def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Leave a picture of a page, if somebody wants pictures."""
    if folder := os.environ.get(PICTURES):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)


def violations(page: Page, part: str | None = None) -> list[str]:
    """What axe-core finds wrong with a page, or a part of it: rule, how bad, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=part).response["violations"]
    return [f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes']][:3]}" for one in found]


def objections(file: Path, name: str) -> list[str]:
    """What is wrong with a page on a screen and on a phone, everything unfolded: axe-core's findings, and scrolling sideways."""
    found = []
    with browser() as running:
        for device in (WIDE, PHONE):
            page = running.new_page(viewport=device)  # type: ignore[arg-type]
            page.goto(file.as_uri())
            picture(page, f"{name}-{'phone' if device is PHONE else 'screen'}")
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            found += violations(page)
            if page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"):
                found.append(f"{name} scrolls sideways at {device['width']} px")
            page.close()
    return found
