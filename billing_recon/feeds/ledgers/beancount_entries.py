"""Read a beancount file by beancount's own parser and booking. Runs in a child process only (beancount_child).

Parsing, booking of elided amounts and lots, padding and balance assertions are beancount's. Its loader, which imports any
module that a file names, is not used.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Account,
    Entry,
    Finding,
    FindingCode,
    Journal,
    LedgerOptions,
    LedgerUnreadable,
)
from billing_recon.feeds.ledgers.csv_rows import encoding_of
from billing_recon.feeds.ledgers.ledger_figures import DIGITS, excerpt
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Note, skipped
from billing_recon.feeds.ledgers.number_series import Identities

_DEFAULT_TITLE = "Beancount"
_FILES_MAX = 1000
_SHOWN = 3


def items(path: Path, options: LedgerOptions) -> list[Item]:
    """Return opened accounts, then transactions by day, and each balance assertion that fails."""
    with localcontext(Context(prec=100)):
        try:
            return list(_items(path, options))
        except MemoryError:
            raise LedgerUnreadable(f"{path.name}: it is nested deeper than any ledger; ask for a resend") from None
        except ArithmeticError:
            raise LedgerUnreadable(f"{path.name}: a calculation in it has no result; write the figure out") from None


def _module(name: str) -> Any:
    """Import a module of the optional extra, or a declared plugin."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LedgerUnreadable(
            f"the module {excerpt(name)} cannot be imported ({excerpt(str(error))}); install it"
        ) from None


def _items(path: Path, options: LedgerOptions) -> Iterator[Item]:
    data = _module("beancount.core.data")
    entries, settings, findings = _parsed(path, options)
    entries.sort(key=data.entry_sortkey)
    currencies = settings["operating_currency"]
    yield Header(
        company=settings["title"] if settings["title"] != _DEFAULT_TITLE else None,
        currency=currencies[0] if len(currencies) == 1 else options.currency,
    )
    booked, errors = _module("beancount.parser.booking").book(entries, settings)
    for error in errors:
        where = f"line {_line(error.source)}"
        findings.append(skipped(where, "transaction", f"{where}: a transaction cannot be booked: {_message(error)}"))
    booked = _plugged(path, booked, settings, options, findings)
    booked, errors = _module("beancount.ops.pad").pad(booked, settings)
    for error in errors:
        where = f"line {_line(error.source)}"
        findings.append(skipped(where, "pad", f"{where}: {_message(error)}"))
    booked, errors = _module("beancount.ops.balance").check(booked, settings)
    yield from (_opened(entry) for entry in booked if isinstance(entry, data.Open))
    yield from findings
    ids, of_day = Identities(), Counter[date]()
    padded = 0
    for entry in booked:
        if isinstance(entry, data.Transaction):
            padded += entry.flag == "P"
            yield _journal(entry, settings, ids, of_day, options)
    failed = [entry for entry in booked if isinstance(entry, data.Balance) and entry.diff_amount is not None]
    yield from map(_failed, failed)
    known = {_line(entry.meta) for entry in failed}
    for error in errors:
        if _line(error.source) not in known:
            where = f"line {_line(error.source)}"
            yield Finding(FindingCode.ROLL_FORWARD, where, "", "", f"{where}: {_message(error)}")
    if padded:
        yield Note(
            f"{padded} entries fill an account to an asserted balance (pad); the file does not state their amounts."
        )


def _parsed(path: Path, options: LedgerOptions) -> tuple[list[Any], dict[str, Any], list[Finding]]:
    """Return the directives of the file and its includes, its settings, and findings about what was skipped."""
    parser = _module("beancount.parser.parser")
    root = path.parent.resolve()
    findings: list[Finding] = []
    everything: list[Any] = []
    settings: dict[str, Any] = {}
    pending, seen = [path], {path.resolve()}
    while pending:
        file = pending.pop(0)
        text = file.read_text(encoding=encoding_of(file, options.encoding, None))
        _refuse_long_figures(file, text)
        entries, errors, own = parser.parse_string(text, report_filename=str(file))
        if errors:
            listed = "; ".join(f"line {_line(error.source)}: {_message(error)}" for error in errors[:_SHOWN])
            more = f" and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
            raise LedgerUnreadable(f"{file.name}: {listed}{more}")
        everything += entries
        settings = settings or own
        for target in own["include"]:
            if not options.includes:
                message = (
                    f"include {excerpt(target)} is not followed; declare includes to read it from the same folder."
                )
                findings.append(skipped(file.name, f"include {excerpt(target)}", message))
                continue
            for found in _included(file, target, root):
                if found.resolve() not in seen:
                    seen.add(found.resolve())
                    pending.append(found)
        if len(seen) > _FILES_MAX:
            raise LedgerUnreadable(f"{path.name}: it includes more than {_FILES_MAX} files")
    if not everything:
        raise LedgerUnreadable(f"{path.name}: it has no directive; an empty file is not a ledger")
    return everything, settings, findings


