"""Companies to test on: simulated once a session, copied for each test that changes something."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon.control.one_time_codes import KEY_ENV, new_key
from billing_recon.core.reason import Code
from billing_recon_tests.sessions import close_sessions

FIRST = date(2026, 1, 28)
"""First partition of every test company: its days cross a month end and the anchors of the 29th to 31st."""


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """Tests see only what they set: no home, state or database of the developer's shell, and a key for approvers' secrets."""
    names = [name for name in os.environ if name.startswith(("BILLING_RECON_", "DAGSTER_"))]
    kept = {name: os.environ.pop(name) for name in names if name != "BILLING_RECON_REALDATA"}
    os.environ[KEY_ENV] = new_key()
    yield
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="module")
def _sessions_end_with_their_module() -> Iterator[None]:
    yield
    close_sessions()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`simulated(days=4, customers=40, seed=7, faults={...})` -> a home, made once a session. Copy it before changing it."""
    from billing_recon.simulate import simulate

    made: dict[tuple[object, ...], Path] = {}

    def make(*, days: int = 4, customers: int = 40, seed: int = 7, faults: Mapping[Code, int] | None = None) -> Path:
        key = (days, customers, seed, tuple(sorted((faults or {}).items())))
        if key not in made:
            out = tmp_path_factory.mktemp("company") / "home"
            simulate(
                seed=seed,
                first=FIRST,
                last=FIRST + timedelta(days=days - 1),
                customers=customers,
                faults=dict(faults or {}),
                out=out,
            )
            made[key] = out
        return made[key]

    return make


@pytest.fixture
def company(simulated: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Like `simulated`, as a copy of this test's own."""

    def make(**options: object) -> Path:
        home = tmp_path / f"home{len(list(tmp_path.iterdir()))}"
        shutil.copytree(simulated(**options), home)
        return home

    return make


@pytest.fixture(scope="session")
def january(simulated: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A company with the last four days of January and the three of its cut-off green, everybody enrolled, and their secrets.

    Made once a session; copy it before changing it.
    """
    from billing_recon.day import Home
    from billing_recon_tests.day.run import run_day
    from billing_recon_tests.people import enrol_everyone

    path = tmp_path_factory.mktemp("january") / "home"
    shutil.copytree(simulated(days=7, customers=12), path)
    home = Home.open(path)
    for n in range(7):
        assert run_day(home, FIRST + timedelta(days=n)).verdict.value == "PASS"
    secrets = enrol_everyone(home)
    home.control.close()
    return path, secrets


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real bills and ledgers; tests that need it skip where it is absent."""
    root = Path(__file__).parent.parent
    folder = Path(os.environ.get("BILLING_RECON_REALDATA") or root / "../shared/realdata").resolve()
    if not folder.is_dir():
        pytest.skip(f"real data is not on this machine ({folder}); set BILLING_RECON_REALDATA to its folder")
    return folder
