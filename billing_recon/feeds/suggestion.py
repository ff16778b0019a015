"""Draft a feed from a file: how it is written, and which of its columns is which of ours. A person checks the draft.

A draft never decides: what several readings fit is left out and named as open.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import duckdb

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed, Preset
from billing_recon.core.schema import CANONICAL, Column, Kind, TableSpec
from billing_recon.feeds import ledgers, statements
from billing_recon.feeds.documents import formats as documents
from billing_recon.feeds.effective_feed import preset_feeds
from billing_recon.feeds.tables.archive import foreign
from billing_recon.feeds.tables.csv_file import open_csv
from billing_recon.feeds.tables.day_files import DayFile, open_table, tables_in
from billing_recon.feeds.tables.jsonl_file import open_jsonl
from billing_recon.feeds.tables.parquet_file import open_parquet
from billing_recon.feeds.tables.raw_rows import RawFile, quoted

_HEAD_BYTES = 1 << 18
_SAMPLES = 200
_DELIMITERS = (";", "\t", "|", ",")
_PREAMBLE_MAX = 30
_DATES = ("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d %b %Y", "%b %d, %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?")
_GROUPED = re.compile(r"\D*\d{1,3}([.,'’ \u00a0\u202f])\d{3}(?:\1\d{3})*(?=[.,]\d|\D*$)")
_FIGURE = re.compile(r"[-+(]?\s*[\d.,'\u00a0\u202f ]*\d[\d.,'\u00a0\u202f ]*\)?-?%?")
_PLAIN_LETTERS = str.maketrans("äöüéè", "aouee")

WORDS: dict[str, tuple[str, ...]] = {
    "payment_id": ("paymentid", "transactionid", "balancetransactionid", "zahlungsnr", "zahlungid", "txnid", "id", "nr", "pspreference",
                   "reference", "number", "paymentnumber"),
    "kind": ("kind", "type", "typ", "art", "reportingcategory", "linetype", "chargetype", "transactiontype", "zahlungsart"),
    "customer_id": ("customerid", "customer", "kunde", "kundennr", "kundennummer", "kdnr", "clientid", "client", "debitor", "accountid",
                    "accountcode", "accountnumber", "account", "externalcustomerid", "customeremail"),
    "invoice_id": ("invoiceid", "invoice", "invoicenumber", "invoiceno", "rechnung", "rechnungsnr", "rechnungsnummer", "renr", "belegnr",
                   "facture", "documentnumber", "number", "merchantreference", "beleg"),
    "amount": ("amount", "gross", "betrag", "bruttobetrag", "montant", "total", "importe", "value", "umsatz", "grossamount", "sum", "summe"),
    "currency": ("currency", "currencycode", "waehrung", "wahrung", "whg", "devise", "ccy", "billingcurrency", "grosscurrency"),
    "status": ("status", "state", "zustand"),
    "processed_at": ("processedat", "createdutc", "created", "date", "datum", "paidat", "paymentdate", "zahlungsdatum", "creationdate",
                     "buchungstag", "valuta", "bookingdate", "transactiondate", "timestamp", "completedat", "chargedate"),
    "fee": ("fee", "fees", "gebuehr", "gebuhr", "entgelt", "commission"),
    "attempt": ("attempt", "versuch"),
    "line_id": ("lineid", "lineitemid", "invoicelineitemid", "position", "pos", "lineno", "line", "feeid", "itemid", "id", "uuid"),
    "subscription_id": ("subscriptionid", "subscription", "vertrag", "vertragsnr", "abo", "contractid", "externalsubscriptionid"),
    "plan_id": ("planid", "plan", "plancode", "product", "productid", "produkt", "priceid", "tarif", "sku"),
    "plan_version": ("planversion", "version", "priceversion"),
    "meter": ("meter", "metric", "billablemetric", "unit", "skuid", "chargecode", "description"),
    "period_start": ("periodstart", "servicestart", "start", "von", "datefrom", "startdate", "servicestartdate", "startat",
                     "fromdate", "leistungvon"),
    "period_end": ("periodend", "serviceend", "end", "bis", "dateto", "enddate", "serviceenddate", "endat", "todate",
                   "leistungbis"),
    "quantity": ("quantity", "qty", "menge", "anzahl", "units", "usagequantity", "consumedquantity"),
    "unit_price": ("unitprice", "price", "einzelpreis", "preis", "unitamount", "rate"),
    "gross": ("gross", "amount", "chargeamount", "subtotal", "invoicesubtotal", "netto", "nettobetrag", "net", "lineamount",
              "amountexcludingtax"),
    "discount": ("discount", "rabatt", "discountamount"),
    "credit": ("credit", "haben", "guthaben", "creditamount"),
    "debit": ("debit", "soll", "debitamount"),
    "taxable": ("taxable", "taxableamount", "taxbase", "netto", "nettobetrag", "net", "amountexcludingtax", "subtotal",
                "invoicesubtotal"),
    "tax_rate": ("taxrate", "taxpercent", "steuersatz", "vatrate", "mwstsatz", "ustsatz"),
    "tax": ("tax", "taxamount", "steuer", "steuerbetrag", "mwst", "ust", "vat", "taxes"),
    "total": ("total", "invoicetotal", "brutto", "bruttobetrag", "totalamount", "gesamt", "amountincludingtax", "amountdue"),
    "issued_on": ("issuedon", "invoicedate", "rechnungsdatum", "issuingdate", "date", "datum", "issuedate", "finalizedat",
                  "billeddate", "invoicebilleddate", "billedat"),
    "calculated_at": ("calculatedat", "createdat", "created", "updatedat", "invoicedate", "date"),
    "event_id": ("eventid", "transactionid", "id", "uuid"),
    "source": ("source", "system", "quelle"),
    "event_time": ("eventtime", "timestamp", "time", "occurredat", "usagedate", "date", "zeitpunkt"),
    "received_at": ("receivedat", "ingestedat", "recordedat", "createdat"),
    "entry_id": ("entryid", "postingid", "id", "nr"),
    "journal_id": ("journalid", "journal", "transactionid", "voucher", "buchungsnr", "journalnumber", "beleg"),
    "posted_on": ("postedon", "postingdate", "date", "buchungsdatum", "datum", "belegdatum"),
    "account": ("account", "accountno", "konto", "kontonr", "compte", "accountcode", "accountnumber", "glaccount"),
    "role": ("role",),
    "memo": ("memo", "description", "text", "buchungstext", "narration"),
    "valid_from": ("validfrom", "startedat", "start", "startdate", "gueltigvon"),
    "valid_to": ("validto", "endedat", "end", "enddate", "gueltigbis"),
    "billing_interval": ("billinginterval", "interval", "period", "intervall"),
    "billing_anchor": ("billinganchor", "anchor", "startdate"),
    "timezone": ("timezone", "zeitzone"),
    "segment": ("segment", "tier"),
    "tax_region": ("taxregion", "country", "region", "land"),
    "contract": ("contract", "terms"),
}  # fmt: skip
"""Words by which others name a column of ours, the likeliest first. They only draft; nothing lands by them."""
_FIGURES = (Kind.AMOUNT, Kind.PRICE, Kind.QUANTITY, Kind.RATE)
_ALL_WORDS = frozenset(word for words in WORDS.values() for word in words)
_CONSTANTS = {"kind": {"payments": "payment", "invoice_lines": "subscription"}, "status": {"payments": "succeeded"}}
_TELLING = {
    "payments": ("payment_id", "amount", "processed_at", "fee", "status"),
    "invoice_lines": ("line_id", "unit_price", "period_start", "tax", "quantity", "invoice_id"),
    "ledger_entries": ("debit", "credit", "account", "journal_id", "posted_on"),
    "usage_events": ("event_id", "event_time", "meter", "quantity"),
    "subscriptions": ("plan_id", "billing_interval", "valid_from", "subscription_id"),
}
_MARKS = {
    "payments": ("payment", "payout", "gateway", "card", "settlement", "refunded", "fee", "transaction", "bookingdate", "valuedate",
                 "balance", "iban", "buchungstag", "valuta", "saldo", "verwendungszweck"),
    "invoice_lines": ("invoice", "subtotal", "due", "tax", "discount", "plan", "unitprice"),
    "usage_events": ("event", "properties", "meter", "metric", "usage", "timestamp"),
}  # fmt: skip
"""Parts of columns' names that reports of a table have, whichever of them are ours: an export of bills has an id, a date, a total and a
status as payments have."""
_SHARED_MIN = 3
"""Columns that begin with the same word: it is what they are about, and no part of their names (adjustment_total, adjustment_tax)."""


_REPORTS: dict[Preset, frozenset[str]] = {
    "focus-1": frozenset({"ChargeCategory", "ChargePeriodStart", "EffectiveCost"}),
    "aws-cur": frozenset({"lineItem/LineItemType", "lineItem/UnblendedCost"}),
    "aws-cur-2": frozenset({"line_item_line_item_type", "line_item_unblended_cost"}),
    "azure-ea": frozenset({"MeterId", "EffectivePrice", "BillingPeriodStartDate"}),
    "azure-mca": frozenset({"meterId", "costInBillingCurrency", "billingPeriodStartDate"}),
    "oci-cost": frozenset({"lineItem/referenceNo", "lineItem/intervalUsageStart", "cost/myCost"}),
    "stripe-balance": frozenset({"balance_transaction_id", "reporting_category", "gross"}),
    "stripe-invoices": frozenset({"Date (UTC)", "Subtotal", "Total", "Customer"}),
    "adyen-settlement": frozenset({"Psp Reference", "Gross Credit (GC)", "Type"}),
    "paypal": frozenset({"Transaction ID", "TimeZone", "Gross", "Fee"}),
    "chargebee-invoices": frozenset({"Invoice Number", "Line Item Id", "Line Item Amount"}),
    "lago-invoices": frozenset({"fee_lago_id", "invoice_number", "fee_total_amount_cents"}),
    "recurly-adjustments": frozenset({"adjustment_origin", "adjustment_total", "invoice_number"}),
}
"""Preset -> columns by which its report is known."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted feed: its table, its settings in the order in which they are written, and what is open."""

    table: str
    settings: dict[str, object]
    columns: dict[str, object]
    open: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def as_yaml(self) -> str:
        """Return the draft as the `feeds` of company.yaml, with what is open as comments."""
        import yaml

        body = dict(self.settings) | ({"columns": self.columns} if self.columns else {})
        text = yaml.safe_dump({"feeds": {self.table: body}}, sort_keys=False, allow_unicode=True, width=120)
        return text + "".join(f"      # {line}\n" for line in self.open)


