"""The three verdicts of a gate, and how conditions combine into one. The conditions are in core.gate."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A gate's answer about one partition."""

    PASS = "PASS"
    """Every condition was evaluated on a population and holds."""
    FAIL = "FAIL"
    """At least one condition was evaluated and does not hold."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """At least one condition could not be evaluated: a layer is missing or empty. Never treated as a pass."""


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over several conditions.

    INCONCLUSIVE outranks FAIL: differences caused by an absent layer are not findings about the billing. Without any
    condition the verdict is INCONCLUSIVE, since nothing was proved.

    >>> combine([Verdict.PASS, Verdict.FAIL])
    <Verdict.FAIL: 'FAIL'>
    >>> combine([Verdict.FAIL, Verdict.INCONCLUSIVE])
    <Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
    >>> combine([])
    <Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
    """
    seen = set(verdicts)
    if not seen or Verdict.INCONCLUSIVE in seen:
        return Verdict.INCONCLUSIVE
    return Verdict.FAIL if Verdict.FAIL in seen else Verdict.PASS
