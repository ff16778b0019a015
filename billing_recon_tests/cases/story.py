"""What a story is: a world in which one thing went wrong, and all that a controller must be told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from billing_recon.core.reason import Code, Pair
from billing_recon_tests.compute.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Story:
    """`tell` makes the world. `delta` is the break's own; `stages` (code -> amount) is for breaks that have more than the one
    stage of their code. Where a fault is seen from two sides (CURRENCY_FX) the break of the lowest delta is meant."""

    code: Code
    pair: Pair
    tell: Callable[[], World]
    delta: str
    sentence: str
    breaks: int = 1
    stages: tuple[tuple[Code, str], ...] = ()

    @property
    def name(self) -> str:
        """What happened, in the words of the function that tells it."""
        return f"{self.code}: {self.tell.__name__.replace('_', ' ')}"
