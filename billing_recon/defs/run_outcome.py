"""How a run ended: it did its work, it was refused with a reason for people, or it crashed. In words, without a stack."""

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

RUN_OUTCOME, REFUSED = "billing_recon/outcome", "refused"
"""The tag of a run that a gate, a closed month or a configuration refused."""


def innermost(error: SerializableErrorInfo | None) -> str:
    """The message of the innermost error, without its stack."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "no error was recorded"


def first_failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: what its first failed step said, or else the run itself."""
    events = [
        entry.dagster_event
        for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE)
        for entry in instance.all_logs(run_id, of_type=kind)
        if entry.dagster_event is not None
    ]
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                return failure.user_failure_data.description
            return f"step {event.step_key}: {innermost(failure.error)}"
        if event.is_job_failure and event.job_failure_data.error is not None:
            return innermost(event.job_failure_data.error)
    return "its process ended without a word"
