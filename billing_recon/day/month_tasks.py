"""The checklist of a month's close: every fact gathered from what is stored, and answered. Nothing is decided or written here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.compute.engine import scratch
from billing_recon.control import MonthState
from billing_recon.core import month_tasks as answers
from billing_recon.core.close_policy import Task
from billing_recon.core.figures import count, listed
from billing_recon.core.gate import Condition
from billing_recon.core.month_books import MonthBooks
from billing_recon.core.month_tasks import ChecklistLine
from billing_recon.core.period import add_months, days_between, days_of_month, parse_day, parse_month
from billing_recon.core.reason import Disposition, Pair
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, INVOICE_LINES, UNBILLED_USAGE
from billing_recon.core.signoff import missing_sign_offs
from billing_recon.core.verdict import Verdict
from billing_recon.day.audit_chain import audit_problems
from billing_recon.day.gate import DAY_GATE, stale_reason
from billing_recon.day.history import WITHDRAWN, opening_day
from billing_recon.day.home import Home
from billing_recon.day.month_books import cut_off, month_books
from billing_recon.day.month_days import month_days
from billing_recon.day.month_evidence import evidence_in_force
from billing_recon.day.spot_checks import samples_of_month

SHOWN = 5
_WAITING = (Pair.EXPECTED_BILLED, Pair.BILLED_RENDERED, Pair.BILLED_BOOKED, Pair.RENDERED_BOOKED, Pair.PAID_BOOKED)
"""Pairs whose pending items must be settled by the cut-off. Money that is owed may be pending: it is the receivable."""


def checklist(home: Home, month: str, books: MonthBooks | None = None) -> list[ChecklistLine]:
    """Every task of the close with its answer, in the order in which they are usually done."""
    days = month_days(home, month)
    if not days:
        problem = f"{month} lies before the company's first day {opening_day(home)}; there is nothing to close"
        answered: list[Condition] = [answers.listed_condition(Task.DAYS, Verdict.FAIL, [problem], "")]
    else:
        books = books or month_books(home, month)
        verdict, problems = days_not_green(home, month)
        answered = [
            answers.listed_condition(
                Task.SEQUENCE, Verdict.FAIL, _before(home, month), "The month before is closed or none."
            ),
            answers.listed_condition(Task.DAYS, verdict, problems, f"{count(len(days), 'day')}, each a current PASS."),
            _exceptions(home, days),
            _cut_off(home, month, days),
            answers.trial_balance(books),
            *(answers.ties(books, measure) for measure in ("ar", "revenue", "tax")),
            _unbilled(home, days[-1]),
            _spot_checks(home, month),
            answers.listed_condition(
                Task.AUDIT_CHAIN, Verdict.FAIL, audit_problems(home)[0][:SHOWN], "Every decision is as it was made."
            ),
            answers.listed_condition(
                Task.SIGN_OFF,
                Verdict.FAIL,
                missing_sign_offs(home.control.signoffs(month), evidence_in_force(home, month), home.policy.approvers),
                "Finance, product and engineering have signed this evidence.",
            ),
        ]
    policy, end = home.policy, days_of_month(month)[-1]
    return [answers.checklist_line(Task(one.name), one, policy.close, policy.default_owner, end) for one in answered]


def _before(home: Home, month: str) -> list[str]:
    first = opening_day(home)
    before = f"{add_months(parse_month(month), -1):%Y-%m}"
    if first is None or before < f"{first:%Y-%m}" or home.control.month_state(before) is MonthState.CLOSED:
        return []
    return [f"{before} is not closed; months close in sequence"]


def days_not_green(home: Home, month: str, *, stored: bool = True) -> tuple[Verdict, list[str]]:
    """One sentence for each reason that keeps the month's days from being a current PASS; none if every day is.

    FAIL if a day was judged and is not green; INCONCLUSIVE if a day is not known, or was judged on other evidence.
    Not `stored`: what the warehouse holds is taken as registered, which is quicker.
    """
    days = month_days(home, month)
    if not days:
        return Verdict.FAIL, [
            f"{month} lies before the company's first day {home.first_day}; there is nothing to close"
        ]
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    missing = [day for day in days if str(day) not in verdicts]
    bad = [day for day in days if str(day) in verdicts and verdicts[str(day)].verdict is not Verdict.PASS]
    green = [day for day in days if str(day) in verdicts and verdicts[str(day)].verdict is Verdict.PASS]
    stale = [day for day in green if stale_reason(home, verdicts[str(day)], stored=stored) is not None]
    sentences = []
    if missing:
        sentences.append(
            f"{_some(missing)} not reconciled; run: billing-recon run --day {missing[0]} --to {missing[-1]}"
        )
    if bad:
        sentences.append(f"{_some(bad)} not green; see: billing-recon status --day {bad[0]}")
    if stale:
        sentences.append(
            f"{_some(stale)} green on evidence that has changed since; run: billing-recon run --day {stale[0]} --to {stale[-1]}"
        )
    left_out = _left_out(home, month, days[0])
    if left_out:
        sentences.append(
            f"{_some(left_out)} before first_day {days[0]} of company.yaml judged and not green; set first_day back and run them, or "
            "begin a new home with that day"
        )
    return (Verdict.FAIL if bad or left_out else Verdict.INCONCLUSIVE), sentences


def _left_out(home: Home, month: str, first: date) -> list[date]:
    """In the month of first_day, the days before it that were judged and not as a PASS: a later first_day has taken them out."""
    if first == days_of_month(month)[0] and first != opening_day(home):
        return []
    answers = home.control.answers(DAY_GATE)
    return [parse_day(day) for day in sorted(answers) if day < str(first) and answers[day] is not Verdict.PASS]


def _exceptions(home: Home, days: Sequence[date]) -> Condition:
    with scratch() as con:
        rows = con.execute(
            f"SELECT owner, count(*) FROM ({home.warehouse.scan(BREAKS, days[0], days[-1])}) "
            f"WHERE disposition = '{Disposition.OPEN.value}' GROUP BY owner ORDER BY owner"
        ).fetchall()
    problems = [f"{count(number, 'break')} of {owner} without a decision" for owner, number in rows]
    if problems:
        problems[-1] += f"; see: billing-recon exceptions list --day {days[0]} --to {days[-1]}"
    judged = home.control.answers(DAY_GATE)
    never = [day for day in days if str(day) not in judged]
    if never and not problems:
        unknown = f"{_some(never)} not reconciled, so nobody knows their breaks"
        return answers.listed_condition(Task.EXCEPTIONS, Verdict.INCONCLUSIVE, [unknown], "")
    return answers.listed_condition(Task.EXCEPTIONS, Verdict.FAIL, problems, "Every break of the month is decided.")


def _cut_off(home: Home, month: str, days: Sequence[date]) -> Condition:
    """The days after the end are known, and leave nothing of the month open; without such days nothing may be pending."""
    end, known_by = days[-1], cut_off(home, month)
    after = days_between(end + timedelta(days=1), known_by) if known_by > end else []
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in after])
    unknown = [
        day
        for day in after
        if (one := verdicts.get(str(day))) is None
        or one.verdict is Verdict.INCONCLUSIVE
        or stale_reason(home, one, stored=False) is not None
    ]
    if unknown:
        problem = (
            f"what arrives until {known_by} still counts for {month}, and {_some(unknown)} not known; "
            f"run: billing-recon run --day {unknown[0]} --to {unknown[-1]}"
        )
        return answers.listed_condition(Task.CUT_OFF, Verdict.INCONCLUSIVE, [problem], "")
    problems = _open_after(home, after, end) if after else _pending(home, end)
    return answers.listed_condition(
        Task.CUT_OFF, Verdict.FAIL, problems, f"Nothing of {month} is pending or open as known on {known_by}."
    )


def _open_after(home: Home, after: Sequence[date], end: date) -> list[str]:
    """Breaks of the days after the end that count against a gate, unless they are about an invoice or money of later days."""
    counting = ", ".join(f"'{d.value}'" for d in Disposition if d.counts_against_gate)
    pairs = ", ".join(f"'{pair.value}'" for pair in (*_WAITING, Pair.METERED_USED))
    with scratch() as con:
        rows = con.execute(
            f"WITH found AS (FROM ({home.warehouse.scan(BREAKS, after[0], after[-1])}) "
            f"WHERE disposition IN ({counting}) AND pair IN ({pairs})), "
            "later AS (SELECT invoice_id FROM ("
            f"{home.warehouse.scan(INVOICE_LINES, end, after[-1])}) GROUP BY invoice_id HAVING min(issued_on) > DATE '{end}') "
            "SELECT pair, count(*), min(break_id) FROM found ANTI JOIN later USING (invoice_id) "
            f"WHERE coalesce(TRY_CAST(json_extract_string(evidence, '$.paid_on') AS DATE) <= DATE '{end}', true) "
            "GROUP BY pair ORDER BY pair"
        ).fetchall()
    return [
        f"{pair}: {count(number, 'break')} of {after[0]} to {after[-1]} may be about it (billing-recon explain {example})"
        for pair, number, example in rows
    ]


def _pending(home: Home, end: date) -> list[str]:
    pairs = ", ".join(f"'{pair.value}'" for pair in _WAITING)
    with scratch() as con:
        rows = con.execute(
            f"SELECT pair, sum(pending) FROM ({home.warehouse.scan(CONTROL_TOTALS, end, end)}) "
            f"WHERE pair IN ({pairs}) AND pending > 0 GROUP BY pair ORDER BY pair"
        ).fetchall()
    return [
        f"{pair}: {count(int(number), 'item')} still pending on {end}, the company's last day" for pair, number in rows
    ]


def _unbilled(home: Home, end: date) -> Condition:
    states = home.control.partition_states((UNBILLED_USAGE.name, CONTROL_TOTALS.name), end, end)
    known = len(states) == 2 and all(state.complete and state.made_from != WITHDRAWN for state in states)
    with scratch() as con:
        usage: dict[str | None, Decimal] = dict(
            con.execute(
                f"SELECT currency, sum(amount) FROM ({home.warehouse.scan(UNBILLED_USAGE, end, end)}) "
                "GROUP BY currency ORDER BY currency"
            ).fetchall()
        )
        due: dict[str | None, Decimal] = dict(
            con.execute(
                f"SELECT currency, sum(pending_amount) FROM ({home.warehouse.scan(CONTROL_TOTALS, end, end)}) "
                f"WHERE pair = '{Pair.EXPECTED_BILLED.value}' AND pending_amount <> 0 GROUP BY currency ORDER BY currency"
            ).fetchall()
        )
    return answers.unbilled(known, usage, due)


def _spot_checks(home: Home, month: str) -> Condition:
    lines = samples_of_month(home, month)
    if not lines:
        return answers.listed_condition(
            Task.SPOT_CHECKS, Verdict.FAIL, [], "The policy asks for no line to be checked."
        )
    left = [line for line in lines if line.check is None]
    wrong = [line for line in lines if line.check is not None and not line.check.right]
    problems = []
    if left:
        where = listed(dict.fromkeys(line.period for line in left), 3)
        problems.append(
            f"{count(len(left), 'line')} of {len(lines)} not looked at, of {where}; see: billing-recon spot list {left[0].period}"
        )
    problems += [
        f"{one.invoice_id} line {one.line_id} is not right, by {one.check.checked_by}" for one in wrong if one.check
    ]
    return answers.listed_condition(
        Task.SPOT_CHECKS, Verdict.FAIL, problems, f"{count(len(lines), 'line')} looked at by hand, each right."
    )


def _some(days: Sequence[date]) -> str:
    return f"{count(len(days), 'day')} ({listed(map(str, days), SHOWN)})"
