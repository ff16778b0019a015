"""The app: its commands in the order in which a newcomer needs them, and the exit code of each kind of error.

A command's module holds a function of the same name and EXAMPLES; a group's module holds a Typer `app`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from billing_recon import __version__
from billing_recon.cli.options import MARKUP, HomeOption
from billing_recon.core.errors import BillingReconError, CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.shown_text import visible

COMMANDS: tuple[str, ...] = (
    "init",
    "feeds",
    "simulate",
    "run",
    "status",
    "breaks",
    "explain",
    "credit_notes",
    "checklist",
    "usage",
    "preview",
    "findings",
    "workbook",
    "leaks",
    "release",
    "read",
    "baseline",
    "approvers",
    "signoff",
    "journal",
    "spot",
    "close",
    "evidence",
    "reopen",
    "quarantine",
    "exceptions",
    "page",
    "policy",
    "ownership",
    "catalog",
    "company",
    "shadow",
    "rollout",
    "audit",
    "state",
)
"""Modules of this package; a command is named after its module."""

EXIT_PASS = 0
"""All gates PASS, or the command did its work."""
EXIT_NOT_PASSED = 1
"""A gate is FAIL or INCONCLUSIVE, or refuses the command."""
EXIT_USAGE = 2
"""The command or the configuration is wrong."""
EXIT_RUN_FAILED = 3
"""The run itself failed."""


class Commands(typer.core.TyperGroup):
    """Prints errors written for users to stderr, without a traceback, and exits with their code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BillingReconError as error:
            sys.stdout.flush()
            lines = str(error).splitlines() or [type(error).__name__]
            sys.stderr.write("".join(f"error: {visible(line)}\n" for line in lines))
            raise typer.Exit(exit_code_of(error)) from error


def exit_code_of(error: BillingReconError) -> int:
    """The exit code of an error."""
    if isinstance(error, ConfigurationError):
        return EXIT_USAGE
    return EXIT_NOT_PASSED if isinstance(error, GateRefused | CloseRefused) else EXIT_RUN_FAILED


def program(words: Sequence[str]) -> typer.Typer:
    """The app for these words of a command line: with the one command that they name, else with all. Most modules are then not
    loaded, which is half of what a short command takes."""
    named = next(iter(words[2:] if "--home" in words[:1] else words), "")
    return _made([name for name in COMMANDS if name.replace("_", "-") == named] or COMMANDS)


def __getattr__(name: str) -> typer.Typer:
    """`app` has every command."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = _made(COMMANDS)
    return made


def _made(names: Sequence[str]) -> typer.Typer:
    made = typer.Typer(**_SETTINGS)
    made.callback()(billing_recon)
    for name in names:
        _register(made, name)
    return made


_SETTINGS: dict[str, Any] = {
    "name": "billing-recon",
    "cls": Commands,
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": MARKUP,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 110},
    "epilog": """\b
Start here:
  billing-recon simulate --seed 7 --from 2026-01-01 --to 2026-03-01 --customers 50 \\
      --fault PRICE_VERSION=2 --out try
  billing-recon run --home try --day 2026-01-01 --to 2026-03-01
  billing-recon breaks --home try --day 2026-02-03
  billing-recon explain --home try BREAK_ID

\b
Exit codes:
  0  all gates PASS
  1  a gate is FAIL or INCONCLUSIVE
  2  the command or the configuration is wrong
  3  the run itself failed""",
}


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"billing-recon {__version__}\n")
        raise typer.Exit


def billing_recon(
    home: HomeOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Proves every day that what customers used is what the engine charged, the invoice said and the ledger booked.

    Every layer of a day is landed, checked against its contract, re-rated and compared with its neighbours. Each
    difference becomes a break with a reason, an owner and its working. A gate decides PASS, FAIL or INCONCLUSIVE.
    """


def _register(app: typer.Typer, name: str) -> None:
    """Add a module's command, or its group of commands."""
    module = import_module(f"billing_recon.cli.{name}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        epilog = f"\b\nExamples:{module.EXAMPLES}"
        app.command(name.replace("_", "-"), epilog=epilog)(getattr(module, name))
