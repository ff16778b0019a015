"""Parse an hledger or ledger journal line by line: apply directives, keep transactions and postings as written.

Nothing is computed: amounts stay as written, elided ones empty. Includes are followed only if declared, and only within the
journal's folder; nothing in a journal is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.core.journal import Account, LedgerOptions, LedgerUnreadable
from billing_recon.feeds.ledgers.csv_rows import encoding_of
from billing_recon.feeds.ledgers.hledger_amounts import Broken, Marks, amount_at, posting_amount
from billing_recon.feeds.ledgers.hledger_journal import JournalText, Posting, Scope, Transaction
from billing_recon.feeds.ledgers.ledger_figures import excerpt
from billing_recon.feeds.ledgers.ledger_items import skipped

_DATE = r"(?:[0-9]{4,5}[-/.])?[0-9]{1,2}[-/.][0-9]{1,2}"
_HEAD = re.compile(rf"^({_DATE})(?:=({_DATE}))?(?=[\s;]|$)\s*(?:([*!])\s*)?(?:\(([^)]*)\)\s*)?(.*)$")
_DAY = re.compile(r"(?:([0-9]{4,5})([-/.]))?([0-9]{1,2})[-/.]([0-9]{1,2})")
_POSTING = re.compile(r"^[ \t]+(?:([*!])[ \t]*)?(.*)$")
_TAG = re.compile(r"(?:^|[\s,;])([A-Za-z_][\w-]*):(?:[ \t]+|(?=[^\s:/]))([^,\n]*)")
_BRACKETED = re.compile(rf"\[({_DATE})?(?:=({_DATE}))?\]")
_IGNORED = frozenset(
    ["P", "N", "C", "tag", "payee", "define", "def", "assert", "check", "expr", "value", "apply", "end", "option", "--"]
)
"""Directives without effect on postings; those with an effect are handled by name."""
_TIMECLOCK = frozenset(["i", "o", "I", "O", "b", "h", "s"])
_EXECUTED = frozenset(["python", "import", "eval"])
_DEPTH_MAX = 20
_FILES_MAX = 1000
_LINE_MAX = 1 << 16


def read_text(path: Path, options: LedgerOptions) -> JournalText:
    """Read the journal and its includes. Raise LedgerUnreadable naming the line."""
    text = JournalText(Marks(path.name, everywhere=options.decimal_mark))
    _Reader(text, options, path.parent.resolve()).file(path, Scope(options.year), ())
    return text


class _Reader:
    """Reads one file at a time into a JournalText."""

    def __init__(self, text: JournalText, options: LedgerOptions, root: Path) -> None:
        self.text = text
        self.options = options
        self.root = root
        self.files = 0
        self.renamed: dict[tuple[str, str, str], str] = {}
        self.engine: duckdb.DuckDBPyConnection | None = None

    def file(self, path: Path, scope: Scope, above: tuple[Path, ...]) -> None:
        self.files += 1
        if self.files > _FILES_MAX or len(above) > _DEPTH_MAX or path.resolve() in above:
            raise LedgerUnreadable(f"{path.name}: includes go round in a circle, or too deep")
        encoding = encoding_of(path, self.options.encoding, None)
        name = path.name
        if not path.stat().st_size:
            raise LedgerUnreadable(f"{name}: the file is empty; it may have been cut off: ask for a resend")
        with path.open(encoding=encoding, newline=None) as stream:
            _FileReader(self, path, name, scope, (*above, path.resolve())).lines(enumerate(stream, 1))

    def account(self, name: str, scope: Scope, where: str) -> str:
        """Return the account's name with parents of `apply account` and aliases applied."""
        full = ":".join([*scope.parents, name])
        for old, new, pattern in reversed(scope.aliases):
            if pattern:
                full = self._replaced(full, old, new, where)
            elif full == old:
                full = new
            elif full.startswith(f"{old}:"):
                full = new + full[len(old) :]
        return full

    def _replaced(self, account: str, pattern: str, new: str, where: str) -> str:
        """Apply an alias pattern, by an engine with bounded time for any pattern."""
        key = (account, pattern, new)
        if key not in self.renamed:
            self.engine = self.engine or duckdb.connect()
            try:
                found = self.engine.execute("SELECT regexp_replace(?, ?, ?, 'gi')", [*key]).fetchall()
            except duckdb.Error:
                raise LedgerUnreadable(f"{where}: the alias pattern /{excerpt(pattern)}/ is not understood") from None
            self.renamed[key] = str(found[0][0])
        return self.renamed[key]


