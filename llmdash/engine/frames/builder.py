"""FrameBuilder: builds frames from the store, the pool and the limiter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.frames.blockers import BINDINGS, RunStatus, Waits, alerts_of, what_blocks
from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.frames.tiles import Tiles
from llmdash.engine.frames.workers import workers_of
from llmdash.engine.model.frame import (
    Frame,
    Inspection,
    JobRow,
    JobsPart,
    KeyRow,
    Percentiles,
    RatePart,
    RunPart,
    SeriesPart,
    StreamPart,
)
from llmdash.engine.model.states import AnswerFlag, Binding, JobState, RunState, WaitReason
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.pool.costs import CostOf, Tokens, cost_so_far, projected
from llmdash.prompts.verdict import Verdict

__all__ = ["FrameBuilder", "RunFacts"]

_TILE_CHARACTERS = 400
_COST_S = 0.5
_LEAST_S = 1e-3


def _no_price(_label: str, _model: str, _tokens: Tokens) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of a run that do not change while it runs."""

    name: str
    model: str
    endpoint: str
    keys: int
    cost_of: CostOf = _no_price
    left_out: int = 0
    """Input lines that are no jobs."""


class FrameBuilder:
    """Builds the frames of one run. `inspect` returns a job in full, or None while it is looked up."""

    def __init__(
        self,
        facts: RunFacts,
        parts: RunnerParts,
        runner: BatchRunner,
        job_id: Callable[[int], str],
        inspect: Callable[[int, JobRow], Inspection | None],
    ) -> None:
        self._facts = facts
        self._parts = parts
        self._store = store = parts.store
        self._runner = runner
        self._job_id = job_id
        self._inspect = inspect
        self._cost_at = -math.inf
        self._last_cost: float | None = None
        self._last_keys: dict[str, KeyRow] = {}
        self._ordering = Ordering(store.columns, job_id)
        self._tiles = Tiles(store.streams)

    def frame(self, view: View, status: RunStatus) -> Frame:
        """Return a frame of the current state. Its cost depends on what the view shows."""
        with self._store.lock:
            now = self._store.clock()
            keys, endpoints = self._parts.pool.statistics(), self._parts.pool.endpoint_statistics()
            limits = tuple(limit.row() for limit in self._parts.pool.shared_limits)
            blocker = what_blocks(status, keys, endpoints, self._store.in_flight, limits)
            shared = any(limit.holds_up for limit in self._parts.pool.shared_limits)
            waits = Waits(blocker, self._parts.budget.is_short, self._parts.queue.due_at, shared)
            self._ordering.use(view.jobs, waits)
            workers = workers_of(self._parts.asker.workers(), self._store)
            run = self._run(status, blocker, now, self._cost(keys, now, ended=status.state.ended))
            stream, tiles = self._stream(view.stream, now), tuple(self._tiles.choose(view.tiles, now))
            self._parts.asker.watch({job for job in (stream.job, view.inspect, *tiles) if job is not None})
            return Frame(
                run=run,
                jobs=self._jobs(view.jobs, now, waits),
                keys=tuple(self._still(keys, status.state)),
                endpoints=endpoints,
                workers=workers,
                cluster=self._parts.asker.address,
                limits=limits,
                alerts=alerts_of(
                    status,
                    keys,
                    endpoints,
                    retries_held=waits.retries_held,
                    open_jobs=run.jobs - run.ended,
                    workers=workers,
                    limits=limits,
                ),
                rate=self._rate(run, blocker, waits),
                stream=stream,
                tiles=tuple(map(self._tile, tiles)),
                series=self._plot(view.series_width),
                notices=tuple(notice for notice in self._store.notices if notice.serial > view.notices_after),
                inspection=None if view.inspect is None else self._inspection(view.inspect, now, waits),
                errors=self._store.errors.groups() if view.errors else (),
                failed=self._store.errors.jobs(view.failed_as) if view.failed_as is not None else (),
            )

    def _cost(self, keys: Sequence[KeyRow], now: float, *, ended: bool) -> float | None:
        """Return the cost so far; computed at most twice a second, since a price list may be slow."""
        if ended or now - self._cost_at >= _COST_S:
            spending, cost_of = self._parts.pool.spending, self._facts.cost_of
            self._cost_at, self._last_cost = now, cost_so_far(spending, keys, cost_of)
        return self._last_cost

    def _run(self, status: RunStatus, blocker: WaitReason | None, now: float, cost: float | None) -> RunPart:
        store, counts = self._store, self._store.columns.counts
        waiting = counts[JobState.LIMITER] + counts[JobState.KEY] + counts[JobState.BACKOFF]
        spent = self._parts.pool.spending.total()
        left = counts[JobState.QUEUED] + waiting + store.in_flight
        active_s = store.run_clock.at(now)
        return RunPart(
            name=self._facts.name,
            model=self._facts.model,
            endpoint=self._facts.endpoint,
            keys=len(self._parts.pool),
            state=status.state,
            state_detail=f"waiting on {blocker.value}"
            if blocker is not None and left and status.state is RunState.RUNNING
            else status.detail,
            elapsed_s=active_s,
            jobs=store.columns.jobs,
            queued=counts[JobState.QUEUED],
            waiting=waiting,
            in_flight=store.in_flight,
            done=counts[JobState.DONE],
            invalid=counts[JobState.INVALID],
            failed=counts[JobState.FAILED],
            cancelled=counts[JobState.CANCELLED],
            left_out=self._facts.left_out,
            attempts=store.attempts,
            retries=store.retries,
            requests_per_s=self._per_s(
                status.state, store.sends_10s.rate(active_s), store.time_series.total_sent, active_s
            ),
            tokens_per_s=self._per_s(
                status.state, store.tokens.rate(active_s), store.time_series.total_tokens, active_s
            ),
            input_tokens=spent.input,
            output_tokens=spent.output,
            cached_tokens=spent.cached,
            reasoning_tokens=spent.reasoning,
            empty=store.empty,
            tokens_estimated=store.estimated,
            score=store.score,
            cost=cost,
            cost_projected=projected(
                cost,
                counts[JobState.DONE] + counts[JobState.INVALID] + counts[JobState.FAILED],
                store.columns.jobs,
            ),
            ends_in_s=_eta(left, store.ends_60s.rate(active_s))
            if blocker is None and status.state is RunState.RUNNING
            else None,
            ttft=Percentiles(store.ttft.percentile(0.50), store.ttft.percentile(0.95)),
            latency=Percentiles(store.latency.percentile(0.50), store.latency.percentile(0.95)),
        )

    def _per_s(self, state: RunState, pace: float, total: Callable[[], int], active_s: float) -> float | None:
        """Return the pace, 0 at rest; once the run has ended its mean, None if that is not on record."""
        if state.ended:
            return total() / active_s if total() and active_s >= _LEAST_S else None
        rests = state is RunState.PAUSED and not self._store.in_flight
        return 0.0 if rests else pace

    def _still(self, keys: Sequence[KeyRow], state: RunState) -> Sequence[KeyRow]:
        """Return the keys; once the run has ended, with the pace they had before it did."""
        if not state.ended:
            self._last_keys = {key.label: key for key in keys}
            return keys
        before = (self._last_keys.get(key.label, key) for key in keys)
        return tuple(
            replace(key, rpm=last.rpm, tpm=last.tpm, spark=last.spark)
            for key, last in zip(keys, before, strict=True)
        )

    def _jobs(self, view: JobsView, now: float, waits: Waits) -> JobsPart:
        ordering = self._ordering
        matched, first = len(ordering), view.first
        if view.anchor is not None and (line := ordering.line_of(view.anchor)) is not None:
            first = line - view.anchor_offset
        first = max(0, min(first, matched - view.height))
        lines = range(first, min(matched, first + view.height))
        rows = tuple(self._row(ordering.job_at(line), now, waits) for line in lines)
        return JobsPart(self._store.columns.jobs, matched, first, rows, ordering.error)

    def _row(self, job: int, now: float, waits: Waits) -> JobRow:
        columns, live = self._store.columns, self._store.live.get(job)
        state = JobState(columns.state[job])
        wait, time = columns.wait[job], columns.time[job]
        if live is not None and live.sent_at:
            time = now - live.sent_at
        elif live is not None and not state.in_flight:
            wait += now - live.since
        due_at = self._parts.queue.due_at(job) if state is JobState.BACKOFF else None
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

    def _rate(self, run: RunPart, blocker: WaitReason | None, waits: Waits) -> RatePart:
        rate = self._parts.limiter.rate
        store = self._store
        window = store.sends if (rate or 1e9) >= 5 else store.sends_10s
        achieved = self._per_s(
            run.state, window.rate(run.elapsed_s), store.time_series.total_sent, run.elapsed_s
        )
        return RatePart(
            rate=rate,
            achieved=achieved or 0.0,
            concurrency=self._runner.concurrency,
            in_flight=self._runner.in_flight,  # without jobs whose result is being written
            binding=self._binding(run, blocker, waits),
        )

    def _binding(self, run: RunPart, blocker: WaitReason | None, waits: Waits) -> Binding:
        """Return what limits the rate, from the hardest reason to the softest."""
        if run.state is RunState.PAUSED:
            return Binding.PAUSE
        if run.ended == run.jobs or run.state in (RunState.STOPPED, RunState.DRAINING):
            return Binding.FINISHED
        if blocker is not None:
            return BINDINGS[blocker]
        if run.in_flight >= self._runner.concurrency:
            return Binding.CONCURRENCY
        if self._parts.limiter.statistics().waiting:
            return Binding.RATE
        if self._store.columns.counts[JobState.KEY]:
            return Binding.SHARED if waits.shared else Binding.KEYS
        return Binding.FINISHED if not run.queued else Binding.LATENCY

    def _stream(self, view: StreamView, now: float) -> StreamPart:
        streams = self._store.streams
        job = view.job if view.job is not None else streams.followed(view.seen_job, now)
        if job is None or not 0 <= job < self._store.columns.jobs:
            return StreamPart()
        stream = streams.get(job)
        if stream is None:
            return self._stream_part(job, 0, (), ())
        held = view.seen_job == job and view.seen_attempt == stream.attempt
        return self._stream_part(job, *stream.after(view.seen if held else 0))

    def _tile(self, job: int) -> StreamPart:
        stream = self._store.streams.get(job)
        return self._stream_part(job, 0, stream.tail(_TILE_CHARACTERS) if stream is not None else (), ())

    def _stream_part(
        self, job: int, start: int, chunks: tuple[str, ...], gaps: tuple[float, ...]
    ) -> StreamPart:
        columns, stream = self._store.columns, self._store.streams.get(job)
        seconds = stream.last_at - stream.first_at if stream is not None else 0.0
        tokens = columns.output_tokens[job] or (len(stream.chunks) if stream is not None else 0)
        return StreamPart(
            job=job,
            id=self._job_id(job),
            key=columns.keys[columns.key[job]] or None,
            state=JobState(columns.state[job]),
            ttft_s=columns.ttft[job] or None,
            tokens_per_s=tokens / seconds if seconds > 0 else None,
            attempt=stream.attempt if stream is not None else 0,
            start=start,
            chunks=chunks,
            gaps=gaps,
            worker=columns.workers[columns.worker[job]] or None,
        )

    def _plot(self, width: int) -> SeriesPart:
        self._store.time_series.sample(self._store.run_clock(), self._store.in_flight)
        return self._store.time_series.part(width)

    def _inspection(self, job: int, now: float, waits: Waits) -> Inspection | None:
        if not 0 <= job < self._store.columns.jobs:
            return None
        found = self._inspect(job, self._row(job, now, waits))
        if found is None:
            return None
        above, below = self._ordering.around(job)
        return replace(found, above=above, below=below)


def _eta(left: int, ends_per_s: float) -> tuple[float, float, float] | None:
    """Return (low, middle, high) seconds for `left` jobs: the pace of the last minute, +- a fifth."""
    if not left or ends_per_s <= 0:
        return None
    middle = left / ends_per_s
    return middle * 0.8, middle, middle * 1.25
