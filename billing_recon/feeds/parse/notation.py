"""Convert figures and dates from a declared notation to ours, as SQL; NULL if the text does not have that notation.

Our notation is `-1234.50` and ISO 8601, which parse.types reads. Everything is done on texts, so nothing is rounded.
"""

from __future__ import annotations

import re
from itertools import groupby

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.feed import ColumnMap, Sign, Written
from billing_recon.core.schema import Kind
from billing_recon.feeds.tables.raw_rows import quoted, text

PLAIN = Written()
"""Our own notation."""

# list_transform over a list of one names a value, so that a macro's argument is planned once and not at every use.
MACROS: tuple[str, ...] = (
    "CREATE OR REPLACE MACRO negated(t) AS list_transform([t], lambda figure: CASE "
    "WHEN starts_with(figure, '-') THEN substr(figure, 2) "
    "WHEN starts_with(figure, '+') THEN '-' || substr(figure, 2) ELSE '-' || figure END)[1]",
    # Move the decimal point of a plain figure to the left: 1234 by 2 is 12.34.
    "CREATE OR REPLACE MACRO point_moved(t, places) AS list_transform([struct_pack(figure := t, by := places)], "
    "lambda moved: CASE WHEN starts_with(moved.figure, '-') THEN '-' ELSE '' END || list_transform([struct_pack("
    r"digits := regexp_replace(moved.figure, '[+.-]', '', 'g'), "
    r"point := length(regexp_extract(moved.figure, '^[+-]?([0-9]*)', 1)) - moved.by)], "
    "lambda parts: written_out(parts.digits, parts.point))[1])[1]",
    # a - b of plain figures. NULL counts as 0, unless both are NULL. NULL beyond 20 digits or 18 decimals.
    "CREATE OR REPLACE MACRO difference(a, b) AS list_transform([struct_pack(a := a, b := b)], lambda pair: CASE "
    "WHEN coalesce(pair.a, pair.b) IS NOT NULL AND decimals_of(coalesce(pair.a, '')) <= 18 "
    "AND decimals_of(coalesce(pair.b, '')) <= 18 THEN CAST(TRY_CAST(coalesce(pair.a, '0') AS DECIMAL(38,18)) "
    "- TRY_CAST(coalesce(pair.b, '0') AS DECIMAL(38,18)) AS VARCHAR) END)[1]",
    # How far the clocks are from UTC a day before or after a local time.
    "CREATE OR REPLACE MACRO offset_near(moment, zone, apart) AS "
    "(((moment + apart) AT TIME ZONE 'UTC') AT TIME ZONE zone) - (moment + apart)",
    # The instant of a local time. One that does not exist, or exists twice, is read by the policy; without one it is NULL.
    "CREATE OR REPLACE MACRO local_instant(local, zone, policy) AS list_transform([struct_pack(m := local, "
    "before := (local - offset_near(local, zone, INTERVAL '-1 day')) AT TIME ZONE 'UTC', "
    "after := (local - offset_near(local, zone, INTERVAL '1 day')) AT TIME ZONE 'UTC')], lambda t: CASE "
    "WHEN t.before = t.after THEN t.before "
    "WHEN (t.before AT TIME ZONE zone = t.m) <> (t.after AT TIME ZONE zone = t.m) "
    "THEN CASE WHEN t.before AT TIME ZONE zone = t.m THEN t.before ELSE t.after END "
    "WHEN policy = 'before' THEN t.before WHEN policy = 'after' THEN t.after END)[1]",
)
"""Session macros that the SQL of this module calls, in addition to those of parse.types."""

_MINUS = "\u2212"
_FIGURES = (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE, Kind.INTEGER)
_MONEY = (Kind.PRICE, Kind.AMOUNT)
_MARKS = {" ": "[ \u00a0\u2007\u2009\u202f]", "'": "['\u2019]", ".": r"\.", ",": ","}
"""Mark -> pattern of the characters that may represent it."""
_EXPONENT = "([eE][+-]?[0-9]+)?"
_SINCE_1970: dict[str, str] = {"unix": "1000000", "unix_ms": "1000"}
_TIMED = re.compile("%-?[HIcX]")
"""A strptime pattern with a time of day."""
_FINER = r"\.[0-9]{6}0*[1-9]"
_MICROS = r"^(.*\.[0-9]{6})[0-9]+(.*)$"
_ISO_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ISO_TIME = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ISO_ZONE = r" ?(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"


def is_declared(kind: Kind, written: Written) -> bool:
    """Whether texts of this kind are in another notation than ours."""
    if kind in _FIGURES:
        shifted = (written.percent and kind is Kind.RATE) or (written.minor_units and kind in _MONEY)
        return bool(shifted) or _marked(written)
    return kind in (Kind.DATE, Kind.TIMESTAMP) and bool(
        written.dates or ((written.timezone or written.nanoseconds) and kind is Kind.TIMESTAMP)
    )


