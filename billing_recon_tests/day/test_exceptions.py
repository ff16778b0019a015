"""Breaks as exceptions: decided by people, kept through reruns, off the gate only by an approver, expected ones by policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.reason import Disposition
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home, require_pass
from billing_recon.day.configuration import policy_text
from billing_recon.day.exceptions import EARLIEST, LATEST, assign, exceptions, find, resolve
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day
from billing_recon_tests.day.test_a_day import edit, landed

Company = Callable[..., Path]
APPROVER = "Amara Okafor"


def dearer(home: Path, by: str) -> None:
    """The first document of the day asks for so much more than was billed."""

    def change(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for name in ("total", "payable"):
            rows[0][name] = str(Decimal(rows[0][name]) + Decimal(by))
        return rows

    edit(landed(home, "rendered_invoices"), change)


@pytest.fixture
def broken(company: Company) -> Home:
    """A clean company but for one document of its first day, which asks for 5.00 more than was billed."""
    path = company(days=2, customers=15)
    dearer(path, "5.00")
    home = Home.open(path)
    run_day(home, FIRST)
    return home


def the_open(home: Home) -> Any:
    return [e for e in exceptions(home, EARLIEST, LATEST, FIRST) if e.open]


def test_an_open_break_is_an_exception_with_an_age(broken: Home) -> None:
    found = the_open(broken)
    assert {e.row["break_id"] for e in found} == {b["break_id"] for b in breaks(broken, FIRST)}
    later = exceptions(broken, EARLIEST, LATEST, FIRST + timedelta(days=4))
    assert {e.age for e in later} == {4}


def test_a_resolution_takes_effect_with_the_next_run_and_survives_every_later_one(broken: Home) -> None:
    ids = [e.row["break_id"] for e in the_open(broken)]
    resolve(broken, ids, Disposition.TIMING, by=APPROVER, reason="credited tomorrow", actor="root")
    with pytest.raises(GateRefused, match=r"is FAIL|incomplete"):
        require_pass(broken, "day", str(FIRST))
    assert all(e.waiting for e in exceptions(broken, EARLIEST, LATEST, FIRST))
    verdicts = [run_day(broken, FIRST, f"run-{n}") for n in range(2)]
    assert [v.verdict for v in verdicts] == [Verdict.PASS, Verdict.PASS]
    assert verdicts[0].evidence_hash == verdicts[1].evidence_hash
    assert {b["disposition"] for b in breaks(broken, FIRST)} == {"TIMING"}
    require_pass(broken, "day", str(FIRST))
    assert broken.control.verify_audit() == []


def test_another_figure_reopens_a_decided_break_and_a_mended_one_is_gone(broken: Home) -> None:
    ids = [e.row["break_id"] for e in the_open(broken)]
    resolve(broken, ids, Disposition.TIMING, by=APPROVER, reason="r", actor="root")
    dearer(broken.path, "4000.00")
    assert run_day(broken, FIRST).verdict is Verdict.FAIL
    assert all(e.lapsed for e in the_open(broken))
    dearer(broken.path, "-4005.00")
    assert run_day(broken, FIRST).verdict is Verdict.PASS
    found = exceptions(broken, EARLIEST, LATEST, FIRST)
    assert [(e.gone, e.open) for e in found] == [(True, False)] * len(ids)
    assert {e.row["code"] for e in found} != {None}


def test_only_an_approver_takes_a_break_off_the_gate_and_everything_missing_is_said(broken: Home) -> None:
    (break_id, *_) = [e.row["break_id"] for e in the_open(broken)]
    with pytest.raises(ConfigurationError) as error:
        resolve(broken, [break_id], Disposition.ACCEPTED_TOLERANCE, by="bo", reason=" ", actor="root")
    assert [p.split(" ")[0] for p in error.value.problems] == ["ACCEPTED_TOLERANCE", "a", "ACCEPTED_TOLERANCE"]
    with pytest.raises(ConfigurationError, match="only an approver"):
        resolve(broken, [break_id], Disposition.TIMING, by="bo", reason="r", actor="root")
    (made,) = resolve(broken, [break_id], Disposition.DEFECT, by="bo", reason="r", actor="root")
    assert (made.disposition, made.role) == (Disposition.DEFECT, "")


def test_assigning_says_who_and_leaves_the_verdict_as_it_is(broken: Home) -> None:
    (break_id, *_) = [e.row["break_id"] for e in the_open(broken)]
    before = broken.control.latest_verdict("day", str(FIRST))
    assert len(assign(broken, [break_id[:8]], "bo", by="ana", reason="", actor="root")) == 1
    assert [e.assignee for e in the_open(broken) if e.row["break_id"] == break_id] == ["bo"]
    assert run_day(broken, FIRST).evidence_hash == before.evidence_hash  # type: ignore[union-attr]


def test_an_unknown_break_is_named(broken: Home) -> None:
    with pytest.raises(ConfigurationError, match="no break 'Bnone'"):
        find(broken, "Bnone")


def test_an_expected_change_opens_the_gate_until_it_expires(broken: Home) -> None:
    found = breaks(broken, FIRST)
    entry = {
        "id": "EC-1",
        "reason": "the new template shows a deposit of 5.00 until release 12",
        "codes": sorted({b["code"] for b in found}),
        "currency": found[0]["currency"],
        "max_per_break": "5.00",
        "owner": "documents",
        "starts": str(FIRST),
        "expires": str(FIRST),
        "approved_by": APPROVER,
    }
    for expires, verdict in ((FIRST, Verdict.PASS), (FIRST.replace(day=FIRST.day - 1), Verdict.FAIL)):
        entry |= {"expires": str(expires), "starts": str(expires)}
        text = yaml.safe_dump({"expected_changes": [entry]})
        (broken.path / "policies" / "expected.yaml").write_text(text, encoding="utf-8")
        broken.control.apply_policy(policy_text(broken.path), "ana", "EC-1")
        home = Home.open(broken.path)
        record = run_day(home, FIRST)
        assert record.verdict is verdict
        expired = [c.sentence for c in record.conditions if c.name == "expected_changes"]
        assert bool(expired) == (verdict is Verdict.FAIL)
    assert "EC-1 expired 1 day ago" in expired[0]