class _FileReader:
    """The lines of one file; holds one transaction."""

    def __init__(self, reader: _Reader, path: Path, name: str, scope: Scope, above: tuple[Path, ...]) -> None:
        self.reader = reader
        self.text = reader.text
        self.path = path
        self.name = name
        self.scope = scope
        self.above = above
        self.transaction: Transaction | None = None
        self.until: str | None = None
        self.inside = ""

    def lines(self, lines: Iterator[tuple[int, str]]) -> None:
        for number, raw in lines:
            if len(raw) > _LINE_MAX:
                raise LedgerUnreadable(f"{self.name}: line {number} has more than {_LINE_MAX} characters")
            line = raw.rstrip("\n").lstrip("\ufeff" if number == 1 else "")
            if self.until is not None:
                if line.strip() == self.until:
                    self.until = None
                continue
            if not line.strip():
                self._end()
            elif line[0] in " \t":
                self._indented(number, line)
            else:
                self._end()
                self._flush_left(number, line.rstrip())
        self._end()

    def _end(self) -> None:
        if self.transaction is not None:
            self.text.transactions.append(self.transaction)
        self.transaction, self.inside = None, ""

    def _fail(self, number: int, message: str) -> LedgerUnreadable:
        return LedgerUnreadable(f"{self.name}: line {number}: {message}")

    def _flush_left(self, number: int, line: str) -> None:
        if line[0] in ";#*%|":
            return
        if line[0].isdigit():
            self._head(number, line)
            return
        if line[0] == "~":
            self.inside = "skip"
            self._skipped(number, "periodic transaction", "it is a forecast, not a posting")
            return
        if line[0] == "=":
            self.inside = "skip"
            self._skipped(number, "automated transaction", "its postings are not generated")
            return
        self._directive(number, line.lstrip("!@"))

    def _skipped(self, number: int, what: str, why: str) -> None:
        where = f"{self.name}: line {number}"
        self.text.findings.append(skipped(where, what, f"{where}: {what} skipped: {why}."))

    def _head(self, number: int, line: str) -> None:
        before, _, comment = line.partition(";")
        match = _HEAD.match(before.rstrip())
        if match is None:
            raise self._fail(number, f"'{excerpt(line)}' begins no transaction; one begins 2026-03-02 description")
        self.transaction = Transaction(
            number,
            self._day(match.group(1), number, self.scope.year),
            (match.group(4) or "").strip(),
            match.group(5).strip(),
            tags=_tags(comment),
            file=self.name,
        )
        if match.group(2):
            self._day(match.group(2), number, self.transaction.day.year)

    def _day(self, text: str, number: int, year: int | None) -> date:
        match = _DAY.fullmatch(text)
        assert match is not None, text
        if match.group(1) is None and year is None:
            raise self._fail(number, f"the day {text} has no year; put a line like Y2026 before it, or declare year")
        try:
            return date(int(match.group(1) or year or 0), int(match.group(3)), int(match.group(4)))
        except ValueError:
            raise self._fail(number, f"{text} is not a date of the calendar") from None

    def _indented(self, number: int, line: str) -> None:
        if self.inside == "commodity":
            self._commodity_format(number, line)
            return
        if self.transaction is None:
            # Below a directive, a rule that is skipped, or a stray comment.
            if not self.inside and not line.strip().startswith(";"):
                raise self._fail(number, f"'{excerpt(line)}' is indented and belongs to no transaction")
            return
        body, _, comment = _uncommented(line)
        tags = _tags(comment)
        postings = self.transaction.postings
        if not body.strip():
            (postings[-1].tags if postings else self.transaction.tags).update(tags)
            if postings:
                self._posting_day(postings[-1], comment, tags, number)
            return
        match = _POSTING.match(body)
        assert match is not None
        rest = match.group(2).rstrip()
        parts = re.split(r"(?: {2,}|\t| \t)", rest, maxsplit=1)
        account, amount = parts[0].strip(), parts[1] if len(parts) > 1 else ""
        if re.match(r"(?:assert|check|expr)\s", rest):
            return
        kind = ""
        for opening, closing in ("()", "[]"):
            if account.startswith(opening) and account.endswith(closing):
                account, kind = account[1:-1].strip(), opening + closing
        if not account:
            raise self._fail(number, "a posting has no account")
        try:
            written = posting_amount(amount, number, self.text.default)
        except Broken as error:
            hint = "; an account and its amount are two spaces apart" if not amount.strip() else ""
            raise self._fail(number, f"{error}{hint}") from None
        where = f"{self.name}: line {number}"
        posting = Posting(number, self.reader.account(account, self.scope, where), kind, written, tags=tags)
        self._posting_day(posting, comment, tags, number)
        for raw in (
            written.amount,
            written.priced.price,
            written.priced.lot,
            written.assertion.amount if written.assertion else None,
        ):
            if raw is not None:
                self.text.marks.observe(raw)
        postings.append(posting)

    def _posting_day(self, posting: Posting, comment: str, tags: dict[str, str], number: int) -> None:
        """A posting's own day: [2026-03-02] or date:2026-03-02 in its comment."""
        assert self.transaction is not None
        bracketed = _BRACKETED.search(comment)
        text = tags.get("date", "").strip() or (bracketed.group(1) if bracketed else None)
        if text and re.fullmatch(_DATE, text):
            posting.day = self._day(text, number, self.transaction.day.year)

    def _directive(self, number: int, line: str) -> None:
        word, _, rest = line.partition(" ") if not re.match(r"[YDAPNC][0-9$€£]", line) else (line[0], "", line[1:])
        word = word.split("\t")[0]
        rest = line[len(word) :].strip()
        self.inside = "directive"
        match word:
            case "include":
                self._include(number, rest.partition("  ;")[0].strip().strip('"'))
            case "account":
                name = re.split(r" {2,}|\t|;", rest)[0].strip()
                if name:
                    full = self.reader.account(name, self.scope, f"{self.name}: line {number}")
                    self.text.accounts.setdefault(full, Account(full))
            case "commodity":
                self._commodity(number, _uncommented(rest)[0].strip())
            case "format" if self.inside:
                pass
            case "D":
                self.text.default = self._style(number, _uncommented(rest)[0].strip())
            case "Y" | "year":
                self._year(number, rest)
            case "decimal-mark":
                if rest[:1] not in (".", ","):
                    raise self._fail(number, f"decimal-mark is '{excerpt(rest)}'; it is . or ,")
                self.text.marks.everywhere = rest[0]
            case "alias":
                self._alias(number, rest)
            case "A" | "bucket":
                self.text.bucket = self.reader.account(rest, self.scope, f"{self.name}: line {number}")
            case "comment":
                self.until = "end comment"
            case "test":
                self.until = "end test"
            case "apply":
                self._apply(number, rest)
            case "end":
                self._end_of(rest)
            case "capture":
                self._skipped(number, "capture directive", "payees do not determine accounts")
            case _ if word in _EXECUTED:
                self._skipped(number, f"{word} directive", "nothing in a journal is executed")
            case _ if word in _TIMECLOCK:
                self._skipped(number, "timeclock entry", "hours are not postings")
            case _ if word in _IGNORED or word.startswith("--"):
                pass
            case _:
                raise self._fail(number, f"'{excerpt(line)}' is not a directive, transaction or comment")

    def _commodity(self, number: int, rest: str) -> None:
        if not any(c.isdigit() for c in rest.split('"')[-1]) and not re.search(r"[0-9]", rest.partition('"')[0]):
            self.inside = "commodity"
            return
        self._style(number, rest)

    def _commodity_format(self, number: int, line: str) -> None:
        body = _uncommented(line)[0].strip()
        if body.startswith("format "):
            self._style(number, body.removeprefix("format ").strip())

    def _style(self, number: int, text: str) -> str:
        """Read a sample amount, whose mark applies to its commodity. Return the commodity."""
        try:
            raw, end = amount_at(text, 0, number)
        except Broken as error:
            raise self._fail(number, str(error)) from None
        if text[end:].strip():
            raise self._fail(number, f"'{excerpt(text)}' is not an amount")
        marks = [c for c in raw.number if c in ".,"]
        if marks:
            single = len(set(marks)) == 1
            # A sample's last mark is its decimal mark, unless it occurs more than once: 1,000,000.
            self.text.marks.declared[raw.commodity] = (
                ("." if marks[-1] == "," else ",") if single and len(marks) > 1 else marks[-1]
            )
        return raw.commodity

    def _year(self, number: int, rest: str) -> None:
        if not re.fullmatch(r"[0-9]{4}", rest[:4]) or not int(rest[:4]):
            raise self._fail(number, f"'{excerpt(rest)}' is not a year")
        self.scope.year = int(rest[:4])

    def _alias(self, number: int, rest: str) -> None:
        pattern = re.match(r"/((?:\\/|[^/])*)/\s*=\s*(.*)$", rest)
        if pattern:
            self.scope.aliases.append((pattern.group(1).replace("\\/", "/"), pattern.group(2).strip(), True))
            return
        old, equals, new = rest.partition("=")
        if not equals or not old.strip():
            raise self._fail(number, f"'{excerpt(rest)}' is not an alias; one is OLD = NEW")
        self.scope.aliases.append((old.strip(), new.strip(), False))

    def _apply(self, number: int, rest: str) -> None:
        what, _, value = rest.partition(" ")
        self.scope.tags.append(what)
        if what == "account":
            self.scope.parents.append(value.strip())
        elif what == "year":
            self._year(number, value.strip())

    def _end_of(self, rest: str) -> None:
        what = rest.removeprefix("apply").strip()
        if rest == "aliases":
            self.scope.aliases.clear()
            return
        if self.scope.tags:
            applied = self.scope.tags.pop()
            if (what or applied) == "account" and self.scope.parents:
                self.scope.parents.pop()

    def _include(self, number: int, target: str) -> None:
        where = f"{self.name}: line {number}"
        if not self.reader.options.includes:
            message = (
                f"{where}: include {excerpt(target)} is not followed; declare includes to read it from the same folder."
            )
            self.text.findings.append(skipped(where, f"include {excerpt(target)}", message))
            return
        if not target or target.startswith(("/", "~")) or ":" in target.split("/")[0] or "\0" in target:
            raise self._fail(
                number, f"include {excerpt(target)} lies outside the journal's folder, or is not a journal"
            )
        try:
            found = sorted(self.path.parent.glob(target))
        except (ValueError, NotImplementedError):
            raise self._fail(number, f"include {excerpt(target)} is not a path") from None
        if not found:
            raise self._fail(number, f"include {excerpt(target)} is not there")
        for path in found:
            if not path.resolve().is_relative_to(self.reader.root):
                raise self._fail(number, f"include {excerpt(target)} lies outside the journal's folder")
            if path.is_file() and (path.resolve() not in self.above or "*" not in target):
                self.reader.file(path, self.scope.copy(), self.above)


def _uncommented(line: str) -> tuple[str, str, str]:
    """Split a line into text, semicolon and comment; semicolons in quotes do not count."""
    quoted = False
    for at, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            return line[:at], ";", line[at + 1 :]
    return line, "", ""


def _tags(comment: str) -> dict[str, str]:
    """Return the tags of a comment: `invoice: INV-7, customer: C-1`."""
    return {name.casefold(): value.strip() for name, value in _TAG.findall(comment)}
