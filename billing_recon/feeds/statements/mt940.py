"""Read MT940 (SWIFT Customer Statement Message), with the fields that German banks write into :86:."""

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
_TAG = re.compile(r":([0-9]{2}[A-Z]?):")
_HEAD = re.compile(rb"(?:^|\n|\r):20:[^\r\n]*[\r\n]+(?:.*[\r\n]+){0,3}?:(?:21|25[P]?):")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]+,[0-9]*)")
_MOVEMENT = re.compile(
    r"(?P<value>[0-9]{6})(?:(?P<entry>[0-9]{4})|[ ]{1,4})?(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?(?P<amount>[0-9]+(?:,[0-9]*)?)"
    r"(?P<code>[NFS][A-Z0-9]{3})(?P<rest>.*)",
    re.DOTALL,
)
_PART = re.compile(r"\?([0-9]{2})")
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
                if statement.opened:
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
    if statement.opened:
        raise LandingRefused(_cut(name, statement))
    if not row and not statement.closed:
        raise LandingRefused(f"{name}: has no statement with a closing balance (:62F:); ask for a resend")


def _cut(name: str, statement: _Statement) -> str:
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
        reference = bank.strip() if bank.strip().upper() not in ("", "NONREF") else None
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
            or (own.strip() if own.strip().upper() not in ("", "NONREF") else None),
            remittance=told.get("SVWZ") or told.get("text") or None,
            party=told.get("party"),
            party_account=told.get("IBAN") or told.get("account"),
            code=found["code"],
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
    tag, lines = "", list[str]()
    for line in text.split("\n"):
        bare = line[line.rindex("{4:") + 3 :] if "{4:" in line else line
        found = _TAG.match(bare)
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
    if _PART.search(joined):
        parts = _PART.split(joined)
        by_number: dict[str, str] = {}
        for number, content in zip(parts[1::2], parts[2::2], strict=True):
            by_number[number] = by_number.get(number, "") + content
        told["text"] = "".join(by_number.get(f"{n}", "") for n in (*range(20, 30), *range(60, 64)))
        told["party"] = (by_number.get("32", "") + by_number.get("33", "")).strip()
        told["account"] = by_number.get("31", "").strip()
    else:
        told["text"] = " ".join(line.strip() for line in value.split("\n")).strip()
    tags = _SEPA.split(told["text"])
    told |= {name: content.strip() for name, content in zip(tags[1::2], tags[2::2], strict=True)}
    return {name: content for name, content in told.items() if content and content.upper() != "NOTPROVIDED"}
