"""Read MT940 (SWIFT Customer Statement Message), with what banks write into :86:: numbered fields (Germany, Poland, Triodos) or
words between slashes (the Netherlands, Belgium)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.core.journal import EXACT, ZERO
from billing_recon.feeds.ledgers.ledger_figures import excerpt
from billing_recon.feeds.statements.statement_rows import Entry, EntryIds, Remark, Statements, balance_remark, exact

BYTES_MAX = 1 << 28
_TAG = re.compile(r":(13D|20|21|25P?|28C?|34F|6[02][FM]|61|6[45]|86|90[CD]|NS):")
_BEFORE_OPENING = frozenset({"21", "25", "25P", "28", "28C"})
"""Fields that a statement has before its opening balance. After it they are text: a time that was broken at its colon."""
_HEAD = re.compile(rb"(?:^|\n|\r):20:[^\r\n]*[\r\n]+(?:.*[\r\n]+){0,3}?:(?:21|25[P]?):")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]+,[0-9]*)")
_MOVEMENT = re.compile(
    r"(?P<value>[0-9]{6})(?:(?P<entry>[0-9]{4})|[ ]{1,4})?(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?(?P<amount>[0-9]+(?:,[0-9]*)?)"
    r" ?(?P<code>[NFS][A-Z0-9]{2}[A-Z0-9 ])(?P<rest>.*)",
    re.DOTALL,
)
_NUMBERED = re.compile(r"(?:[0-9]{3})?([?~<>^])(?=[0-9]{2})")
"""Begins fields with numbers: a code of the transaction, then the character that the bank puts before each number."""
_WORDED = re.compile(
    r"/(TRTP|TRCD|EREF|MARF|PREF|CREF|CSID|CNTP|NAME|IBAN|BIC|BENM|ORDP|REMI|PURP|ISDT|RTRN|SVCL|UCRD|ULTC|ULTD|ULTB|ULTO|"
    r"OCMT|CHGS|EXCH)/"
)
_NO_REFERENCE = frozenset({"", "NONREF", "EREF", "EREF+", "KREF", "KREF+", "PREF", "MARF"})
"""In :61: these say that there is no reference, or that it is in :86:."""
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|COAM|OAMT|PURP|IBAN|BIC)\+")


def recognise(head: bytes) -> bool:
    """Whether a file begins like an MT940 message."""
    return (
        (_HEAD.search(head[:4096]) is not None and re.search(rb":6(?:1|2[FM]):", head) is not None)
        or b"{2:O940" in head[:200]
        or b"{2:I940" in head[:200]
    )


def read(name: str, path: Path, encoding: str | None) -> Iterator[Entry | Remark]:
    """Yield entries and remarks. Raise LandingRefused for a file without statements, or one that ends within a statement."""
    if path.stat().st_size > BYTES_MAX:
        raise LandingRefused(
            f"{name}: has more than {BYTES_MAX:,} bytes, too many for a statement; ask for a file per account"
        )
    ids, row, statement, seen = EntryIds(), 0, _Statement(), Statements(name)
    for tag, value in _fields(_decoded(name, path.read_bytes(), encoding)):
        match tag:
            case "20":
                if statement.opened or statement.pending:
                    raise LandingRefused(_cut(name, statement))
                statement = _Statement()
            case "25" | "25P":
                statement.account = value.split("\n")[0].strip()
            case "28C" | "28":
                statement.number = value.strip()
            case "34F" | "13D" if not statement.opened:
                raise LandingRefused(
                    f"{name}: it is an interim report (MT942), which repeats what statements hold; ask the bank for MT940"
                )
            case "60F" | "60M":
                statement.open(name, value)
                seen.take(statement.account, statement.number, value.strip())
            case "61":
                row += 1
                statement.pending.append((row, value, ""))
            case "86" if statement.pending and not statement.pending[-1][2]:
                statement.pending[-1] = (*statement.pending[-1][:2], value)
            case "62F" | "62M":
                yield from statement.close(name, value, ids)
                statement = _Statement(closed=True)
            case _:
                pass
    if statement.opened or statement.pending:
        raise LandingRefused(_cut(name, statement))
    if not row and not statement.closed:
        raise LandingRefused(f"{name}: has no statement with a closing balance (:62F:); ask for a resend")


def _cut(name: str, statement: _Statement) -> str:
    if not statement.opened:
        return f"{name}: movement {statement.pending[0][0]} (:61:) stands after a closing balance, in no statement; ask for a resend"
    return f"{name}: statement {excerpt(statement.number)} has no closing balance (:62F:); the file was cut off: ask for a resend"


@dataclass(slots=True)
class _Statement:
    """The statement that is being read: its balance, and its movements with their information."""

    account: str = ""
    number: str = ""
    currency: str = ""
    opening: Decimal = ZERO
    opened: bool = False
    closed: bool = False
    pending: list[tuple[int, str, str]] = field(default_factory=list)

    def open(self, name: str, value: str) -> None:
        self.opening, self.currency = _balance(name, value)
        self.opened = True

    def close(self, name: str, value: str, ids: EntryIds) -> Iterator[Entry | Remark]:
        """Yield the movements, and a remark if they do not lead to the closing balance."""
        closing, _ = _balance(name, value)
        moved, proves = ZERO, True
        for row, movement, information in self.pending:
            entry = self._entry(row, movement, information, ids)
            proves = proves and entry.broken is None
            if entry.status == "succeeded":
                moved = EXACT.add(moved, entry.signed)
            yield entry
        if proves and (
            remark := balance_remark(
                self.pending[-1][0] if self.pending else 0, self.number, self.opening, moved, closing
            )
        ):
            yield remark

    def _entry(self, row: int, movement: str, information: str, ids: EntryIds) -> Entry:
        found = _MOVEMENT.match(movement)
        if found is None:
            day = _day(movement[:6]) if movement[:6].isdecimal() else None
            return Entry(
                row,
                entry_id=ids.next(f"{self.number}/{row}"),
                booked_on=day.isoformat() if day else None,
                broken=f":61: cannot be read: {excerpt(movement)}",
            )
        amount = found["amount"].replace(",", ".").rstrip(".")
        value_on = _day(found["value"])
        booked = _booked(found["entry"], value_on)
        own, _, bank = found["rest"].split("\n")[0].partition("//")
        told = _information(information)
        mark = found["mark"]
        credit = mark in ("C", "RD", "EC")
        kind = "payment" if mark in ("C", "EC") else "chargeback" if mark == "RC" else "other"
        if value_on is None or booked is None or exact(amount) is None:
            return Entry(
                row, entry_id=ids.next(f"{self.number}/{row}"), broken=f":61: has no day or amount: {excerpt(movement)}"
            )
        reference = bank.strip() if bank.strip().upper() not in _NO_REFERENCE else None
        return Entry(
            row,
            entry_id=ids.next(reference or f"{self.account}/{booked}/{self.number}/{row}"),
            kind=kind,
            sign="credit" if credit else "debit",
            amount=amount,
            currency=self.currency,
            status="pending" if mark.startswith("E") else "succeeded",
            booked_on=booked.isoformat(),
            value_on=value_on.isoformat(),
            account=self.account or None,
            statement=self.number or None,
            bank_reference=reference,
            end_to_end_id=told.get("EREF"),
            structured_reference=told.get("KREF")
            or (own.strip() if own.strip().upper() not in _NO_REFERENCE else None),
            remittance=told.get("SVWZ") or told.get("text") or None,
            party=told.get("party"),
            party_account=told.get("IBAN") or told.get("account"),
            code=found["code"].strip(),
        )


def _decoded(name: str, data: bytes, encoding: str | None) -> str:
    try:
        text = data.decode(encoding or "utf-8-sig")
    except LookupError:
        raise LandingRefused(f"{name}: encoding '{encoding}' is unknown; for example utf-8, cp1252") from None
    except UnicodeDecodeError:
        if encoding:
            raise LandingRefused(
                f"{name}: has bytes that are not {encoding} text; correct the feed's encoding"
            ) from None
        text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield each field's tag and text. A field ends where the next begins at the start of a line, or the message ends."""
    tag, lines, opened = "", list[str](), False
    for line in text.split("\n"):
        bare = line[line.rindex("{4:") + 3 :] if "{4:" in line else line
        found = _TAG.match(bare)
        if found and opened and found[1] in _BEFORE_OPENING:
            found = None
        if found:
            opened = found[1] in ("60F", "60M") or (opened and found[1] not in ("20", "62F", "62M"))
        if found is None and bare.strip() not in ("-", "-}") and not bare.startswith("-}"):
            if tag and bare.strip():
                lines.append(bare)
            continue
        if tag:
            yield tag, "\n".join(lines)
        tag, lines = (found[1], [bare[found.end() :]]) if found else ("", [])
    if tag:
        yield tag, "\n".join(lines)


