"""CSS selectors for pages of unknown senders. Each part of a selector is evaluated once per element, so that no page, however
deep or wide, takes long; translated to XPath, `p + p + p` or `div div b` can take minutes."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache

from cssselect import parser as css
from cssselect.parser import Tree, parse_series
from lxml import etree
from lxml.html import HtmlElement as Element

_NTH = ("nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type")
_PLACES = {
    "first-child": ("nth-child", (0, 1)),
    "last-child": ("nth-last-child", (0, 1)),
    "first-of-type": ("nth-of-type", (0, 1)),
    "last-of-type": ("nth-last-of-type", (0, 1)),
}
_ATTRIBUTES: dict[str, Callable[[str, str], bool]] = {
    "=": lambda has, value: has == value,
    "~=": lambda has, value: value in has.split(),
    "|=": lambda has, value: has == value or has.startswith(f"{value}-"),
    "^=": lambda has, value: bool(value) and has.startswith(value),
    "$=": lambda has, value: bool(value) and has.endswith(value),
    "*=": lambda has, value: bool(value) and value in has,
    "!=": lambda has, value: has != value,
}


@lru_cache(maxsize=256)
def parsed(selector: str) -> tuple[Tree, ...]:
    """Return the alternatives of a selector. Raise ValueError if it is invalid or not supported."""
    try:
        alternatives = css.parse(selector)
    except css.SelectorSyntaxError as error:
        raise ValueError(str(error)) from error
    for one in alternatives:
        if one.pseudo_element is not None:
            raise ValueError(f"::{one.pseudo_element} selects no element")
        for part in _parts(one.parsed_tree):
            _check(part)
    return tuple(one.parsed_tree for one in alternatives)


def _parts(tree: Tree) -> Iterator[Tree]:
    """Yield a selector and every selector inside it."""
    yield tree
    for name in ("selector", "subselector"):
        inside = getattr(tree, name, None)
        if inside is not None:
            yield from _parts(inside)


def _check(part: Tree) -> None:
    match part:
        case css.Pseudo() if part.ident not in (*_PLACES, "only-child", "empty"):
            raise ValueError(f":{part.ident} is not supported")
        case css.Function() if part.name in _NTH:
            try:
                parse_series(part.arguments)
            except ValueError as error:
                raise ValueError(f":{part.name}() needs a place such as 2, odd or 2n+1") from error
        case css.Function() if part.name != "contains" or part.argument_types() not in (["STRING"], ["IDENT"]):
            raise ValueError(f':{part.name}() is not supported; contains("text") and nth-child() and their like are')
        case css.Relation() | css.Matching() | css.SpecificityAdjustment():
            raise ValueError("only tags, classes, ids, attributes, :not() and places are supported")
        case _:
            pass


class Selection:
    """Selections on one page. Results per element are cached."""

    def __init__(self, root: Element) -> None:
        self._elements, self._text, self._spans = _read(root)
        self._occurrences: dict[str, list[int]] = {}
        self._known: dict[tuple[int, str, Element], bool] = {}
        self._places: dict[tuple[Element, str], dict[Element, int]] = {}

    def select(self, scope: Element, selector: str) -> list[Element]:
        """Return the elements in `scope`, including itself, that a selector matches, in page order."""
        trees = parsed(selector)
        return [
            element
            for element in scope.iter()
            if isinstance(element, Element) and any(self._matches(element, tree) for tree in trees)
        ]

    def _matches(self, element: Element, tree: Tree) -> bool:
        match tree:
            case css.Element():
                return tree.element is None or tree.element.lower() == element.tag
            case css.CombinedSelector():
                return self._matches(element, tree.subselector) and self._related(element, tree)
            case css.Negation():
                return self._matches(element, tree.selector) and not self._matches(element, tree.subselector)
            case css.Class():
                return self._matches(element, tree.selector) and tree.class_name in element.get("class", "").split()
            case css.Hash():
                return self._matches(element, tree.selector) and element.get("id") == tree.id
            case css.Attrib():
                return self._matches(element, tree.selector) and _has(element, tree)
            case css.Pseudo():
                return self._matches(element, tree.selector) and self._is_at(element, tree.ident)
            case css.Function():
                return self._matches(element, tree.selector) and self._function(element, tree)
            case _:
                raise AssertionError(f"{tree!r} was not refused when it was parsed")

    def _related(self, element: Element, tree: css.CombinedSelector) -> bool:
        parent = element.getparent()
        match tree.combinator:
            case ">":
                return isinstance(parent, Element) and self._matches(parent, tree.selector)
            case "+":
                before = element.getprevious()
                return isinstance(before, Element) and self._matches(before, tree.selector)
            case "~":
                return self._any(element, tree, "~", Element.getprevious)
            case _:
                return self._any(element, tree, " ", Element.getparent)

    def _any(self, element: Element, tree: css.CombinedSelector, way: str, step: Callable[[Element], object]) -> bool:
        """Whether one of the elements along the way matches. The result is cached for every element passed."""
        passed: list[Element] = []
        found = False
        while True:
            key = (id(tree), way, element)
            if key in self._known:
                found = self._known[key]
                break
            passed.append(element)
            before = step(element)
            if not isinstance(before, Element):
                break
            if self._matches(before, tree.selector):
                found = True
                break
            element = before
        self._known.update(dict.fromkeys(((id(tree), way, one) for one in passed), found))
        return found

    def _is_at(self, element: Element, ident: str) -> bool:
        if ident == "empty":
            return not len(element) and not element.text
        if ident == "only-child":
            return self._is_at(element, "first-child") and self._is_at(element, "last-child")
        name, (step, first) = _PLACES[ident]
        return self._nth(element, name, step, first)

    def _function(self, element: Element, tree: css.Function) -> bool:
        if tree.name == "contains":
            return self._contains(element, str(tree.arguments[0].value))
        return self._nth(element, tree.name, *parse_series(tree.arguments))

    def _contains(self, element: Element, sought: str) -> bool:
        if sought not in self._occurrences:
            places = re.finditer(f"(?={re.escape(sought)})", self._text)
            self._occurrences[sought] = [place.start() for place in places]
        occurrences = self._occurrences[sought]
        start, end = self._spans[element]
        first = bisect_left(occurrences, start)
        return first < len(occurrences) and occurrences[first] + len(sought) <= end

    def _nth(self, element: Element, name: str, step: int, first: int) -> bool:
        parent = element.getparent()
        if not isinstance(parent, Element):
            return first == 1 or step != 0
        if (parent, name) not in self._places:
            self._places[parent, name] = _counted(parent, name)
        rest = self._places[parent, name][element] - first
        return rest == 0 if step == 0 else rest % step == 0 and rest // step >= 0


def _read(root: Element) -> tuple[list[Element], str, dict[Element, tuple[int, int]]]:
    """Return every element (kept alive, so that it stays the same object), the whole text, and each element's span in it."""
    elements: list[Element] = []
    pieces: list[str] = []
    starts: dict[Element, int] = {}
    spans: dict[Element, tuple[int, int]] = {}
    length = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element, Element):
            continue
        if event == "start":
            elements.append(element)
            starts[element] = length
            piece = element.text
        else:
            spans[element] = (starts[element], length)
            piece = element.tail if element is not root else None
        if piece:
            pieces.append(re.sub(r"\s+", " ", piece))
            length += len(pieces[-1])
    return elements, "".join(pieces), spans


def _counted(parent: Element, name: str) -> dict[Element, int]:
    """Return the position of each child, from 1: among all or those of its tag, from the front or the back."""
    children = [child for child in parent if isinstance(child, Element)]
    counts: dict[str, int] = {}
    places: dict[Element, int] = {}
    for child in reversed(children) if "last" in name else children:
        kind = str(child.tag) if name.endswith("type") else ""
        counts[kind] = places[child] = counts.get(kind, 0) + 1
    return places


def _has(element: Element, tree: css.Attrib) -> bool:
    has = element.get(tree.attrib.lower())
    if tree.operator == "exists" or has is None:
        return has is not None or tree.operator == "!="
    value = "" if tree.value is None else str(tree.value.value)
    if tree.flag == "i":
        has, value = has.lower(), value.lower()
    return _ATTRIBUTES[tree.operator](has, value)
