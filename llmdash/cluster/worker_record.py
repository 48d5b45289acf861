"""WorkerRecord: what a run knows of one worker, over all lines it had to it."""

from __future__ import annotations

import time
from collections.abc import Callable

from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.engine.metrics.windows import RollingCounter
from llmdash.engine.model.rows import SPARK_SPAN_S, SPARK_SPANS

__all__ = ["WorkerRecord"]

_RATE_S = 10


class WorkerRecord:
    """A worker by its name. `has` and `lacks` are the numbers of keys, as far as it has said."""

    def __init__(self, name: str, host: str, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.name = name
        self.host = host
        self.is_drained = False
        self.is_lost = False
        self.heard_at = wakeful_clock()
        self.round_trip_s: float | None = None
        self.has: set[int] = set()
        self.lacks: set[int] = set()
        self._ttft = LogHistogram()
        self._answers = RollingCounter()
        self._spans = RollingCounter(SPARK_SPANS + 1)
        self._first_at = 0.0

    def joins(self, host: str) -> None:
        """It is there, for the first time or again, and has yet to say which keys it has."""
        self.host, self.is_lost, self.round_trip_s = host, False, None
        self.has.clear()
        self.lacks.clear()

    def answered(self, answer: Answer) -> None:
        """Count an attempt that it made."""
        if answer.failure is None:
            now = self._now()
            self._answers.add(now)
            self._spans.add(now / SPARK_SPAN_S)
            self._first_at = self._first_at or now
            if answer.ttft_s is not None:
                self._ttft.add(answer.ttft_s)

    @property
    def jobs_per_s(self) -> float:
        """Answers a second, over the last ten seconds."""
        now = self._now()
        since_s = min(_RATE_S, max(1.0, now - self._first_at)) if self._first_at else 1.0
        return sum(self._answers.series(now, _RATE_S)) / since_s

    @property
    def spark(self) -> tuple[int, ...]:
        """Answers in each of the last spans of `SPARK_SPAN_S` seconds that are over, oldest first."""
        return self._spans.series(self._now() / SPARK_SPAN_S, SPARK_SPANS + 1)[:-1]

    @property
    def ttft_p50(self) -> float | None:
        """The median time to the first token, in seconds."""
        return self._ttft.percentile(0.50)
