"""CSS selectors: the same elements as lxml's own XPath finds, and soon on any page."""

from __future__ import annotations

import random
import time

import pytest
from lxml import html
from lxml.cssselect import CSSSelector

from billing_recon.feeds.documents.css_selectors import parsed
from billing_recon.feeds.documents.html_page import parse

SELECTORS = [
    "p", "*", ".a", "#i3", "div p", "div > p", "p + b", "p ~ b", "p + p + b", "p ~ b ~ p", "div div p.a", "p:first-child",
    "p:last-child", "b:first-of-type", "b:last-of-type", "p:nth-child(2)", "p:nth-child(2n+1)", "p:nth-child(odd)",
    "p:nth-child(-n+2)", "b:nth-last-child(2)", "b:nth-of-type(2n)", "b:nth-last-of-type(1)", "p:only-child", "p:empty", "p:not(.a)",
    "div:not(.a) > p:not(:first-child)", "[data-x]", "p[data-x=one]", "[data-x~=two]", "[data-x^=on]", "[data-x$=wo]",
    "[data-x*=n]", "[data-x|=one]", "p, b.a", "div.a b, #i5 > p", "p:contains(x)", "div:contains('x y') p", "body > div", "DIV P",
]  # fmt: skip


def page(seed: int) -> str:
    chance = random.Random(seed)
    out = ["<html><body>"]
    opened: list[str] = []
    for number in range(40):
        if opened and chance.random() < 0.45:
            out.append(f"</{opened.pop()}>")
        tag = chance.choice(["div", "div", "b", "i"]) if len(opened) < 6 else "b"
        attributes = chance.choice(
            ["", ' class="a"', ' class="b a"', f' id="i{number % 7}"', ' data-x="one"', ' data-x="one two"']
        )
        tag = "p" if chance.random() < 0.3 else tag
        text = chance.choice(["", "x", "x y", "z"])
        out.append(f"<{tag}{attributes}>{text}")
        out.append(f"</{tag}>") if tag == "p" else opened.append(tag)
    out += [f"</{tag}>" for tag in reversed(opened)]
    return "".join([*out, "</body></html>"])


def test_every_selector_finds_what_xpath_finds() -> None:
    """A selector that finds nothing on any page would prove nothing."""
    pages = [parse(page(seed).encode()) for seed in range(60)]
    differing, unproven = [], []
    for selector in SELECTORS:
        expected = [CSSSelector(selector, translator="html")(read.root) for read in pages]
        differing += [(selector, seed) for seed, read in enumerate(pages) if read.selected(selector) != expected[seed]]
        unproven += [] if any(expected) else [selector]
    assert (differing, unproven) == ([], [])


@pytest.mark.parametrize(
    ("selector", "says"),
    [("td..x", "Expected ident"), ("td::before", "selects no element"), ("td:hover", ":hover is not supported"), ("td:has(b)", "supported"),
     ("td:is(.a)", "supported"), ("td:nth-child(x)", "needs a place")],
)  # fmt: skip
def test_what_is_not_supported_is_said(selector: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parsed(selector)


@pytest.mark.parametrize(
    "text",
    ["<p>x</p>" * 15_000, ("<div>" * 240 + "</div>" * 240) * 300, "<div><p>x</p></div>" * 12_000],
    ids=["wide", "deep", "many"],
)
def test_no_page_makes_a_selector_run_on(text: str) -> None:
    read = parse(f"<html><body>{text}</body></html>".encode())
    began = time.monotonic()
    for selector in (
        "p + p + p",
        "p ~ p ~ b",
        "div div div b",
        "p:nth-child(2n)",
        "div:contains(x) p",
        "div:not(.a) div",
    ):
        read.selected(selector)
    assert time.monotonic() - began < 8


def test_a_selection_inside_an_element_stays_inside() -> None:
    read = parse(b"<html><body><div><p>1</p></div><div><p>2</p></div></body></html>")
    second = read.selected("div")[1]
    assert [html.tostring(part, encoding="unicode") for part in read.selected("div > p", second)] == ["<p>2</p>"]
