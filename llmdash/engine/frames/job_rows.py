"""JobRows: the lines of the job table."""

from __future__ import annotations

from collections.abc import Callable

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.figures import Figures
from llmdash.engine.frames.gauges import Gauges
from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.engine.model.states import AnswerFlag, JobState
from llmdash.engine.model.view import JobsView
from llmdash.prompts.verdict import Verdict

__all__ = ["JobRows"]


class JobRows:
    """Builds the rows that a view asks for. Hold the lock of the store."""

    def __init__(self, store: Figures, gauges: Gauges, job_id: Callable[[int], str]) -> None:
        self._store = store
        self._gauges = gauges
        self._job_id = job_id

    def part(self, view: JobsView, ordering: Ordering, now: float, waits: Waits) -> JobsPart:
        """Return the rows in the window of the view, which may hang on one job."""
        matched, first = len(ordering), view.first
        if view.anchor is not None and (line := ordering.line_of(view.anchor)) is not None:
            first = line - view.anchor_offset
        first = max(0, min(first, matched - view.height))
        lines = range(first, min(matched, first + view.height))
        rows = tuple(self.row(ordering.job_at(line), now, waits) for line in lines)
        return JobsPart(self._store.columns.jobs, matched, first, rows, ordering.error)

    def row(self, job: int, now: float, waits: Waits) -> JobRow:
        """Return the row of a job at `now`, on the clock of the store."""
        columns, live = self._store.columns, self._store.live.get(job)
        state = JobState(columns.state[job])
        wait, time = columns.wait[job], columns.time[job]
        if live is not None and live.sent_at:
            time = now - live.sent_at
        elif live is not None and not state.in_flight:
            wait += now - live.since
        due_at = self._gauges.due_at(job) if state is JobState.BACKOFF else None
        ended = state in (JobState.DONE, JobState.INVALID)
        return JobRow(
            job=job,
            id=self._job_id(job),
            state=state,
            reason=waits.reason(job, state),
            due_in_s=max(0.0, due_at - now) if due_at is not None else None,
            key=columns.keys[columns.key[job]] or None,
            tries=columns.tries[job],
            wait_s=wait if state is not JobState.QUEUED else None,
            ttft_s=columns.ttft[job] or None,
            time_s=time or None,
            input_tokens=columns.input_tokens[job] if ended else None,
            output_tokens=columns.output_tokens[job] if ended else None,
            tokens_estimated=bool(columns.estimated[job]),
            verdict=Verdict(columns.verdict[job]),
            error=columns.errors[columns.error[job]] if state is not JobState.DONE else "",
            flags=AnswerFlag(columns.flags[job]),
            worker=columns.workers[columns.worker[job]] or None,
        )
