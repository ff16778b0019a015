"""The commands: what people and schedulers type. Drawing is done in report, work in day and defs."""

import sys


def main() -> None:
    """The entry point. The app is imported here, so that importing the package stays cheap."""
    from billing_recon.cli.app import program

    program(sys.argv[1:])()
