"""beancount files: booking is beancount's, and nothing that a file names is executed or opened unless declared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile, LedgerUnreadable

pytest.importorskip("beancount")

Read = Callable[..., LedgerFile]

BOOKS = """\
option "title" "Acme"
option "operating_currency" "EUR"
2026-01-01 open Assets:AR
2026-01-01 open Assets:Bank
2026-01-01 open Income:Sales
2026-03-02 * "Buyer" "March" ^INV-7
  id: "J-1"
  customer: "C-1"
  Assets:AR      119.00 EUR
  Income:Sales
2026-03-20 * "Paid"
  Assets:Bank    119.00 EUR
    entry_id: "J-2/bank"
  Assets:AR     -119.00 EUR
"""


def test_links_metadata_and_elided_amounts(ledger: Read) -> None:
    got = ledger("beancount", BOOKS)
    assert (got.company, got.currency, got.findings) == ("Acme", "EUR", ())
    assert [(e.entry_id, e.account, str(e.amount), e.invoice_id, e.customer_id, e.memo) for e in got.entries] == [
        ("J-1/1", "Assets:AR", "119.00", "INV-7", "C-1", "Buyer | March"),
        ("J-1/2", "Income:Sales", "-119.00", "INV-7", "C-1", "Buyer | March"),
        ("J-2/bank", "Assets:Bank", "119.00", None, None, "Paid"),
        ("2026-03-20.1/2", "Assets:AR", "-119.00", None, None, "Paid"),
    ]


def test_a_failing_balance_assertion(ledger: Read) -> None:
    (finding,) = ledger("beancount", BOOKS + "2026-04-01 balance Assets:Bank 120.00 EUR\n").findings
    assert (finding.code, finding.stated, finding.computed) == (FindingCode.ROLL_FORWARD, "120.00", "119.00")


def test_prices_weigh_within_beancounts_own_tolerance(ledger: Read) -> None:
    text = BOOKS + '2026-03-21 * "FX"\n  Assets:Bank  -10.00 EUR @ 1.3337 USD\n  Assets:AR  13.34 USD\n'
    assert not ledger("beancount", text).findings
    (finding,) = ledger("beancount", text.replace("13.34", "13.35")).findings
    assert finding.code is FindingCode.UNBALANCED


def test_a_plugin_is_not_run_unless_declared(ledger: Read, tmp_path: Path) -> None:
    (tmp_path / "evil_plugin.py").write_text("open('ran', 'w').close()\n__plugins__ = []\n")
    text = (
        'option "insert_pythonpath" "TRUE"\nplugin "evil_plugin" "config"\nplugin "beancount.plugins.nounused"\n'
        + BOOKS
    )
    found = ledger("beancount", text, plugins=("beancount.plugins.nounused",)).findings
    assert [(f.code, f.stated) for f in found] == [(FindingCode.SKIPPED, "plugin evil_plugin")]
    assert not (tmp_path / "ran").exists()
    assert not Path("ran").exists()


def test_a_declared_plugin_that_is_not_there_is_an_error(ledger: Read) -> None:
    with pytest.raises(LedgerUnreadable, match="module no_such_plugin cannot be imported"):
        ledger("beancount", 'plugin "no_such_plugin"\n' + BOOKS, plugins=("no_such_plugin",))


@pytest.mark.parametrize("amount", ["1/0", "0/0", "1/(1-1)", "(" * 100_000 + "1"])
def test_a_text_that_ends_the_parser_is_an_error_of_the_file(ledger: Read, amount: str) -> None:
    with pytest.raises(LedgerUnreadable, match=r"^ledger\.beancount: "):
        ledger("beancount", BOOKS + f'2026-03-30 * "x"\n  Assets:AR  {amount} EUR\n  Assets:Bank\n')
    assert ledger("beancount", BOOKS).entries


def test_an_include_is_not_followed_unless_declared(ledger: Read, tmp_path: Path) -> None:
    (tmp_path / "more.beancount").write_text('2026-03-25 * "More"\n  Assets:Bank  1 EUR\n  Income:Sales\n')
    text = BOOKS + 'include "more.beancount"\n'
    (finding,) = ledger("beancount", text).findings
    assert finding.code is FindingCode.SKIPPED
    assert len(ledger("beancount", text, includes=True).entries) == 6
    for outside in ("/etc/hosts", "../*.beancount"):
        with pytest.raises(LedgerUnreadable, match="include"):
            ledger("beancount", BOOKS + f'include "{outside}"\n', includes=True)


def test_a_broken_line_is_named(ledger: Read) -> None:
    with pytest.raises(LedgerUnreadable, match=r"ledger\.beancount: line 15: "):
        ledger("beancount", BOOKS + "2026-03-30 * no quotes\n")


def test_without_the_package_the_message_says_what_to_install(ledger: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_recon.feeds.ledgers.beancount.find_spec", lambda name: None)
    with pytest.raises(LedgerUnreadable, match=r"install billing-recon\[beancount\]"):
        ledger("beancount", BOOKS)
