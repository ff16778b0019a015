"""A compressed file is the file within it, as long as it is one; a bomb or a stump is refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon.feeds.tables import archive
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment

CONTENT = "\n".join([PAYMENT, PAID, "a,b", payment(payment_id="P-3"), ""]).encode()
PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}


@pytest.mark.parametrize("ending", PACK)
def test_a_packed_file_lands_as_what_is_in_it(desk: Desk, ending: str) -> None:
    whole = PACK[ending](CONTENT)
    desk.put(whole, name=f"{DAY}.csv.{ending}")
    report = desk.land()
    assert (report.rows_in, report.accepted, report.reasons) == (3, 2, {"BROKEN_ROW": 1}), report.message
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-3", 3)]
    assert report.files == ((f"landing/payments/{DAY}.csv.{ending}", hashlib.sha256(whole).hexdigest()),)


@pytest.mark.parametrize("ending", PACK)
def test_parts_packed_one_behind_the_other_are_one_file(desk: Desk, ending: str) -> None:
    desk.put(PACK[ending](CONTENT[:50]) + PACK[ending](CONTENT[50:]), name=f"{DAY}.csv.{ending}")
    assert desk.land().accepted == 2


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("keep", [-8, 30])
def test_a_stump_is_refused(desk: Desk, ending: str, keep: int) -> None:
    desk.put(PACK[ending](CONTENT)[:keep], name=f"{DAY}.csv.{ending}")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "cannot be unpacked" in report.message


@pytest.mark.parametrize("ending", PACK)
def test_a_bomb_is_refused_while_it_unpacks(desk: Desk, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "UNPACKED_BYTES_MAX", 1 << 16)
    desk.put(PACK[ending](b"0" * (1 << 23)), name=f"{DAY}.csv.{ending}")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "unpacks to more than" in report.message


@pytest.mark.parametrize("ending", PACK)
def test_broken_bytes_are_refused(desk: Desk, ending: str) -> None:
    whole = bytearray(PACK[ending](CONTENT))
    for at in range(12, len(whole), 7):
        whole[at] ^= 0xFF
    desk.put(bytes(whole), name=f"{DAY}.csv.{ending}")
    assert desk.land().status is LandingStatus.REFUSED


def test_the_content_tells_that_a_file_is_packed(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(feeds={"payments": {"path": "in/{day}.txt", "format": "csv", "encoding": "utf-16"}})
    path = desk.home / "in" / f"{DAY}.txt"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(CONTENT.decode().encode("utf-16")))
    assert desk.land().accepted == 2


def test_a_file_and_its_packed_copy_are_two_files_for_one_day(desk: Desk) -> None:
    desk.put(CONTENT)
    desk.put(gzip.compress(CONTENT), name=f"{DAY}.csv.gz")
    assert "keep the right one" in desk.land().message


def test_telling_what_a_file_is_takes_no_longer_for_a_hostile_one() -> None:
    """Continuation records of BAI2 in one line could be divided in countless ways."""
    assert archive.what_it_is(b"01,a,b,260302,x/\n" + b"88," * 50_000) is None
    assert archive.what_it_is(b"01,a,b,260302,x/\n" + b"88,a\n" * 50_000 + b"02,b") == (
        "a BAI2 file (ask the bank for camt.053, MT940 or CSV)"
    )
