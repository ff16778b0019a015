"""The status of a day or a month on a terminal: gate, landing, evidence; calendar and sign-offs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from billing_recon.control import MonthState, VerdictRecord
from billing_recon.core.figures import count, listed
from billing_recon.core.period import days_of_month, parse_month
from billing_recon.core.signoff import missing_sign_offs
from billing_recon.core.verdict import Verdict
from billing_recon.report import day_tables, stored_rows
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

CALENDAR_MARKS = {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "INCONCL."}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def headline(record: VerdictRecord | None, stale: str | None) -> str:
    """One sentence on a gate: its verdict, and whether it is still current."""
    if record is None:
        return "never judged"
    if stale:
        return f"was {record.verdict.value}, which no longer holds: {stale}"
    held_back = len(record.held_back_by)
    deciding = sum(condition.blocking for condition in record.conditions)
    warned = sum(not c.blocking and c.verdict is not Verdict.PASS for c in record.conditions)
    warnings = f"; {count(warned, 'warning')}" if warned else ""
    if not held_back:
        return f"all {count(deciding, 'condition')} hold{warnings}"
    return f"{held_back} of {count(deciding, 'condition')} {'does' if held_back == 1 else 'do'} not hold{warnings}"


def show_day(screen: Screen, home: Home, day: date, hint: str) -> bool:
    """Show one day; return whether its gate is a current PASS."""
    from billing_recon.day.gate import DAY_GATE, stale_reason

    record = home.control.latest_verdict(DAY_GATE, str(day))
    reports = home.control.landing_reports(day)
    stale = stale_reason(home, record) if record else None
    screen.verdict(
        record.verdict.value if record else "NOT RUN", f"{home.company.name}, {day}: {headline(record, stale)}"
    )
    screen.say()
    if record:
        screen.table(day_tables.conditions(record))
    if reports:
        screen.table(day_tables.landing(reports))
    totals = stored_rows.control_totals(home, day)
    if totals:
        screen.table(day_tables.totals(totals))
    sums = stored_rows.break_sums(home, day, day)
    if sums:
        screen.table(day_tables.break_sums(sums))
        screen.table(day_tables.dispositions(stored_rows.dispositions(home, day)))
    for table in _watched(home, day):
        if table.rows:
            screen.table(table)
    if record:
        screen.table(_facts(home, day, record, stale))
    screen.say(_next(home, day, record, stale, bool(sums), hint))
    return record is not None and record.verdict is Verdict.PASS and stale is None


def show_latest(screen: Screen, home: Home, through: date | None, hint: str) -> bool:
    """Show the newest judged day and the other days that are not green; return whether every day is a current PASS."""
    from billing_recon.day.overview import overview

    found = overview(home, through)
    if found.newest is None:
        run = f"billing-recon run{hint} --day {found.not_run[0] if found.not_run else 'YYYY-MM-DD'}"
        screen.verdict("NOT RUN", f"{home.company.name}: no day has a verdict yet")
        screen.say(f"next: {run}")
        return False
    show_day(screen, home, found.newest, hint)
    others = {
        **{day: verdict.value for day, verdict in found.red.items()},
        **dict.fromkeys(found.stale, "no longer PASS"),
        **dict.fromkeys(found.not_run, "not run"),
    }
    others.pop(found.newest, None)
    for what in dict.fromkeys(others.values()):
        days = [day for day in sorted(others) if others[day] == what]
        screen.say(f"also {what}: {count(len(days), 'day')} ({listed(map(str, days), 8)})")
    if others:
        screen.say(f"next: billing-recon status{hint} --day {min(others)}")
    return found.green


def _watched(home: Home, day: date) -> tuple[Table, ...]:
    """Expected changes, the detectors' findings, and metrics outside their band."""
    changes = home.policy_on(day).policy.expected_changes
    return (
        day_tables.expected_changes(changes, stored_rows.covered(home, day) if changes else {}, day),
        day_tables.detections(stored_rows.detections(home, day)),
        day_tables.drift(stored_rows.drift(home, day), only_outside=True),
    )


