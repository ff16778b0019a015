"""Files in an object store land as those of a folder do; what the store refuses is said without its secrets. On a loopback S3, for gs:// on a
loopback Google Cloud Storage, and for abfs:// on Azurite where it is installed (`npm install azurite`, its folder .bin in PATH)."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.schema import PAYMENTS
from billing_recon.feeds.preview import try_feed
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment
from billing_recon_tests.feeds.documents.invoices import UBL
from billing_recon_tests.feeds.tables.test_containers import zipped

SECRET = "s3cr3t-of-the-biller"
CSV = "\n".join([PAYMENT, PAID, ""])
Put = Callable[[Mapping[str, str | bytes]], None]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a store with S3's API."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Put:
    """Puts objects into the bucket acme, which only they are in."""
    from pyarrow import fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-OF-THE-BILLER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    client = fs.S3FileSystem(
        endpoint_override=server.partition("://")[2],
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        request_timeout=60,
    )
    client.create_dir("acme")
    client.delete_dir_contents("acme", missing_dir_ok=True)

    def put(objects: Mapping[str, str | bytes]) -> None:
        for name, content in objects.items():
            with client.open_output_stream(f"acme/{name}") as out:
                out.write(content if isinstance(content, bytes) else content.encode())

    return put


def landed(home: Path, feed: Mapping[str, Any], table: str = "payments", day: date = DAY) -> tuple[Desk, LandingReport]:
    desk = Desk(home, feeds={table: dict(feed)})
    return desk, desk.land(table, day)


@pytest.mark.parametrize(
    ("path", "name", "content"),
    [
        ("s3://acme/in/{day}.csv", "in/2026-03-02.csv", CSV),
        ("s3://acme/{day:%Y/%m}/pay_{day:%d}_*.csv", "2026/03/pay_02_final.csv", CSV),
        ("s3://acme/{day}/*/pay.csv", "2026-03-02/bank 1/pay.csv", CSV),
        ("s3://acme/{day}.zip", "2026-03-02.zip", zipped(march__csv=CSV)),
    ],
)
def test_objects_are_found_by_the_same_patterns_as_files(
    store: Put, tmp_path: Path, path: str, name: str, content: str | bytes
) -> None:
    store({name: content, "in/2026-03-03.csv": "other", "notes.txt": "other"})
    desk, report = landed(tmp_path, {"path": path})
    assert report.accepted == 1, report
    inner = "/march.csv" if name.endswith("zip") else ""
    assert [file for file, _ in report.files] == [f"s3://acme/{name}{inner}"]
    assert desk.rows("source_file, amount") == [(f"s3://acme/{name}{inner}", Decimal("10.5"))]


def test_objects_of_google_cloud_storage_land_as_files_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns, an object that is not there, a bucket that is not there."""
    from gcp_storage_emulator.server import create_server
    from pyarrow import fs

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", f"http://127.0.0.1:{port}")
    with create_server("127.0.0.1", port, in_memory=True, default_bucket="acme"):
        client = fs.GcsFileSystem(anonymous=True, endpoint_override=f"127.0.0.1:{port}", scheme="http")
        for name in ("bank/2026/pay_2026-03-02.csv", "bank/2026/pay_2026-03-04.csv", "other.csv"):
            with client.open_output_stream(f"acme/{name}") as out:
                out.write(CSV.encode())
        _, report = landed(tmp_path, {"path": "gs://acme/bank/*/pay_{day}.csv"})
        assert (report.status, report.accepted) == (LandingStatus.PRESENT, 1)
        assert [file for file, _ in report.files] == ["gs://acme/bank/2026/pay_2026-03-02.csv"]
        _, missing = landed(tmp_path, {"path": "gs://acme/bank/*/pay_{day}.csv"}, day=date(2026, 3, 3))
        assert missing.status is LandingStatus.MISSING
        _, refused = landed(tmp_path, {"path": "gs://nobody/{day}.csv"})
        assert (refused.status, "there is no bucket gs://nobody" in refused.message) == (LandingStatus.REFUSED, True)


AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite documents for its own account, devstoreaccount1."""


@pytest.fixture
def azurite(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The authority of an Azure Blob Storage on this machine."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not in PATH; npm install azurite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        program,
        "--blobPort",
        str(port),
        "--inMemoryPersistence",
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
    ]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURITE_KEY)
        monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(10)


def test_objects_of_azure_land_as_files_do_and_a_wrong_key_is_not_shown(
    azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns, a day without an object, a container that is not there, a key that does not fit."""
    from pyarrow import fs

    authority = {
        f"{kind}_storage_{part}": value
        for kind in ("blob", "dfs")
        for part, value in (("authority", azurite), ("scheme", "http"))
    }
    client = fs.AzureFileSystem("devstoreaccount1", account_key=AZURITE_KEY, **authority)
    client.create_dir("acme")
    for name in ("bank/2026/pay_2026-03-02.csv", "bank/2026/pay_2026-03-04.csv", "other.csv"):
        with client.open_output_stream(f"acme/{name}") as out:
            out.write(CSV.encode())
    _, report = landed(tmp_path, {"path": "abfs://acme/bank/*/pay_{day}.csv"})
    assert (report.status, report.accepted) == (LandingStatus.PRESENT, 1), report.message
    assert [file for file, _ in report.files] == ["abfs://acme/bank/2026/pay_2026-03-02.csv"]
    _, missing = landed(tmp_path, {"path": "abfs://acme/bank/*/pay_{day}.csv"}, day=date(2026, 3, 3))
    assert missing.status is LandingStatus.MISSING
    _, refused = landed(tmp_path, {"path": "abfs://nobody/{day}.csv"})
    assert (refused.status, "there is no bucket abfs://nobody" in refused.message) == (LandingStatus.REFUSED, True)
    wrong = AZURITE_KEY.replace("Eby8", "XXXX")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    _, shut = landed(tmp_path, {"path": "abfs://acme/bank/*/pay_{day}.csv"})
    assert shut.status is LandingStatus.REFUSED
    assert "AZURE_STORAGE_ACCOUNT_KEY" in shut.message
    assert wrong not in shut.message


def test_files_of_months_and_ranges_decide_which_days_are_empty_or_missing(store: Put, tmp_path: Path) -> None:
    days = ("2026-02-28", "2026-03-02", "2026-03-03", "2026-03-09")
    store({"bank/2026-02.csv": CSV.replace("2026-03-02", "2026-02-03"), "bank/2026-03.csv": CSV, "bank/odd.csv": "x"})
    store({"ranges/2026-03-01_2026-03-04.csv": CSV})
    found = {}
    for path in ("s3://acme/bank/{month}.csv", "s3://acme/ranges/{from}_{to}.csv"):
        feed = {"path": path, "day_column": "processed_at"}
        found[path] = [landed(tmp_path, feed, day=date.fromisoformat(day))[1].status.value for day in days]
    assert found == {
        "s3://acme/bank/{month}.csv": ["empty", "present", "missing", "missing"],
        "s3://acme/ranges/{from}_{to}.csv": ["missing", "present", "empty", "missing"],
    }


def test_what_is_not_taken_is_named(store: Put, tmp_path: Path) -> None:
    store({"in/PAY_2026-03-02.CSV": CSV})
    _, report = landed(tmp_path, {"path": "s3://acme/in/pay_{day}.csv"})
    assert report.status is LandingStatus.MISSING
    assert (
        report.message
        == "no file s3://acme/in/pay_2026-03-02.csv; s3://acme/in holds PAY_2026-03-02.CSV, which is not taken"
    )
    _, report = landed(tmp_path, {"path": "s3://acme/nothing/here/{day}.csv"})
    assert (report.status, report.message) == (LandingStatus.MISSING, "")