@dataclass(slots=True)
class _Sample:
    """The first values of each column of a file."""

    columns: dict[str, list[str]] = field(default_factory=dict)


def guess(ours: str, theirs: Sequence[str]) -> str | None:
    """Return the column of the file that probably is `ours`; None if no name suggests it.

    >>> guess("currency", ["Nr", "Währung"]), guess("fee", ["Nr"])
    ('Währung', None)
    """
    words = (ours.replace("_", ""), *WORDS.get(ours, ()))
    bare = {name: _bare(name) for name in theirs}
    if exact := [(words.index(word), name) for name, word in bare.items() if word in words]:
        return min(exact)[1]
    taken = {name for name, word in bare.items() if word in _ALL_WORDS}
    short = {name: word for name, word in _without_shared_word(theirs).items() if name not in taken}
    if exact := [(words.index(word), name) for name, word in short.items() if word in words]:
        return min(exact)[1]
    partly = [
        (len(word), name) for name, word in bare.items() if len(words[0]) > 3 and words[0] in word and name not in taken
    ]
    return min(partly)[1] if partly else None


def _without_shared_word(theirs: Sequence[str]) -> dict[str, str]:
    """Return the bare names of columns that begin as others do, without their first words: up to a colon or point, else the first.

    >>> _without_shared_word(["adjustment_tax", "adjustment_total", "adjustment_uuid", "tax_rate"])
    {'adjustment_tax': 'tax', 'adjustment_total': 'total', 'adjustment_uuid': 'uuid'}
    """
    parts = {name: re.split(r"[:.]\s*", name, maxsplit=1) for name in theirs}
    parts |= {name: re.split(r"[_ ]+", name, maxsplit=1) for name, found in parts.items() if len(found) == 1}
    shared = Counter(found[0] for found in parts.values())
    return {
        name: _bare(found[1]) for name, found in parts.items() if len(found) == 2 and shared[found[0]] >= _SHARED_MIN
    }


