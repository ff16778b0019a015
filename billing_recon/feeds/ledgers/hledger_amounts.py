"""Amounts of a text journal: commodity left or right, either decimal mark, any thousands mark, prices and assertions.

A text is first split into parts (`Raw`), because the meaning of 1,000 may depend on later lines; `Marks` then gives the figure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from billing_recon.core.journal import EXACT, LedgerUnreadable
from billing_recon.feeds.ledgers.ledger_figures import DIGITS, excerpt

_SYMBOL = r"\"[^\"\n]*\"|[^\s\d;:\-+.,@*^/|&=<>{}\[\]()!?~'\"]+"
_NUMBER = r"(?:[0-9](?:[0-9.,'’_]|[ \u00a0\u202f](?=[0-9]))*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?(?![0-9])"
_LEFT = re.compile(rf"\s*([-+]?)\s*({_SYMBOL})\s*([-+]?)\s*({_NUMBER})")
_RIGHT = re.compile(rf"\s*([-+]?)\s*({_NUMBER})[ \t]*({_SYMBOL})?")
_SPLIT = re.compile(r"^(?P<digits>[0-9.,'’_ \u00a0\u202f]+?)(?:[eE](?P<power>[+-]?[0-9]+))?$")
_GROUPING = "'’_ \u00a0\u202f"


@dataclass(frozen=True, slots=True)
class Raw:
    """An amount as written. `commodity` is empty if none is written; `line` is for messages."""

    commodity: str
    negative: bool
    number: str
    line: int


@dataclass(frozen=True, slots=True)
class Priced:
    """The price after an amount, per unit or in total, and that of its lot.

    `lot_open`: {} without a price, which hledger would take from earlier lots.
    """

    price: Raw | None = None
    price_is_total: bool = False
    lot: Raw | None = None
    lot_is_total: bool = False
    lot_open: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """`= amount`: the account's balance after the posting. `sole`: in no other commodity; `deep`: with subaccounts."""

    amount: Raw
    sole: bool
    deep: bool


@dataclass(frozen=True, slots=True)
class PostingAmount:
    """Everything to the right of an account."""

    amount: Raw | None
    priced: Priced
    assertion: Assertion | None


class Broken(Exception):
    """A text that is not an amount; the message message why, without its line."""


def amount_at(text: str, at: int, line: int, default: str = "") -> tuple[Raw, int]:
    """Return the amount at a position and where it ends; `default` is its commodity if it has none. Raise Broken."""
    match = _RIGHT.match(text, at)
    if match:
        sign, number, symbol = match.groups()
        return Raw(_bare(symbol) or default, sign == "-", number, line), match.end()
    match = _LEFT.match(text, at)
    if match:
        first, symbol, second, number = match.groups()
        if first and second:
            raise Broken(f"'{excerpt(text[at:])}' has two signs")
        return Raw(_bare(symbol), "-" in (first, second), number, line), match.end()
    rest = text[at:].strip()
    if rest.startswith("("):
        raise Broken(f"'{excerpt(rest)}' is a calculation, which is not supported; write its result")
    raise Broken(f"'{excerpt(rest)}' is not an amount")


def _bare(symbol: str | None) -> str:
    return (symbol or "").strip('"')


def posting_amount(text: str, line: int, default: str) -> PostingAmount:
    """Parse everything to the right of an account, without the comment. Raise Broken."""
    at = len(text) - len(text.lstrip())
    amount: Raw | None = None
    if at < len(text) and text[at] != "=" and not text.startswith(":=", at):
        amount, at = amount_at(text, at, line, default)
    price: Raw | None = None
    lot: Raw | None = None
    assertion: Assertion | None = None
    price_is_total = lot_is_total = lot_open = False
    while at < len(text):
        rest = text[at:]
        if rest[0].isspace():
            at += 1
        elif match := re.match(r"\(?@(@?)\)?", rest):
            price_is_total = bool(match.group(1))
            price, at = amount_at(text, at + match.end(), line, default)
        elif rest.startswith("{{"):
            end = _closing(rest, "}}")
            lot, lot_is_total, at = _lot(rest[2:end], line, default), True, at + end + 2
        elif rest[0] == "{":
            end = _closing(rest, "}")
            lot, at = _lot(rest[1:end], line, default), at + end + 1
            lot_open = lot is None
        elif rest[0] == "[":
            at += _closing(rest, "]") + 1
        elif rest[0] == "(":
            at += _closing(rest, ")") + 1
        elif match := re.match(r":?=(=?)(\*?)", rest):
            raw, at = amount_at(text, at + match.end(), line, default)
            assertion = Assertion(raw, bool(match.group(1)), bool(match.group(2)))
            tail = re.match(r"\s*(?:\{[^}]*\}\s*|@@?.*)*", text[at:])
            at += tail.end() if tail else 0
        else:
            raise Broken(f"'{excerpt(rest)}' after the amount is not understood")
    return PostingAmount(amount, Priced(price, price_is_total, lot, lot_is_total, lot_open), assertion)


