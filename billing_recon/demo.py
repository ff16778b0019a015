"""`make demo`: 60 days of a simulated company with billing bugs, a month signed and closed, and the breaks found held to the truth."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from billing_recon.core.errors import BillingReconError
from billing_recon.core.figures import count, per_currency
from billing_recon.core.period import days_between
from billing_recon.core.printed_command import home_option
from billing_recon.core.reason import Code
from billing_recon.report.summary import Progress
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.report.stored_rows import Row
    from billing_recon.simulate import SimulationSummary

SEED = 7
CUSTOMERS = 200
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 1)
BASELINE_LAST = date(2026, 1, 28)
CLOSED, FAULTS_FROM = "2026-01", date(2026, 2, 4)
"""The month that is closed, and the day of the first bug: from then on nothing of that month can still arrive."""
FAULTS: dict[Code, int] = {
    Code.USAGE_MISSING: 2,
    Code.USAGE_DUPLICATE: 1,
    Code.PRICE_VERSION: 2,
    Code.DISCOUNT_VALUE: 1,
    Code.TAX_RATE_JURISDICTION: 2,
    Code.ROUNDING: 1,
    Code.INVOICE_MISSING: 1,
    Code.INVOICE_DUPLICATE: 1,
    Code.RENDER_MISSING: 1,
    Code.RENDER_VALUE: 1,
    Code.LEDGER_MISSING: 1,
    Code.LEDGER_AMOUNT: 1,
    Code.PAYMENT_AMOUNT: 1,
}
ELSEWHERE = ("BILLING_RECON_STATE", "BILLING_RECON_CONTROL_URL")
"""Settings that would keep the demo's state outside its home, so that an earlier demo could not be replaced."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """What must be equal for a break to be the injected one: place, code and exact amount."""

    code: str
    pair: str
    day: str
    invoice_id: str
    line_id: str
    subscription_id: str
    delta: Decimal

    def __str__(self) -> str:
        where = self.line_id or self.invoice_id or self.subscription_id
        return f"{self.code} {self.pair} {self.day} {where} {self.delta:+f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 if every injected bug was found and nothing else, whatever the gates decide."""
    parser = argparse.ArgumentParser(prog="python -m billing_recon.demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/demo"), help="replaced if it is an earlier demo")
    path = parser.parse_args(arguments).home
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    try:
        return _demo(path, Screen())
    except BillingReconError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _demo(path: Path, screen: Screen) -> int:
    from billing_recon.day.baselines import capture_baseline
    from billing_recon.day.home import Home
    from billing_recon.defs.runner import run_days
    from billing_recon.report import stored_rows
    from billing_recon.simulate import RenderedAs, simulate

    days = days_between(FIRST, LAST)
    screen.say(
        f"A simulated company: {count(CUSTOMERS, 'customer')}, {count(len(days), 'day')}, "
        f"{count(sum(FAULTS.values()), 'billing bug')} injected.",
        style="bold",
    )
    with screen.progress("simulating") as report:
        made = simulate(
            seed=SEED,
            first=FIRST,
            last=LAST,
            customers=CUSTOMERS,
            faults=FAULTS,
            out=path,
            documents=RenderedAs.MIXED,
            closed=True,
            faults_from=FAULTS_FROM,
            progress=lambda stage, done, of: report(stage, done) if done == of else None,
        )
    started = time.monotonic()
    with screen.progress("reconciling", total=len(days)) as report:
        outcomes = run_days(path, days, Progress(report))
    seconds = time.monotonic() - started
    failed = [outcome for outcome in outcomes if not outcome.success]
    if failed:
        screen.warn(f"error: {count(len(failed), 'run')} failed; {failed[0].day}: {failed[0].error}")
        return 1
    home = Home.open(path)
    capture_baseline(home, "first-weeks", FIRST, BASELINE_LAST, "demo")
    broken = stored_rows.breaks(home, FIRST, LAST)
    injected, found = _injected(path / "truth.csv"), _found(broken)
    _show(screen, home, made, Counter(str(o.verdict) for o in outcomes), broken, seconds)
    _close(screen, home)
    return _compare(screen, injected, found, broken, path)


def _injected(truth: Path) -> Counter[Difference]:
    with truth.open(encoding="utf-8", newline="") as file:
        return Counter(
            Difference(
                row["code"],
                row["pair"],
                row["day"],
                row["invoice_id"],
                row["line_id"],
                "" if row["invoice_id"] else row["subscription_id"],
                Decimal(row["delta"]).normalize(),
            )
            for row in csv.DictReader(file)
        )


def _found(broken: Sequence[Row]) -> Counter[Difference]:
    return Counter(
        Difference(
            row["code"],
            row["pair"],
            str(row["day"]),
            row["invoice_id"] or "",
            row["line_id"] or "",
            "" if row["invoice_id"] else row["subscription_id"] or "",
            row["delta"].normalize(),
        )
        for row in broken
    )


