"""Every page that people read, in a real browser: nothing that axe-core objects to, on a screen, a phone and paper; quick to open."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2
import pytest

from billing_recon.compute.engine import session
from billing_recon.core.schema import BREAKS
from billing_recon.day.preview import Preview
from billing_recon.report import preview
from billing_recon.report.day_pack import write_day_pack
from billing_recon.report.month_page import month_page
from billing_recon_tests.browser import PHONE, PICTURES, WIDE, browser, picture, violations
from billing_recon_tests.report.books import DAY, EXPECTED, QUIET, TOO_DEAR, UNBOOKED, keep_books, put

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MANY = 50_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A red day, a green day, all days, a customer's next bills, and a day of many breaks."""
    home = keep_books(tmp_path_factory.mktemp("books") / "home")
    found = {"red-day": write_day_pack(home, DAY), "green-day": write_day_pack(home, QUIET)}
    line = {**EXPECTED, "part": "so_far", "due_on": DAY, "period_start": DAY, "period_end": DAY}
    amounts = ("quantity", "unit_price", "gross", "discount_rate", "discount", "credit", "tax_rate", "tax", "total")
    line |= {name: Decimal(str(EXPECTED[name])) for name in amounts}
    units = {"subscription_id": "S-1", "meter": "api_calls", "period_end": DAY, "included": Decimal(5000)}
    units |= {
        "used": Decimal(4600),
        "share": Decimal("0.92"),
        "reached": 90,
        "next_threshold": 100,
        "units_to_next": Decimal(400),
    }
    customer = home.path / "preview.html"
    customer.write_text(preview.page(home, Preview("C-1", DAY, (line,), (units,), ("S-9 is not rated.",), ())), "utf-8")
    close = home.path / "close.html"
    close.write_text(month_page(home, "2026-03")[0], "utf-8")
    many = keep_books(tmp_path_factory.mktemp("many") / "home")
    con = session()
    rows = [{**(TOO_DEAR, UNBOOKED)[n % 2], "break_id": f"b{n:05}"} for n in range(MANY)]
    put(con, many, BREAKS, DAY, rows)
    con.close()
    return {
        **found,
        "all-days": home.state / "reports" / "index.html",
        "preview": customer,
        "close": close,
        "many": write_day_pack(many, DAY),
    }


@pytest.mark.parametrize("device", [WIDE, PHONE], ids=["screen", "phone"])
@pytest.mark.parametrize("name", ["red-day", "green-day", "all-days", "preview", "close", "many"])
def test_axe_core_has_nothing_to_object_to(
    chromium: Browser, pages: dict[str, Path], name: str, device: dict[str, int]
) -> None:
    page = chromium.new_page(viewport=device)  # type: ignore[arg-type]
    started = time.monotonic()
    page.goto(pages[name].as_uri())
    assert time.monotonic() - started < 2, "a page opens within 2 s"
    if name != "many":  # of the same parts as the red day
        picture(page, f"{name}-{'phone' if device is PHONE else 'screen'}")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert violations(page) == []
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways == 0, "the page itself does not scroll sideways; wide tables do"
    page.close()


def test_every_part_is_reached_and_opened_with_the_keyboard(chromium: Browser, pages: dict[str, Path]) -> None:
    page = chromium.new_page(viewport=WIDE)  # type: ignore[arg-type]
    page.goto(pages["red-day"].as_uri())
    summaries = page.locator("summary").count()
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('summary') && !document.activeElement.parentElement.open"):
            page.keyboard.press("Enter")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert page.locator("details[open]").count() == summaries > 5
    page.close()


def test_breaks_are_found_by_words_and_owner_also_those_that_are_not_on_the_page(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    page = chromium.new_page(viewport=WIDE)  # type: ignore[arg-type]
    page.goto(pages["red-day"].as_uri())
    said = page.locator(".find [role=status]")
    page.get_by_label("Find breaks").fill("price_version inv-81")
    assert said.text_content() == "1 found"
    assert page.locator(".break:visible").count() == 1
    page.get_by_label("Find breaks").fill("")
    page.get_by_label("Owner", exact=True).select_option("accounting")
    assert page.locator(".break:visible").count() == 1
    page.evaluate("document.querySelector('.find').previousElementSibling.scrollIntoView()")
    picture(page, "find-screen", whole=False)
    page.goto(f"{pages['red-day'].as_uri()}#{TOO_DEAR['break_id']}")
    page.reload()
    assert page.locator("details[open]").get_attribute("id") == TOO_DEAR["break_id"], "a link to a break opens it"

    page.goto(pages["many"].as_uri())
    assert page.locator("#b49998").count() == 0
    started = time.monotonic()
    page.get_by_label("Find breaks").fill("b49998")
    page.get_by_text("1 found").wait_for()
    assert time.monotonic() - started < 2, "fifty thousand breaks are searched within 2 s"
    assert "billing-recon explain b49998" in (page.locator("#found").text_content() or "")
    page.get_by_label("Find breaks").fill("ledger_missing")
    page.get_by_text("25,000 found; of those beyond the page the 50 largest are listed").wait_for()
    assert violations(page, "#found") == []
    page.close()


def test_without_script_the_page_has_every_part_and_no_search(chromium: Browser, pages: dict[str, Path]) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(pages["red-day"].as_uri())
    assert not page.locator(".find").is_visible()
    assert page.locator(".break").count() == 3
    assert page.locator(".break .working").count() == 3
    page.close()


def test_a_usual_day_prints_on_two_pages(chromium: Browser, pages: dict[str, Path]) -> None:
    page = chromium.new_page()
    page.goto(pages["red-day"].as_uri())
    printed = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    assert len(printed) <= 2
    if folder := os.environ.get(PICTURES):
        printed[0].render(scale=1.2).to_pil().save(Path(folder) / "red-day-print.png")
    printed.close()
    page.close()
