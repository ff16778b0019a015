"""The commands: what people and schedulers type. Drawing is done in report, work in day and defs."""

import gc
import sys

_COLLECTED_EVERY = 50_000
"""New objects after which garbage is collected."""


def main() -> None:
    """The entry point. The app is imported here, so that importing the package stays cheap."""
    # What a command loads stays until it ends: looking for garbage in it, as often as Python does, takes a tenth of a short command.
    gc.set_threshold(_COLLECTED_EVERY)
    from billing_recon.cli.app import program

    program(sys.argv[1:])()
