"""hledger and ledger journals: infer elided amounts, apply prices, check balance assertions in date order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Entry,
    Finding,
    FindingCode,
    Journal,
    LedgerOptions,
    LedgerUnreadable,
)
from billing_recon.feeds.ledgers.hledger_amounts import Assertion, Raw
from billing_recon.feeds.ledgers.hledger_journal import JournalText, Posting, Transaction
from billing_recon.feeds.ledgers.hledger_text import read_text
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, skipped
from billing_recon.feeds.ledgers.number_series import Identities

_ENDINGS = (".journal", ".ledger", ".hledger", ".ldg", ".lgr", ".j")
_HEAD = re.compile(
    r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?:=\S+)?(?:[ \t]+[^\n\"]*)?\n(?:[ \t]+;[^\n]*\n)*[ \t]+[^\s;][^\n]*",
    re.MULTILINE,
)
_SYMBOLS = {"€": "EUR", "£": "GBP"}

Sums = dict[str, Decimal]


def recognise(head: bytes, name: str) -> bool:
    """Recognise text with a transaction, or any text with a journal's file ending."""
    if b"\0" in head or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{", b"%"):
        return False
    text = head.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return name.casefold().endswith(_ENDINGS) or _HEAD.search(text) is not None


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield declared accounts, then the transactions in file order. Raise LedgerUnreadable."""
    text = read_text(path, options)
    yield Header(currency=_code(text.default, options) if text.default else options.currency)
    yield from text.accounts.values()
    yield from text.findings
    books = _Books(path.name, text, options)
    resolved = books.resolve()
    ids, of_day = Identities(), Counter[date]()
    exchanged = 0
    for one in resolved:
        exchanged += one.exchange
        yield from _items(one, ids, of_day, options)
    yield from books.findings
    if exchanged:
        yield Note(
            f"Transactions that exchange commodities without a price: {exchanged}. They are accepted as written."
        )


def _code(symbol: str, options: LedgerOptions) -> str | None:
    if not symbol:
        return options.currency
    return options.commodities.get(symbol, _SYMBOLS.get(symbol, symbol))


@dataclass(slots=True)
class _Amount:
    """A resolved amount of a posting: figure and commodity, and its weight in the commodity that balances it."""

    figure: Decimal
    commodity: str
    weight: Decimal
    weighs_in: str
    priced: bool


@dataclass(slots=True)
class _Resolved:
    """A transaction whose amounts are all known: per posting, one amount per commodity."""

    transaction: Transaction
    amounts: list[list[_Amount]] = field(default_factory=list)
    exchange: bool = False
    tolerance: Sums = field(default_factory=dict)


class _Books:
    """Resolves transactions in date order. Tracks account balances if any line asserts one."""

    def __init__(self, file: str, text: JournalText, options: LedgerOptions) -> None:
        self.file = file
        self.text = text
        self.options = options
        self.findings: list[Finding] = []
        self.held: dict[str, Sums] = {}
        self.places = self._posted_places()
        self.asserts = any(p.text.assertion for t in text.transactions for p in t.postings)

    def _posted_places(self) -> dict[str, int]:
        """Return the most decimals with which each commodity is posted without a price."""
        places: dict[str, int] = {}
        for transaction in self.text.transactions:
            for posting in transaction.postings:
                raw, priced = posting.text.amount, posting.text.priced
                if raw is not None and priced.price is None and priced.lot is None:
                    digits = max(0, -int(self._figure(raw)[0].as_tuple().exponent))
                    places[raw.commodity] = max(digits, places.get(raw.commodity, 0))
        return places

    def resolve(self) -> list[_Resolved]:
        """Return all transactions in file order."""
        transactions = self.text.transactions
        if not self.asserts:
            return [self._resolved(t) for t in transactions]
        done: dict[int, _Resolved] = {}
        steps = sorted(
            (posting.day or transaction.day, t, p)
            for t, transaction in enumerate(transactions)
            for p, posting in enumerate(transaction.postings)
        )
        for _, t, p in steps:
            if t not in done:
                done[t] = self._resolved(transactions[t])
            posting = transactions[t].postings[p]
            for amount in done[t].amounts[p]:
                self._hold(posting.account, amount.commodity, amount.figure)
            if posting.text.assertion is not None:
                self._check(posting, posting.text.assertion)
        return [done[t] if t in done else self._resolved(one) for t, one in enumerate(transactions)]

    def _hold(self, account: str, commodity: str, figure: Decimal) -> None:
        sums = self.held.setdefault(account, {})
        sums[commodity] = EXACT.add(sums.get(commodity, ZERO), figure)

    def _figure(self, raw: Raw) -> tuple[Decimal, str]:
        return self.text.marks.figure(raw), raw.commodity

    def _holds(self, account: str, *, deep: bool) -> Sums:
        """Return an account's balance; `deep`: with its subaccounts."""
        if not deep:
            return self.held.get(account, {})
        total: Sums = {}
        for name, sums in self.held.items():
            if name == account or name.startswith(f"{account}:"):
                for commodity, figure in sums.items():
                    total[commodity] = EXACT.add(total.get(commodity, ZERO), figure)
        return total

    def _check(self, posting: Posting, assertion: Assertion) -> None:
        stated, commodity = self._figure(assertion.amount)
        holds = self._holds(posting.account, deep=assertion.deep)
        computed = holds.get(commodity, ZERO)
        where = f"account {posting.account}, line {posting.line}"
        if computed != stated:
            sentence = (
                f"line {posting.line} asserts that {posting.account} holds {stated:f} {commodity}".rstrip()
                + f" after it; its postings add up to {computed:f}."
            )
            self.findings.append(Finding(FindingCode.ROLL_FORWARD, where, f"{stated:f}", f"{computed:f}", sentence))
        elif assertion.sole and (others := sorted(c for c, held in holds.items() if held and c != commodity)):
            sentence = (
                f"line {posting.line} asserts that {posting.account} holds nothing but {stated:f} {commodity}".rstrip()
                + f"; it also holds {', '.join(others)}."
            )
            self.findings.append(Finding(FindingCode.ROLL_FORWARD, where, f"{stated:f}", ", ".join(others), sentence))

    def _resolved(self, transaction: Transaction) -> _Resolved:
        """Resolve amounts as written, then those assigned by a balance, then the elided one of each group."""
        one = _Resolved(transaction)
        if self.text.bucket and len([p for p in transaction.postings if not p.kind]) == 1:
            first = next(p for p in transaction.postings if not p.kind)
            elided = type(first.text)(None, type(first.text.priced)(), None)
            transaction.postings.append(Posting(transaction.line, self.text.bucket, "", elided))
        within: dict[str, Sums] = {}
        for posting in transaction.postings:
            amounts = self._written(posting)
            if not amounts and posting.text.assertion is not None:
                amounts = self._assigned(posting, posting.text.assertion, within)
            one.amounts.append(amounts)
            if self.asserts:
                sums = within.setdefault(posting.account, {})
                for amount in amounts:
                    sums[amount.commodity] = EXACT.add(sums.get(amount.commodity, ZERO), amount.figure)
        for kind in ("", "[]"):
            self._balance(one, kind)
        return one

    def _written(self, posting: Posting) -> list[_Amount]:
        """Return the amount as written, none if elided; its weight is by its price, else by its lot's."""
        raw, priced = posting.text.amount, posting.text.priced
        if raw is None:
            return []
        figure, commodity = self._figure(raw)
        weigher, total = (priced.price, priced.price_is_total) if priced.price else (priced.lot, priced.lot_is_total)
        if weigher is None:
            return [_Amount(figure, commodity, figure, commodity, False)]
        weight, weighs_in = self._weight(figure, weigher, total)
        return [_Amount(figure, commodity, weight, weighs_in, True)]

    def _weight(self, figure: Decimal, price: Raw, total: bool) -> tuple[Decimal, str]:
        each, commodity = self._figure(price)
        if total:
            return (each.copy_abs().copy_negate() if figure < 0 else each.copy_abs()), commodity
        return EXACT.multiply(figure, each), commodity

    def _assigned(self, posting: Posting, assertion: Assertion, within: dict[str, Sums]) -> list[_Amount]:
        """Return the amounts that bring the account to its asserted balance; a sole assertion clears other commodities too."""
        stated, commodity = self._figure(assertion.amount)
        before = dict(self._holds(posting.account, deep=assertion.deep))
        for account, sums in within.items():
            if account == posting.account or (assertion.deep and account.startswith(f"{posting.account}:")):
                for other, figure in sums.items():
                    before[other] = EXACT.add(before.get(other, ZERO), figure)
        wanted = {other: EXACT.minus(figure) for other, figure in before.items() if assertion.sole and figure}
        wanted[commodity] = EXACT.subtract(stated, before.get(commodity, ZERO))
        if len(wanted) > 1 and not wanted[commodity]:
            del wanted[commodity]
        return [_Amount(figure, other, figure, other, False) for other, figure in sorted(wanted.items())]

    def _balance(self, one: _Resolved, kind: str) -> None:
        """Infer the elided amount of a group of postings; without one, check whether prices or an exchange balance it."""
        members = [n for n, posting in enumerate(one.transaction.postings) if posting.kind == kind]
        elided = [n for n in members if not one.amounts[n]]
        known = [amount for n in members for amount in one.amounts[n]]
        if len(elided) > 1:
            line = one.transaction.postings[elided[1]].line
            raise LedgerUnreadable(
                f"{one.transaction.file}: line {line}: a second posting of the transaction has no amount; only one may be left out"
            )
        sums = _sum_weights(known)
        if elided:
            rest = {commodity: figure for commodity, figure in sums.items() if figure}
            if not rest:
                rest = {known[0].weighs_in if known else self.text.default: ZERO}
            one.amounts[elided[0]] = [
                _Amount(-figure if figure else ZERO, commodity, -figure if figure else ZERO, commodity, False)
                for commodity, figure in sorted(rest.items())
            ]
            return
        apart = {commodity: figure for commodity, figure in sums.items() if figure}
        if not apart:
            return
        if any(one.transaction.postings[n].text.priced.lot_open for n in members):
            one.exchange = True
            where = f"{one.transaction.file}: line {one.transaction.line}"
            message = f"{where}: a lot has no cost ({{}}), so the balance of the transaction is not checked."
            self.findings.append(skipped(where, "{}", message))
        elif any(amount.priced for amount in known):
            self._weigh_otherwise(one, members)
        elif kind == "" and len(apart) == 2 and len({figure > 0 for figure in apart.values()}) == 2:
            one.exchange = True

    def _weigh_otherwise(self, one: _Resolved, members: list[int]) -> None:
        """Where prices do not balance a transaction exactly, they may up to their last digit; else the lots' prices may

        (as ledger has it), else the plain amounts (where the exchange has postings of its own beside the prices).
        """
        by_price = [amount for n in members for amount in one.amounts[n]]
        by_lot = [self._by_lot(one.transaction.postings[n], amount) for n in members for amount in one.amounts[n]]
        plain = [_Amount(a.figure, a.commodity, a.figure, a.commodity, False) for a in by_price]
        for trial in (by_price, by_lot, plain):
            tolerance = _tolerance(trial, self.places)
            if all(abs(figure) <= tolerance.get(c, ZERO) for c, figure in _sum_weights(trial).items()):
                for amount, weighed in zip(by_price, trial, strict=True):
                    amount.weight, amount.weighs_in = weighed.weight, weighed.weighs_in
                one.tolerance = tolerance
                return

    def _by_lot(self, posting: Posting, amount: _Amount) -> _Amount:
        lot = posting.text.priced.lot
        if lot is None:
            return amount
        weight, weighs_in = self._weight(amount.figure, lot, posting.text.priced.lot_is_total)
        return _Amount(amount.figure, amount.commodity, weight, weighs_in, True)


def _sum_weights(amounts: Iterable[_Amount]) -> Sums:
    sums: Sums = {}
    for amount in amounts:
        sums[amount.weighs_in] = EXACT.add(sums.get(amount.weighs_in, ZERO), amount.weight)
    return sums


def _tolerance(amounts: Iterable[_Amount], elsewhere: dict[str, int]) -> Sums:
    """Half of the last digit in which each commodity is posted: what multiplying prices out may leave.

    The transaction's own postings say how many digits; `elsewhere`, those of the whole journal, where it has none.
    """
    places: dict[str, int] = {}
    for amount in amounts:
        if not amount.priced:
            digits = max(0, -int(amount.figure.as_tuple().exponent))
            places[amount.commodity] = max(digits, places.get(amount.commodity, 0))
    places = {**elsewhere, **places}
    return {commodity: Decimal(5).scaleb(-digits - 1) for commodity, digits in places.items()}


def _items(one: _Resolved, ids: Identities, of_day: Counter[date], options: LedgerOptions) -> Iterator[Item]:
    """The journal of a transaction, and the finding of virtual postings that should balance and do not."""
    transaction = one.transaction
    of_day[transaction.day] += 1
    tags = transaction.tags
    journal_id = ids.unique(tags.get("journal_id") or tags.get("id") or f"{transaction.day}.{of_day[transaction.day]}")
    entries: list[Entry] = []
    for posting, amounts in zip(transaction.postings, one.amounts, strict=True):
        for amount in amounts:
            own = posting.tags.get("entry_id") or posting.tags.get("id") or f"{journal_id}/{len(entries) + 1}"
            entries.append(_entry(one, posting, amount, journal_id, ids.unique(own), options))
    code = transaction.code
    yield Journal(
        journal_id=journal_id,
        dated=transaction.day,
        entries=tuple(entries),
        number=code or None if options.numbered else None,
        tolerance={_code(commodity, options): figure for commodity, figure in one.tolerance.items()},
    )
    virtual = [
        amount
        for posting, amounts in zip(transaction.postings, one.amounts, strict=True)
        if posting.kind == "[]"
        for amount in amounts
    ]
    tolerance = _tolerance(virtual, {}) if any(amount.priced for amount in virtual) else {}
    for commodity, figure in _sum_weights(virtual).items():
        if abs(figure) > tolerance.get(commodity, ZERO):
            where = f"journal {journal_id}"
            sentence = f"{where}: its bracketed postings are {figure:f} {commodity}".rstrip() + " apart."
            yield Finding(FindingCode.UNBALANCED, where, f"{figure:f}", "0", sentence)


def _entry(
    one: _Resolved, posting: Posting, amount: _Amount, journal_id: str, entry_id: str, options: LedgerOptions
) -> Entry:
    transaction = one.transaction
    tags = {**transaction.tags, **posting.tags}
    weight: tuple[Decimal, str | None] | None = None
    if one.exchange:
        weight = (ZERO, _code(amount.weighs_in, options))
    elif amount.priced:
        weight = (amount.weight, _code(amount.weighs_in, options))
    return Entry(
        entry_id=entry_id,
        journal_id=journal_id,
        posted_on=posting.day or transaction.day,
        account=posting.account,
        debit=amount.figure if amount.figure > 0 else ZERO,
        credit=amount.figure.copy_negate() if amount.figure < 0 else ZERO,
        currency=_code(amount.commodity, options),
        document=transaction.code or None,
        invoice_id=tags.get("invoice_id") or tags.get("invoice") or transaction.code or None,
        customer_id=tags.get("customer_id") or tags.get("customer") or None,
        memo=tags.get("memo") or transaction.description or None,
        line=posting.line,
        weight=weight,
        virtual=bool(posting.kind),
    )
