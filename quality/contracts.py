"""`python -m quality.contracts`: random contracts in SQL and in plain Python, until as many as asked were compared.

Half of them change within days and are metered by single events; the other half are learnt piece by piece, so that bills are
corrected.
"""

from __future__ import annotations

import argparse
import sys
import time

from billing_recon.core.profile import Profile
from billing_recon_tests.compute import test_expect_events_differential as instants
from billing_recon_tests.compute.expect import test_corrections_differential as corrections

EACH = 2000
"""Contracts of one company."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.contracts", description=__doc__)
    parser.add_argument("--contracts", type=int, default=200_000, help="how many (default 200000)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of the seeds (default 1)")
    parser.add_argument("--minutes", type=int, default=0, help="stop after so many minutes (default: never)")
    given = parser.parse_args(arguments)
    compared, failed, seed, began = 0, 0, given.first_seed, time.monotonic()
    while compared < given.contracts and (not given.minutes or time.monotonic() - began < 60 * given.minutes):
        proration = ("by_day", "by_second", "none")[seed % 3]
        _, by_instant = instants.compare(seed, EACH, proration)
        profile = Profile.model_validate(
            {
                "changes_due": ("at_once", "next_invoice")[seed % 2],
                "on_change": ("prorate", "none", "at_period_end")[seed % 3],
            }
        )
        _, learnt = corrections.compare(str(seed), EACH, profile)
        compared, failed = compared + 2 * EACH, failed + len(by_instant) + len(learnt)
        print(f"seed {seed}: {compared} contracts, {failed} differ {by_instant + learnt}", file=sys.stderr)
        seed += 1
    print(f"{compared} contracts, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
