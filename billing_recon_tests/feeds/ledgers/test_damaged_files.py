"""Damaged files of every format: a clear error that names the file, or a ledger; never anything else, and never slowly."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest

from billing_recon.core.errors import LandingRefused
from billing_recon.core.journal import LedgerOptions
from billing_recon.feeds.ledgers import as_json, read, recognise, rows
from billing_recon_tests.feeds.ledgers.books import FORMS, Posting, Voucher

COUNT = 60
"""Files a format here; a thousand and more are tried by raising it."""
SECONDS_MAX = 10

_PIECES = [
    b'"', b"(", b"}", b"@@", b"=", b";", b",", b"\n", b"\r\n", b"\t", b"\0", b"\xff", b"9" * 60, b"0000-00-00", b"1e9999",
    b"<a>" * 300, b"(" * 3000, b"&lol;", b"NaN", b"*", b"~", b"include /etc/passwd\n", b"Y0\n", b"\xc2\xa0", b"0/0",
]  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(out) or 1)
        match chance.randrange(5):
            case 0 if out:
                out[at] = chance.randrange(256)
            case 1:
                del out[at:]
            case 2:
                del out[at : at + chance.randrange(1, 200)]
            case 3:
                out[at:at] = chance.choice(_PIECES) * chance.choice([1, 2, 50])
            case _:
                there = chance.randrange(len(out) or 1)
                out[there:there] = out[at : at + 300]
    return bytes(out)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_damaged_file_is_an_error_or_a_ledger(form: str, tmp_path: Path) -> None:
    if form == "beancount":
        pytest.importorskip("beancount")
    name, write = FORMS[form]
    sale = (Posting("1200", 11900), Posting("4400", -10000), Posting("3806", -1900))
    whole = write(tuple(Voucher(n, date(2026, 3, n), f"INV-{n}", "C-1", "Abo", sale) for n in range(1, 5))).encode()
    path = tmp_path / name
    options = LedgerOptions(currency="EUR", dates="mdy", commodities={"$": "EUR"})
    for seed in range(COUNT):
        data = mutated(whole, random.Random(seed))
        path.write_bytes(data)
        began = perf_counter()
        recognise(data, name)
        says = name
        try:
            ledger = read(path, form, options=options)
        except LandingRefused as refused:
            says = str(refused)
        else:
            assert as_json(ledger)["kind"] == "ledger"
            assert len(list(rows(path, form, options))) == len({entry.entry_id for entry in ledger.entries})
        assert says.startswith(name), seed
        assert len(says) < 1000, seed
        assert perf_counter() - began < SECONDS_MAX, seed
