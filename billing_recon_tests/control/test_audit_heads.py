"""Heads of the chain outside the database: a cut tail, a deleted and a rewritten history, and forged heads are all found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.control import ControlStore, audit
from billing_recon.control.audit_heads import Head, compare, signed, write
from billing_recon.control.audit_keys import (
    PUBLIC_KEY_ENV,
    RECORD_KEY_ENV,
    SIGNING_KEY_ENV,
    new_key,
)
from billing_recon.control.signatures import trusted_public_key
from billing_recon.core.errors import ConfigurationError

COMPANY, MOMENT = "Acme", "2026-04-01T09:30:00.000+00:00"


class Chain:
    """A control database of ten decisions, and what somebody with its file can do to it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "control.db"
        self.heads = folder / "heads.jsonl"
        self.store = ControlStore.open(f"sqlite:///{self.file}")
        for number in range(10):
            self.decide(number)

    def decide(self, number: int) -> None:
        self.store.apply_policy(f"a: {number}", "ana", "")

    def write_head(self, purpose: str = "close 2026-03") -> Head:
        made = signed(COMPANY, purpose, MOMENT, *self.store.audit_head())
        write(made, [self.heads])
        return made

    def problems(self, *expected: str) -> list[str]:
        last, _ = self.store.audit_head()
        found, _ = compare(COMPANY, [self.heads], self.store.audit_hashes, last, expected)
        return [*self.store.verify_audit(), *found]

    def sql(self, *statements: str) -> None:
        self.store.close()
        with sqlite3.connect(self.file) as connection:
            for table in ("policies", "audit_events"):
                for change in ("update", "delete"):
                    connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{change}")
            for statement in statements:
                connection.execute(statement)

    def rechain(self, change: Callable[[str], str]) -> None:
        """Write the whole history anew, decisions and chain, so that they agree with each other."""
        self.store.close()
        with sqlite3.connect(self.file) as connection:
            events = connection.execute("SELECT seq, payload FROM audit_events ORDER BY seq").fetchall()
        before = audit.GENESIS
        statements = ["UPDATE policies SET actor = replace(actor, 'ana', 'bob')"]
        for seq, payload in events:
            new = change(payload)
            after = audit.link(before, new)
            quoted = new.replace("'", "''")
            statements.append(
                f"UPDATE audit_events SET payload = '{quoted}', prev_hash = '{before}', hash = '{after}' WHERE seq = {seq}"
            )
            before = after
        self.sql(*statements)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def test_a_head_of_an_untouched_chain_agrees_also_after_further_decisions(chain: Chain) -> None:
    chain.write_head()
    chain.decide(11)
    assert chain.problems("close 2026-03") == []


def test_newest_events_that_were_cut_off_with_their_decisions_are_found(chain: Chain) -> None:
    chain.write_head()
    chain.sql("DELETE FROM audit_events WHERE seq > 7", "DELETE FROM policies WHERE number > 7")
    (problem,) = chain.problems()
    assert problem.endswith("is of event 10, and the chain ends at 7: its newest events were cut off")


def test_a_tail_that_was_cut_off_and_grown_again_is_found(chain: Chain) -> None:
    chain.write_head()
    chain.sql("DELETE FROM audit_events WHERE seq > 7", "DELETE FROM policies WHERE number > 7")
    for number in range(20, 25):
        chain.decide(number)
    (problem,) = chain.problems()
    assert problem.endswith("is of another event 10 than the chain has: the history was written anew")


def test_a_deleted_history_is_found(chain: Chain) -> None:
    chain.write_head()
    chain.sql("DELETE FROM audit_events", "DELETE FROM policies")
    assert "the chain ends at 0" in chain.problems()[0]


def test_a_history_written_anew_is_found_by_its_head_and_by_nothing_else(chain: Chain) -> None:
    chain.rechain(lambda payload: payload.replace('"ana"', '"bob"'))
    assert chain.problems() == []


def test_a_rechained_history_does_not_agree_with_its_head(chain: Chain) -> None:
    chain.write_head()
    chain.rechain(lambda payload: payload.replace('"ana"', '"bob"'))
    assert "the history was written anew" in chain.problems()[0]


def test_keyed_records_cannot_be_written_anew_without_the_key(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    for number in (20, 21):
        chain.decide(number)
    assert chain.problems() == []
    chain.rechain(lambda payload: payload.replace('"ana"', '"bob"'))
    assert "audit event 11 was changed: its content does not match its hash" in chain.problems()


def test_a_key_that_was_left_out_of_rewritten_records_is_missed(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    chain.decide(20)
    monkeypatch.delenv(RECORD_KEY_ENV)
    chain.decide(21)
    problems = chain.problems()
    assert any("is keyed with key" in problem for problem in problems)
    assert any(problem.startswith("audit event 12 is not keyed, as events since 11 are") for problem in problems)


def test_a_removed_head_of_a_close_is_missed(chain: Chain) -> None:
    chain.write_head()
    chain.heads.unlink()
    assert "there is no head for close 2026-03" in chain.problems("close 2026-03")[0]


def test_a_head_that_was_forged_or_edited_is_found(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGNING_KEY_ENV, new_key())
    mine = chain.write_head()
    monkeypatch.setenv(PUBLIC_KEY_ENV, str(trusted_public_key()))
    assert chain.problems() == []
    edited = json.loads(mine.line()) | {"purpose": "close 2026-04"}
    monkeypatch.setenv(SIGNING_KEY_ENV, new_key())
    forged = signed(COMPANY, "close 2026-05", MOMENT, mine.seq, mine.head)
    unsigned = Head(COMPANY, "close 2026-06", MOMENT, mine.seq, mine.head)
    foreign = Head("Other", "close 2026-07", MOMENT, mine.seq, mine.head)
    chain.heads.write_text(
        audit.canonical(edited) + "\n" + "".join(one.line() for one in (forged, unsigned, foreign)) + "not a head\n",
        encoding="utf-8",
    )
    said = "\n".join(chain.problems())
    assert "for close 2026-04 was changed: its signature does not hold" in said
    assert "for close 2026-05 is signed with another key" in said
    assert "for close 2026-06 is not signed" in said
    assert "for close 2026-07 is of another company, Other" in said
    assert "line 5 is no audit head" in said


def test_what_is_no_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGNING_KEY_ENV, "secret")
    with pytest.raises(ConfigurationError, match="BILLING_RECON_SIGNING_KEY is not a key: give 32 bytes as base64"):
        trusted_public_key()