def draft(file: Path, table: str | None = None) -> Draft:
    """Draft the feed of a file, for a table or the one that its columns suggest. Raise LandingRefused if it cannot be read."""
    path = f"landing/{table or 'TABLE'}/{_with_day(file.name)}"
    with file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if form := statements.recognise(head):
        return Draft("payments", {"format": form, "path": path.replace("TABLE", "bank")}, {})
    if (form := documents.recognise(head, file.name)) or head.startswith(b"%PDF"):
        return Draft(
            "rendered_invoices",
            {"format": "documents", "path": "landing/documents/{day}/*"},
            {},
            ("the same for rendered_lines; and for invoice_lines, if these are the billing engine's own",),
        )
    if form := ledgers.recognise(head, file.name):
        return Draft(
            "ledger_entries",
            {"format": form, "path": path.replace("TABLE", "ledger_entries")},
            {},
            ("roles: {...} maps accounts",),
        )
    if what := foreign(head):
        raise LandingRefused(f"{file.name}: it is {what}, which is not read")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise LandingRefused(
            f"{file.name}: it is XML or HTML of a form that is not read; docs/feeds.md and docs/documents.md name those that are"
        )
    with tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        settings, sample = _read(file, Path(scratch))
    return _drafted(file, table, settings, sample)


