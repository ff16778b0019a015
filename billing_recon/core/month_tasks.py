"""The answers of a month's close that follow from figures alone: each a condition in words. Facts are gathered in day.month_tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from billing_recon.core.close_policy import Close, Task
from billing_recon.core.figures import amount, count, delta, listed, per_currency, with_currency
from billing_recon.core.gate import Condition
from billing_recon.core.month_books import MonthBooks, RollForward
from billing_recon.core.verdict import Verdict

EXPLAINED = {
    "timing": "booked on the other side of the month's end, within the lag",
    "fees": "of fees that the payments state and receivables do not show as they moved",
    "carried": "of items from before the first day",
    "accepted": "of accepted breaks",
}
"""Words for the explained differences of a roll-forward (core.month_books.REASONS)."""
_MEASURE = {"ar": "receivables", "revenue": "revenue", "tax": "tax"}
_TASK_OF = {"ar": Task.RECEIVABLES, "revenue": Task.REVENUE, "tax": Task.TAX}


@dataclass(frozen=True, slots=True)
class ChecklistLine:
    """One task of the close: its answer, who owns it and when it is due."""

    task: Task
    condition: Condition
    owner: str
    due: date

    @property
    def done(self) -> bool:
        """Whether it no longer holds the month open."""
        return self.condition.verdict is Verdict.PASS


def checklist_line(
    task: Task, condition: Condition, close: Close, default_owner: str, month_end: date
) -> ChecklistLine:
    """The line of a task. One that the policy leaves out is a PASS that does not decide, and says why."""
    reason = close.not_applicable.get(task)
    if reason and condition.verdict is not Verdict.PASS:
        sentence = f"Not applicable, by policy: {reason}. Otherwise: {condition.sentence}"
        condition = replace(condition, verdict=Verdict.PASS, sentence=sentence, blocking=False)
    return ChecklistLine(task, condition, close.owners.get(task, default_owner), close.due(task, month_end))


def trial_balance(books: MonthBooks) -> Condition:
    """Journals and accounts balance, per currency."""
    if not books.accounts:
        return _condition(
            Task.TRIAL_BALANCE,
            Verdict.INCONCLUSIVE,
            "No ledger entry is known up to the month's end, so there is nothing to balance; land ledger_entries first.",
        )
    if books.unbalanced_journals:
        shown = listed(
            (
                f"{one.journal_id} (debit {amount(one.debit, one.currency)}, credit {with_currency(one.credit, one.currency)})"
                for one in books.unbalanced
            ),
            3,
        )
        return _condition(
            Task.TRIAL_BALANCE,
            Verdict.FAIL,
            f"{count(books.unbalanced_journals, 'journal')} of the month out of balance: {shown}; correct them in the ledger.",
            str(books.unbalanced_journals),
        )
    debits: dict[str | None, Decimal] = {}
    for account in books.accounts:
        debits[account.currency] = debits.get(account.currency, Decimal(0)) + account.debit
    return _condition(
        Task.TRIAL_BALANCE,
        Verdict.PASS,
        f"{count(len(books.accounts), 'account')} balance; debits and credits of the month are {per_currency(debits)} each.",
    )


def ties(books: MonthBooks, measure: str) -> Condition:
    """Whether receivables, revenue or tax of the ledger are what our layers give."""
    task, found = _TASK_OF[measure], books.of(measure)
    what = _MEASURE[measure]
    if not books.accounts:
        return _condition(
            task,
            Verdict.INCONCLUSIVE,
            f"No ledger entry is known, so {what} cannot be compared; land ledger_entries first.",
        )
    if measure == "ar" and not books.books_cash:
        return _condition(
            task,
            Verdict.INCONCLUSIVE,
            "The ledger books no cash, so its receivables cannot be compared; map its bank accounts to the role cash, or "
            "leave the task out by policy (close.not_applicable).",
        )
    wrong = [one for one in found if not one.ties]
    if wrong:
        return _condition(task, Verdict.FAIL, " ".join(map(_does_not_tie, wrong)), str(len(wrong)), "0")
    verb = "tie with the ledger" if measure == "ar" else "ties with the ledger"
    closing: dict[str | None, Decimal] = {one.currency: one.booked for one in found}
    said = f"{what.capitalize()} {verb}: {per_currency(closing)}" if found else f"The month has no {what}"
    explained = [
        f"{delta(figure, one.currency)} {one.currency} {EXPLAINED[why]}"
        for one in found
        for why, figure in one.explained
    ]
    return _condition(task, Verdict.PASS, f"{said}{'; ' + ', '.join(explained) if explained else ''}.")


def _does_not_tie(one: RollForward) -> str:
    items = listed(
        (
            f"{item.item} ({amount(item.ours, one.currency)} by our layers, {amount(item.booked, one.currency)} booked)"
            for item in one.shown
        ),
        3,
    )
    rest = one.unexplained - one.unexplained_net
    parts = [f"{count(one.unexplained_items, 'item')} unexplained: {items}"] if one.unexplained_items else []
    if rest:
        parts.append(f"{delta(rest, one.currency)} {one.currency} in journals of no invoice or payment")
    return (
        f"{_MEASURE[one.measure].capitalize()} in {one.currency}: our layers close at {amount(one.closing, one.currency)}, the "
        f"ledger at {amount(one.booked, one.currency)}; {'; '.join(parts)}."
    )


def unbilled(known: bool, amounts: Mapping[str | None, Decimal], due: Mapping[str | None, Decimal]) -> Condition:
    """What the accrual for unbilled usage should be: usage of open periods, and what is due and not billed yet."""
    if not known:
        return _condition(
            Task.UNBILLED_USAGE,
            Verdict.INCONCLUSIVE,
            "Unbilled usage at the month's end is not known; run the last day of the month.",
        )
    more = f"; due and within the grace of issuing: {per_currency(due)}" if due else ""
    return _condition(
        Task.UNBILLED_USAGE, Verdict.PASS, f"To accrue, before discount and tax: {per_currency(amounts)}{more}."
    )


def listed_condition(task: Task, verdict: Verdict, problems: Sequence[str], fine: str) -> Condition:
    """PASS with a sentence if there are no problems; else the verdict given, with all of them."""
    if not problems:
        return _condition(task, Verdict.PASS, fine)
    return _condition(task, verdict, "; ".join(problems), str(len(problems)), "0")


def _condition(task: Task, verdict: Verdict, sentence: str, observed: str = "", bound: str = "") -> Condition:
    return Condition(task.value, verdict, sentence, observed, bound)
