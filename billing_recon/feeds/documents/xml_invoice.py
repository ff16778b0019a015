"""Recognise and read an XML invoice with its findings. The formats are in ubl, cii and fatturapa."""

from __future__ import annotations

import re

from lxml import etree

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import cii, effect, fatturapa, safe_xml, ubl

FORMS: tuple[str, ...] = (ubl.FORM, cii.FORM, cii.FORM_1, fatturapa.FORM)


ENVELOPE = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}"
"""Namespace of the envelope that networks such as Peppol put around a document."""


_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>\s*")


def recognise(data: bytes) -> str | None:
    """Return the format by the root element alone, so that a broken invoice is still recognised."""
    return _form_of(safe_xml.root_tag(data, ENVELOPE))


def read(data: bytes, name: str) -> list[Document]:
    """Read the document with its findings, or each body of a FatturaPA. Raise DocumentUnreadable with the next step."""
    root = _unwrapped(safe_xml.parse(data))
    form = _form_of(str(root.tag))
    if form is None:
        raise DocumentUnreadable(
            f"its root element is {root.tag}, which is not a UBL, CII, ZUGFeRD or FatturaPA invoice"
        )
    match form:
        case ubl.FORM:
            found = [ubl.read(root, name)]
        case fatturapa.FORM:
            found = fatturapa.read(root, name)
        case _:
            found = [cii.read(root, name)]
    return [effect.decided(document) for document in found]


def _unwrapped(root: etree._Element) -> etree._Element:
    if root.tag == ubl.CONTAINER and (carried_text := root.findtext(ubl.CARRIED, namespaces=ubl.PREFIXES)):
        # The text is the whole document, whose own declaration of an encoding no longer holds.
        return safe_xml.parse(_DECLARATION.sub("", carried_text.strip(), count=1).encode())
    if not str(root.tag).startswith(ENVELOPE):
        return root
    carried = [child for child in root if not str(child.tag).startswith(ENVELOPE)]
    if len(carried) != 1:
        raise DocumentUnreadable(
            f"its envelope contains {len(carried)} documents instead of one; ask the sender for one document per file"
        )
    return carried[0]


def _form_of(tag: str | None) -> str | None:
    if tag is None:
        return None
    if tag.startswith(ubl.FAMILY):
        return ubl.FORM
    if fatturapa.is_fatturapa(tag):
        return fatturapa.FORM
    if tag.startswith(cii.FAMILIES):
        return cii.VOCABULARIES[tag].form if tag in cii.VOCABULARIES else cii.FORM
    return None