def _facts(home: Home, day: date, record: VerdictRecord, stale: str | None) -> Table:
    """The evidence of the verdict, and whether it is current."""
    table = Table([Col("evidence"), Col("", wrap=True)])
    table.add("evidence hash", record.evidence_hash)
    table.add("current", "yes" if stale is None else f"no: {stale}")
    pending = "; policies/ has edits not applied yet, see billing-recon policy show" if home.policy_pending else ""
    table.add("policy version", f"{record.policy_version}{pending}")
    table.add("code version", record.code_version)
    release = home.control.latest_release(str(day))
    if release is None:
        released = "no"
    elif release.evidence_hash == record.evidence_hash and stale is None:
        released = "yes, on this evidence"
    else:
        released = f"on earlier evidence {release.evidence_hash[:12]}"
    table.add("released", released)
    for part in home.policy_on(day).policy.gate.parts:
        table.add(f"part {part.name}", _part(home, day, part.name))
    table.add("judged", f"{record.decided_at} in run {record.run_id}")
    pack = home.state / "reports" / str(day) / "day_pack.html"
    if pack.is_file():
        table.add("day pack", str(pack))
    return table


def _part(home: Home, day: date, part: str) -> str:
    """The verdict on a part of the day, and what keeps it shut."""
    from billing_recon.day.gate import gate_of

    judged = home.control.latest_verdict(gate_of(part), str(day))
    if judged is None:
        return "not judged"
    because = "; ".join(condition.sentence for condition in judged.held_back_by)
    verify = f"billing-recon release verify {day} --part {part}"
    return f"{judged.verdict}: {because}" if because else f"{judged.verdict}; {verify}"


def _next(home: Home, day: date, record: VerdictRecord | None, stale: str | None, broken: bool, hint: str) -> str:
    if record is None or stale:
        return f"next: billing-recon run{hint} --day {day}"
    if broken:
        return f"next: billing-recon breaks{hint} --day {day}"
    if record.verdict is Verdict.PASS:
        return f"next: nothing for this day; it counts for billing-recon close{hint} {day:%Y-%m}"
    return f"next: fix what the conditions name, then billing-recon run{hint} --day {day}"


def show_month(screen: Screen, home: Home, month: str, hint: str) -> bool:
    """Show a month's days, what is missing, and who has signed; return whether every day is a current PASS."""
    from billing_recon.day.gate import DAY_GATE
    from billing_recon.day.month_evidence import evidence_in_force
    from billing_recon.day.month_tasks import days_not_green

    days = days_of_month(month)
    records = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    state = home.control.month_state(month)
    closed = state is MonthState.CLOSED
    problems = [] if closed else days_not_green(home, month)[1]
    marks = {day: _mark(home, day, records.get(str(day)), closed) for day in days}
    passed = sum(mark == "PASS" for mark in marks.values())
    missing = [str(day) for day, mark in marks.items() if mark == "not run"]
    screen.say(f"{home.company.name}, {month}: {state.value}; {passed} of {count(len(days), 'day')} PASS", style="bold")
    screen.say()
    screen.table(_calendar(month, marks))
    if missing:
        screen.say(f"not run: {listed(missing, 8)}")
    evidence = evidence_in_force(home, month)
    signed = home.control.signoffs(month)
    if signed:
        table = Table([Col("signed by"), Col("for"), Col("at"), Col("under evidence")], title="Sign-offs")
        for s in signed:
            note = "" if s.evidence_hash == evidence else "  (lapsed: the evidence has changed)"
            table.add(s.approver, s.role.value, s.decided_at, s.evidence_hash[:12] + note)
        screen.table(table)
    for problem in problems:
        screen.say(f"days: {problem}")
    for sentence in () if closed else missing_sign_offs(signed, evidence, home.policy.approvers):
        screen.say(f"sign-off: {sentence}")
    for event in home.control.month_history(month):
        why = f": {event['reason']}" if event["reason"] else ""
        screen.say(f"{event['decided_at']} {event['state']} by {event['actor']}{why}")
    if not problems and not closed:
        screen.say(f"next: billing-recon checklist{hint} --month {month}")
    return not problems


def _mark(home: Home, day: date, record: VerdictRecord | None, closed: bool) -> str:
    """The day's verdict. Of a closed month it is that of the close, whatever was set otherwise since."""
    from billing_recon.day.gate import stale_reason

    if record is None:
        before = home.first_day is not None and day < home.first_day
        return "-" if before else "not run"
    return "stale" if not closed and stale_reason(home, record) else CALENDAR_MARKS[record.verdict]


def _calendar(month: str, marks: dict[date, str]) -> Table:
    """A wall calendar: one row per week, Monday first."""
    table = Table([Col(name) for name in WEEKDAYS])
    week = [""] * parse_month(month).weekday()
    for day, mark in marks.items():
        week.append(f"{day.day:2} {mark}")
        if len(week) == 7:
            table.add(*week)
            week = []
    if week:
        table.add(*week, *[""] * (7 - len(week)))
    return table