def _marked(written: Written) -> bool:
    signs = written.parentheses or written.trailing_minus or written.symbols
    return bool(signs) or (written.decimal_mark or ".") != "." or written.thousands_mark is not None


def figure_text(value: str, written: Written) -> str:
    """Return SQL for the plain figure (digits and a point) of a trimmed text; NULL if the notation differs."""
    body = f"replace({value}, '{_MINUS}', '-')"
    if written.symbols:
        symbols = "|".join(re.escape(symbol) for symbol in written.symbols)
        before, after = rf"^([-+(]?)\s*(?:{symbols})\s*", rf"\s*(?:{symbols})\s*([-)]?)$"
        body = rf"regexp_replace(regexp_replace({body}, {text(before)}, '\1'), {text(after)}, '\1')"
    if written.parentheses:
        body = rf"regexp_replace({body}, '^\(\s*([^-+()]*?)\s*\)$', '-\1')"
    if written.trailing_minus:
        body = rf"regexp_replace({body}, '^([^-+]*?)\s*-$', '-\1')"
    if written.percent:
        body = rf"regexp_replace({body}, '\s*%$', '')"
    point = _MARKS[written.decimal_mark or "."]
    whole = "[0-9]+"
    if written.thousands_mark:
        mark = _MARKS[written.thousands_mark]
        whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}})"
    shape = rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"
    plain = "body"
    if written.thousands_mark:
        plain = f"regexp_replace({plain}, {text(_MARKS[written.thousands_mark])}, '', 'g')"
    if (written.decimal_mark or ".") != ".":
        plain = f"replace({plain}, {text(written.decimal_mark or '.')}, '.')"
    return (
        f"list_transform([{body}], lambda body: CASE WHEN regexp_full_match(body, {text(shape)}) "
        f"THEN plain_figure({plain}) END)[1]"
    )


def computed(figure: str, entry: ColumnMap) -> str:
    """Return SQL that applies a column's sign, negate and keep to a plain figure."""
    sql = figure
    if entry.sign is not None:
        sql = _signed(sql, entry.sign)
    if entry.negate:
        sql = f"negated({sql})"
    match entry.keep:
        case "positive":
            sql = f"list_transform([{sql}], lambda side: CASE WHEN starts_with(side, '-') THEN '0' ELSE side END)[1]"
        case "negative":
            sql = (
                f"list_transform([{sql}], lambda side: CASE WHEN starts_with(side, '-') THEN substr(side, 2) "
                "WHEN side IS NOT NULL THEN '0' END)[1]"
            )
        case "absolute":
            sql = f"ltrim({sql}, '+-')"
        case None:
            pass
    return sql


def _signed(figure: str, sign: Sign) -> str:
    arms = (
        (sign.plus, "v.figure"),
        (sign.minus, "negated(v.figure)"),
        (sign.zero, "CASE WHEN v.figure IS NOT NULL THEN '0' END"),
    )
    whens = " ".join(f"WHEN v.side IN ({', '.join(map(text, values))}) THEN {then}" for values, then in arms if values)
    others = "".join(f" ELSE {then}" for values, then in arms if "*" in values)
    return (
        f"list_transform([struct_pack(figure := {figure}, side := trim({quoted(sign.column)}))], "
        f"lambda v: CASE {whens}{others} END)[1]"
    )


def whole(figure: str) -> str:
    """Return SQL for a plain figure that is a whole number; NULL for 12.50, which is not in the minor units that the feed declares."""
    return f"list_transform([{figure}], lambda part: CASE WHEN regexp_full_match(part, '[+-]?[0-9]+([.]0*)?') THEN part END)[1]"


def in_whole_units(figure: str, currency: str) -> str:
    """Return SQL for a figure in whole units from minor units of a currency (SQL for its code); NULL for an unknown code."""
    ordered = sorted(EXPONENTS.items(), key=lambda item: (item[1], item[0]))
    arms = " ".join(
        f"WHEN {currency} IN ({', '.join(text(code) for code, _ in codes)}) THEN {exponent}"
        for exponent, codes in groupby(ordered, key=lambda item: item[1])
    )
    return f"point_moved({figure}, CASE {arms} END)"


def percent(figure: str) -> str:
    """Return SQL for a percentage as a rate: 19 is 0.19."""
    return f"point_moved({figure}, 2)"


def date_text(value: str, kind: Kind, written: Written) -> str:
    """Return SQL for the ISO text of a day or an instant (in UTC) from a trimmed text; NULL if no pattern fits.

    A local time that does not exist, or exists twice, is NULL unless the feed declares `clock_change`.
    """
    if written.nanoseconds and kind is Kind.TIMESTAMP:
        value = rf"regexp_replace({value}, '{_MICROS}', '\1\2')"
    return f"coalesce({', '.join(_dated(value, kind, pattern, written) for pattern in written.dates or ('iso',))})"


def has_clock_changes(written: Written) -> bool:
    """Whether a local time of the feed's time zone may not exist or exist twice."""
    return (written.timezone or "UTC").upper() not in ("UTC", "ETC/UTC", "GMT", "Z")


