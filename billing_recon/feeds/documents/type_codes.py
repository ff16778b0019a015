"""UNTDID 1001: which document type codes mean that the seller owes rather than the buyer."""

from __future__ import annotations

from billing_recon.core.document import DocumentKind

CREDIT_NOTES = frozenset(("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"))
"""EN 16931's credit note codes. 384, a corrected invoice, is not among them: it states its own signs and is an invoice."""


def kind_of(code: str | None, otherwise: DocumentKind) -> DocumentKind:
    """What a type code says. A code that is no credit note's leaves it to the document's own name (`otherwise`).

    >>> kind_of("381", DocumentKind.INVOICE).value, kind_of("384", DocumentKind.INVOICE).value
    ('credit_note', 'invoice')
    """
    return DocumentKind.CREDIT_NOTE if code in CREDIT_NOTES else otherwise
