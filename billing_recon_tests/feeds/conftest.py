"""A desk to land files on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billing_recon_tests.feeds.desk import Desk
from billing_recon_tests.postgres import postgres_server

__all__ = ["postgres_server"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def desk_of(tmp_path: Path) -> Callable[..., Desk]:
    """A desk of a company with settings of its own."""

    def make(**company: Any) -> Desk:
        return Desk(tmp_path, **company)

    return make
