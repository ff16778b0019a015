"""Commands as messages print them: with all that they need, and quoted, so that they can be typed as they are."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

REASON = "--as NAME --code NNNNNN --reason TEXT"
"""What a decision takes that is proved by a one-time code; the words in capitals are the reader's to replace."""


def reopen_command(month: str) -> str:
    """The command that reopens a closed or locked month."""
    return f"billing-recon reopen {month} {REASON}"


def init_command(home: Path) -> str:
    """The command that makes a home to fill in."""
    return f"billing-recon init {quote(str(home))}"


def simulate_command(home: Path) -> str:
    """The command that makes a small simulated company."""
    return f"billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-01-31 --customers 20 --out {quote(str(home))}"


def capture_command(baseline: str) -> str:
    """The command that captures a baseline."""
    return f"billing-recon baseline capture --name {quote(baseline)} --from YYYY-MM-DD --to YYYY-MM-DD"


def home_option(home: Path | str | None) -> str:
    """` --home DIR` for a command on this home; empty if the environment names it.

    >>> home_option(Path("acme")), home_option("my company"), home_option(None)
    (' --home acme', " --home 'my company'", '')
    """
    return f" --home {quote(str(home))}" if home else ""
