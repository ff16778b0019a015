"""Text journals of hledger and ledger: what a line means, what is inferred, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.journal import Entry, FindingCode, LedgerFile, LedgerUnreadable

Read = Callable[..., LedgerFile]


def amounts(ledger: LedgerFile) -> list[tuple[str, str, str | None]]:
    return [(entry.account, str(entry.amount), entry.currency) for entry in ledger.entries]


def only(ledger: LedgerFile, account: str) -> Entry:
    (entry,) = [entry for entry in ledger.entries if entry.account == account]
    return entry


def test_a_left_out_amount_balances_the_transaction(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 * (INV-7) Acme | March\n    ar  119.00 EUR\n    tax  -19 EUR\n    revenue\n")
    assert amounts(got) == [("ar", "119.00", "EUR"), ("tax", "-19", "EUR"), ("revenue", "-100.00", "EUR")]
    assert {entry.invoice_id for entry in got.entries} == {"INV-7"}
    assert {entry.memo for entry in got.entries} == {"Acme | March"}
    assert not got.findings


def test_a_left_out_amount_takes_every_commodity(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 both\n  a  1 EUR\n  b  2 USD\n  c\n")
    assert [(e.currency, str(e.amount)) for e in got.entries if e.account == "c"] == [("EUR", "-1"), ("USD", "-2")]


def test_two_left_out_amounts_are_refused_with_the_line(ledger: Read) -> None:
    with pytest.raises(LedgerUnreadable, match=r"ledger\.journal: line 4: a second posting"):
        ledger("hledger", "2026-03-02 x\n  a  1\n  b\n  c\n")


@pytest.mark.parametrize(
    ("written", "figure", "currency"),
    [
        ("$-1,000.50", "-1000.50", "$"),
        ("-$1000", "-1000", "$"),
        ("1.000,50 EUR", "1000.50", "EUR"),
        ("EUR 1 000 000,5", "1000000.5", "EUR"),
        ("€12", "12", "EUR"),
        ('3 "green apples"', "3", "green apples"),
        ("1.000.000 EUR", "1000000", "EUR"),
        ("0,125 EUR", "0.125", "EUR"),
        ("1E3 EUR", "1000", "EUR"),
        ("+5", "5", None),
        (".5 EUR", "0.5", "EUR"),
        ("1'000.25 CHF", "1000.25", "CHF"),
        ("1.250 EUR", "1.250", "EUR"),
    ],
)
def test_amounts_in_every_spelling(ledger: Read, written: str, figure: str, currency: str | None) -> None:
    got = only(ledger("hledger", f"2026-03-02 x\n  a  {written}\n  b\n"), "a")
    assert (got.amount, got.currency) == (Decimal(figure), currency)


def test_a_comma_before_three_digits_is_not_guessed(ledger: Read) -> None:
    text = "2026-03-02 x\n  a  1,000 EUR\n  b\n"
    with pytest.raises(LedgerUnreadable, match="line 2: '1,000' could be a thousand"):
        ledger("hledger", text)
    assert only(ledger("hledger", text, decimal_mark="."), "a").amount == 1000
    assert only(ledger("hledger", text, decimal_mark=","), "a").amount == 1
    assert only(ledger("hledger", "decimal-mark .\n" + text), "a").amount == 1000
    assert only(ledger("hledger", "commodity 1.000,00 EUR\n" + text), "a").amount == 1
    assert only(ledger("hledger", "D 1,000.00 EUR\n" + text.replace(" EUR", "")), "a").currency == "EUR"


def test_another_amount_of_the_commodity_proves_the_mark(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 x\n  a  1,000 EUR\n  b\n\n2026-03-03 y\n  c  2.50 EUR\n  d\n")
    assert only(got, "a").amount == 1000


def test_days_without_a_year_take_the_declared_one(ledger: Read) -> None:
    got = ledger("hledger", "Y2025\n12/31 old\n  a  1\n  b\n\nY2026\n1/2=1/5 new\n  a  1  ; date:1/7\n  b\n")
    assert [entry.posted_on.isoformat() for entry in got.entries] == [
        "2025-12-31",
        "2025-12-31",
        "2026-01-07",
        "2026-01-02",
    ]
    with pytest.raises(LedgerUnreadable, match=r"line 1: the day 1/2 has no year"):
        ledger("hledger", "1/2 x\n  a  1\n  b\n")


def test_prices_weigh_and_may_leave_half_a_last_digit(ledger: Read) -> None:
    unit = "2026-03-02 x\n  cash  10.00 EUR @ 1.3337 USD\n  bank  -13.34 USD\n"
    total = "2026-03-03 y\n  cash  -3 EUR @@ 4.00 USD\n  bank  4.00 USD\n"
    assert not ledger("hledger", unit + "\n" + total).findings
    (off,) = ledger("hledger", unit.replace("13.34", "13.35")).findings
    assert off.code is FindingCode.UNBALANCED


def test_an_exchange_without_a_price_is_noted_and_no_fault(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 x\n  a  100 EUR\n  b  -110 USD\n")
    assert not got.findings
    assert "exchange" in got.notes[0]


def test_a_selling_price_beside_a_lot_balances_by_the_lot(ledger: Read) -> None:
    text = "2026-03-02 sell\n  stock  -5 ACME {30 USD} @ 50 USD\n  cash  250 USD\n  gain  -100 USD\n"
    assert not ledger("hledger", text).findings


def test_virtual_postings_stand_outside_the_balance(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 x\n  (ar)  1000 EUR\n  [a]  5 EUR\n  [b]  -5 EUR\n  c  1 EUR\n  d  -1 EUR\n")
    assert [entry.virtual for entry in got.entries] == [True, True, True, False, False]
    assert not got.findings
    (off,) = ledger("hledger", "2026-03-02 x\n  [a]  5 EUR\n  [b]  -4 EUR\n").findings
    assert off.code is FindingCode.UNBALANCED


def test_assertions_follow_days_not_lines(ledger: Read) -> None:
    text = """\
    2026-03-03 later
      bank  -40 EUR = 60 EUR
      cost

    2026-03-02 sooner
      bank  100 EUR = 100 EUR
      equity
    """
    assert not ledger("hledger", text).findings
    (wrong,) = ledger("hledger", text.replace("= 60", "= 61")).findings
    assert (wrong.code, wrong.stated, wrong.computed) == (FindingCode.ROLL_FORWARD, "61", "60")
    assert wrong.where == "account bank, line 2"


def test_an_assigned_balance_gives_the_amount(ledger: Read) -> None:
    got = ledger("hledger", "2026-03-02 x\n  bank  100 EUR\n  equity\n\n2026-03-31 y\n  bank  = 75 EUR\n  adjustment\n")
    assert amounts(got)[2:] == [("bank", "-25", "EUR"), ("adjustment", "25", "EUR")]


def test_a_sole_assertion_sees_other_commodities(ledger: Read) -> None:
    got = ledger(
        "hledger", "2026-03-02 x\n  bank:a  1 USD\n  bank:b  2 EUR ==* 2 EUR\n  bank  0 EUR ==* 2 EUR\n  equity\n"
    )
    (finding,) = got.findings
    assert finding.code is FindingCode.ROLL_FORWARD
    assert "also holds USD" in finding.sentence


def test_aliases_and_applied_parents(ledger: Read) -> None:
    text = """\
    alias checking = assets:bank
    alias /^old:(.*)$/ = new:\\1
    apply account business
    2026-03-02 x
      sales  -1
      (memo)  1
      cash
    end apply account
    2026-03-03 y
      checking:giro  1
      old:thing
    """
    got = ledger("hledger", text)
    assert [entry.account for entry in got.entries] == [
        "business:sales", "business:memo", "business:cash", "assets:bank:giro", "new:thing",
    ]  # fmt: skip


def test_comments_directives_and_prices_are_no_postings(ledger: Read) -> None:
    text = """\
    ; note
    # note
    * heading
    comment
    2026-01-01 not this
      a  1
      b
    end comment
    account assets:bank  ; type: A
    commodity EUR
      format 1.000,00 EUR
    P 2026-01-01 USD 0,90 EUR
    tag x
    payee Acme
    2026-03-02 ! yes  ; customer: C-1, invoice: INV-2
      ; id: J-9
      assets:bank  1.000 EUR
      b
    """
    got = ledger("hledger", text)
    assert [account.account for account in got.accounts] == ["assets:bank"]
    assert [(e.entry_id, e.invoice_id, e.customer_id, str(e.amount)) for e in got.entries] == [
        ("J-9/1", "INV-2", "C-1", "1000"),
        ("J-9/2", "INV-2", "C-1", "-1000"),
    ]


def test_what_is_not_followed_is_said(ledger: Read) -> None:
    text = """\
    include other.journal
    ~ monthly
      a  1
      b
    = expenses
      (budget)  *1
    2026-03-02 x
      a  1
      b
    """
    got = ledger("hledger", text)
    assert [finding.code for finding in got.findings] == [FindingCode.SKIPPED] * 3
    assert len(got.entries) == 2


def test_includes_are_followed_when_declared_and_only_within_the_folder(ledger: Read, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "march.journal").write_text("2026-03-01 m\n  a  1\n  b\n")
    text = "include more/*.journal\n2026-03-02 x\n  a  1\n  b\n"
    assert len(ledger("hledger", text, includes=True).entries) == 4
    for outside in ("/etc/hosts", "../x.journal", "~/x", "more/../../../etc/hosts"):
        with pytest.raises(LedgerUnreadable, match="line 1: include"):
            ledger("hledger", f"include {outside}\n", includes=True)
    with pytest.raises(LedgerUnreadable, match="circle"):
        ledger("hledger", "include ledger.journal\n", includes=True)


def test_an_unknown_line_is_refused_with_its_number(ledger: Read) -> None:
    with pytest.raises(LedgerUnreadable, match=r"ledger\.journal: line 3: 'whatever this is'"):
        ledger("hledger", "2026-03-02 x\n  a  1\nwhatever this is\n")


def test_a_pattern_that_backtracks_is_no_hang(ledger: Read) -> None:
    got = ledger("hledger", f"alias /(a+)+$/ = b\n2026-03-02 x\n  {'a' * 60}!  1\n  c\n")
    assert len(got.entries) == 2


def test_numbers_of_invoices_are_checked_when_declared(ledger: Read) -> None:
    text = "".join(f"2026-03-0{n} ({code}) x\n  a  1\n  b\n\n" for n, code in enumerate(("R-1", "R-2", "R-4"), 1))
    assert not ledger("hledger", text).findings
    (gap,) = ledger("hledger", text, numbered=True).findings
    assert (gap.code, gap.computed) == (FindingCode.NUMBER_GAP, "R-3")
