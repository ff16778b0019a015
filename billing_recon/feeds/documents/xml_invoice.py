"""Recognise and read an XML invoice with its findings. The formats are in ubl and cii."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import arithmetic, cii, safe_xml, ubl

FORMS: tuple[str, ...] = (ubl.FORM, cii.FORM, cii.FORM_1)


ENVELOPE = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}"
"""Namespace of the envelope that networks such as Peppol put around a document."""


def recognise(data: bytes) -> str | None:
    """Return the format by the root element alone, so that a broken invoice is still recognised."""
    return _form_of(safe_xml.root_tag(data, ENVELOPE))


def read(data: bytes, name: str) -> Document:
    """Read the document with its findings. Raise DocumentUnreadable with the cause and the next step."""
    root = _unwrapped(safe_xml.parse(data))
    form = _form_of(str(root.tag))
    if form is None:
        raise DocumentUnreadable(f"its root element is {root.tag}, which is not a UBL, CII or ZUGFeRD invoice")
    document = ubl.read(root, name) if form == ubl.FORM else cii.read(root, name)
    return replace(document, findings=arithmetic.findings(document))


def _unwrapped(root: etree._Element) -> etree._Element:
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
    if tag.startswith(cii.FAMILIES):
        return cii.VOCABULARIES[tag].form if tag in cii.VOCABULARIES else cii.FORM
    return None
