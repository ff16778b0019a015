"""Why a row is set aside: the closed set of quarantine reasons. Which row breaks which is decided in contracts and feeds."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason of the first thing found wrong with a row; the row's message names any others."""

    BROKEN_ROW = "BROKEN_ROW"
    """The line is no row: too few or too many fields, text after a closing quote, not a JSON object, too long."""
    BROKEN_DOCUMENT = "BROKEN_DOCUMENT"
    """The file is no invoice of its format, or of none that is known; the message is its reader's."""
    BAD_ENCODING = "BAD_ENCODING"
    """Bytes that are no text in the file's declared encoding, or a NUL character."""
    UNPARSABLE = "UNPARSABLE"
    """A value that is not what its column holds: no number, no ISO date, no instant, no JSON."""
    TOO_MANY_DECIMALS = "TOO_MANY_DECIMALS"
    """A figure with more decimals than are kept; storing it would round it silently."""
    OUT_OF_RANGE = "OUT_OF_RANGE"
    """A figure that cannot be: negative where nothing can be, or larger than any real one."""
    MISSING_VALUE = "MISSING_VALUE"
    """An empty value where every row needs one."""
    NOT_ALLOWED = "NOT_ALLOWED"
    """A value outside a closed set: a status, a kind, a time zone."""
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    """No active ISO 4217 code, or none that the company uses."""
    TABLE_RULE = "TABLE_RULE"
    """Values that cannot all be true of one row: a period that ends before it begins."""
    WRONG_DAY = "WRONG_DAY"
    """A row dated after the day of its file, or before the days that are looked back on."""
    DUPLICATE_KEY = "DUPLICATE_KEY"
    """A key given twice with different content. Neither row can be preferred, so both are set aside."""
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"
    """A usage event that was landed on an earlier day with other content; that one stays."""