def _included(file: Path, target: str, root: Path) -> list[Path]:
    message = f"{file.name}: include {excerpt(target)}"
    if Path(target).is_absolute() or "\0" in target:
        raise LedgerUnreadable(f"{message} lies outside the ledger's folder")
    try:
        found = sorted(one for one in file.parent.glob(target) if one.is_file())
    except (ValueError, NotImplementedError):
        raise LedgerUnreadable(f"{message} is not a path") from None
    if not found:
        raise LedgerUnreadable(f"{message} is not there")
    if not all(one.resolve().is_relative_to(root) for one in found):
        raise LedgerUnreadable(f"{message} lies outside the ledger's folder")
    return found


def _refuse_long_figures(file: Path, text: str) -> None:
    match = re.search(rf"[0-9][0-9,]{{{DIGITS},}}", text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise LedgerUnreadable(f"{file.name}: line {line}: a figure has more than {DIGITS} digits; it is not an amount")


def _plugged(
    path: Path, entries: list[Any], settings: dict[str, Any], options: LedgerOptions, findings: list[Finding]
) -> list[Any]:
    """Run the declared plugins in the file's order. Add a finding for each that is not run."""
    for name, config in settings["plugin"]:
        if name not in options.plugins:
            message = f"plugin {excerpt(name)} is not run: it is code that a file names. Declare plugins: [{excerpt(name)}] to run it."
            findings.append(skipped(path.name, f"plugin {excerpt(name)}", message))
            continue
        module = _module(name)
        for function in module.__plugins__:
            call = getattr(module, function) if isinstance(function, str) else function
            entries, errors = call(entries, settings, config) if config is not None else call(entries, settings)
            for error in errors:
                findings.append(skipped(f"line {_line(error.source)}", f"plugin {name}", _message(error)))
    return entries


def _line(source: Any) -> int:
    return int((source or {}).get("lineno") or 0)


def _message(error: Any) -> str:
    text = excerpt(str(error.message))
    return text if text.endswith(".") else f"{text}."


def _opened(entry: Any) -> Account:
    name = entry.meta.get("name")
    return Account(entry.account, name=str(name) if name else None)


def _failed(entry: Any) -> Finding:
    """Report a balance assertion that the postings before it do not meet."""
    where = f"account {entry.account}, line {_line(entry.meta)}"
    stated = entry.amount.number
    computed = EXACT.add(stated, entry.diff_amount.number)
    currency = entry.amount.currency
    sentence = (
        f"line {_line(entry.meta)} asserts that {entry.account} holds {stated:f} {currency} at the start of {entry.date}; "
        f"its postings add up to {computed:f} {currency}."
    )
    return Finding(FindingCode.ROLL_FORWARD, where, f"{stated:f}", f"{computed:f}", sentence)


def _journal(
    entry: Any, settings: dict[str, Any], ids: Identities, of_day: Counter[date], options: LedgerOptions
) -> Journal:
    interpolate, convert = _module("beancount.core.interpolate"), _module("beancount.core.convert")
    of_day[entry.date] += 1
    given = _meta(entry.meta, "journal_id", "id")
    journal_id = ids.unique(given or f"{entry.date}.{of_day[entry.date]}")
    links = sorted(entry.links or ())
    link = links[0] if len(links) == 1 else None
    memo = " | ".join(text for text in (entry.payee, entry.narration) if text) or None
    posted = []
    for n, posting in enumerate(entry.postings, 1):
        units, meta = posting.units, posting.meta or {}
        weight = convert.get_weight(posting)
        posted.append(
            Entry(
                entry_id=ids.unique(_meta(meta, "entry_id", "id") or f"{journal_id}/{n}"),
                journal_id=journal_id,
                posted_on=entry.date,
                account=posting.account,
                debit=units.number if units.number > 0 else ZERO,
                credit=units.number.copy_negate() if units.number < 0 else ZERO,
                currency=options.commodities.get(units.currency, units.currency),
                invoice_id=_meta(meta, "invoice_id", "invoice") or _meta(entry.meta, "invoice_id", "invoice") or link,
                customer_id=_meta(meta, "customer_id", "customer") or _meta(entry.meta, "customer_id", "customer"),
                memo=memo,
                line=_line(meta) or _line(entry.meta),
                weight=(weight.number, options.commodities.get(weight.currency, weight.currency))
                if weight.currency != units.currency
                else None,
            )
        )
    tolerance: dict[str | None, Decimal] = {
        options.commodities.get(currency, currency): figure
        for currency, figure in interpolate.infer_tolerances(entry.postings, settings).items()
    }
    return Journal(journal_id=journal_id, dated=entry.date, entries=tuple(posted), tolerance=tolerance)


def _meta(meta: dict[str, Any], *names: str) -> str | None:
    return next((str(meta[name]) for name in names if meta.get(name) not in (None, "")), None)
