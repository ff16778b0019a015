"""The evidence pack: the same bytes each time, verified without a home, and every way of changing it found."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from billing_recon.control.audit_heads import Head, stamped
from billing_recon.control.audit_keys import PUBLIC_KEY_ENV, SIGNING_KEY_ENV, new_key
from billing_recon.control.signatures import trusted_public_key
from billing_recon.control.store import utc_now
from billing_recon.control.time_stamps import CERTIFICATES_ENV, SERVICE_ENV
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.signoff import Role
from billing_recon.day import Home, close_month
from billing_recon.day.month_evidence import month_evidence
from billing_recon.report.evidence_check import verify_pack
from billing_recon.report.evidence_pack import HEAD, MANIFEST, PREDICATE, write_pack
from billing_recon.report.in_toto import PAYLOAD_TYPE, STATEMENT, read_statement, statement
from billing_recon_tests.time_stamping import make_authority, serving

pytestmark = pytest.mark.long

MONTH = "2026-01"


@pytest.fixture(scope="module")
def closed(january: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("closed") / "home"
    shutil.copytree(january[0], path)
    home = Home.open(path)
    for approver in home.policy.approvers:
        home.control.sign_off(MONTH, approver.name, Role(approver.role), month_evidence(home, MONTH))
    close_month(home, MONTH, "test")
    home.control.close()
    return path


@pytest.fixture(scope="module")
def written(closed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(Home.open(closed), MONTH, tmp_path_factory.mktemp("packs") / "pack.zip")


@pytest.fixture
def pack(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(written, tmp_path / "2026-01.zip"))


def change(pack: Path, changes: dict[str, Callable[[bytes], bytes]], *, manifest: bool = False) -> None:
    """Write the pack anew with changed or added files; `manifest`: with a manifest that says so."""
    with zipfile.ZipFile(pack) as old:
        files = {name: old.read(name) for name in old.namelist()}
    for name, edit in changes.items():
        files[name] = edit(files.get(name, b""))
    if manifest:
        content, _, _ = read_statement(files.pop(MANIFEST).decode())
        files[MANIFEST] = statement(files, PREDICATE, content["predicate"]).encode()
    with zipfile.ZipFile(pack, "w") as new:
        for name, data in files.items():
            new.writestr(name, data)


def test_the_same_month_gives_the_same_bytes_and_verifies_without_its_home(
    closed: Path, pack: Path, tmp_path: Path
) -> None:
    again = write_pack(Home.open(closed), MONTH, tmp_path / "again.zip")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(pack.read_bytes()).digest()
    found = verify_pack(pack)
    assert (found.problems, found.signed, found.about["month"]) == ((), False, MONTH)
    with zipfile.ZipFile(pack) as read:
        names = set(read.namelist())
        assert "What it does not prove" in read.read("README.md").decode()
        assert read.read("decisions/sign_offs.csv").count(b",True,") == 3
    assert {
        "figures/trial_balance.csv",
        "figures/breaks.csv",
        "decisions/population.csv",
        "settings/policy.yaml",
    } <= names


def test_a_changed_an_added_and_a_missing_file_are_found(pack: Path) -> None:
    change(pack, {"figures/trial_balance.csv": lambda text: text.replace(b"1200", b"1201"), "more.txt": lambda _: b"x"})
    assert set(verify_pack(pack).problems) == {
        "more.txt is in the pack and not in its manifest",
        "figures/trial_balance.csv was changed: its content is not what the manifest says",
    }


def test_a_figure_that_was_changed_together_with_its_manifest_is_computed_again(pack: Path) -> None:
    change(pack, {"figures/trial_balance.csv": lambda text: text.replace(b"1200", b"1201")}, manifest=True)
    assert verify_pack(pack).problems == ("figures/trial_balance.csv is not what the SQL gives from the inputs",)


def test_sql_of_a_pack_cannot_write_or_read_other_files(pack: Path, tmp_path: Path) -> None:
    target = tmp_path / "written.csv"
    change(pack, {"sql/2_books.sql": lambda text: text + f"COPY (SELECT 1) TO '{target}';".encode()}, manifest=True)
    (problem,) = verify_pack(pack).problems
    assert problem.startswith("the figures cannot be computed again: Permission Error")
    assert not target.exists()


def test_a_signed_pack_holds_only_under_its_own_key(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY_ENV, new_key())
    pack = write_pack(Home.open(closed), MONTH, tmp_path / "signed.zip")
    monkeypatch.setenv(PUBLIC_KEY_ENV, str(trusted_public_key()))
    found = verify_pack(pack)
    assert (found.problems, found.signed) == ((), True)
    monkeypatch.setenv(SIGNING_KEY_ENV, new_key())
    change(pack, {"README.md": lambda _: b"All is well."}, manifest=True)
    assert verify_pack(pack).problems == ("it is not signed with the key that is set",)
    monkeypatch.delenv(SIGNING_KEY_ENV)
    change(pack, {}, manifest=True)
    assert verify_pack(pack).problems == ("it is not signed, and a key is set",)


def test_an_edited_statement_does_not_hold_under_its_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGNING_KEY_ENV, new_key())
    envelope = json.loads(statement({"a": b"1"}, PREDICATE, {"month": MONTH}))
    envelope["payload"] = json.loads(statement({"a": b"2"}, PREDICATE, {"month": MONTH}))["payload"]
    _, (problem,), signed = read_statement(json.dumps(envelope))
    assert signed
    assert problem.endswith("does not hold: the statement was changed")


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(ConfigurationError, match="is no evidence pack"):
        verify_pack(tmp_path / "x.zip")
    with pytest.raises(ConfigurationError, match="there is no file"):
        verify_pack(tmp_path / "y.zip")


@pytest.mark.parametrize(
    "said",
    [
        {"subject": [1]},
        {"subject": None},
        {"subject": [{"name": "a", "digest": "x"}]},
        {"predicate": ["2026-01"]},
        {"predicate": None},
    ],
)
def test_a_manifest_of_odd_shape_is_refused_and_never_a_crash(tmp_path: Path, said: dict[str, object]) -> None:
    content = {"_type": STATEMENT, "predicateType": PREDICATE, "predicate": {}, "subject": [], **said}
    payload = base64.b64encode(json.dumps(content).encode()).decode()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr(MANIFEST, json.dumps({"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": []}))
    with pytest.raises(ConfigurationError, match="is no evidence pack"):
        verify_pack(tmp_path / "x.zip")


def test_the_head_in_a_pack_proves_by_its_time_stamp_when_the_month_was_closed(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(pack) as read:
        head = Head(**json.loads(read.read(HEAD)))
    assert head.purpose == f"close {MONTH}"
    monkeypatch.setenv(CERTIFICATES_ENV, str(make_authority(tmp_path / "authority")))
    with serving(tmp_path / "authority") as address:
        monkeypatch.setenv(SERVICE_ENV, address)
        head = stamped(replace(head, at=utc_now().isoformat(timespec="milliseconds")))
    change(pack, {HEAD: lambda _: head.line().encode()}, manifest=True)
    assert verify_pack(pack).problems == ()
    dated_back = replace(head, at="2026-02-01T09:00:00.000+00:00")
    change(pack, {HEAD: lambda _: dated_back.line().encode()}, manifest=True)
    (problem,) = verify_pack(pack).problems
    assert problem.endswith("has a time stamp that does not hold: it is of something else")


def test_an_open_month_has_no_evidence(january: tuple[Path, dict[str, str]]) -> None:
    with pytest.raises(CloseRefused, match="is not closed, so there is no evidence of it yet"):
        write_pack(Home.open(january[0]), MONTH)


def test_a_pack_is_not_written_over_books_that_changed_since_the_close(closed: Path, tmp_path: Path) -> None:
    """The days of the cut-off are of an open month: what is landed there again must not change the evidence unseen."""
    from billing_recon.day import land

    shutil.copytree(closed, tmp_path / "home")
    home, day = Home.open(tmp_path / "home"), date(2026, 2, 1)
    file = home.path / "landing" / "ledger_entries" / f"{day}.csv"
    rows = "L-1,L,2026-01-31,1200,ar,7.00,,USD,,,late\nL-2,L,2026-01-31,9999,other,,7.00,USD,,,late\n"
    file.write_text(file.read_text(encoding="utf-8") + rows, encoding="utf-8")
    land(home, "ledger_entries", day, "late")
    with pytest.raises(CloseRefused, match="what arrived since 2026-01 was closed changes its ledger accounts"):
        write_pack(home, MONTH, tmp_path / "pack.zip")
