"""How a break is resolved: the kinds of correction or acceptance, and what each does to the gate of the break's day."""

from __future__ import annotations

from enum import StrEnum

from billing_recon.core.reason import Code, Disposition, Pair


class Resolution(StrEnum):
    """What was or will be done about a break."""

    FIXED_AT_SOURCE = "fixed_at_source"
    """The wrong data or posting was corrected where it comes from. Only reconciliation can say that it was: it never opens a gate."""
    VOID_AND_REISSUE = "void_and_reissue"
    """The invoice is voided and issued again."""
    CREDIT_NOTE = "credit_note"
    """A credit note takes the difference back."""
    REBILL = "rebill"
    """What was not billed is billed by an invoice of its own."""
    ADJUST_NEXT_CYCLE = "adjust_next_cycle"
    """The next invoice of the customer corrects it."""
    ACCEPTED_WITHIN_TOLERANCE = "accepted_within_tolerance"
    """Nobody corrects it: it is below what the policy lets people accept."""
    EXPECTED_CHANGE = "expected_change"
    """It is meant: a change that somebody announced."""

    @property
    def is_correction(self) -> bool:
        """Whether another document is to correct it, in a later period."""
        return self in _CORRECTIONS


_CORRECTIONS = (
    Resolution.VOID_AND_REISSUE,
    Resolution.CREDIT_NOTE,
    Resolution.REBILL,
    Resolution.ADJUST_NEXT_CYCLE,
)


class Told(StrEnum):
    """Whether the customer was told about an error of their bill."""

    YES = "yes"
    NO = "no"
    NOT_NEEDED = "not_needed"
    """The customer is not concerned: the difference never reached them."""


def disposition_of(kind: Resolution, pair: str, code: str, opens_gate: bool) -> Disposition:
    """What a break counts as once it is resolved in this way.

    A correction counts as a defect until the policy says that its promise opens the gate; it is then a matter of timing.

    >>> disposition_of(Resolution.FIXED_AT_SOURCE, "billed_booked", "LEDGER_AMOUNT", True).value
    'DATA_ERROR'
    >>> disposition_of(Resolution.CREDIT_NOTE, "expected_billed", "PRICE_VERSION", True).value
    'TIMING'
    """
    wrong = Disposition.DEFECT if pair in (Pair.EXPECTED_BILLED, Pair.METERED_USED) else Disposition.DATA_ERROR
    if code == Code.RECORD_QUARANTINED:
        wrong = Disposition.DATA_ERROR
    if kind is Resolution.FIXED_AT_SOURCE or not opens_gate:
        return wrong
    if kind is Resolution.ACCEPTED_WITHIN_TOLERANCE:
        return Disposition.ACCEPTED_TOLERANCE
    if kind is Resolution.EXPECTED_CHANGE:
        return Disposition.EXPECTED_CHANGE
    return Disposition.TIMING