def test_documents_and_their_empty_days_are_read(store: Put, tmp_path: Path) -> None:
    """An empty folder does not exist in a store: a hidden object stands for it."""
    store({"sent/2026-03-02/INV-7.xml": UBL, "sent/2026-03-03/.keep": ""})
    feed = {"format": "documents", "path": "s3://acme/sent/{day}/*"}
    desk, report = landed(tmp_path, feed, "rendered_invoices")
    assert (report.accepted, desk.rows("source_file, payable")) == (
        1,
        [("s3://acme/sent/2026-03-02/INV-7.xml", Decimal(25))],
    )
    for day, status in ((3, LandingStatus.EMPTY), (4, LandingStatus.MISSING)):
        assert landed(tmp_path, feed, "rendered_invoices", date(2026, 3, day))[1].status is status


def test_several_objects_add_up_or_the_last_replaces_the_others(store: Put, tmp_path: Path) -> None:
    store({f"{DAY}_{n}.csv": "\n".join([PAYMENT, payment(payment_id=f"P-{n}"), ""]) for n in (2, 10)})
    assert landed(tmp_path, {"path": "s3://acme/{day}_*.csv"})[1].accepted == 2
    desk, report = landed(tmp_path, {"path": "s3://acme/{day}_*.csv", "take": "last"})
    assert desk.rows("payment_id") == [("P-10",)]
    assert f"replaced by {DAY}_10.csv: {DAY}_2.csv" in report.message


def test_a_bucket_that_is_not_there_is_refused_and_no_empty_day(store: Put, tmp_path: Path) -> None:
    _, report = landed(tmp_path, {"path": "s3://acne/{day}.csv"})
    assert report.status is LandingStatus.REFUSED
    assert "s3://acne" in report.message
    assert "bucket" in report.message


def test_a_store_that_does_not_answer_is_refused_with_the_cure_and_without_secrets(
    store: Put,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://ann:{SECRET}@127.0.0.1:1")
    _, report = landed(tmp_path, {"path": "s3://acme/{day}.csv"})
    assert report.status is LandingStatus.REFUSED
    assert "feeds.payments: s3://acme cannot be read" in report.message
    assert "AWS_ENDPOINT_URL" in report.message
    shown = report.message + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in shown
    assert "AKIA" not in shown


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"s3://AKIA:{SECRET}@acme/x.csv", "credentials"),
        (f"s3://AKIA@acme/{SECRET}.csv", "credentials"),
        (f"abfs://box@acme.dfs.core.windows.net/x.csv?sv=1&sig={SECRET}", "credentials"),
        (f"s3://acme/x.csv?X-Amz-Signature={SECRET}", "credentials"),
        ("s3a://acme/x.csv", "write s3://"),
        ("gcs://acme/x.csv", "write gs://"),
        ("https://acme/x.csv", "copy or mount"),
        ("s3://{month}/x.csv", "name the bucket itself"),
        ("s3://acme", "name the objects in the bucket"),
        ("s3://acme/../x.csv", "name the objects in the bucket"),
    ],
)
def test_a_path_that_names_no_objects_or_holds_credentials_is_refused(path: str, says: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        Feed.model_validate({"path": path})
    problem = str(refused.value).split("[type=")[0]
    assert says in problem
    assert SECRET not in problem


def test_an_account_of_azure_that_is_not_named_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    _, report = landed(tmp_path, {"path": "abfs://box/{day}.csv"})
    assert (
        "feeds.payments: abfs://box cannot be read: the storage account is not named; check AZURE_STORAGE_ACCOUNT_NAME"
        in report.message
    )


def test_a_feed_of_a_store_is_tried_with_a_day(store: Put, tmp_path: Path) -> None:
    store({"in/2026-03-02.csv": CSV})
    company = Desk(tmp_path, feeds={"payments": {"path": "s3://acme/in/{day}.csv"}}).company
    shown = try_feed(tmp_path, company, PAYMENTS, day=DAY, lookback_days=62)
    assert shown.report.accepted == 1
    with pytest.raises(LandingRefused, match="reads an object store; give --day"):
        try_feed(tmp_path, company, PAYMENTS, day=None, lookback_days=62)