def _instant(moment: str, written: Written) -> str:
    """Return SQL for the instant of a local time (TIMESTAMP)."""
    zone = text(written.timezone or "UTC")
    if not has_clock_changes(written):
        return f"({moment} AT TIME ZONE {zone})"
    return f"local_instant({moment}, {zone}, {text(written.clock_change or '')})"


def _of_days(written: Written) -> Written:
    """Return the notation of days without a time: their midnight is in the feed's time zone, else in the company's."""
    if written.timezone or not written.day_zone:
        return written
    change = written.clock_change or "after"
    return written.model_copy(update={"timezone": written.day_zone, "clock_change": change})


def _dated(value: str, kind: Kind, pattern: str, written: Written) -> str:
    zone = written.timezone or "UTC"
    if pattern == "iso_day":
        whole = f"{_ISO_DAY}({_ISO_TIME}({_ISO_ZONE})?)?"
        day = f"CASE WHEN regexp_full_match({value}, '{whole}') THEN left({value}, 10) END"
        if kind is Kind.DATE:
            return day
        midnight = f"CAST({_instant(f'TRY_CAST({value} AS TIMESTAMP)', _of_days(written))} AS VARCHAR)"
        return f"CASE WHEN length({value}) = 10 THEN {midnight} ELSE {_dated(value, kind, 'iso', written)} END"
    if pattern == "iso":
        if kind is Kind.DATE:
            return f"CASE WHEN regexp_full_match({value}, '{_ISO_DAY}') THEN {value} END"
        return (
            f"CASE WHEN regexp_full_match({value}, '{_ISO_DAY}{_ISO_TIME}') "
            # A time finer than microseconds is left as it is, so that typing it says why it is no value.
            f"THEN CASE WHEN regexp_matches({value}, '{_FINER}') THEN {value} "
            f"ELSE CAST({_instant(f'TRY_CAST({value} AS TIMESTAMP)', written)} AS VARCHAR) END "
            f"WHEN regexp_full_match({value}, '{_ISO_DAY}{_ISO_TIME}{_ISO_ZONE}') THEN {value} END"
        )
    if pattern in _SINCE_1970:
        instant = f"make_timestamptz(CAST(TRY_CAST({value} AS DECIMAL(28,6)) * {_SINCE_1970[pattern]} AS BIGINT))"
        places = 6 if pattern == "unix" else 3
        guarded = rf"CASE WHEN regexp_full_match({value}, '[0-9]{{1,14}}(\.[0-9]{{1,{places}}}0*)?') THEN {instant} END"
        return _of_instant(guarded, kind, zone)
    parsed = f"try_strptime({value}, {text(pattern)})"
    if "%z" in pattern or "%Z" in pattern:
        return _of_instant(parsed, kind, zone)
    # strptime accepts more than strftime writes (a two-digit year for %Y): accept only what it writes, up to leading zeros.
    rewritten = _bare(f"strftime(moment, {text(pattern)})")
    matches = f"{rewritten} = {_bare(value)} AND moment >= TIMESTAMP '1900-01-01 00:00:00'"
    moment = (
        "CAST(CAST(moment AS DATE) AS VARCHAR)"
        if kind is Kind.DATE
        else f"CAST({_instant('moment', written if _TIMED.search(pattern) else _of_days(written))} AS VARCHAR)"
    )
    return f"list_transform([{parsed}], lambda moment: CASE WHEN {matches} THEN {moment} END)[1]"


def _of_instant(instant: str, kind: Kind, zone: str) -> str:
    if kind is Kind.DATE:
        return f"CAST(CAST({instant} AT TIME ZONE {text(zone)} AS DATE) AS VARCHAR)"
    return f"CAST({instant} AS VARCHAR)"


def _bare(sql: str) -> str:
    return rf"lower(regexp_replace({sql}, '\b0+([0-9])', '\1', 'g'))"


def expects(kind: Kind, written: Written) -> str:
    """Return the message for a text in another notation. It completes the sentence "<field> '<value>' ..."."""
    if kind not in _FIGURES:
        patterns = " or ".join(written.dates or ("iso",))
        return f"is not a {'date' if kind is Kind.DATE else 'timestamp'} in this feed's notation: {patterns}"
    notes = [f"decimal mark {written.decimal_mark or '.'}"]
    if written.thousands_mark:
        notes.append(f"thousands mark {'space' if written.thousands_mark == ' ' else written.thousands_mark}")
    if written.parentheses:
        notes.append("negative in parentheses")
    if written.trailing_minus:
        notes.append("trailing minus")
    if written.symbols:
        notes.append(f"with {' or '.join(written.symbols)}")
    if written.percent and kind is Kind.RATE:
        notes.append("in percent")
    if written.minor_units and kind in _MONEY:
        notes.append("in minor units of a known currency")
    return f"is not a figure in this feed's notation: {', '.join(notes)}"
