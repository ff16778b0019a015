"""Damaged deliveries of every format, landed whole: no crash, no hang, every row counted once. BILLING_RECON_ROUNDS=200 tries more.

A round is a landing of each case. The seed of a failure is in its message.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAYMENT, Desk, payment
from billing_recon_tests.feeds.documents.invoices import CII, FATTURAPA, UBL
from billing_recon_tests.feeds.hostile import DAMAGES, STRIPE
from billing_recon_tests.feeds.landing.test_saft_documents import PORTUGAL
from billing_recon_tests.feeds.ledgers.books import FORMS as LEDGERS
from billing_recon_tests.feeds.ledgers.books import Posting, Voucher
from billing_recon_tests.feeds.sheets import Number, workbook
from billing_recon_tests.feeds.statements.test_statements import MT940, camt
from billing_recon_tests.feeds.tables.test_containers import zipped
from billing_recon_tests.sessions import session

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS") or 2)
SECONDS_MAX = 20.0
"""Of one landing, on a busy machine. A usual one takes a twentieth of a second."""
ROWS = [payment(payment_id=f"P-{n}", amount=f"{n}.50", processed_at=f"2026-03-0{n}T10:00:00Z") for n in range(1, 6)]
CSV = "\n".join([PAYMENT, *ROWS, ""])
OBJECTS = [dict(zip(PAYMENT.split(","), row.split(","), strict=True)) for row in ROWS]
SALE = (Posting("1200", 11900), Posting("4400", -10000), Posting("3806", -1900))
BOOK = tuple(Voucher(n, DAY.replace(day=n), f"INV-{n}", "C-1", "Abo", SALE) for n in range(1, 5))
ROLES = {"1*": "ar", "4*": "revenue", "3*": "tax_payable", "A*": "ar", "I*": "revenue", "L*": "tax_payable"}


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(OBJECTS), out)
    return out.getvalue()


@dataclass(frozen=True)
class Case:
    """A sound delivery: its table, file and feed."""

    table: str
    name: str
    content: bytes
    feed: dict[str, Any] = field(default_factory=dict)


MONTH = {"day_column": "processed_at"}
CASES: dict[str, Case] = {
    "csv": Case("payments", f"{DAY}.csv", CSV.encode(), {"path": "in/{day}.csv"}),
    "csv with rules": Case(
        "payments",
        f"{DAY}.csv",
        f"Bank\n{CSV.replace('0.30', '30').replace('.50', '50')}total 5".encode(),
        {
            "path": "in/{day}.csv", "skip": 1, "skip_last": 1, "where": "payment_id <> 'P-2'", "fill_down": ["customer_id"],
            "set_aside": {"is large": "figure(amount) > 400"}, "report": {"is small": "figure(amount) < 200"}, "minor_units": True,
        },
    ),
    "csv of a month": Case("payments", "2026-03.csv", CSV.encode(), {"path": "in/{month}.csv", **MONTH}),
    "csv of a range": Case("payments", "2026-03-01_2026-03-04.csv", CSV.encode(), {"path": "in/{from}_{to}.csv", **MONTH}),
    "tsv": Case("payments", f"{DAY}.tsv", CSV.replace(",", "\t").encode(), {"path": "in/{day}.tsv"}),
    "cp1252": Case("payments", f"{DAY}.csv", CSV.replace("C-1", "Müller").encode("cp1252"), {"path": "in/{day}.csv", "encoding": "cp1252"}),
    "jsonl": Case("payments", f"{DAY}.jsonl", "\n".join(map(json.dumps, OBJECTS)).encode() + b"\n", {"path": "in/{day}.jsonl"}),
    "json": Case("payments", f"{DAY}.json", json.dumps({"data": OBJECTS}).encode(), {"path": "in/{day}.json"}),
    "parquet": Case("payments", f"{DAY}.parquet", parquet(), {"path": "in/{day}.parquet"}),
    "xlsx": Case(
        "payments",
        f"{DAY}.xlsx",
        workbook(("R", [PAYMENT.split(","), *[[*row.split(",")[:8], Number("1"), Number("0.3")] for row in ROWS]])),
        {"path": "in/{day}.xlsx", },
    ),
    "zip": Case("payments", f"{DAY}.zip", zipped(a__csv=CSV, b__csv=CSV.replace("P-", "Q-")), {"path": "in/{day}.zip"}),
    "gz": Case("payments", f"{DAY}.csv.gz", gzip.compress(CSV.encode()), {"path": "in/{day}.csv.gz"}),
    "camt053": Case("payments", f"{DAY}.xml", camt().encode(), {"format": "camt053", "path": "in/{day}.xml"}),
    "mt940": Case("payments", "2026-03.sta", MT940.encode(), {"format": "statement", "path": "in/{month}.sta", "day_column": "booked_on"}),
    "saft_payments": Case(
        "payments", "2026-03.xml", PORTUGAL.replace("-03-20", "-03-02").encode(), {"format": "saft_payments", "path": "in/{month}.xml", "day_column": "booked_on"}
    ),
    "saft_invoices": Case(
        "rendered_invoices", "2026-03.xml", PORTUGAL.encode(),
        {"format": "saft_invoices", "path": "in/{month}.xml", "day_column": "issued_on"},
    ),
    "ubl": Case("rendered_invoices", f"{DAY}.xml", UBL.encode(), {"format": "documents", "path": "in/{day}.xml"}),
    "ubl lines": Case("rendered_lines", f"{DAY}.xml", UBL.encode(), {"format": "documents", "path": "in/{day}.xml"}),
    "cii": Case("invoice_lines", f"{DAY}.xml", CII.encode(), {"format": "documents", "path": "in/{day}.xml"}),
    "fatturapa": Case("invoice_lines", f"{DAY}.xml", FATTURAPA.encode(), {"format": "documents", "path": "in/{day}.xml"}),
    "stripe": Case("invoice_lines", f"{DAY}.json", json.dumps(STRIPE).encode(), {"format": "stripe", "path": "in/{day}.json"}),
    **{
        form: Case(
            "ledger_entries", f"2026-03.{name.rpartition('.')[2]}", write(BOOK).encode(),
            {"format": form, "path": f"in/{{month}}.{name.rpartition('.')[2]}", "day_column": "posted_on", "ledger": {"currency": "EUR", "dates": "mdy" if form == "quickbooks" else None}},
        )
        for form, (name, write) in LEDGERS.items()
        if form != "beancount"  # which starts a process for each file; test_hostile_files has it
    },
}  # fmt: skip


def shuffled(data: bytes, chance: random.Random) -> bytes:
    """Change places of columns in a text table, or of lines in any text."""
    lines = data.split(b"\n")
    mark = max((b",", b";", b"\t"), key=lines[0].count)
    order = list(range(lines[0].count(mark) + 1))
    chance.shuffle(order)
    if len(order) < 2 or chance.random() < 0.3:
        chance.shuffle(lines)
        return b"\n".join(lines)
    cells = [line.split(mark) for line in lines]
    return b"\n".join(mark.join(row[at] if at < len(row) else b"" for at in order) for row in cells)


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [*DAMAGES, shuffled, shuffled]


def damaged(case: str, number: int) -> bytes:
    """Return the delivery of a case with what the seed does to it; the first is sound."""
    chance = random.Random(f"{case} {number}")
    data = CASES[case].content
    for _ in range(chance.choice([1, 1, 2, 3]) if number else 0):
        data = chance.choice(CHANGES)(data, chance)
    return data


def problems(desk: Desk, report: LandingReport) -> list[str]:
    """Return what does not hold of a landing, whatever was delivered."""
    accepted, quarantined = (desk.rows("count(*)", of)[0][0] for of in ("landed", "landed_quarantine"))
    files = {name for name, _ in report.files}
    found = {
        "the row equation does not hold": report.equation_holds,
        "the tables have other rows than the report counts": (accepted, quarantined)
        == (report.accepted, report.quarantined),
        "a row names a file that was not delivered": {row[0] for row in desk.rows("DISTINCT source_file")} <= files,
        "a refusal says nothing": report.status is not LandingStatus.REFUSED or bool(report.message),
        "a refused or missing table has rows": report.status is LandingStatus.PRESENT or not accepted + quarantined,
        "a row in quarantine has no message": not [m for m in desk.messages() if not m],
    }
    return [problem for problem, holds in found.items() if not holds]


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_delivery_lands_or_is_refused_and_every_row_is_counted(case: str, tmp_path: Path) -> None:
    delivered = CASES[case]
    con = session()
    wrong: dict[int, Any] = {}
    outcomes = set()
    slowest = 0.0
    for number in range(ROUNDS + 1):
        home = tmp_path / str(number)
        (home / "in").mkdir(parents=True)
        (home / "in" / delivered.name).write_bytes(damaged(case, number))
        desk = Desk(home, con, feeds={delivered.table: delivered.feed}, roles=ROLES)
        began = process_time()
        try:
            report = desk.land(delivered.table)
            outcomes.add(report.status)
            if said := problems(desk, report):
                wrong[number] = said
            if number == 0 and (report.status is not LandingStatus.PRESENT or not report.accepted):
                wrong[0] = f"the sound delivery does not land: {report} {report.message} {desk.messages()[:3]}"
        except Exception as error:  # noqa: BLE001  # whatever else comes out is what this looks for
            wrong[number] = f"{type(error).__name__}: {str(error)[:300]}"
        slowest = max(slowest, process_time() - began)
        shutil.rmtree(home)
    assert wrong == {}
    assert slowest < SECONDS_MAX
    print(case, sorted(outcomes), f"slowest {slowest:.2f} s")
