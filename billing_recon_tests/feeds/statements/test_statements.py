"""A bank statement's entries become payments with their references; what its balances do not prove is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.errors import LandingRefused
from billing_recon.core.landing import LandingStatus
from billing_recon.feeds import statements
from billing_recon.feeds.statements import Entry, Remark
from billing_recon_tests.feeds.desk import DAY, Desk

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId></GrpHdr>
<Stmt><Id>S-1</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
{entries}
</Stmt></BkToCstmrStmt></Document>"""


def entry(
    amount: str, *details: str, side: str = "CRDT", status: str = "<Sts>BOOK</Sts>", ref: str = "", more: str = ""
) -> str:
    reference = f"<AcctSvcrRef>{ref}</AcctSvcrRef>" if ref else ""
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}{status}<BookgDt><Dt>2026-03-02</Dt></BookgDt>'
        f"<ValDt><Dt>2026-03-03</Dt></ValDt>{reference}<NtryDtls>{''.join(details)}</NtryDtls></Ntry>"
    )


def detail(text: str, amount: str = "", more: str = "") -> str:
    own = f'<AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>' if amount else ""
    return (
        f"<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{own}<RltdPties><Dbtr><Nm>Acorn</Nm></Dbtr><DbtrAcct><Id>"
        f"<IBAN>DE11</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf>{more}</TxDtls>"
    )


MARCH = (
    entry("119.00", detail("INV-1"), ref="B-1")
    + entry("50.00", detail("INV-2", "20.00"), detail("INV-3", "30.00"), ref="B-2")
    + entry("25.00", detail("back INV-1", more="<RtrInf/>"), side="DBIT", status="<Sts><Cd>BOOK</Cd></Sts>")
    + entry("9.90", side="DBIT", ref="B-4")
    + entry("7.00", detail("soon"), status="<Sts>PDNG</Sts>", ref="B-5")
)
CLOSING = "1134.10"
"""1000.00 + 119.00 + 50.00 - 25.00 - 9.90"""

MT940 = """{1:F01X}{2:O940}{4:
:20:STARTUMS
:25:12030000/202051
:28C:00003/001
:60F:C260301EUR1000,00
:61:2603020302CR119,00NTRFNONREF//B-1
:86:166?00GUTSCHRIFT?20EREF+E-1?21SVWZ+Rechnung INV?22-1?31DE11?32Acorn
:61:2512311231RC25,NRTINONREF
:86:zurueck INV-1
 zweite Zeile
:61:2603020302D9,9NMSCKD-77
:62F:C260302EUR1084,10
-}
"""


def read(tmp_path: Path, content: str | bytes, form: str = "statement") -> list[Entry | Remark]:
    path = tmp_path / "statement"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(statements.read("statement", path, form, None))


def camt(entries: str = MARCH, closing: str = CLOSING, version: str = "02") -> str:
    return CAMT.format(entries=entries, closing=closing, version=version)


@pytest.mark.parametrize("version", ["02", "08", "13"])
def test_entries_of_camt_are_read_with_their_references(tmp_path: Path, version: str) -> None:
    found = read(tmp_path, camt(version=version))
    assert [(e.entry_id, e.kind, e.amount, e.status, e.remittance) for e in found if isinstance(e, Entry)] == [
        ("B-1", "payment", "119.00", "succeeded", "INV-1"),
        ("B-2/1", "payment", "20.00", "succeeded", "INV-2"),
        ("B-2/2", "payment", "30.00", "succeeded", "INV-3"),
        ("S-1/3", "chargeback", "25.00", "succeeded", "back INV-1"),
        ("B-4", "other", "9.90", "succeeded", None),
        ("B-5", "payment", "7.00", "pending", "soon"),
    ]
    assert not [item for item in found if isinstance(item, Remark)]


def test_a_batch_that_does_not_add_up_stays_one_entry(tmp_path: Path) -> None:
    found = read(tmp_path, camt(entry("50.00", detail("INV-2", "20.00"), detail("INV-3", "20.00")), "1050.00"))
    assert [(e.amount, e.remittance) for e in found if isinstance(e, Entry)] == [("50.00", "batch of 2")]


def test_entries_that_do_not_lead_to_the_closing_balance_are_told(tmp_path: Path) -> None:
    (remark,) = [item for item in read(tmp_path, camt(closing="1134.11")) if isinstance(item, Remark)]
    assert remark.code == "ROLL_FORWARD"
    assert "give 1134.10, but the closing balance is 1134.11" in remark.sentence


