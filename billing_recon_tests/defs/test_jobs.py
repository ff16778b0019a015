"""Decisions from the UI: each job does what its command does, refuses what its command refuses, and says so without a stack."""

import dagster as dg
import pytest

from billing_recon.control.pages import Desk, Incident
from billing_recon.core.reason import Code
from billing_recon.core.severity import Severity
from billing_recon.core.signoff import missing_sign_offs
from billing_recon.day.month_evidence import month_evidence
from billing_recon.day.quarantine import rows_sql
from billing_recon.defs import step
from billing_recon.defs.build import BESIDE_JOB, CUTOVER_JOB, DAILY_JOB, MONTH_JOB, SHADOW_JOB
from billing_recon.defs.jobs import _JOBS
from billing_recon.defs.run_outcome import REFUSED, RUN_OUTCOME
from billing_recon.report.stored_rows import rows_of
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.plant import QUIET, Plant, failures, refusal
from billing_recon_tests.people import code_of, enrol_everyone

pytestmark = pytest.mark.long


@pytest.fixture
def backend() -> str:
    """The functions are tested on both; here it is about their jobs."""
    return "sqlite"


def decide(works: Plant, job: str, **config: object) -> dg.ExecuteInProcessResult:
    op = next(op.name for name, op, _ in _JOBS if name == job)
    return works.definitions.resolve_job_def(job).execute_in_process(
        instance=works.instance, run_config={**QUIET, "ops": {op: {"config": config}}}, raise_on_error=False
    )


def test_every_job_describes_what_to_fill_in(works: Plant) -> None:
    for name, op, _ in _JOBS:
        job = works.definitions.resolve_job_def(name)
        assert job.description
        fields = op.config_schema.config_type.fields
        assert fields
        assert all(field.description for field in fields.values()), name


def test_the_launchpad_is_filled_with_every_field_and_nothing_is_done_while_one_is_left(works: Plant) -> None:
    for name, op, _ in _JOBS:
        job = works.definitions.resolve_job_def(name)
        filled = job.run_config["ops"][op.name]["config"]
        assert set(filled) == set(op.config_schema.config_type.fields), name
        if name == "run_stale":
            continue  # every field may be left as it is
        said = refusal(job.execute_in_process(instance=works.instance, raise_on_error=False))
        assert "in the Launchpad" in said or "is not a disposition" in said, name


def test_what_the_launchpad_asks_for_names_the_choices_and_is_not_cut_off(works: Plant) -> None:
    def asked(name: str, field: str) -> str:
        op = next(op for job, op, _ in _JOBS if job == name)
        return str(works.definitions.resolve_job_def(name).run_config["ops"][op.name]["config"][field])

    assert asked("resolve_breaks", "disposition").startswith(
        "<One of TIMING, EXPECTED_CHANGE, DEFECT, DATA_ERROR, OPEN, fixed_at_source"
    )
    assert asked("apply_policy", "note") == "<Why policies/*.yaml change>"


def test_what_contradicts_itself_is_refused_and_not_half_done(works: Plant) -> None:
    """Each was done, or refused for another reason than the mistake, when a stranger closed a month from the UI."""
    two = {"note": "Kai joins finance", "applied_by": "ana", "approvers": ["Mei Tanaka", "Jonas Weber"]}
    assert "approvers has 2 and codes has 1" in refusal(decide(works, "apply_policy", **two, codes=["123456"]))
    about = {"row_ids": ["abc"], "decided_by": "bo", "reason": "a test of the meter", "discard": True}
    assert "is not corrected" in refusal(decide(works, "decide_rows", **about, corrections={"quantity": "3"}))
    span = {"first": "2026-02-09", "last": "2026-02-01", "dry_run": True}
    assert "the last day, 2026-02-01, is before the first" in refusal(decide(works, "run_stale", **span))
    for job in (DAILY_JOB, MONTH_JOB, SHADOW_JOB, CUTOVER_JOB, BESIDE_JOB):
        launched = works.definitions.resolve_job_def(job).execute_in_process(
            instance=works.instance, run_config=QUIET, raise_on_error=False
        )
        assert f"{job} was launched without a partition" in failures(launched)[0]
        run = works.instance.get_run_by_id(launched.run_id)
        assert run is not None
        assert run.tags[RUN_OUTCOME] == REFUSED


