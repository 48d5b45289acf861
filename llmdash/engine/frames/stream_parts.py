"""StreamParts: answers as they arrive, of the job that is followed and of the tiles."""

from __future__ import annotations

from collections.abc import Callable

from llmdash.engine.frames.figures import Figures
from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import StreamView
from llmdash.prompts.verdict import Verdict

__all__ = ["StreamParts"]

_TILE_CHARACTERS = 400


class StreamParts:
    """Builds what is new in the streams on screen. Hold the lock of the store."""

    def __init__(self, store: Figures, job_id: Callable[[int], str]) -> None:
        self._store = store
        self._job_id = job_id

    def followed(self, view: StreamView, now: float) -> StreamPart:
        """Return what follows the chunks that the front end has of the job it shows."""
        streams = self._store.streams
        job = view.job if view.job is not None else streams.followed(view.seen_job, now)
        if job is None or not 0 <= job < self._store.columns.jobs:
            return StreamPart()
        return self.of(job, view)

    def of(self, job: int, view: StreamView) -> StreamPart:
        """Return what follows the chunks that the front end has of `job`, if they are of its last attempt."""
        stream = self._store.streams.get(job)
        if stream is None:
            return self._part(job, 0, (), ())
        held = view.seen_job == job and view.seen_attempt == stream.attempt
        return self._part(job, *stream.after(view.seen if held else 0))

    def tile(self, job: int) -> StreamPart:
        """Return the end of what a job has said."""
        stream = self._store.streams.get(job)
        if stream is None:
            return self._part(job, 0, (), ())
        chunks = stream.tail(_TILE_CHARACTERS)
        return self._part(job, 0, chunks, tuple(stream.gaps[len(stream.gaps) - len(chunks) :]))

    def _part(self, job: int, start: int, chunks: tuple[str, ...], gaps: tuple[float, ...]) -> StreamPart:
        columns, stream = self._store.columns, self._store.streams.get(job)
        state = JobState(columns.state[job])
        seconds = stream.last_at - stream.first_at if stream is not None else 0.0
        tokens = columns.output_tokens[job] or (len(stream.chunks) if stream is not None else 0)
        return StreamPart(
            job=job,
            id=self._job_id(job),
            key=columns.keys[columns.key[job]] or None,
            state=state,
            ttft_s=columns.ttft[job] or None,
            tokens_per_s=tokens / seconds if seconds > 0 else None,
            attempt=stream.attempt if stream is not None else 0,
            start=start,
            chunks=chunks,
            gaps=gaps,
            is_even=self._store.streams.is_even or (stream is not None and stream.is_even),
            worker=columns.workers[columns.worker[job]] or None,
            verdict=Verdict(columns.verdict[job]),
            error=columns.errors[columns.error[job]] if state is not JobState.DONE else "",
            total=len(stream.chunks) if stream is not None else 0,
        )