def _drafted(file: Path, table: str | None, settings: dict[str, object], sample: _Sample) -> Draft:
    theirs = list(sample.columns)
    for preset, telling in _REPORTS.items():
        tables = preset_feeds(preset)
        if telling <= set(theirs) and (table is None or table in tables):
            known = table or ("invoice_lines" if "invoice_lines" in tables else next(iter(tables)))
            others = ", ".join(name for name in tables if name != known)
            path = f"landing/{known}/{_with_day(file.name)}"
            told = (f"the same preset reads {others}",) if others else ()
            return Draft(known, {"preset": preset, "path": path} | settings, {}, told)
    spec = next((one for one in CANONICAL if one.name == table), None) or _likeliest(theirs)
    columns: dict[str, object] = {}
    unclear: list[str] = []
    used: set[str] = set()
    mark, thousands = _marks(sample, spec)
    if mark == ",":
        settings["decimal_mark"] = ","
    if thousands is not None:
        settings["thousands_mark"] = thousands
    patterns: Counter[str] = Counter()
    for column in spec.columns:
        found = guess(
            column.name,
            [name for name in theirs if name not in used or column.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.AMOUNT)],
        )
        if found is not None and column.kind in _FIGURES and not column.required and not _has_digits(sample, found):
            found = None  # a column that only has such a name, such as isAzureCreditEligible
        constant = _CONSTANTS.get(column.name, {}).get(spec.name)
        if found is None or (column.one_of and not _fits(sample.columns[found], column)):
            if found is not None and column.one_of:
                used.add(found)
                values = sorted(set(filter(None, sample.columns[found])))[:8]
                columns[column.name] = {"column": found, "map": dict.fromkeys(values, "?")}
                unclear.append(f"{column.name}: replace each ? by one of {', '.join(column.one_of)}")
            elif constant is not None:
                columns[column.name] = {"value": constant}
                unclear.append(f"{column.name}: no column says it; is every row {constant}?")
            elif column in columns_of(spec):
                unclear.append(
                    f"{column.name}: needed, and no column has such a name ({column.doc or 'see docs/tables.md'})"
                )
            continue
        if column.kind is Kind.AMOUNT and found in used and not column.required:
            continue
        used.add(found)
        values = list(filter(None, sample.columns[found]))
        columns[column.name] = found
        if column.kind is Kind.CURRENCY and any(value != value.upper() for value in values):
            columns[column.name] = {"sql": f"upper({quoted(found)})"}
        if column.kind in (Kind.DATE, Kind.TIMESTAMP):
            fitting = _date_patterns(values)
            if fitting == ["iso"] and column.kind is Kind.DATE:
                patterns.update(("iso", "iso_day"))  # the day that the instant shows
            if len(fitting) == 1:
                patterns.update(fitting)
            elif len(fitting) > 1:
                unclear.append(f"{column.name}: {found} fits {' and '.join(fitting)}; declare one under dates")
        if (
            spec.name == "payments"
            and column.name == "amount"
            and any(value.startswith(("-", "(")) for value in values)
        ):
            unclear.append(
                f"amount: {found} has negative figures; the kind gives the direction: amount: {{column: {found}, "
                "keep: absolute}, kind: {sql: \"CASE WHEN starts_with(..., '-') THEN 'refund' ELSE 'payment' END\"} over the same column"
            )
    if any(pattern not in ("iso",) for pattern in patterns):
        settings["dates"] = sorted(patterns)
    unused = tuple(name for name in theirs if name not in used)
    if unused:
        settings["unknown_columns"] = "ignore"
    settings = {"path": f"landing/{spec.name}/{_with_day(file.name)}"} | settings
    return Draft(spec.name, settings, columns, tuple(unclear), unused)


