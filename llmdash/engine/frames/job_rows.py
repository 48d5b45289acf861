"""JobRows: the lines of the job table."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.figures import Figures
from llmdash.engine.frames.filter import FilterFacts
from llmdash.engine.frames.filter_words import completions
from llmdash.engine.frames.front_ends import FrontEnd
from llmdash.engine.frames.gauges import Gauges
from llmdash.engine.frames.job_texts import JobTexts, TextsWanted
from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.engine.model.rows import NO_TEXT, JobText
from llmdash.engine.model.states import AnswerFlag, JobState, WaitReason
from llmdash.engine.model.view import JobsView
from llmdash.prompts.verdict import Verdict

__all__ = ["JobRows"]

_NO_TEXTS = TextsWanted((), 0)
_STATES, _VERDICTS = tuple(JobState), tuple(Verdict)
_KEPT = 2_000
"""Rows of ended jobs that are remembered."""


class JobRows:
    """Builds the rows that a view asks for. Hold the lock of the store."""

    def __init__(
        self,
        store: Figures,
        gauges: Gauges,
        job_id: Callable[[int], str],
        texts: JobTexts | None = None,
    ) -> None:
        self._store = store
        self._gauges = gauges
        self._job_id = job_id
        self._texts = texts
        self._ended: dict[tuple[int, TextsWanted], tuple[tuple[float, ...], JobRow]] = {}
        """Rows of jobs that have ended, and what they were made of."""

    def part(self, view: JobsView, front_end: FrontEnd, now: float, waits: Waits) -> JobsPart:
        """Return the rows in the window of the view, which may hang on one job."""
        ordering, columns = front_end.ordering, self._store.columns
        matched, first = len(ordering), view.first
        if view.anchor is not None and (line := ordering.line_of(view.anchor)) is not None:
            first = line - view.anchor_offset
        first = max(0, min(first, matched - view.height))
        lines = range(first, min(matched, first + view.height))
        wanted = TextsWanted.by(view)
        rows = tuple([self.row(ordering.job_at(line), now, waits, wanted) for line in lines])
        found_for, found = front_end.finder.find(view.find)
        return JobsPart(
            columns.jobs,
            matched,
            first,
            rows,
            ordering.error,
            queued=columns.counts[JobState.QUEUED],
            waiting=self._waiting(waits),
            longest_wait_s=self._longest_wait(waits, now),
            check=self._texts.check if self._texts is not None else "",
            searched=ordering.searched,
            hint=ordering.hint,
            completions=self._completions(view.typed) if view.typed else (),
            fields=self._texts.fields(view.preview_width) if self._texts is not None else (),
            found=found,
            found_for=found_for,
        )

    def filter_facts(self, endpoints: Iterable[tuple[str, str]]) -> FilterFacts:
        """Return what a filter may be about; `endpoints` has the label of each key with its endpoint."""
        return FilterFacts(tuple(endpoints), tuple(self._texts.values) if self._texts is not None else ())

    def _completions(self, typed: str) -> tuple[str, ...]:
        rows = self._gauges.keys()
        endpoints = (row.endpoint for row in rows)
        carried = self._texts.values if self._texts is not None else {}
        batches = tuple(row.batch for row in self._gauges.batches())
        return completions(typed, self._store.columns, endpoints, carried, batches)

    def _waiting(self, waits: Waits) -> tuple[tuple[WaitReason, int], ...]:
        """How many jobs with a worker wait for what; all in one state wait for the same."""
        counts = {WaitReason.LIMITER: 0, WaitReason.KEY: 0}
        for state in (JobState.LIMITER, JobState.KEY):
            if (number := self._store.columns.counts[state]) and (reason := waits.reason(-1, state)):
                counts[reason] = counts.get(reason, 0) + number
        return tuple(counts.items())

    def _longest_wait(self, waits: Waits, now: float) -> float:
        """For how long the one that has waited longest for the rate has done so."""
        state, live = self._store.columns.state, self._store.live
        if not self._store.columns.counts[JobState.LIMITER]:
            return 0.0
        if waits.reason(-1, JobState.LIMITER) is not WaitReason.LIMITER:
            return 0.0
        begun = (each.since for job, each in live.items() if state[job] == JobState.LIMITER)
        return max(0.0, now - min(begun, default=now))

    def _text(self, job: int, state: JobState, verdict: Verdict, wanted: TextsWanted) -> JobText:
        """The texts of a row, as far as they are known."""
        if self._texts is None or wanted.width <= 0:
            return NO_TEXT
        text = self._texts.of(job, state, self._store.columns.tries[job], verdict, wanted)
        if state is not JobState.STREAMING:
            return text
        tail = self._tail(job, wanted.width)
        return JobText(
            tail, text.result, text.expected, text.check, text.model, text.endpoint, text.cells
        )  # a `replace` takes some times as long, in every row of each frame

    def _tail(self, job: int, width: int) -> str:
        """The end of an answer that arrives."""
        stream = self._store.streams.get(job)
        if stream is None:
            return ""
        text = "".join(stream.chunks[-width:])
        return text if len(text) <= width and stream.size == len(text) else "…" + text[1 - width :]

    def row(self, job: int, now: float, waits: Waits, wanted: TextsWanted = _NO_TEXTS) -> JobRow:
        """Return the row of a job at `now`, on the clock of the store, with the texts that are wanted."""
        if self._store.columns.state[job] < JobState.DONE or self._store.live.get(job) is not None:
            return self._row(job, now, waits, wanted)
        values = self._values(job)
        kept = self._ended.get((job, wanted))
        if kept is not None and kept[0] == values:
            return kept[1]
        row = self._row(job, now, waits, wanted)
        if row.text is not NO_TEXT or self._texts is None or wanted.width <= 0:  # else texts are to come
            if len(self._ended) >= _KEPT:
                self._ended.clear()
            self._ended[job, wanted] = values, row
        return row

    def _values(self, job: int) -> tuple[float, ...]:
        """All that the row of an ended job is made of: while this is the same, so is the row."""
        columns = self._store.columns
        return (
            columns.state[job],
            columns.verdict[job],
            columns.tries[job],
            columns.time[job],
            columns.wait[job],
            columns.ttft[job],
            columns.key[job],
            columns.input_tokens[job],
            columns.output_tokens[job],
            columns.estimated[job],
            columns.flags[job],
            columns.error[job],
            columns.worker[job],
            columns.batch[job],
            self._texts.edition if self._texts is not None else 0,
        )

    def _row(self, job: int, now: float, waits: Waits, wanted: TextsWanted) -> JobRow:
        columns, live = self._store.columns, self._store.live.get(job)
        state, verdict = _STATES[columns.state[job]], _VERDICTS[columns.verdict[job]]
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
            verdict=verdict,
            error=columns.errors[columns.error[job]] if state is not JobState.DONE else "",
            flags=AnswerFlag(columns.flags[job]),
            worker=columns.workers[columns.worker[job]] or None,
            batch=columns.batch[job],
            text=self._text(job, state, verdict, wanted),
        )