def _show(
    screen: Screen,
    home: Home,
    made: SimulationSummary,
    verdicts: Counter[str],
    broken: Sequence[Row],
    seconds: float,
) -> None:
    """Show what matched and what broke."""
    screen.say()
    screen.say(
        f"{made.events:,} usage events, {made.invoices:,} invoices with {made.invoice_lines:,} lines and "
        f"{made.payments:,} payments in {seconds:.0f} s: "
        + ", ".join(f"{count(number, 'day')} {verdict}" for verdict, number in sorted(verdicts.items(), reverse=True))
    )
    screen.say()
    screen.table(_matched(home))
    table = Table(
        [Col("code"), Col("breaks", right=True), Col("net", wrap=True), Col("for example", wrap=True)],
        title="What broke",
    )
    by_code: dict[str, list[Row]] = {}
    for row in broken:
        by_code.setdefault(row["code"], []).append(row)
    order = {code.value: n for n, code in enumerate(Code)}
    for code, rows in sorted(by_code.items(), key=lambda item: order[item[0]]):
        net: dict[str | None, Decimal] = {}
        for row in rows:
            net[row["currency"]] = net.get(row["currency"], Decimal(0)) + row["delta"]
        example = next((row for row in rows if row["currency"]), rows[0])
        table.add(code, str(len(rows)), per_currency(net, signed=True), example["explanation"])
    screen.table(table)


def _close(screen: Screen, home: Home) -> None:
    """Lock, sign and close the first month in the name of three simulated people, and show its receivables and signatures."""
    import pyotp

    from billing_recon.control import one_time_codes
    from billing_recon.day.approvers import enrol
    from billing_recon.day.month_books import month_books
    from billing_recon.day.month_close import close_month, lock_month, sign_off
    from billing_recon.report.month_checklist import roll_forward_table

    os.environ.setdefault(one_time_codes.KEY_ENV, one_time_codes.new_key())

    def code(secret: str, steps: int) -> str:
        """What a phone shows, some steps of thirty seconds from now: a code is good once, and the demo does not wait."""
        step = int(datetime.now(UTC).timestamp()) // one_time_codes.STEP_SECONDS
        return pyotp.TOTP(secret).generate_otp(step + steps)

    secrets: dict[str, str] = {}
    for person in home.policy.approvers:
        by = next(reversed(secrets), "")
        secrets[person.name], _ = enrol(
            home, person.name, by=by, code=code(secrets[by], -1) if by else "", actor="demo"
        )
    with screen.progress("closing") as report:
        report(f"{CLOSED}: every task of its checklist", 0)
        lock_month(home, CLOSED, "demo")
        table = Table(
            [Col("signed for"), Col("by"), Col("at"), Col("under evidence")], title=f"{CLOSED}, signed and closed"
        )
        for name, secret in secrets.items():
            for signed in sign_off(home, CLOSED, name, "demo", code=code(secret, 0)):
                table.add(signed.role.value, name, signed.decided_at[:19], signed.evidence_hash[:12])
        close_month(home, CLOSED, "demo")
    screen.table(table)
    screen.table(roll_forward_table("ar", month_books(home, CLOSED).of("ar")))
    ledger = "receivables, revenue and tax tie with the ledger"
    screen.verdict(
        "PASS", f"{CLOSED} is closed: 31 days PASS, {ledger}, three people signed, nothing can be rewritten."
    )
    screen.say()


def _matched(home: Home) -> Table:
    from billing_recon.report import stored_rows

    table = Table(
        [Col("layers compared"), Col("agree", right=True), Col("differ", right=True), Col("not yet due", right=True)],
        title="What matched",
    )
    for pair in stored_rows.pairs_over(home, FIRST, LAST):
        table.add(
            pair["pair"].replace("_", " and "), f"{pair['matched']:,}", f"{pair['breaks']:,}", f"{pair['pending']:,}"
        )
    return table


def _compare(
    screen: Screen, injected: Counter[Difference], found: Counter[Difference], broken: Sequence[Row], path: Path
) -> int:
    """Compare the breaks with truth.csv, and show what to try next."""
    missed, invented = injected - found, found - injected
    hit = sum((injected & found).values())
    right = not missed and not invented
    screen.verdict(
        "PASS" if right else "FAIL",
        f"{count(sum(FAULTS.values()), 'bug')} made {count(sum(injected.values()), 'difference')}: "
        f"{hit} found with the right code and the exact amount, {sum(missed.values())} missed, {sum(invented.values())} invented.",
    )
    for word, differences in (("missed", missed), ("invented", invented)):
        for difference in sorted(differences.elements()):
            screen.say(f"  {word}: {difference}")
    screen.say()
    screen.say(f"The report:  {path}/.state/reports/index.html")
    screen.say("Try next:")
    command = Path(sys.executable).with_name("billing-recon")
    program = os.path.relpath(command) if command.is_file() else "billing-recon"
    hint = "" if path == Path("data/demo") else home_option(path)
    commands = [("make ui", "the same in Dagster: lineage, checks, history")]
    if broken:
        example = next((row for row in broken if row["code"] == Code.PRICE_VERSION), broken[0])
        commands[:0] = [
            (f"{program} explain{hint} {example['break_id']}", "the whole working of one break"),
            (f"{program} status{hint} --day {example['day']}", "its day: gate, landing, totals, evidence"),
            (
                f"{program} checklist{hint} --month {FAULTS_FROM:%Y-%m}",
                "what holds the next month open, and who owns it",
            ),
        ]
    for words, what in commands:
        screen.say(f"  {what}:")
        screen.say(f"    {words}", style="bold")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
