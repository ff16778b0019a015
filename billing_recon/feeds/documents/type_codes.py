"""UNTDID 1001: document type codes of credit notes."""

from __future__ import annotations

from billing_recon.core.document import DocumentKind

CREDIT_NOTES = frozenset(("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"))
"""EN 16931's credit note codes. 384, a corrected invoice, is not among them: it states its own signs and is an invoice."""


def kind_of(code: str | None, otherwise: DocumentKind) -> DocumentKind:
    """Return the kind by type code; `otherwise`, the document's own name, decides if the code is not a credit note's.

    >>> kind_of("381", DocumentKind.INVOICE).value, kind_of("384", DocumentKind.INVOICE).value
    ('credit_note', 'invoice')
    """
    return DocumentKind.CREDIT_NOTE if code in CREDIT_NOTES else otherwise
