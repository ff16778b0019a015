"""XML built by nested calls that look like the XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


class Maker:
    """Makes elements of one namespace: `make("Name", "text", make("Child"), attribute="value")`.

    `names` are the prefixes that the file declares, "" for the namespace without one. Text is escaped by lxml.
    """

    def __init__(self, namespace: str, names: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._names: dict[Any, str] = {prefix or None: name for prefix, name in names.items()}

    def __call__(self, tag: str, *content: str | Element, **attributes: str) -> Element:
        element = etree.Element(f"{{{self._namespace}}}{tag}", nsmap=self._names)
        for part in content:
            if isinstance(part, str):
                element.text = (element.text or "") + part
            else:
                element.append(part)
        for name, value in attributes.items():
            element.set(name, value)
        return element


def as_file(root: Element) -> bytes:
    """The document as an indented file in UTF-8."""
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
