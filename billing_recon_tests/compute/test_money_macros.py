"""SQL and Python settle alike: the macros against core.money, ties forced, at every number of decimals."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest

from billing_recon.core.money import Rounding, settle_at
from billing_recon_tests.sessions import session

CASES = 20_000


def test_settle_is_exact_for_every_mode_and_number_of_decimals() -> None:
    random = Random(7)
    rows = []
    for _ in range(CASES):
        decimals, mode = random.randint(0, 12), random.choice(list(Rounding))
        places = random.choice([decimals, decimals + 1, decimals + 1, decimals + 2, 22])
        amount = settle_at(Decimal(random.randint(-(10**12), 10**12)).scaleb(-places), 22, Rounding.DOWN)
        rows.append((amount, decimals, mode.value, settle_at(settle_at(amount, decimals, mode), 12, Rounding.DOWN)))
    con = session()
    columns = [list(column) for column in zip(*rows, strict=True)]
    types = [pa.decimal128(38, 22), pa.int32(), pa.string(), pa.decimal128(38, 12)]
    con.register(
        "cases",
        pa.table(
            {n: pa.array(c, t) for n, c, t in zip(("amount", "decimals", "mode", "due"), columns, types, strict=True)}
        ),
    )
    wrong = con.execute(
        "SELECT amount, decimals, mode, due, settle(amount, decimals, mode) AS got FROM cases "
        "WHERE settle(amount, decimals, mode) <> due LIMIT 3"
    ).fetchall()
    assert wrong == []


@pytest.mark.parametrize(
    ("call", "type_"),
    [
        ("extend(CAST(2.5 AS DECIMAL(28,10)), CAST(0.1 AS DECIMAL(24,12)))", "DECIMAL(38,22)"),
        ("apply_rate(CAST(100.1 AS DECIMAL(38,12)), CAST(0.19 AS DECIMAL(12,8)))", "DECIMAL(38,22)"),
        ("share(CAST(100 AS DECIMAL(38,22)), 16, 31)", "DECIMAL(38,22)"),
        ("settle(CAST(1.5 AS DECIMAL(38,22)), 2, 'half_up')", "DECIMAL(38,12)"),
        ("minor_unit(2)", "DECIMAL(38,12)"),
    ],
)
def test_no_money_function_gives_a_double(call: str, type_: str) -> None:
    row = session().execute(f"SELECT typeof({call})").fetchone()
    assert row == (type_,)


def test_a_period_of_sixteen_of_thirty_one_days() -> None:
    row = session().execute("SELECT settle(share(CAST(100 AS DECIMAL(38,22)), 16, 31), 2, 'half_up')").fetchone()
    assert row == (Decimal("51.61"),)
