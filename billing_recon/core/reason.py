"""The closed sets of a break: pairs, levels, stages, reason codes, dispositions. How they are found is in compute."""

from __future__ import annotations

from enum import StrEnum


class Pair(StrEnum):
    """Two layers that are compared. A delta is always the second minus the first."""

    EXPECTED_BILLED = "expected_billed"
    """Our own rating against the billing engine's lines."""
    BILLED_RENDERED = "billed_rendered"
    """The engine's invoice against the document that the customer sees."""
    BILLED_BOOKED = "billed_booked"
    """The engine's invoice against its posting in the ledger."""
    RENDERED_BOOKED = "rendered_booked"
    """Document against ledger, for invoices that the engine's own output does not have."""
    BILLED_PAID = "billed_paid"
    """The engine's invoice against the money received."""
    PAID_BOOKED = "paid_booked"
    """The money that moved (payments, refunds, chargebacks, fees) against its posting in the ledger."""
    METERED_USED = "metered_used"
    """Usage events (first) against usage as metered by the engine (second), in units."""


class Level(StrEnum):
    """The grain at which a break is reported."""

    LINE = "line"
    INVOICE = "invoice"
    ACCOUNT = "account"


class Stage(StrEnum):
    """Where two computations first differ, in the order in which a bill is computed."""

    POPULATION = "population"
    USAGE = "usage"
    CONTRACT = "contract"
    RATING = "rating"
    ADJUSTMENT = "adjustment"
    TAX = "tax"
    MONEY = "money"
    DOCUMENT = "document"
    LEDGER = "ledger"
    PAYMENT = "payment"
    RESIDUAL = "residual"


class Code(StrEnum):
    """Why a break exists. Each break has one code: that of the earliest stage that differs."""

    KEY_UNMAPPED = "KEY_UNMAPPED"
    RECORD_QUARANTINED = "RECORD_QUARANTINED"
    INVOICE_MISSING = "INVOICE_MISSING"
    INVOICE_UNEXPECTED = "INVOICE_UNEXPECTED"
    INVOICE_DUPLICATE = "INVOICE_DUPLICATE"
    INVOICE_PERIOD = "INVOICE_PERIOD"
    EXPOSURE = "EXPOSURE"
    USAGE_MISSING = "USAGE_MISSING"
    USAGE_DUPLICATE = "USAGE_DUPLICATE"
    USAGE_LATE = "USAGE_LATE"
    USAGE_CORRECTED = "USAGE_CORRECTED"
    USAGE_AGGREGATION = "USAGE_AGGREGATION"
    SUBSCRIPTION_STATE = "SUBSCRIPTION_STATE"
    PRICE_VERSION = "PRICE_VERSION"
    CONTRACT_OVERRIDE = "CONTRACT_OVERRIDE"
    ALLOWANCE_ROLLOVER = "ALLOWANCE_ROLLOVER"
    TIER_RATE = "TIER_RATE"
    PRORATION = "PRORATION"
    MINIMUM = "MINIMUM"
    CAP = "CAP"
    DISCOUNT_VALUE = "DISCOUNT_VALUE"
    CREDIT_VALUE = "CREDIT_VALUE"
    MANUAL_ADJUSTMENT = "MANUAL_ADJUSTMENT"
    STEP_ORDER = "STEP_ORDER"
    TAX_RATE_JURISDICTION = "TAX_RATE_JURISDICTION"
    TAX_BASE = "TAX_BASE"
    CURRENCY_FX = "CURRENCY_FX"
    MINOR_UNIT = "MINOR_UNIT"
    ROUNDING = "ROUNDING"
    RENDER_MISSING = "RENDER_MISSING"
    RENDER_DUPLICATE = "RENDER_DUPLICATE"
    RENDER_VALUE = "RENDER_VALUE"
    LEDGER_MISSING = "LEDGER_MISSING"
    LEDGER_DUPLICATE = "LEDGER_DUPLICATE"
    LEDGER_AMOUNT = "LEDGER_AMOUNT"
    LEDGER_ACCOUNT = "LEDGER_ACCOUNT"
    LEDGER_PERIOD = "LEDGER_PERIOD"
    LEDGER_UNEXPECTED = "LEDGER_UNEXPECTED"
    REVERSAL_NOT_PROPAGATED = "REVERSAL_NOT_PROPAGATED"
    PAYMENT_MISSING = "PAYMENT_MISSING"
    PAYMENT_DUPLICATE = "PAYMENT_DUPLICATE"
    PAYMENT_AMOUNT = "PAYMENT_AMOUNT"
    PAYMENT_MISAPPLIED = "PAYMENT_MISAPPLIED"
    REFUND_DISPUTE = "REFUND_DISPUTE"
    UNEXPLAINED = "UNEXPLAINED"


