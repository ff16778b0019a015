"""How long a user waits before anything runs: the code location's import, and the command's help."""

from __future__ import annotations

from benchmarks.measure import Measurement, measure, python, recon


def run() -> list[Measurement]:
    return [
        measure("import dagster (the peer: nothing of ours)", python("import dagster")),
        measure("import billing_recon.definitions", python("import billing_recon.definitions")),
        measure("billing-recon --help", recon("--help")),
    ]
