"""Convert texts to exact values, as SQL: which texts are values of a kind, and the reason why others are not."""

from __future__ import annotations

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import DECIMALS, SQL_TYPE, Kind

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = _DATE + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0*)?)? ?(Z|z|UTC|[+-](0[0-9]|1[0-4])(:?[0-9]{2})?)?"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_INTEGER = r"[+-]?[0-9]+(\.0*)?"

DECOMPOSED = r"[\p{M}\x{1100}-\x{11FF}\x{2126}\x{212A}\x{212B}]"
"""Characters that occur in texts that are not in composed form (and in a few that are)."""

BLANKS = " \t\u00a0\u202f\u200b\ufeff"
"""Characters that show nothing: around a text they are no part of it."""

MACROS: tuple[str, ...] = (
    # 5.5E-6 -> 0.0000055: scientific notation written out, digits untouched; NULL beyond 9999 places.
    "CREATE OR REPLACE MACRO written_out(digits, point) AS CASE "
    "WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits "
    "WHEN point >= length(digits) THEN digits || repeat('0', point - length(digits)) "
    "ELSE left(digits, point) || '.' || substr(digits, point + 1) END",
    "CREATE OR REPLACE MACRO plain_figure(t) AS CASE WHEN NOT regexp_matches(t, '[eE]') THEN t "
    "WHEN length(regexp_extract(t, '[eE][+-]?0*([0-9]*)$', 1)) > 4 THEN NULL "
    "ELSE CASE WHEN starts_with(t, '-') THEN '-' ELSE '' END || written_out("
    r"regexp_extract(t, '^[+-]?([0-9]*)\.?([0-9]*)', 1) || regexp_extract(t, '^[+-]?([0-9]*)\.?([0-9]*)', 2), "
    r"length(regexp_extract(t, '^[+-]?([0-9]*)\.?([0-9]*)', 1)) + "
    "TRY_CAST(regexp_extract(t, '[eE]([+-]?[0-9]+)$', 1) AS INTEGER)) END",
    "CREATE OR REPLACE MACRO decimals_of(plain) AS length(rtrim(split_part(plain, '.', 2), '0'))",
    # For expressions in company.yaml: an exact figure from a text, so that `figure(net) + figure(tax)` is a sum of money.
    r"CREATE OR REPLACE MACRO figure(t) AS CASE WHEN regexp_full_match(t, ' *[+-]?[0-9]{1,20}(\.[0-9]{1,18})? *') "
    "THEN CAST(trim(t) AS DECIMAL(38,18)) WHEN decimals_of(plain_figure(trim(t))) > 18 "
    "THEN CAST('more than 18 decimals: ' || t AS DECIMAL(38,18)) ELSE CAST(trim(t) AS DECIMAL(38,18)) END",
)
"""Session macros that the SQL of this module calls."""

ZONE_MACRO = (
    "CREATE OR REPLACE MACRO at_zone(zone, moment) AS timezone(CASE WHEN list_contains([{zones}], lower(zone)) THEN zone "
    "WHEN zone IS NOT NULL THEN CAST(CAST('no time zone: ' || zone AS INTEGER) AS VARCHAR) END, moment)"
)
"""For expressions that take a time zone from a column: DuckDB would end with an error that TRY does not catch."""
MISLEADING_ZONES = ("act", "agt", "art", "ast", "bet", "bst", "ect", "ist", "mit", "net", "prt", "sst")
"""Short names that DuckDB reads as another zone than most who write them: BST is Bangladesh's there, AST Alaska's, ART Egypt's."""

_FIGURES = (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE)
_PRECISION: dict[Kind, int] = {Kind.QUANTITY: 28, Kind.PRICE: 24, Kind.AMOUNT: 38, Kind.RATE: 12}


def prepared(text: str, kind: Kind) -> str:
    """Return SQL for a raw text before it is parsed: without blanks around it, and empty is NULL.

    Plain text is in Unicode's composed form (NFC). So an id that is written in either form, or padded to a width, is one id.
    """
    if kind is Kind.TEXT:
        return f"nfc_normalize(nullif(trim({text}, '{BLANKS}'), ''))"
    return f"nullif(trim({text}), '')"