def test_a_message_that_names_a_command_names_the_job_that_does_the_same(works: Plant) -> None:
    works.home.control.lock_month("2026-01", "e" * 64)
    works.home.control.close_month("2026-01", "e" * 64)
    assert refusal(works.run(FIRST)).endswith("In Dagster: the job reopen_month.")
    known = {name for name, _, _ in _JOBS} | {DAILY_JOB, MONTH_JOB}
    assert set(step.JOB_OF_COMMAND.values()) <= known


def test_a_day_held_back_by_a_row_alone_says_whose_it_is_and_where_to_look(works: Plant) -> None:
    usage = works.file("usage_events", FIRST)
    text = usage.read_text(encoding="utf-8")
    header, *_, last = text.splitlines()
    bad = {**dict(zip(header.split(","), last.split(","), strict=True)), "event_id": "EV-X", "quantity": "many"}
    usage.write_text(f"{text}{','.join(bad.values())}\n", encoding="utf-8")
    said = refusal(works.run(FIRST))
    owner = works.home.policy.owner_of(Code.RECORD_QUARANTINED)
    assert owner != works.home.policy.default_owner
    assert f"billing-recon quarantine list. Owner: {owner}. Next: billing-recon quarantine list --day {FIRST};" in said
    assert "billing-recon breaks" not in said
    assert said.endswith("In Dagster: the job decide_rows or daily.")


def test_a_month_that_is_not_ready_is_not_signed_and_a_closed_one_opens_only_with_a_good_code(works: Plant) -> None:
    early = decide(works, "sign_month", month="2026-01", approver="Mei Tanaka", code="000000")
    assert "2026-01 cannot be signed yet" in refusal(early)
    run = works.instance.get_run_by_id(early.run_id)
    assert run is not None
    assert run.tags[RUN_OUTCOME] == REFUSED
    works.home.control.lock_month("2026-01", "e" * 64)
    works.home.control.close_month("2026-01", "e" * 64)
    secrets = enrol_everyone(works.home)
    asked = {"month": "2026-01", "approver": "Mei Tanaka", "reason": "a credit note was booked late"}
    assert "the code is not that of Mei Tanaka now" in refusal(decide(works, "reopen_month", **asked, code="000000"))
    assert works.home.control.is_closed(FIRST)
    good = code_of(secrets["Mei Tanaka"], later=1)
    assert failures(decide(works, "reopen_month", **asked, code=good)) == []
    assert not works.home.control.is_closed(FIRST)


def test_a_locked_month_is_signed_from_the_ui_by_those_who_may_each_with_their_own_code(works: Plant) -> None:
    """Behind a lock only the signatures are missing; what they sign is the evidence of that lock."""
    evidence = month_evidence(works.home, "2026-01")
    works.home.control.lock_month("2026-01", evidence)
    secrets = enrol_everyone(works.home)
    codes = {name: code_of(secret, later=1) for name, secret in secrets.items()}

    def sign(name: str, code: str) -> dg.ExecuteInProcessResult:
        return decide(works, "sign_month", month="2026-01", approver=name, code=code, note="seen with the board")

    assert "not that of Mei Tanaka" in refusal(sign("Mei Tanaka", codes["Jonas Weber"]))
    assert "'Pat Nobody' may not sign" in refusal(sign("Pat Nobody", codes["Mei Tanaka"]))
    assert works.home.control.signoffs("2026-01") == []
    for name in ("Amara Okafor", "Jonas Weber", "Mei Tanaka"):
        done = sign(name, codes[name])
        assert failures(done) == []
        run = works.instance.get_run_by_id(done.run_id)
        assert run is not None
        assert run.tags.get(RUN_OUTCOME) != REFUSED
    signed = works.home.control.signoffs("2026-01")
    assert {(one.approver, one.evidence_hash, one.note) for one in signed} == {
        (name, evidence, "seen with the board") for name in ("Amara Okafor", "Jonas Weber", "Mei Tanaka")
    }
    assert missing_sign_offs(signed, evidence, works.home.policy.approvers) == ()
    assert "was used before" in refusal(sign("Mei Tanaka", codes["Mei Tanaka"])), "a code is good once"
    assert works.home.control.verify_audit() == []


