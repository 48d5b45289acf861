"""RefusedRows: jobs that a batch cannot carry, told by name once a plan is made."""

from __future__ import annotations

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.counts import counted
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import Severity
from llmdash.sanitize import storable

__all__ = ["RefusedRows"]


class RefusedRows:
    """Collects why jobs stay out of batches: the first of each reason, and how many there are."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._first: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def add(self, job: int, why: str) -> None:
        """Note that a job stays out."""
        self._first.setdefault(why, job)
        self._count[why] = self._count.get(why, 0) + 1

    def report(self) -> None:
        """Say it, one notice a reason; the jobs stay pending."""
        for why, job in self._first.items():
            jobs = counted(self._count[why], "job")
            first = storable(self._parts.source.id(job))
            words = f"{jobs} cannot go in a batch, the first is {first}: {storable(why)}"
            self._parts.store.apply(Noticed(Severity.WARNING, words))
