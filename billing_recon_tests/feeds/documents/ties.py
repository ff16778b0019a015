"""Whether a document that is landed as engine lines and as a rendered invoice would differ from itself."""

from __future__ import annotations

from decimal import Decimal

from billing_recon.feeds.documents.document_rows import DocumentRows


def breaks_of(found: DocumentRows) -> list[str]:
    """Return what would be a difference by rendered_ties.sql and rendered_differences.sql."""

    def billed(name: str) -> Decimal:
        return sum((Decimal(line[f"row_{name}"] or "NaN") for line in found.billed), Decimal(0))

    header = {
        name: Decimal(found.header[f"row_{name}"] or "NaN")
        for name in ("subtotal", "discount", "tax", "total", "payable")
    }
    net = billed("gross") - billed("discount")
    shown = sum((Decimal(line["row_amount"] or "NaN") for line in found.parts), Decimal(0))
    pairs = {
        "subtotal": header["subtotal"] == billed("gross"),
        "discount": header["discount"] == billed("discount"),
        "tax": header["tax"] == billed("tax"),
        "payable": header["payable"] == billed("total"),
        "total": header["total"] in (billed("total"), billed("total") + billed("credit"), net + billed("tax")),
        "lines": shown == net,
        "ids": len({line["row_line_id"] for line in found.billed}) == len(found.billed),
    }
    return [name for name, same in pairs.items() if not same]