def test_entries_of_mt940_are_read_with_what_german_banks_write(tmp_path: Path) -> None:
    first, second, third = (item for item in read(tmp_path, MT940) if isinstance(item, Entry))
    assert (first.amount, first.end_to_end_id, first.remittance, first.party, first.party_account) == (
        "119.00", "E-1", "Rechnung INV-1", "Acorn", "DE11",
    )  # fmt: skip
    assert (second.kind, second.booked_on, second.amount, second.remittance) == (
        "chargeback", "2025-12-31", "25", "zurueck INV-1 zweite Zeile",
    )  # fmt: skip
    assert (third.kind, third.structured_reference, third.amount) == ("other", "KD-77", "9.9")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (MT940[: MT940.index(":62F:")], "no closing balance"),
        (camt()[:-60], "truncated"),
        (camt().replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn").replace("camt.053", "camt.054"), "send camt.053"),
        (
            camt().replace(
                "</BkToCstmrStmt>", camt().split("</GrpHdr>")[1].split("</BkToCstmrStmt>")[0] + "</BkToCstmrStmt>"
            ),
            "twice",
        ),
        (MT940 + ":61:2603030303C5,00NTRFNONREF\n:86:late\n", r"movement 4 \(:61:\) stands after a closing balance"),
        (MT940 + ":61:2603030303C5,00NTRFNONREF\n" + MT940.replace("00003", "00004"), "movement 4"),
        (MT940 + MT940, "holds statement 00003/001 of account 12030000/202051 twice"),
        (MT940.replace(":60F:C260301EUR1000,00", ":34F:EUR0,\n:13D:2603021200+0100"), r"interim report \(MT942\)"),
        ("a;b\n1;2\n", "no bank statement that is read"),
        (camt().replace("<Document", "<!DOCTYPE x><Document"), "DOCTYPE"),
    ],
)
def test_what_is_no_whole_statement_is_refused(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(LandingRefused, match=says):
        read(tmp_path, content)


def test_a_movement_that_cannot_be_read_is_set_aside_on_its_day(tmp_path: Path) -> None:
    """The message names the movement, not the notation of days."""
    (tmp_path / "2026-03.sta").write_text(MT940.replace("CR119,00", "CR119.00"))
    desk = Desk(tmp_path, feeds={"payments": {"format": "mt940", "path": "{month}.sta", "day_column": "booked_on"}})
    report = desk.land()
    assert report.equation_holds
    assert [m for m in desk.messages() if ":61: cannot be read: 2603020302CR119.00" in m]


def test_a_statement_of_a_day_without_movements_is_one(tmp_path: Path) -> None:
    plain = ":20:STARTUMS\n:25:12030000/202051\n:28C:00004/001\n:60F:C260302EUR1000,00\n:62F:C260302EUR1000,00\n-\n"
    assert read(tmp_path, plain) == []


@pytest.mark.parametrize(
    ("movement", "booked_on", "value_on", "amount"),
    [
        ("260302    CR119,00NTRF", "2026-03-02", "2026-03-02", "119.00"),  # blanks in place of the day of booking
        ("2603020302C119NTRF", "2026-03-02", "2026-03-02", "119"),  # no comma
        ("2602300302CR119,00NTRF", "2026-03-02", "2026-02-28", "119.00"),  # 30 days a month
        ("2802290301CR119,00NTRF", "2028-03-01", "2028-02-29", "119.00"),
        ("2603020302CR119,00 NTRF", "2026-03-02", "2026-03-02", "119.00"),
        ("260302CR119,00NOV ", "2026-03-02", "2026-03-02", "119.00"),  # a code of two letters
    ],
)
def test_movements_as_banks_write_them(
    tmp_path: Path, movement: str, booked_on: str, value_on: str, amount: str
) -> None:
    first = next(item for item in read(tmp_path, MT940.replace("2603020302CR119,00NTRF", movement)))
    assert isinstance(first, Entry)
    assert (first.broken, first.kind, first.booked_on, first.value_on, first.amount) == (
        None, "payment", booked_on, value_on, amount,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("information", "remittance", "party", "account", "end_to_end_id", "reference"),
    [
        # Poland and Triodos put another character before the numbers; Poland writes the IBAN under 38.
        ("020~00PRZELEW~20FAKTURA FV~21 7/2026~32ZAKLAD~33 DEBOWY~3811~38PL61", "FAKTURA FV 7/2026", "ZAKLAD DEBOWY", "11PL61", None, None),
        ("000>100390>20FACTUUR>21 7 >310390123456", "FACTUUR 7 ", None, "0390123456", None, None),
        # The Netherlands: words between slashes, lines broken anywhere.
        ("/TRTP/SEPA OVERBOEKING/IBAN/NL44/BIC/RABONL2U/NAME/EIK\nEN BV/REMI/FACTUUR 7\n01/EREF/E-9", "FACTUUR 701", "EIKEN BV", "NL44", "E-9", None),
        ("/EREF/E-9//CNTP/NL44/INGBNL2A/EIKEN BV///REMI/USTD//FACTUUR 7/", "FACTUUR 7", "EIKEN BV", "NL44", "E-9", None),
        ("/CNTP/NL44/INGBNL2A/EIKEN BV///REMI/STRD/CUR/9001123000789004/", "9001123000789004", "EIKEN BV", "NL44", None, "9001123000789004"),
        ("/EREF/NOTPROVIDED/NAME/EIKEN BV/REMI//", "/EREF/NOTPROVIDED/NAME/EIKEN BV/REMI//", "EIKEN BV", None, None, None),
        # Text that only looks like it.
        ("see http://acorn.example/?20&?21 INV-7", "see http://acorn.example/?20&?21 INV-7", None, None, None, None),
        ("166?20Beleg vom 02.03. T13\n:25:13 Uhr\n:28:00", "Beleg vom 02.03. T13:25:13 Uhr:28:00", None, None, None, None),
        ("166?20Beleg vom 02.03. T13\n:12:13 Uhr", "Beleg vom 02.03. T13:12:13 Uhr", None, None, None, None),
    ],
)  # fmt: skip
def test_what_other_banks_write_beside_a_movement(
    tmp_path: Path,
    information: str,
    remittance: str,
    party: str | None,
    account: str | None,
    end_to_end_id: str | None,
    reference: str | None,
) -> None:
    begin, rest = MT940.split(":86:166")
    entries = [
        item
        for item in read(tmp_path, begin + ":86:" + information + rest[rest.index("\n") :])
        if isinstance(item, Entry)
    ]
    first = entries[0]
    assert (first.remittance, first.party, first.party_account, first.end_to_end_id, first.structured_reference) == (
        remittance, party, account, end_to_end_id, reference,
    )  # fmt: skip
    assert {item.account for item in entries} == {"12030000/202051"}
    assert len(entries) == 3


@pytest.mark.parametrize("word", ["EREF", "KREF+", "MARF", "PREF"])
def test_a_word_that_points_to_another_field_is_no_reference(tmp_path: Path, word: str) -> None:
    first = next(item for item in read(tmp_path, MT940.replace("NTRFNONREF//B-1", f"NTRF{word}            \nDE11")))
    assert isinstance(first, Entry)
    assert (first.structured_reference, first.bank_reference) == (None, None)


def test_a_field_of_a_banks_own_is_no_part_of_another(tmp_path: Path) -> None:
    found = read(tmp_path, MT940.replace("00003/001\n", "00003/001\n:NS:22ACORN\n23More\n"))
    assert {item.statement for item in found if isinstance(item, Entry)} == {"00003/001"}


def test_the_payer_of_a_payer_is_named_if_the_bank_names_no_other(tmp_path: Path) -> None:
    told = detail("INV-1").replace("<Dbtr><Nm>Acorn</Nm></Dbtr>", "<UltmtDbtr><Pty><Nm>Acorn</Nm></Pty></UltmtDbtr>")
    (found,) = read(tmp_path, camt(entry("5.00", told), "1005.00"))
    assert isinstance(found, Entry)
    assert found.party == "Acorn"


def test_a_statement_lands_as_payments_of_the_companys_days(tmp_path: Path) -> None:
    """The bank's 2 March is the company's, whatever its distance from UTC; its own payments are counted as left out."""
    feed: dict[str, Any] = {
        "format": "statement",
        "path": "bank/{day}.*",
        "columns": {"invoice_id": {"sql": "nullif(regexp_extract(remittance, 'INV-[0-9]+'), '')"}},
    }
    desk = Desk(tmp_path, timezone="America/New_York", feeds={"payments": feed})
    (tmp_path / "bank").mkdir()
    (tmp_path / f"bank/{DAY}.xml").write_text(camt(MARCH + "<Ntry><Amt>x</Amt></Ntry>", "1.00"))
    report = desk.land()
    assert (report.in_files, report.left_out, report.accepted, report.reasons) == (7, 1, 5, {"BROKEN_ROW": 1})
    assert desk.rows("payment_id, kind, customer_id, invoice_id, CAST(amount AS DECIMAL(9,2))::VARCHAR") == [
        ("B-1", "payment", "DE11", "INV-1", "119.00"),
        ("B-2/1", "payment", "DE11", "INV-2", "20.00"),
        ("B-2/2", "payment", "DE11", "INV-3", "30.00"),
        ("B-5", "payment", "DE11", None, "7.00"),
        ("S-1/3", "chargeback", "unknown", "INV-1", "25.00"),
    ]
    assert desk.land(day=DAY.replace(day=3)).status is LandingStatus.MISSING


def test_statements_with_one_id_and_other_balances_are_two(tmp_path: Path) -> None:
    """Some banks give every statement of an account the same Id."""
    one = camt(entry("5.00", ref="B-1"), "1005.00").split("</GrpHdr>")[1].split("</BkToCstmrStmt>")[0]
    two = one.replace("1005.00", "1010.00").replace("1000.00", "1005.00").replace("B-1", "B-2")
    found = read(tmp_path, camt().split("</GrpHdr>")[0] + f"</GrpHdr>{one}{two}</BkToCstmrStmt></Document>")
    assert [item.entry_id for item in found if isinstance(item, Entry)] == ["B-1", "B-2"]
    assert not [item for item in found if isinstance(item, Remark)]
