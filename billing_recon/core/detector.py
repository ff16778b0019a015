"""The closed set of detectors: what in the data itself needs a look, apart from differences between layers."""

from __future__ import annotations

from enum import StrEnum


class Detector(StrEnum):
    """What was found. How it is found is in compute.detect."""

    ZERO_INVOICE = "ZERO_INVOICE"
    """An invoice of 0.00 that neither credits nor our own rating explain."""
    NEGATIVE_INVOICE = "NEGATIVE_INVOICE"
    """An invoice, not a credit note, with a negative total."""
    MISSING_TAX = "MISSING_TAX"
    """Taxable amounts without tax in a region that is taxed."""
    UNUSUAL_DISCOUNT = "UNUSUAL_DISCOUNT"
    """A discount above the policy's bound, or far from the customer's or plan's history and not in the contract."""
    PAYMENT_STATUS = "PAYMENT_STATUS"
    """A payment whose status contradicts the money."""
    DUPLICATE_CHARGE = "DUPLICATE_CHARGE"
    """A customer charged twice for the same thing and period."""
    NUMBER_GAP = "NUMBER_GAP"
    """Numbers missing within a series of invoices."""
    NUMBER_REPEAT = "NUMBER_REPEAT"
    """One invoice number used for several invoices."""
    VARIANT_MISSING = "VARIANT_MISSING"
    """Lines that do not say by which path they were billed, while a rollout is live."""
