"""A one-time code proves a person once, and nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from billing_recon.control import ControlStore
from billing_recon.control.database import connect, writing
from billing_recon.control.one_time_codes import KEY_ENV, new_key
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.signoff import Role
from billing_recon_tests.people import code_of

SECRET, OTHER = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
NINE = datetime(2026, 4, 1, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NINE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(url: str, clock: Clock) -> ControlStore:
    store = ControlStore.open(url, clock=clock)
    store.enrol("Ana Ruiz", SECRET, approved_by="", actor="test", reason="")
    store.enrol("Bo Lind", OTHER, approved_by="Ana Ruiz", actor="test", reason="")
    return store


def test_the_code_of_now_or_of_the_step_next_to_it_is_good(people: ControlStore, clock: Clock) -> None:
    people.use_code("Ana Ruiz", code_of(SECRET, NINE, later=-1), "sign")
    people.use_code("Ana Ruiz", code_of(SECRET, NINE, later=1), "sign")


def test_a_code_is_good_once_and_an_older_one_never_again(people: ControlStore, clock: Clock) -> None:
    people.use_code("Ana Ruiz", code_of(SECRET, NINE), "sign")
    for later in (0, -1):
        with pytest.raises(CloseRefused, match="used before"):
            people.use_code("Ana Ruiz", code_of(SECRET, NINE, later), "sign")
    clock.now += timedelta(seconds=30)
    people.use_code("Ana Ruiz", code_of(SECRET, clock.now), "sign")


@pytest.mark.parametrize("code", ["", "12345", code_of(OTHER, NINE), code_of(SECRET, NINE, later=-3), "١٢٣٤٥٦"])
def test_no_other_code_is_good(people: ControlStore, code: str) -> None:
    with pytest.raises(CloseRefused, match="not that of Ana Ruiz"):
        people.use_code("Ana Ruiz", code, "sign")


def test_guessing_locks_the_name_and_a_lock_passes(people: ControlStore, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(CloseRefused, match="not that of"):
            people.use_code("Ana Ruiz", "000000", "guess")
    with pytest.raises(CloseRefused, match="locked after 5 wrong codes"):
        people.use_code("ana  ruiz", code_of(SECRET, NINE), "sign")
    people.use_code("Bo Lind", code_of(OTHER, NINE), "another person is not locked")
    clock.now += timedelta(minutes=11)
    people.use_code("Ana Ruiz", code_of(SECRET, clock.now), "sign")


def test_a_person_is_the_same_however_the_name_is_written(people: ControlStore) -> None:
    people.use_code(" ANA RUIZ", code_of(SECRET, NINE), "sign")


def test_a_removed_person_and_an_old_secret_are_refused(people: ControlStore) -> None:
    people.enrol("Ana Ruiz", OTHER, approved_by="Bo Lind", actor="test", reason="a new phone")
    with pytest.raises(CloseRefused, match="not that of"):
        people.use_code("Ana Ruiz", code_of(SECRET, NINE), "sign")
    people.remove_approver("Bo Lind", approved_by="Ana Ruiz", actor="test", reason="left")
    with pytest.raises(CloseRefused, match="not enrolled"):
        people.use_code("Bo Lind", code_of(OTHER, NINE), "sign")
    assert [one.name for one in people.enrolled()] == ["Ana Ruiz"]


def test_secrets_are_in_no_record_and_need_their_key(
    people: ControlStore, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert not any(SECRET in event.payload for event in people.audit_events())
    assert people.verify_audit() == []
    monkeypatch.setenv(KEY_ENV, new_key())
    with pytest.raises(ConfigurationError, match="not the key that the approvers were enrolled with"):
        people.use_code("Ana Ruiz", code_of(SECRET, NINE), "sign")
    monkeypatch.delenv(KEY_ENV)
    with pytest.raises(ConfigurationError, match="is not set"):
        people.enrol("Cy", SECRET, approved_by="Bo Lind", actor="test", reason="")


def test_a_secret_copied_to_another_name_with_sql_proves_nobody(people: ControlStore, url: str) -> None:
    """Bo makes his own secret Ana's, to sign as her with the codes of his phone."""
    engine = connect(url)
    columns = "verb, approved_by, actor, reason, secret_digest, decided_at"
    with writing(engine) as connection:
        connection.execute(
            text(
                f"INSERT INTO enrolments (person, name, {columns}) SELECT 'ana ruiz', 'Ana Ruiz', {columns} FROM enrolments "
                "WHERE id = 2"
            )
        )
        connection.execute(
            text(
                "INSERT INTO approver_secrets (enrolment_id, secret) SELECT 3, secret FROM approver_secrets WHERE id = 2"
            )
        )
    with pytest.raises(CloseRefused, match="enrolments 3 has no audit event: nobody decided it"):
        people.use_code("Ana Ruiz", code_of(OTHER, NINE), "sign")
    engine.dispose()


def test_nobody_becomes_the_first_of_a_home_by_removing_the_others_with_sql(people: ControlStore, url: str) -> None:
    engine = connect(url)
    with writing(engine) as connection:
        for table in ("approver_secrets", "enrolments"):
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
            connection.execute(text(f"DELETE FROM {table}"))
    with pytest.raises(CloseRefused, match="nobody counts as enrolled: enrolments 1 was decided in audit event 1"):
        people.enrolled()
    engine.dispose()


def test_one_code_typed_by_two_people_at_once_is_good_for_one_of_them(
    people: ControlStore, url: str, clock: Clock
) -> None:
    code, others = code_of(SECRET, NINE), [ControlStore.open(url, clock=clock) for _ in range(4)]

    def sign(store: ControlStore) -> bool:
        try:
            store.use_code("Ana Ruiz", code, "sign")
        except CloseRefused:
            return False
        return True

    with ThreadPoolExecutor(len(others)) as threads:
        assert sum(threads.map(sign, others)) == 1


def test_two_people_who_decide_at_once_are_both_on_the_chain(people: ControlStore, url: str, clock: Clock) -> None:
    stores = [ControlStore.open(url, clock=clock) for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as threads:
        signed = list(threads.map(lambda store: store.sign_off("2026-03", "Ana Ruiz", Role.FINANCE, "e1"), stores))
        versions = list(threads.map(lambda n: stores[n].apply_policy(f"# {n}", "ana", "why it changes"), range(4)))
    assert len(signed) == len(people.signoffs("2026-03")) == 4
    assert sorted(version.number for version in versions) == [1, 2, 3, 4]
    assert people.verify_audit() == []


@pytest.mark.parametrize(
    "code", ["1" * 100_000, "'; DROP TABLE code_uses; --", "123456\x00", "12 34 56", "１２３４５６"]
)
def test_a_code_of_any_length_and_letters_is_only_a_wrong_code(people: ControlStore, code: str) -> None:
    with pytest.raises(CloseRefused, match="not that of Ana Ruiz"):
        people.use_code("Ana Ruiz", code, "sign")
    people.use_code("Ana Ruiz", code_of(SECRET, NINE), "sign")
