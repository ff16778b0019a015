"""A home with one file in it, landed: what was accepted and what was set aside, as plain rows to compare."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from billing_recon.core.company import Company
from billing_recon.core.landing import LandingReport
from billing_recon.core.schema import BY_NAME
from billing_recon.feeds.landing.pipeline import land
from billing_recon_tests.sessions import session

DAY = date(2026, 3, 2)
PAYMENT = "payment_id,kind,customer_id,invoice_id,amount,currency,status,processed_at,attempt,fee"
PAID = "P-1,payment,C-1,INV-1,10.50,USD,succeeded,2026-03-02T10:00:00Z,1,0.30"
"""One payment that nothing is wrong with, in the order of PAYMENT."""


def payment(**changed: str) -> str:
    """PAID with some fields changed."""
    row = dict(zip(PAYMENT.split(","), PAID.split(","), strict=True)) | changed
    return ",".join(row.values())


class Desk:
    """Lands one file after the other in one session: one that ends with its module, or the one given."""

    def __init__(self, home: Path, con: duckdb.DuckDBPyConnection | None = None, **company: Any) -> None:
        self.home = home
        settings: dict[str, Any] = {"name": "Acme", "currencies": ("USD", "EUR", "JPY")} | company
        self.company = Company.model_validate(settings)
        self.con = con or session()

    def put(self, content: str | bytes, table: str = "payments", name: str = f"{DAY}.csv") -> Path:
        path = self.home / "landing" / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def land(self, table: str = "payments", day: date = DAY, known_usage: str | None = None) -> LandingReport:
        return land(
            self.con,
            home=self.home,
            company=self.company,
            spec=BY_NAME[table],
            day=day,
            lookback_days=62,
            known_usage=known_usage,
            owner="finance",
        )

    def payments(self, *rows: str, newline: str = "\n") -> LandingReport:
        """Land payments given as CSV rows."""
        self.put(newline.join([PAYMENT, *rows, ""]))
        return self.land()

    def rows(self, columns: str = "*", of: str = "landed") -> list[tuple[Any, ...]]:
        return self.con.execute(f"SELECT {columns} FROM {of} ORDER BY ALL").fetchall()

    def quarantined(self, columns: str = "source_row, reason, field") -> list[tuple[Any, ...]]:
        """The quarantine, in the order of the file."""
        return self.con.execute(f"SELECT {columns} FROM landed_quarantine ORDER BY source_file, source_row").fetchall()

    def messages(self) -> list[str]:
        return [row[0] for row in self.quarantined("message")]