def test_a_red_day_ends_as_a_refusal_and_its_breaks_are_decided_from_the_ui(works: Plant) -> None:
    works.shorten("invoice_lines", FIRST)
    usage = works.file("usage_events", FIRST)
    text = usage.read_text(encoding="utf-8")
    header, *_, last = text.splitlines()
    bad = {**dict(zip(header.split(","), last.split(","), strict=True)), "event_id": "EV-X", "quantity": "many"}
    usage.write_text(f"{text}{','.join(bad.values())}\n", encoding="utf-8")
    result = works.run(FIRST)
    said = refusal(result)
    assert said.startswith(f"{FIRST} is FAIL and is not released.")
    assert "at risk. Owner: " in said
    assert f"billing-recon breaks --day {FIRST}" in said
    (step,) = [event for event in result.all_events if event.is_step_failure]
    assert step.step_failure_data.error is not None
    assert step.step_failure_data.error.cause is None, "no stack of ours under it"
    run = works.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[RUN_OUTCOME] == REFUSED

    from billing_recon.day.exceptions import EARLIEST, LATEST, exceptions

    ids = [one.row["break_id"] for one in exceptions(works.home, EARLIEST, LATEST, FIRST)]
    assert ids
    unknown = decide(works, "resolve_breaks", break_ids=ids, disposition="WISHED", decided_by="bo", reason="x")
    assert "'WISHED' is not a disposition" in refusal(unknown)
    by_a_note = {
        "break_ids": ids[:1],
        "disposition": "credit_note",
        "decided_by": "bo",
        "reason": "the old price was billed",
    }
    assert "evidence" in refusal(decide(works, "resolve_breaks", **by_a_note, customer_told="no"))
    assert "write yes, no, not_needed" in refusal(decide(works, "resolve_breaks", **by_a_note, customer_told="perhaps"))
    assert failures(decide(works, "resolve_breaks", **by_a_note, evidence="CN-17", customer_told="no")) == []
    (noted,) = (one for one in exceptions(works.home, EARLIEST, LATEST, FIRST) if one.row["break_id"] == ids[0])
    assert "CN-17" in repr(noted)
    assert failures(decide(works, "assign_breaks", break_ids=ids, to="bo")) == []
    (row,) = rows_of(f"SELECT row_id FROM ({rows_sql(works.home, FIRST, FIRST)})")
    about = {"row_ids": [row["row_id"]], "decided_by": "bo", "reason": "a test of the meter"}
    assert row["row_id"] in refusal(decide(works, "decide_rows", **about, corrections={"quantity": "more"}))
    assert failures(decide(works, "decide_rows", **about, discard=True)) == []
    by = {"decided_by": "Mei Tanaka", "code": code_of(enrol_everyone(works.home)["Mei Tanaka"], later=1)}
    accepted = decide(works, "accept_breaks", break_ids=ids, as_timing=True, reason="bank holiday", **by)
    assert failures(accepted) == []
    assert failures(works.run(FIRST)) == []

    def put(desk: Desk) -> None:
        desk.put(Incident("run/x", "run", "x", "run/x", Severity.ERROR, "v", {}, "2026-01-01T00:00:00.000+00:00"))

    with works.home.control.pages.desk() as desk:
        put(desk)
    assert failures(decide(works, "take_incident", incident="run/x", taken_by="bo")) == []
    assert works.home.control.pages.open_incidents()["run/x"].taken_by == "bo"
    assert "no open incident" in refusal(decide(works, "take_incident", incident="run/y", taken_by="bo"))


def test_a_policy_is_applied_with_a_note(green: Plant) -> None:
    file = next((green.path / "policies").glob("*.yaml"))
    file.write_text(file.read_text(encoding="utf-8") + "\n# agreed\n", encoding="utf-8")
    assert failures(decide(green, "apply_policy", note="agreed with finance", applied_by="ana")) == []
    current = green.home.control.current_policy()
    assert current is not None
    assert (current.note, current.actor) == ("agreed with finance", "ana (dagster)")
