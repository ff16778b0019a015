"""Heads of the audit chain stamped by a real time stamping authority, and each way of faking, moving or losing a stamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from billing_recon.control import audit_heads
from billing_recon.control.audit_heads import Head, signed, stamped
from billing_recon.control.store import utc_now
from billing_recon.control.time_stamps import CERTIFICATES_ENV, SERVICE_ENV
from billing_recon.core.errors import ConfigurationError
from billing_recon_tests.time_stamping import make_authority, serving

CLOSE = "close 2026-03"
HASHES = {7: "a" * 64, 9: "b" * 64}


def made(seq: int = 7, purpose: str = CLOSE, at: str = "") -> Head:
    return signed("Acme", purpose, at or utc_now().isoformat(timespec="milliseconds"), seq, HASHES[seq])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "own"
    make_authority(folder)
    return folder


@pytest.fixture
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CERTIFICATES_ENV, str(authority / "root.pem"))
    return authority


def stamp(head: Head, authority: Path, monkeypatch: pytest.MonkeyPatch) -> Head:
    with serving(authority) as address:
        monkeypatch.setenv(SERVICE_ENV, address)
        return stamped(head)


def problems(tmp_path: Path, heads: Sequence[Head]) -> list[str]:
    """What audit verify says of a chain whose event 7 is a close, and whose last is 9."""
    file = tmp_path / "heads.jsonl"
    file.write_text("".join(head.line() for head in heads), encoding="utf-8")
    found, _ = audit_heads.compare("Acme", [file], lambda wanted: {n: HASHES[n] for n in wanted}, 9, [CLOSE])
    return [problem.removeprefix(f"{file}: ") for problem in found]


def test_a_head_stamped_at_a_close_is_checked_without_the_service(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = stamp(made(), trusted, monkeypatch)
    assert head.token
    assert problems(tmp_path, [head]) == [], "the service is gone by now"


def test_a_stamp_moved_to_a_head_that_was_written_anew_or_dated_back_is_found(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = stamp(made(), trusted, monkeypatch)
    other = replace(made(9, "by hand"), token=head.token)
    assert "has a time stamp that does not hold: it is of something else" in problems(tmp_path, [other, head])[0]
    dated_back = stamp(made(at="2026-04-02T08:00:00.000+00:00"), trusted, monkeypatch)
    assert problems(tmp_path, [dated_back])[0].endswith("one of the two is wrong")


def test_a_stamp_of_an_authority_that_is_not_trusted_is_found(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mallory = tmp_path / "mallory"
    make_authority(mallory)
    with pytest.raises(ConfigurationError, match="gave no time stamp"):
        stamp(made(), mallory, monkeypatch)
    monkeypatch.delenv(CERTIFICATES_ENV)
    head = stamp(made(), mallory, monkeypatch)
    monkeypatch.setenv(CERTIFICATES_ENV, str(trusted / "root.pem"))
    assert "has a time stamp that does not hold" in problems(tmp_path, [head])[0]


def test_a_close_whose_stamp_was_removed_is_found_until_a_later_head_is_stamped(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = problems(tmp_path, [made()])
    assert problem.startswith("no head since the newest close has a time stamp")
    assert problems(tmp_path, [made(), stamp(made(9, "by hand"), trusted, monkeypatch)]) == []
    monkeypatch.delenv(CERTIFICATES_ENV)
    assert problems(tmp_path, [made()]) == [], "where no service is set, none is asked for"


@pytest.mark.parametrize(
    ("certificates", "said"), [("missing.pem", "cannot be read"), ("tsa.key", "has no root certificate in PEM form")]
)
def test_certificates_that_are_none_are_a_configuration_error(
    authority: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificates: str, said: str
) -> None:
    head = stamp(made(), authority, monkeypatch)
    monkeypatch.setenv(CERTIFICATES_ENV, str(authority / certificates))
    with pytest.raises(ConfigurationError, match=said):
        problems(tmp_path, [head])


def test_a_service_that_does_not_answer_or_answers_nonsense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stamped(made()).token == "", "no service is set"
    for address in ("http://127.0.0.1:9/", "no address"):
        monkeypatch.setenv(SERVICE_ENV, address)
        with pytest.raises(ConfigurationError, match=f"the time stamping service {address} did not answer"):
            stamped(made())
