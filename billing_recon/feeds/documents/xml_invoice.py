"""Which electronic invoice an XML text is, and reading it with its findings. The formats themselves are ubl and cii."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents import arithmetic, cii, safe_xml, ubl

FORMS: tuple[str, ...] = (ubl.FORM, cii.FORM, cii.FORM_1)


ENVELOPE = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}"
"""Namespace of the envelope that networks such as Peppol put around a document; the document is what it carries."""


def recognise(data: bytes) -> str | None:
    """The format by the root element alone, so that a broken invoice is still known for one."""
    return _form_of(safe_xml.root_tag(data, ENVELOPE))


def read(data: bytes, name: str) -> Document:
    """The document with its findings. Raises DocumentUnreadable with what is wrong and what to do."""
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
            f"its envelope carries {len(carried)} documents where one belongs; ask the sender for one document a file"
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