STAGE_CODES: dict[Stage, tuple[Code, ...]] = {
    Stage.POPULATION: (
        Code.KEY_UNMAPPED,
        Code.RECORD_QUARANTINED,
        Code.INVOICE_MISSING,
        Code.INVOICE_UNEXPECTED,
        Code.INVOICE_DUPLICATE,
        Code.INVOICE_PERIOD,
        Code.EXPOSURE,
    ),
    Stage.USAGE: (
        Code.USAGE_MISSING,
        Code.USAGE_DUPLICATE,
        Code.USAGE_LATE,
        Code.USAGE_CORRECTED,
        Code.USAGE_AGGREGATION,
    ),
    Stage.CONTRACT: (Code.SUBSCRIPTION_STATE, Code.PRICE_VERSION, Code.CONTRACT_OVERRIDE),
    Stage.RATING: (Code.ALLOWANCE_ROLLOVER, Code.TIER_RATE, Code.PRORATION, Code.MINIMUM, Code.CAP),
    Stage.ADJUSTMENT: (Code.DISCOUNT_VALUE, Code.CREDIT_VALUE, Code.MANUAL_ADJUSTMENT, Code.STEP_ORDER),
    Stage.TAX: (Code.TAX_RATE_JURISDICTION, Code.TAX_BASE),
    Stage.MONEY: (Code.CURRENCY_FX, Code.MINOR_UNIT, Code.ROUNDING),
    Stage.DOCUMENT: (Code.RENDER_MISSING, Code.RENDER_DUPLICATE, Code.RENDER_VALUE),
    Stage.LEDGER: (
        Code.LEDGER_MISSING,
        Code.LEDGER_DUPLICATE,
        Code.LEDGER_AMOUNT,
        Code.LEDGER_ACCOUNT,
        Code.LEDGER_PERIOD,
        Code.LEDGER_UNEXPECTED,
        Code.REVERSAL_NOT_PROPAGATED,
    ),
    Stage.PAYMENT: (
        Code.PAYMENT_MISSING,
        Code.PAYMENT_DUPLICATE,
        Code.PAYMENT_AMOUNT,
        Code.PAYMENT_MISAPPLIED,
        Code.REFUND_DISPUTE,
    ),
    Stage.RESIDUAL: (Code.UNEXPLAINED,),
}

STAGE_OF: dict[Code, Stage] = {code: stage for stage, codes in STAGE_CODES.items() for code in codes}


class Disposition(StrEnum):
    """What was decided about a break, independent of its code."""

    OPEN = "OPEN"
    """Nobody has decided yet; counts against the gate."""
    TIMING = "TIMING"
    """Resolves by itself in a later period."""
    EXPECTED_CHANGE = "EXPECTED_CHANGE"
    """Covered by a registered, unexpired expected change."""
    DEFECT = "DEFECT"
    """The billing is wrong and has to be fixed; counts against the gate."""
    DATA_ERROR = "DATA_ERROR"
    """A layer's data is wrong, not the billing; counts against the gate."""
    ACCEPTED_TOLERANCE = "ACCEPTED_TOLERANCE"
    """Inside the policy's tolerance; counted and shown, gross and net, never hidden."""

    @property
    def counts_against_gate(self) -> bool:
        """Whether a break with this disposition counts against its day's gate."""
        return self in (Disposition.OPEN, Disposition.DEFECT, Disposition.DATA_ERROR)