def _closing(text: str, mark: str) -> int:
    end = text.find(mark)
    if end < 0:
        raise Broken(f"'{excerpt(text)}' has no closing {mark}")
    return end


def _lot(text: str, line: int, default: str) -> Raw | None:
    """Return a lot's price from among its date and label; None if only those are written."""
    for part in re.split(r",\s+|(?<=\d)\s*,\s*(?=\")", text):
        stripped = part.strip().removeprefix("=").strip()
        if not stripped or re.fullmatch(r"\"[^\"]*\"|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}", stripped):
            continue
        return amount_at(stripped, 0, line, default)[0]
    return None


@dataclass(slots=True)
class Marks:
    """The decimal mark: declared for a commodity or the file, else proven by unambiguous amounts."""

    file: str
    declared: dict[str, str] = field(default_factory=dict)
    everywhere: str | None = None
    proven: dict[str, set[str]] = field(default_factory=dict)

    def observe(self, raw: Raw) -> None:
        """Record the mark that an unambiguous amount proves for its commodity."""
        mark = _proof(raw.number)
        if mark is not None:
            self.proven.setdefault(raw.commodity, set()).add(mark)

    def figure(self, raw: Raw) -> Decimal:
        """Return the signed figure. Raise LedgerUnreadable."""
        match = _SPLIT.match(raw.number)
        where = f"{self.file}: line {raw.line}"
        if match is None:
            raise LedgerUnreadable(f"{where}: '{excerpt(raw.number)}' is not a figure")
        digits = match["digits"]
        mark = self._mark(raw, digits, where)
        for grouping in _GROUPING:
            digits = digits.replace(grouping, "")
        digits = digits.replace("," if mark == "." else ".", "").replace(mark, ".")
        if digits.count(".") > 1 or sum(c.isdigit() for c in digits) > DIGITS:
            raise LedgerUnreadable(
                f"{where}: '{excerpt(raw.number)}' is not a figure with '{mark}' before its decimals"
            )
        power = int(match["power"] or 0)
        if abs(power) > DIGITS:
            raise LedgerUnreadable(f"{where}: '{excerpt(raw.number)}' is not an amount of a ledger")
        figure = Decimal(digits)
        if power:
            figure = EXACT.create_decimal(f"{figure.scaleb(power, EXACT):f}")
        return figure.copy_negate() if raw.negative else figure

    def _mark(self, raw: Raw, digits: str, where: str) -> str:
        declared = self.declared.get(raw.commodity, self.everywhere)
        if declared is not None:
            return declared
        own = _proof(digits)
        if own is not None:
            return own
        if "," not in digits and "." not in digits:
            return "."
        proven = self.proven.get(raw.commodity) or set().union(*self.proven.values())
        if len(proven) == 1:
            return next(iter(proven))
        if "." in digits:
            return "."
        raise LedgerUnreadable(
            f"{where}: '{excerpt(raw.number)}' could be a thousand, or a one with three decimals, and nothing in the file "
            "decides; declare decimal_mark, or add a decimal-mark directive"
        )


def _proof(number: str) -> str | None:
    """Return the decimal mark that an amount proves; None if it has no mark or is ambiguous."""
    digits = re.split("[eE]", number)[0]
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    if dots > 1 or commas > 1:
        return "," if dots else "."
    if not dots and not commas:
        return None
    mark = "." if dots else ","
    before, after = digits.split(mark)
    return mark if len(after) != 3 or not before or before.startswith("0") or len(before) > 3 else None
