"""BarScale: the one scale of the bars of all jobs."""

from __future__ import annotations

from typing import Final

from llmdash.engine.model.frame import RunPart
from llmdash.ui.charts.job_bar import nice_scale

__all__ = ["BarScale"]

_CHANGES_AFTER_S: Final = 10.0
_AT_FIRST_S: Final = 2.0


class BarScale:
    """Follows a run: 95 of 100 jobs fit on the scale. It changes at most each 10 seconds at work, so that
    bars can be compared, and once the run has ended.
    """

    def __init__(self) -> None:
        self.seconds = _AT_FIRST_S
        """The seconds of a whole bar."""
        self._changed_at: float | None = None

    def follow(self, run: RunPart) -> float:
        """Return the scale for a run: the 95th percentiles of waiting and answering, rounded up."""
        if run.latency.p95 is None:
            return self.seconds
        wanted = nice_scale(run.latency.p95 + (run.waited.p95 or 0.0))
        since = self._changed_at
        fresh = since is None or run.state.ended or not 0 <= run.elapsed_s - since < _CHANGES_AFTER_S
        if wanted != self.seconds and fresh:
            self.seconds, self._changed_at = wanted, run.elapsed_s
        return self.seconds
