"""Why a row is quarantined: a closed set. Which rows are is decided in contracts and feeds."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason of a row's first fault; the row's message names any others."""

    BROKEN_ROW = "BROKEN_ROW"
    """The line is not a row: too few or too many fields, text after a closing quote, not a JSON object, too long."""
    BROKEN_DOCUMENT = "BROKEN_DOCUMENT"
    """The file is not an invoice of its format, or its format is unknown; the message is the reader's."""
    BAD_ENCODING = "BAD_ENCODING"
    """Bytes that are not text in the file's declared encoding, or a NUL character."""
    UNPARSABLE = "UNPARSABLE"
    """A value that does not fit its column: not a number, ISO date, instant or JSON."""
    TOO_MANY_DECIMALS = "TOO_MANY_DECIMALS"
    """A figure with more decimals than are kept; storing it would round it silently."""
    OUT_OF_RANGE = "OUT_OF_RANGE"
    """An impossible figure: negative where that is impossible, or larger than any real one."""
    MISSING_VALUE = "MISSING_VALUE"
    """A required value is empty."""
    NOT_ALLOWED = "NOT_ALLOWED"
    """A value outside a closed set: a status, a kind, a time zone."""
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    """Not an active ISO 4217 code, or not a currency of the company."""
    TABLE_RULE = "TABLE_RULE"
    """Values that contradict each other: a period that ends before it begins."""
    WRONG_DAY = "WRONG_DAY"
    """A row dated after the day of its file, or before the lookback."""
    DUPLICATE_KEY = "DUPLICATE_KEY"
    """A key given twice with different content. Neither row can be preferred, so both are quarantined."""
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"
    """A usage event that landed on an earlier day with other content; the earlier one stays."""
