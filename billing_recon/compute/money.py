"""The types and functions of money.sql, the only place where SQL multiplies, divides or rounds money."""

from __future__ import annotations

import re
from importlib.resources import files

STATEMENTS: tuple[str, ...] = tuple(
    "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
    for statement in re.split(r";\n", (files(__package__) / "money.sql").read_text(encoding="utf-8"))
    if "CREATE" in statement
)
"""The types and macros of money.sql, in the order in which a fresh database needs them."""

TYPES: dict[str, str] = {
    name: kind.replace(" ", "") for name, kind in re.findall(r"CREATE TYPE (\w+) AS (.+)", "\n".join(STATEMENTS))
}
"""Names by which .sql files call the types: CAST(x AS amount)."""
RAW, AMOUNT, QUANTITY, PRICE, RATE = (TYPES[name] for name in ("raw", "amount", "quantity", "price", "rate"))
