"""From text to exact values, as SQL: what a text must look like to be a value of a kind, and what else it is then called."""

from __future__ import annotations

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.catalog_file import DECIMALS
from billing_recon.core.schema import SQL_TYPE, Kind

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = _DATE + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)? ?(Z|z|UTC|[+-](0[0-9]|1[0-4])(:?[0-9]{2})?)?"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_INTEGER = r"[+-]?[0-9]+(\.0*)?"

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
    # For expressions in company.yaml: a figure of a text, exact, so that `figure(net) + figure(tax)` is a sum of money.
    r"CREATE OR REPLACE MACRO figure(t) AS CASE WHEN regexp_full_match(t, ' *[+-]?[0-9]{1,20}(\.[0-9]{1,18})? *') "
    "THEN CAST(trim(t) AS DECIMAL(38,18)) WHEN decimals_of(plain_figure(trim(t))) > 18 "
    "THEN CAST('more than 18 decimals: ' || t AS DECIMAL(38,18)) ELSE CAST(trim(t) AS DECIMAL(38,18)) END",
)
"""Session macros that the SQL of this module calls."""

_FIGURES = (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE)
_PRECISION: dict[Kind, int] = {Kind.QUANTITY: 28, Kind.PRICE: 24, Kind.AMOUNT: 38, Kind.RATE: 12}


def prepared(text: str, kind: Kind) -> str:
    """A raw text as it is judged: empty is missing; spaces around anything but plain text do not count."""
    return f"CASE WHEN trim({text}) <> '' THEN {text} END" if kind is Kind.TEXT else f"nullif(trim({text}), '')"


def typed(text: str, kind: Kind, *, thorough: bool) -> str:
    """The exact value of a prepared text, NULL where the text is none. Nothing is ever rounded.

    Scientific notation (5.5E-6) is only read when `thorough`; it is rare and planning it for every column is not free.
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
    """Why a prepared text that `typed` does not accept is no value of its kind, as SQL."""
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
    return f"CASE {bad_encoding} ELSE '{Reason.UNPARSABLE}' END"


EXPECTED: dict[Kind, str] = {
    Kind.QUANTITY: "is no number; write 1234.5",
    Kind.PRICE: "is no number; write 1234.50",
    Kind.AMOUNT: "is no number; write 1234.50",
    Kind.RATE: "is no number; write 0.19 for 19%",
    Kind.DATE: "is no day of the calendar; write 2026-03-02",
    Kind.TIMESTAMP: "is no instant; write 2026-03-02T10:00:00Z, in UTC or with its offset",
    Kind.INTEGER: "is no whole number",
    Kind.JSON: "is no JSON",
}
"""What to write instead of an unparsable text."""


def says(kind: Kind, expects: str | None = None) -> str:
    """What a reader is told of a text that `typed` does not accept, as SQL over a column `reason`.

    `expects` says so of a feed whose texts are written otherwise than ours.
    """
    otherwise = (expects or EXPECTED.get(kind, "is no text")).replace("'", "''")
    decimals = DECIMALS.get(kind, 0)
    return (
        f"CASE reason WHEN '{Reason.BAD_ENCODING}' THEN 'holds a NUL character' "
        f"WHEN '{Reason.TOO_MANY_DECIMALS}' THEN 'has more than the {decimals} decimals that are kept; round it at the source' "
        f"WHEN '{Reason.OUT_OF_RANGE}' THEN 'is larger than any real {kind.value}; check its unit' "
        f"ELSE '{otherwise}' END"
    )