def _likeliest(theirs: Sequence[str]) -> TableSpec:
    """Return the table most of whose telling columns the file seems to have."""
    bare = [_bare(name) for name in theirs]
    scores = {
        name: sum(guess(column, theirs) is not None for column in telling) / len(telling)
        + min(3, sum(any(mark in name for name in bare) for mark in _MARKS.get(name, ()))) / 6
        for name, telling in _TELLING.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return next(spec for spec in CANONICAL if spec.name == best)


def _has_digits(sample: _Sample, name: str) -> bool:
    return any(map(str.isdigit, "".join(sample.columns[name])))


def _fits(values: Sequence[str], column: Column) -> bool:
    likes = re.compile(column.or_like or "(?!)")
    return all(value in column.one_of or likes.search(value) for value in values if value)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold().translate(_PLAIN_LETTERS))


def _with_day(name: str) -> str:
    """Put {day} in place of a day in a file's name.

    >>> _with_day("pay_2026-03-02.csv"), _with_day("pay_20260302.csv"), _with_day("pay_2026-03.csv"), _with_day("pay.csv")
    ('pay_{day}.csv', 'pay_{day:%Y%m%d}.csv', 'pay_{month}.csv', 'pay.csv')
    """
    for shape, placeholder in (
        (r"\d{4}-\d{2}-\d{2}", "{day}"),
        (r"(?<!\d)20\d{6}(?!\d)", "{day:%Y%m%d}"),
        (r"(?<!\d)20\d{2}-\d{2}(?!\d)", "{month}"),
    ):
        if re.search(shape, name):
            return re.sub(shape, placeholder, name, count=1)
    return name


def _read(file: Path, scratch: Path) -> tuple[dict[str, object], _Sample]:
    """Return the settings with which a file of a table can be opened, and its first rows."""
    settings: dict[str, object] = {}
    found, _ = tables_in(file.parent, file, Feed(), scratch)
    content = found[0]
    try:
        opened = open_table(content, Feed(), scratch)
        form = opened.format
    except LandingRefused as error:
        if "file name does not show the format" not in str(error):
            raise
        form = settings["format"] = "csv"
    if form == "csv":
        settings |= _text_settings(content.readable, content.name)
        opened = open_table(content, Feed.model_validate(settings), scratch)
    con = duckdb.connect()
    try:
        raw = _opened(con, opened, Feed.model_validate(settings))
        names = list(raw.columns)
        casts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
        rows = con.execute(f"SELECT {casts} FROM ({raw.rows}) WHERE landing_broken IS NULL LIMIT {_SAMPLES}").fetchall()
    finally:
        con.close()
    return settings, _Sample({name: [str(row[at] or "").strip() for row in rows] for at, name in enumerate(names)})


def _opened(con: duckdb.DuckDBPyConnection, file: DayFile, feed: Feed) -> RawFile:
    match file.format:
        case "csv":
            return open_csv(file, feed)
        case "jsonl":
            return open_jsonl(con, file)
        case "parquet":
            return open_parquet(con, file)
        case _:
            from billing_recon.feeds.tables.workbook import open_sheet

            return open_sheet(con, file.readable)


