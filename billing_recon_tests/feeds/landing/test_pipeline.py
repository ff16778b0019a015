"""Rows in = accepted + quarantined + duplicates, whatever happens to a file; and no fault of the data raises."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon.compute.engine import session
from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAYMENT, Desk, payment

VALUES = st.sampled_from(
    [
        "",
        " ",
        "x",
        "1",
        "-1",
        "0.1",
        "1e30",
        "1e-30",
        "NaN",
        "2026-02-29",
        "2026-03-02T00:00:00Z",
        "USD",
        "XAU",
        '"',
        "'",
        '"a,b"',
        '"a\nb"',
        "ü",
        "\0",
        "\t",
        "null",
        "9" * 45,
        "{}",
        "payment",
    ]
)
ROW = st.builds(
    lambda number, field, value: payment(**({"payment_id": f"P-{number}"} | ({field: value} if field else {}))),
    st.integers(1, 6),
    st.sampled_from([None, *PAYMENT.split(",")]),
    VALUES,
)
EDIT = st.tuples(
    st.sampled_from(["delete", "insert", "replace"]), st.integers(0, 5_000), st.binary(min_size=1, max_size=3)
)


def mutated(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for what, at, new in edits:
        at %= len(content) + 1
        match what:
            case "delete":
                content = content[:at] + content[at + len(new) :]
            case "insert":
                content = content[:at] + new + content[at:]
            case _:
                content = content[:at] + new + content[at + len(new) :]
    return content


DESK = Desk(Path(tempfile.mkdtemp(prefix="billing-recon-law-")), session())


@pytest.mark.long
@given(rows=st.lists(ROW, max_size=12), edits=st.lists(EDIT, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_lost_and_nothing_raises(rows: list[str], edits: list[tuple[str, int, bytes]]) -> None:
    header = (PAYMENT + "\n").encode()
    body = mutated("".join(row + "\n" for row in rows).encode(), edits)
    DESK.put(header + body)
    report = DESK.land()
    assert report.equation_holds
    assert len(DESK.rows("payment_id")) == report.accepted
    assert len(DESK.quarantined()) == report.quarantined
    if report.status is LandingStatus.REFUSED:
        assert report.message.startswith("landing/payments/2026-03-02.csv: ")
    elif b'"' not in body:
        lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        assert report.rows_in == sum(line != b"" for line in lines), "every line of the file is accounted for"
    numbers = [row[0] for row in DESK.rows("source_row") + DESK.quarantined("source_row")]
    assert len(numbers) == len(set(numbers)), "each row of the file has a number of its own"


def test_accounts_get_the_role_of_their_pattern(desk_of: Callable[..., Desk]) -> None:
    """docs/ledgers.md: a full number before a pattern, then the pattern with the most literal characters."""
    roles = {"12*": "ar", "4???": "revenue", "*": "other", "4799": "write_off", "4_00": "cash"}
    desk = desk_of(roles=roles)
    accounts = ("1201", "4711", "777", "4799", "12", " 47110 ")
    rows = [f"E-{n},J-1,{DAY},{account},1.00,0,USD" for n, account in enumerate(accounts)]
    header = "entry_id,journal_id,posted_on,account,debit,credit,currency"
    desk.put("\n".join([header, *rows, ""]), table="ledger_entries")
    assert desk.land("ledger_entries").accepted == 6, desk.messages()
    assert [role for _, role in desk.rows("entry_id, role")] == ["ar", "revenue", "other", "write_off", "ar", "other"]
