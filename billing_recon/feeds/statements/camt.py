"""Read camt.053 (ISO 20022, BankToCustomerStatement, versions 001.02 to 001.13) entry by entry.

A batch (an entry with several transactions) becomes a row per transaction if their amounts add up to the entry's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from lxml import etree

from billing_recon.core.errors import LandingRefused
from billing_recon.core.journal import EXACT, ZERO
from billing_recon.feeds.ledgers.ledger_figures import excerpt
from billing_recon.feeds.ledgers.xml_records import local, records
from billing_recon.feeds.statements.statement_rows import Entry, EntryIds, Remark, Statements, balance_remark, exact

_MESSAGE = re.compile(rb"urn:iso:std:iso:20022:tech:xsd:camt\.0(\d\d)|<(?:\w+:)?BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)\b")
_NOT_GIVEN = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF", ""})
_PERIOD = (("FrToDt", "FrDtTm"), ("ElctrncSeqNb",), ("Bal", "Amt"), ("Bal", "Dt", "Dt"))
"""What tells the statements of an account apart where a bank gives them one Id; Bal is the first balance."""
_STATUSES = {"BOOK": "succeeded", "PDNG": "pending", "INFO": "information", "FUTR": "pending"}


def recognise(head: bytes) -> bool:
    """Whether a file is a camt message; `read` refuses those that are no statements."""
    return _MESSAGE.search(head.replace(b"\0", b"")) is not None


def read(name: str, path: Path) -> Iterator[Entry | Remark]:
    """Yield entries and remarks. Raise LandingRefused for a broken file or another message than a statement."""
    ids, row, statements, seen = EntryIds(), 0, 0, Statements(name)
    booked = _Booked()
    wanted = {"Ntry": frozenset({"Stmt"}), "Stmt": frozenset({"BkToCstmrStmt"}), "GrpHdr": frozenset({"BkToCstmrStmt"})}
    for element in records(path, wanted):
        match local(element):
            case "Ntry":
                row += 1
                rows = list(_entries(element, row, ids))
                booked.take(element, rows)
                yield from rows
            case "GrpHdr":
                if (_text(element, "MsgPgntn", "LastPgInd") or "true").lower() == "false":
                    page = _text(element, "MsgPgntn", "PgNb")
                    yield Remark(
                        0, "SKIPPED", f"page {page} is not the last page of the message; land the other pages too"
                    )
            case _:
                statements += 1
                seen.take(
                    _account(element.find("{*}Acct")) or "",
                    _text(element, "Id") or "",
                    _text(element, "StmtPgntn", "PgNb") or "",
                    *(_text(element, *place) or "" for place in _PERIOD),
                )
                yield from booked.remarks(element, row)
                booked = _Booked()
    if not statements:
        raise LandingRefused(
            f"{name}: has no statement (BkToCstmrStmt/Stmt); reports (camt.052) and notifications (camt.054) repeat what statements "
            "hold and are not read: send camt.053"
        )


@dataclass(slots=True)
class _Booked:
    """What the booked entries of a statement add up to. Entries in several currencies prove nothing."""

    moved: Decimal = ZERO
    entries: int = 0
    proves: bool = True
    unread: list[str] = field(default_factory=list)

    def take(self, element: etree._Element, rows: list[Entry]) -> None:
        """Add an entry, of which `rows` were made."""
        self.entries += 1
        self.proves = self.proves and not any(row.broken for row in rows)
        if rows and rows[0].status == "succeeded":
            for row in rows:
                self.moved = EXACT.add(self.moved, row.signed)

    def remarks(self, statement: etree._Element, row: int) -> Iterator[Remark]:
        """Yield what balances and counts of the statement do not prove."""
        name = _text(statement, "Id") or "without Id"
        balances: dict[str, Decimal] = {}
        for balance in statement.iterchildren("{*}Bal"):
            kind = _text(balance, "Tp", "CdOrPrtry", "Cd") or ""
            amount = exact(_text(balance, "Amt"))
            if amount is not None:
                debit = _text(balance, "CdtDbtInd") == "DBIT"
                balances.setdefault(kind, amount.copy_negate() if debit else amount)
        opening = balances.get("OPBD", balances.get("PRCD"))
        if opening is not None and "CLBD" in balances and self.proves:
            found = balance_remark(row, excerpt(name), opening, self.moved, balances["CLBD"])
            if found:
                yield found
        stated = _text(statement, "TxsSummry", "TtlNtries", "NbOfNtries")
        if stated is not None and stated.isdecimal() and int(stated) != self.entries:
            yield Remark(row, "TOTALS", f"statement {excerpt(name)}: states {stated} entries, but has {self.entries}")


def _entries(element: etree._Element, row: int, ids: EntryIds) -> Iterator[Entry]:
    statement = element.getparent()
    assert statement is not None
    amount = element.find("{*}Amt")
    stated = "" if amount is None else (amount.text or "").strip()
    reversal = (_text(element, "RvslInd") or "false").lower() in ("true", "1")
    indicator = _text(element, "CdtDbtInd")
    name = _text(statement, "Id") or ""
    reference = _given(_text(element, "AcctSvcrRef")) or _given(_text(element, "NtryRef"))
    whole = Entry(
        row,
        entry_id=reference or f"{name}/{row}",
        sign={"CRDT": "credit", "DBIT": "debit"}.get(indicator or "", ""),
        amount=stated,
        currency="" if amount is None else str(amount.get("Ccy") or _text(statement, "Acct", "Ccy") or ""),
        status=_STATUSES.get(_text(element, "Sts", "Cd") or _text(element, "Sts") or "", "unknown"),
        booked_on=_day(element, "BookgDt"),
        value_on=_day(element, "ValDt"),
        account=_account(statement.find("{*}Acct")),
        statement=name or None,
        bank_reference=reference,
        code=_code(element),
        remittance=_text(element, "AddtlNtryInf"),
    )
    details = list(element.iterfind("{*}NtryDtls/{*}TxDtls"))
    if not whole.sign or exact(stated) is None or whole.status == "unknown":
        lacks = "amount" if exact(stated) is None else "CdtDbtInd" if not whole.sign else "Sts of BOOK, PDNG or INFO"
        yield replace(whole, entry_id=ids.next(whole.entry_id), broken=f"the entry has no readable {lacks}")
        return
    if len(details) <= 1:
        yield _with_kind(_detailed(whole, details[0] if details else None), element, details, reversal, ids)
        return
    parts = [_part(whole, detail, number) for number, detail in enumerate(details, 1)]
    total = ZERO
    for part in parts:
        total = EXACT.add(total, part.signed)
    if any(part.currency != whole.currency or not part.amount for part in parts) or total != whole.signed:
        yield _with_kind(
            replace(whole, remittance=whole.remittance or f"batch of {len(parts)}"), element, (), reversal, ids
        )
        return
    for part, detail in zip(parts, details, strict=True):
        yield _with_kind(_detailed(part, detail), element, [detail], reversal, ids)


def _part(whole: Entry, detail: etree._Element, number: int) -> Entry:
    """Return a transaction of a batch, with its own amount and side."""
    amount = next(
        (found for place in ("{*}Amt", "{*}AmtDtls/{*}TxAmt/{*}Amt") if (found := detail.find(place)) is not None), None
    )
    stated = "" if amount is None else (amount.text or "").strip()
    side = {"CRDT": "credit", "DBIT": "debit"}.get(_text(detail, "CdtDbtInd") or "", whole.sign)
    reference = _given(_text(detail, "Refs", "AcctSvcrRef"))
    return replace(
        whole,
        entry_id=reference if reference and reference != whole.bank_reference else f"{whole.entry_id}/{number}",
        amount=stated if exact(stated) is not None else "",
        currency="" if amount is None else str(amount.get("Ccy") or ""),
        sign=side,
    )


def _detailed(entry: Entry, detail: etree._Element | None) -> Entry:
    """Add what a transaction says: references, the text, and the other party."""
    if detail is None:
        return entry
    parties = detail.find("{*}RltdPties")
    side = "Dbtr" if entry.sign == "credit" else "Cdtr"
    text = " ".join((part.text or "").strip() for part in detail.iterfind("{*}RmtInf/{*}Ustrd"))
    references = [(part.text or "").strip() for part in detail.iterfind("{*}RmtInf/{*}Strd/{*}CdtrRefInf/{*}Ref")]
    references += [(part.text or "").strip() for part in detail.iterfind("{*}RmtInf/{*}Strd/{*}RfrdDocInf/{*}Nb")]
    return replace(
        entry,
        end_to_end_id=_given(_text(detail, "Refs", "EndToEndId")),
        structured_reference=next(filter(None, references), None),
        remittance=text or _text(detail, "AddtlTxInf") or entry.remittance,
        party=None if parties is None else _party(parties, side) or _party(parties, f"Ultmt{side}"),
        party_account=None if parties is None else _account(parties.find(f"{{*}}{side}Acct")),
        code=entry.code if entry.code else _code(detail),
    )


def _with_kind(
    entry: Entry, element: etree._Element, details: list[etree._Element] | tuple[()], reversal: bool, ids: EntryIds
) -> Entry:
    """Say what the entry is to a biller. A direct debit or payment that comes back is a chargeback."""
    returned = reversal or any(detail.find("{*}RtrInf") is not None for detail in details)
    kind = "payment" if entry.sign == "credit" else "chargeback" if returned else "other"
    if entry.sign == "credit" and returned:
        kind = "other"  # a payment of the company's own that came back
    return replace(entry, kind=kind, entry_id=ids.next(entry.entry_id))


def _text(element: etree._Element, *path: str) -> str | None:
    found = element.find("/".join(f"{{*}}{name}" for name in path))
    text = "" if found is None else (found.text or "").strip()
    return text or None


def _given(text: str | None) -> str | None:
    return None if (text or "").upper() in _NOT_GIVEN else text


def _day(element: etree._Element, name: str) -> str | None:
    """Return the day as the bank writes it; of an instant the day in the bank's own time."""
    found = _text(element, name, "Dt") or _text(element, name, "DtTm")
    return found[:10] if found else None


def _party(parties: etree._Element, side: str) -> str | None:
    return _text(parties, side, "Nm") or _text(parties, side, "Pty", "Nm")


def _account(element: etree._Element | None) -> str | None:
    return None if element is None else _text(element, "Id", "IBAN") or _text(element, "Id", "Othr", "Id")


def _code(element: etree._Element) -> str | None:
    """Return the bank's code of a transaction: domain, family and subfamily, or its own."""
    parts = (("Cd",), ("Fmly", "Cd"), ("Fmly", "SubFmlyCd"))
    codes = [found for path in parts if (found := _text(element, "BkTxCd", "Domn", *path))]
    return "/".join(codes) or _text(element, "BkTxCd", "Prtry", "Cd")