def typed(text: str, kind: Kind, *, thorough: bool) -> str:
    """Return SQL for the exact value of a prepared text, NULL if it has none. Nothing is ever rounded.

    Scientific notation (5.5E-6) is only read if `thorough`: it is rare, and planning it for every column takes time.
    """
    into = SQL_TYPE[kind]
    if kind in _FIGURES:
        whole, decimals = _PRECISION[kind] - DECIMALS[kind], DECIMALS[kind]
        fits = rf"[+-]?(0*[0-9]{{1,{whole}}}\.?|0*[0-9]{{0,{whole}}}\.[0-9]{{1,{decimals}}}0*)"
        plain = f"CASE WHEN regexp_full_match({text}, '{fits}') THEN TRY_CAST({text} AS {into})"
        if not thorough:
            return f"{plain} END"
        return (
            f"{plain} WHEN regexp_full_match({text}, '{_NUMBER}') AND decimals_of(plain_figure({text})) <= {decimals} "
            f"THEN TRY_CAST(plain_figure({text}) AS {into}) END"
        )
    match kind:
        case Kind.DATE:
            accepted = f"regexp_full_match({text}, '{_DATE}')"
        case Kind.TIMESTAMP:
            accepted = f"regexp_full_match({text}, '{_TIME}')"
        case Kind.INTEGER:
            accepted = f"regexp_full_match({text}, '{_INTEGER}')"
        case Kind.JSON:
            accepted = f"json_valid({text}) AND NOT contains({text}, chr(0))"
        case _:
            accepted = f"NOT contains({text}, chr(0))"
    return f"CASE WHEN {accepted} THEN TRY_CAST({text} AS {into}) END"


def reason(text: str, kind: Kind) -> str:
    """Return SQL for the reason why `typed` does not accept a prepared text."""
    bad_encoding = f"WHEN contains({text}, chr(0)) THEN '{Reason.BAD_ENCODING}'"
    if kind in _FIGURES:
        return (
            f"CASE {bad_encoding} WHEN NOT regexp_full_match({text}, '{_NUMBER}') THEN '{Reason.UNPARSABLE}' "
            f"WHEN decimals_of(plain_figure({text})) > {DECIMALS[kind]} THEN '{Reason.TOO_MANY_DECIMALS}' "
            f"ELSE '{Reason.OUT_OF_RANGE}' END"
        )
    if kind is Kind.INTEGER:
        return (
            f"CASE {bad_encoding} WHEN regexp_full_match({text}, '{_INTEGER}') THEN '{Reason.OUT_OF_RANGE}' "
            f"ELSE '{Reason.UNPARSABLE}' END"
        )
    if kind is Kind.TIMESTAMP:
        finer = rf"regexp_matches({text}, '^{_DATE}[T ][0-9:]*\.[0-9]{{6}}0*[1-9]')"
        return f"CASE {bad_encoding} WHEN {finer} THEN '{Reason.TOO_MANY_DECIMALS}' ELSE '{Reason.UNPARSABLE}' END"
    return f"CASE {bad_encoding} ELSE '{Reason.UNPARSABLE}' END"


EXPECTED: dict[Kind, str] = {
    Kind.QUANTITY: "is not a number; write 1234.5",
    Kind.PRICE: "is not a number; write 1234.50",
    Kind.AMOUNT: "is not a number; write 1234.50",
    Kind.RATE: "is not a number; write 0.19 for 19%",
    Kind.DATE: "is not a calendar date; write 2026-03-02, or declare dates: [iso, iso_day] to take the day that an instant shows",
    Kind.TIMESTAMP: "is not a timestamp; write 2026-03-02T10:00:00Z, in UTC or with an offset",
    Kind.INTEGER: "is not a whole number",
    Kind.JSON: "is not JSON",
}
"""What to write instead of an unparsable text."""


def message(kind: Kind, expects: str | None = None) -> str:
    """Return SQL over a column `reason` for the message about a text that `typed` does not accept.

    `expects` replaces the message about its form if the feed declares another notation than ours.
    """
    otherwise = (expects or EXPECTED.get(kind, "is not a text")).replace("'", "''")
    most = f"has more than {DECIMALS.get(kind, 0)} decimals, the most that are kept; round it at the source"
    if kind is Kind.TIMESTAMP:
        most = "is finer than microseconds, the most that are kept; to cut it, declare nanoseconds: cut"
    return (
        f"CASE reason WHEN '{Reason.BAD_ENCODING}' THEN 'contains a NUL character' "
        f"WHEN '{Reason.TOO_MANY_DECIMALS}' THEN '{most}' "
        f"WHEN '{Reason.OUT_OF_RANGE}' THEN 'is too large for a {kind.value}; check its unit' "
        f"ELSE '{otherwise}' END"
    )