def _text_settings(path: Path, name: str) -> dict[str, object]:
    """Return encoding, delimiter and lines before the header of a text file, where they differ from the defaults."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    encoding = _encoding(head)
    text = head.decode(encoding, errors="replace")
    lines = list(islice(io.StringIO(text), 500))
    scores = {mark: _widths(lines, mark) for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda mark: (scores[mark][1] * (scores[mark][0] > 1), scores[mark][0]))
    width = scores[best][0]
    skip = next((n for n, line in enumerate(lines[:_PREAMBLE_MAX]) if _is_header(line, best, width)), 0)
    settings: dict[str, object] = {}
    if encoding not in ("utf-8", "utf-8-sig"):
        settings["encoding"] = encoding
    tabbed = name.lower().endswith((".tsv", ".tab"))
    if best != ("\t" if tabbed else ",") and width > 1:
        settings["delimiter"] = best
    if skip and width > 1:
        settings["skip"] = skip
    return settings


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for cut in range(4):  # a character may be cut off at the end
        try:
            head[: len(head) - cut].decode("utf-8")
            return "utf-8"
        except UnicodeDecodeError:
            continue
    return "cp1252"


def _fields(line: str, mark: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter=mark), [])


def _width(line: str, mark: str) -> int:
    return len(_fields(line, mark))


def _is_header(line: str, mark: str, width: int) -> bool:
    """Whether a line has as many fields as the rows, most of them named; a title above a table is padded with empty ones."""
    fields = _fields(line, mark)
    return len(fields) == width and 2 * sum(bool(one.strip()) for one in fields) > width


def _widths(lines: Sequence[str], mark: str) -> tuple[int, int]:
    """Return the most frequent number of fields, and in how many lines it occurs."""
    counted = Counter(_width(line, mark) for line in lines if line.strip())
    return max(counted.items(), key=lambda item: (item[1], item[0]), default=(0, 0))


def _marks(sample: _Sample, spec: TableSpec) -> tuple[str, str | None]:
    """Return the decimal mark of the figures (the last of two marks, or the one that is followed by other than three digits) and the
    mark between their thousands, if one is proven: 1,234 alone may be one with three decimals."""
    votes: Counter[str] = Counter()
    between: Counter[str] = Counter()
    figures = [column.name for column in spec.columns if column.kind in (Kind.AMOUNT, Kind.PRICE, Kind.QUANTITY)]
    for name in filter(None, (guess(ours, list(sample.columns)) for ours in figures)):
        for value in sample.columns[name]:
            if not _FIGURE.fullmatch(value):
                continue
            marks = re.findall(r"[.,]", value)
            if marks and (len(set(marks)) == 2 or not re.search(r"[.,]\d{3}\D*$", value)):
                votes[marks[-1]] += 1
            if grouped := _GROUPED.match(value):
                between[
                    "." if grouped[1] == "." else "," if grouped[1] == "," else "'" if grouped[1] in "'’" else " "
                ] += 1
    mark = votes.most_common(1)[0][0] if votes else "."
    if not votes:  # 1,234 may be either
        between = Counter({one: count for one, count in between.items() if one in "' "})
    return mark, next((one for one, _ in between.most_common() if one != mark), None)


def _date_patterns(values: Sequence[str]) -> list[str]:
    """Return the notations of dates that fit every value."""
    if not values:
        return []
    if all(_ISO.fullmatch(value) for value in values):
        return ["iso_day"] if any(len(value) == 10 for value in values) else ["iso"]
    if all(re.fullmatch(r"1\d{9}", value) for value in values):
        return ["unix"]
    if all(re.fullmatch(r"1\d{12}", value) for value in values):
        return ["unix_ms"]
    return [day + time for day in _DATES for time in _TIMES if all(_reads(value, day + time) for value in values)]


def _reads(value: str, pattern: str) -> bool:
    try:
        datetime.strptime(value, pattern)  # noqa: DTZ007
    except ValueError:
        return False
    return True


def columns_of(spec: TableSpec) -> list[Column]:
    """Return the columns of a table that every row needs. A line's calculated_at may be missing: it is then its issued_on."""
    return [
        column
        for column in spec.columns
        if column.required
        and not column.nullable
        and column.default is None
        and (column.name != "calculated_at" or "issued_on" not in spec.names)
    ]