def _balance(name: str, value: str) -> tuple[Decimal, str]:
    found = _BALANCE.match(value.strip())
    amount = exact(found[4].replace(",", ".").rstrip(".")) if found else None
    if found is None or amount is None:
        raise LandingRefused(f"{name}: a balance cannot be read: {excerpt(value)}; ask for a resend")
    return (amount.copy_negate() if found[1] == "D" else amount), found[3]


def _day(digits: str) -> date | None:
    """Return a day (YYMMDD). Banks that count 30 days a month value on 29 and 30 February: that is its last day."""
    year, month, day = 2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if month == 2 and day in (29, 30):
        day = monthrange(year, 2)[1]
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _booked(digits: str | None, value_on: date | None) -> date | None:
    """Return the day of the booking (MMDD), in the year in which it is nearest to the value date."""
    if digits is None or value_on is None:
        return value_on
    near = []
    for year in (value_on.year - 1, value_on.year, value_on.year + 1):
        found = _day(f"{year % 100:02d}{digits}")
        near += [found] if found else []
    return min(near, key=lambda day: abs((day - value_on).days), default=None)


def _information(value: str) -> dict[str, str]:
    """Return what :86: tells: its text, the other party and account, and the references of SEPA."""
    joined = value.replace("\n", "")
    told: dict[str, str] = {}
    if numbered := _NUMBERED.match(joined):
        parts = re.split(rf"{re.escape(numbered[1])}([0-9]{{2}})", joined)
        by_number: dict[str, str] = {}
        for number, content in zip(parts[1::2], parts[2::2], strict=True):
            by_number[number] = by_number.get(number, "") + content
        told["text"] = "".join(by_number.get(f"{n}", "") for n in (*range(20, 30), *range(60, 64)))
        told["party"] = (by_number.get("32", "") + by_number.get("33", "")).strip()
        told["account"] = (by_number.get("38") or by_number.get("31", "")).strip()
    elif _WORDED.match(joined):
        return _worded(joined)
    else:
        told["text"] = " ".join(line.strip() for line in value.split("\n")).strip()
    tags = _SEPA.split(told["text"])
    told |= {name: content.strip() for name, content in zip(tags[1::2], tags[2::2], strict=True)}
    return {name: content for name, content in told.items() if content and content.upper() != "NOTPROVIDED"}


def _worded(text: str) -> dict[str, str]:
    """Return what :86: tells in words between slashes. The counterparty is /CNTP/account/BIC/name/ or has words of its own."""
    parts = _WORDED.split(text)
    by_word: dict[str, str] = {}
    for word, content in zip(parts[1::2], parts[2::2], strict=True):
        by_word.setdefault(word, content.strip())
    account, _, name = by_word.get("CNTP", "").partition("/")
    kind, _, said = by_word.get("REMI", "").partition("/")
    reference = said.strip("/").split("/")[-1] if kind == "STRD" else ""
    told = {
        "text": reference or (said if kind == "USTD" else by_word.get("REMI", "")),
        "KREF": reference,
        "EREF": by_word.get("EREF", ""),
        "party": by_word.get("NAME") or "".join(name.split("/")[1:2]),
        "account": by_word.get("IBAN") or account,
    }
    bare = {key: content.strip(" /") for key, content in told.items()}
    bare["text"] = bare["text"] or text
    return {key: content for key, content in bare.items() if content and content.upper() != "NOTPROVIDED"}
