"""Writing a ledger file of a test's own and reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from billing_recon.core.journal import LedgerFile, LedgerOptions
from billing_recon.feeds.ledgers import read


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[..., LedgerFile]:
    """`ledger("hledger", text, currency="EUR")` -> the file as it was read; keywords are LedgerOptions."""

    def make(form: str, text: str | bytes, name: str = "", **options: object) -> LedgerFile:
        endings = {"hledger": "journal", "beancount": "beancount", "saft": "xml"}
        path = tmp_path / (name or f"ledger.{endings.get(form, 'csv')}")
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return read(path, form, options=LedgerOptions.model_validate(options))

    return make
