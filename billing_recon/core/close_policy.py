"""What a month's close consists of: its tasks, who owns each, and when it is due. How each is answered is in day.month_tasks."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from billing_recon.core.exact import Frozen


class Task(StrEnum):
    """One line of the close's checklist. Each holds the month open until it is a PASS."""

    SEQUENCE = "sequence"
    """The month before is closed."""
    DAYS = "days"
    """Every day is a current PASS."""
    CUT_OFF = "cut_off"
    """The days after the month's end in which its postings may still arrive are known, and leave nothing open."""
    EXCEPTIONS = "exceptions"
    """Somebody decided about every break of the month."""
    TRIAL_BALANCE = "trial_balance"
    """Every journal of the month balances, and so do its accounts."""
    RECEIVABLES = "receivables"
    """Opening + invoiced - credited - received + refunded +- other = closing, as the ledger has it."""
    REVENUE = "revenue"
    """Revenue booked is revenue billed."""
    TAX = "tax"
    """Tax booked is tax billed."""
    UNBILLED_USAGE = "unbilled_usage"
    """Usage of the month that no invoice bills yet is known, for the accrual."""
    SPOT_CHECKS = "spot_checks"
    """Somebody looked at every line of the samples that the policy asks for, and each is right."""
    AUDIT_CHAIN = "audit_chain"
    """Nothing that was decided was changed, removed or inserted since."""
    SIGN_OFF = "sign_off"
    """Finance, product and engineering have signed, three people, on this evidence."""


DUE_DAYS: dict[Task, int] = {
    Task.SEQUENCE: 1,
    Task.DAYS: 2,
    Task.EXCEPTIONS: 3,
    Task.CUT_OFF: 4,
    Task.SPOT_CHECKS: 5,
    Task.AUDIT_CHAIN: 5,
    Task.TRIAL_BALANCE: 5,
    Task.RECEIVABLES: 5,
    Task.REVENUE: 5,
    Task.TAX: 5,
    Task.UNBILLED_USAGE: 5,
    Task.SIGN_OFF: 6,
}
"""Calendar days after the month's end, unless the policy says otherwise."""
NEVER_WAIVED = frozenset({Task.SEQUENCE, Task.DAYS, Task.SIGN_OFF, Task.AUDIT_CHAIN})


class SpotChecks(Frozen):
    """How many invoice lines somebody looks at by hand before the close."""

    per_day: int = Field(default=0, ge=0, le=1000, description="of each day")
    per_month: int = Field(default=0, ge=0, le=10_000, description="of the whole month")


class Close(Frozen):
    """The close of a month: owners, due dates, and what does not apply to this company."""

    owners: dict[Task, str] = Field(default_factory=dict, description="task -> team; the default owner if left out")
    due_days: dict[Task, int] = Field(
        default_factory=dict, description="task -> calendar days after the month's end; 1 to 6 if left out"
    )
    not_applicable: dict[Task, str] = Field(
        default_factory=dict,
        description="task -> why it is left out, for example that the cash is booked in another ledger",
    )

    spot_checks: SpotChecks = SpotChecks()

    @model_validator(mode="after")
    def _coherent(self) -> Close:
        problems = [f"due_days.{task} is below zero" for task, days in self.due_days.items() if days < 0]
        for task, reason in self.not_applicable.items():
            if task in NEVER_WAIVED:
                problems.append(f"{task} cannot be left out of a close")
            if not reason.strip(" .-"):
                problems.append(f"not_applicable.{task} needs a reason")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def due(self, task: Task, month_end: date) -> date:
        """The day by which a task should be done."""
        return month_end + timedelta(days=self.due_days.get(task, DUE_DAYS[task]))
