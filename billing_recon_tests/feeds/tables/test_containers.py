"""Files as they really come: in ZIP archives and zstd, with tabs, as one JSON array, several a day, replaced by later ones."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment

ROWS = [PAID, payment(payment_id="P-2", amount="123456789.0123456789")]
CSV = "\n".join([PAYMENT, *ROWS, ""])
AMOUNTS = [("P-1", "10.500000000000"), ("P-2", "123456789.012345678900")]


def zipped(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def objects(records: list[str]) -> str:
    """The payments as JSON objects, their amounts as numbers."""
    names = PAYMENT.split(",")
    parts = []
    for record in records:
        row = dict(zip(names, record.split(","), strict=True))
        amount = row.pop("amount")
        parts.append(json.dumps(row, indent=1)[:-1].rstrip() + f',\n "amount": {amount}\n}}')
    return ",\n".join(parts)


def feed_desk(tmp_path: Path, **feed: Any) -> Desk:
    return Desk(tmp_path, feeds={"payments": {"path": "landing/payments/{day}*"} | feed})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"{DAY}.csv.zst", pa.compress(CSV.encode(), codec="zstd", asbytes=True)),
        (f"{DAY}.csv.zip", zipped(export__csv=CSV)),
        (f"{DAY}.zip", zipped(export__csv=CSV, __MACOSX="x")),
        (f"{DAY}.tsv", CSV.replace(",", "\t").encode()),
        (f"{DAY}.json", f"[{objects(ROWS)}]".encode()),
        (f"{DAY}.json", f'{{"data": [{objects(ROWS)}]}}'.encode()),
        (f"{DAY}.json", f'{{"data": [{objects(ROWS)}]}}'.replace("\n", "").encode()),
        (f"{DAY}.json", objects(ROWS).replace("},\n{", "}\n{").encode()),
    ],
)
def test_the_same_payments_land_from_every_form(desk: Desk, name: str, content: bytes) -> None:
    desk.put(content, name=name)
    report = desk.land()
    assert report.accepted == 2, report.message
    assert desk.rows("payment_id, amount::VARCHAR") == AMOUNTS


def test_the_array_of_a_wrapped_answer_is_named_by_its_keys(tmp_path: Path) -> None:
    desk = feed_desk(tmp_path, records="result.payments")
    desk.put(f'{{"meta": [{{"a": 1}}], "result": {{"n": 2, "payments": [{objects(ROWS)}]}}}}', name=f"{DAY}.json")
    assert desk.land().accepted == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"[{objects(ROWS)}", "may have been cut off"),
        (f'{{"data": [{objects(ROWS)}], "has_more": true}}', "one page of several (has_more)"),
        (f'{{"data": [{objects(ROWS)}], "nextPageToken": "x"}}', "one page of several (nextPageToken)"),
        (f'{{"data": [{objects(ROWS)}], "@odata.nextLink": "x"}}', "one page of several (@odata.nextLink)"),
        (
            f'{{"data": [{objects(ROWS)}], "meta": {{"total_count": 99}}}}',
            "one page of several (total_count 99, but its array",
        ),
        (f'{{"data": [{objects(ROWS)}], "links": {{"next": "/x"}}}}', "one page of several (next)"),
        (
            f'{{"data": [{objects(ROWS)}], "meta": {{"total": 99, "per_page": 2}}}}',
            "one page of several (total 99, but",
        ),
        (f'{{"data": [{objects(ROWS)}], "meta": {{"cursors": {{"before": null, "after": "x"}}}}}}', "several (after)"),
        (f'{{"items": [{objects(ROWS)}], "cursor": "x"}}', "one page of several (cursor)"),
        (
            f'{{"data": [{objects(ROWS)}], "meta": {{"current_page": 2, "total_pages": 3}}}}',
            "(current_page 2, total_pages 3)",
        ),
        (f'{{"records": [{objects(ROWS)}], "done": false}}', "one page of several (done: false)"),
        (f'{{"rows": [{objects(ROWS)}], "LastEvaluatedKey": {{"id": 1}}}}', "one page of several (LastEvaluatedKey)"),
        (f'{{"a": [{objects(ROWS)}], "b": 1}}', "records: a"),
    ],
)
def test_json_that_is_not_whole_is_refused(desk: Desk, content: str, says: str) -> None:
    desk.put(content, name=f"{DAY}.json")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


@pytest.mark.parametrize(
    "mark",
    [
        '"has_more": false',
        '"next": null',
        '"links": {"next": ""}',
        '"page": 0, "pages": 1',
        '"page": 1, "pages": 1',
        '"page": "a"',
        '"done": true',
        '"meta": {"next": "/list?after=1", "has_more": false}',
    ],
)
def test_the_only_page_is_whole(desk: Desk, mark: str) -> None:
    desk.put(f'{{"data": [{objects(ROWS)}], {mark}}}', name=f"{DAY}.json")
    assert desk.land().accepted == 2


def test_an_empty_array_is_an_empty_day(desk: Desk) -> None:
    desk.put("[]", name=f"{DAY}.json")
    assert desk.land().status is LandingStatus.EMPTY


def test_all_tables_of_an_archive_land_and_other_files_are_named(desk: Desk) -> None:
    second = "\n".join([PAYMENT, payment(payment_id="P-9"), "broken", ""])
    desk.put(zipped(a__csv=CSV, b__csv=second, readme__txt="hello"), name=f"{DAY}.zip")
    report = desk.land()
    assert (report.rows_in, report.accepted, report.quarantined) == (4, 3, 1)
    assert f"not read, because the name is not one of a table: landing/payments/{DAY}.zip/readme.txt" in report.message
    assert desk.rows("DISTINCT source_file") == [
        (f"landing/payments/{DAY}.zip/a.csv",),
        (f"landing/payments/{DAY}.zip/b.csv",),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped(a__csv=CSV)[:-30], "cannot be unpacked"),
        (zipped(a__txt=CSV, b__txt=CSV), "none of the 2 files in the archive is a table by its name"),
        (zipped(a__zip=zipped(b__csv=CSV)), "unpack it once"),
        (zipped(), "holds 0 files"),
    ],
)
def test_an_archive_that_is_no_delivery_is_refused(desk: Desk, content: bytes, says: str) -> None:
    desk.put(content, name=f"{DAY}.zip")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


def test_a_locked_archive_is_refused(desk: Desk) -> None:
    locked = bytearray(zipped(a__csv=CSV))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(magic) + at] |= 1
    desk.put(bytes(locked), name=f"{DAY}.zip")
    assert "protected by a password" in desk.land().message


def test_several_files_of_a_day_add_up_or_the_last_replaces_the_others(tmp_path: Path) -> None:
    for take, accepted in (("all", 2), ("last", 1)):
        desk = feed_desk(tmp_path, take=take)
        desk.put("\n".join([PAYMENT, PAID, ""]), name=f"{DAY}_1.csv")
        desk.put("\n".join([PAYMENT, payment(payment_id="P-2"), ""]), name=f"{DAY}_2.csv")
        report = desk.land()
        assert report.accepted == accepted
        assert (f"replaced by {DAY}_2.csv: {DAY}_1.csv" in report.message) is (take == "last")


def test_blank_cells_repeat_the_value_above_within_their_own_file(tmp_path: Path) -> None:
    desk = feed_desk(tmp_path, fill_down=["customer_id"])
    desk.put("\n".join([PAYMENT, PAID, payment(payment_id="P-2", customer_id=" "), ""]), name=f"{DAY}_1.csv")
    desk.put("\n".join([PAYMENT, payment(payment_id="P-3", customer_id=""), ""]), name=f"{DAY}_2.csv")
    desk.land()
    assert desk.rows("payment_id, customer_id") == [("P-1", "C-1"), ("P-2", "C-1")]
    assert desk.quarantined("reason, field") == [("MISSING_VALUE", "customer_id")]


def test_a_total_that_is_money_and_a_last_page_are_no_sign_of_more(tmp_path: Path) -> None:
    for more in (
        '"total": 250',
        '"meta": {"total": 2, "per_page": 50}',
        '"meta": {"cursors": {"after": null}}',
        '"cursor": ""',
    ):
        desk = Desk(tmp_path)
        desk.put(f'{{"data": [{objects(ROWS)}], {more}}}', name=f"{DAY}.json")
        assert desk.land().status is LandingStatus.PRESENT, more
