"""The children of a SAF-T element by local name."""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

from billing_recon.feeds.ledgers.ledger_figures import plain_figure
from billing_recon.feeds.ledgers.xml_records import local


class Fields:
    """The first child of each name; none for an absent element."""

    __slots__ = ("_children", "root")

    def __init__(self, root: etree._Element | None) -> None:
        self.root: list[etree._Element] = [] if root is None else list(root)
        self._children: dict[str, etree._Element] = {}
        for child in self.root:
            self._children.setdefault(local(child), child)

    def element(self, name: str) -> etree._Element | None:
        return self._children.get(name)

    def text(self, name: str) -> str | None:
        """Return a child's text without surrounding spaces; None if absent or empty."""
        child = self._children.get(name)
        return (child.text or "").strip() or None if child is not None else None


def fields(element: etree._Element | None) -> Fields:
    return Fields(element)


def number(at: Fields, name: str, where: str) -> Decimal | None:
    """Return a child's figure; None if absent. Raise LedgerUnreadable."""
    text = at.text(name)
    return None if text is None else plain_figure(text, f"{where}: {name}")
