"""Land the next day while this one is computed, so that a run of many days uses the second core."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from types import TracebackType

from billing_recon.core.landing import LandingReport
from billing_recon.day.home import Home
from billing_recon.day.landing import LANDED, land_all


class LandingAhead:
    """Lands `days` in order, one day ahead of the run; a context manager.

    No day reads what is landed later, so results are the same as when each day is landed in turn. An error of landing
    ahead is raised in the run of its own day. `run_ids` are those under which the days will run.
    """

    def __init__(self, days: Sequence[date], run_ids: Sequence[str]) -> None:
        self._runs = dict(zip(days, run_ids, strict=True))
        self._after = dict(pairwise(days))
        self._begun: dict[date, Future[list[LandingReport]]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="land-ahead")

    def __enter__(self) -> LandingAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def land(self, home: Home, tables: Sequence[str], day: date, run_id: str) -> list[LandingReport]:
        """Like `land_all`, from what was landed ahead for this run if there is any; then start on the next day."""
        begun = self._begun.pop(day, None)
        if begun is not None and self._runs[day] == run_id and tuple(tables) == LANDED:
            reports = begun.result()
        else:
            reports = land_all(home, tables, day, run_id)
        later = self._after.get(day)
        if later is not None:
            self._begun[later] = self._pool.submit(land_all, home, LANDED, later, self._runs[later], side_by_side=1)
        return reports
