"""FrameBuilder: builds frames from the store and the gauges of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from llmdash.engine.frames.blockers import RunStatus, Waits, alerts_of, what_blocks
from llmdash.engine.frames.bounds import Bounds, hold_alerts, no_bounds, with_bounds
from llmdash.engine.frames.examples import AttemptsOf, Examples, none_on_record
from llmdash.engine.frames.figures import Figures
from llmdash.engine.frames.front_ends import FrontEnd, FrontEnds
from llmdash.engine.frames.gauges import Gauges, is_full
from llmdash.engine.frames.head_parts import HeadParts
from llmdash.engine.frames.inspection import cost_of_job
from llmdash.engine.frames.job_finder import JobFinder
from llmdash.engine.frames.job_rows import JobRows
from llmdash.engine.frames.job_texts import JobTexts
from llmdash.engine.frames.key_figures import KeyFigures
from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.frames.series_parts import SeriesParts
from llmdash.engine.frames.steady import HOLD_S
from llmdash.engine.frames.stream_parts import StreamParts
from llmdash.engine.frames.text_search import NO_SEARCH, Search
from llmdash.engine.frames.tiles import Tiles
from llmdash.engine.frames.troubles import OneBucket
from llmdash.engine.frames.workers import workers_of
from llmdash.engine.model.frame import (
    EndpointRow,
    Frame,
    Inspection,
    JobRow,
    KeyRow,
    SharedLimitRow,
    StreamPart,
)
from llmdash.engine.model.states import RunState, WaitReason
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import TimingView, View
from llmdash.engine.pool.costs import with_marks

__all__ = ["FrameBuilder"]


class _Now(NamedTuple):
    """What is read once for a frame; `at` is on the clock of the store."""

    at: float
    keys: tuple[KeyRow, ...]
    endpoints: tuple[EndpointRow, ...]
    limits: tuple[SharedLimitRow, ...]
    blocker: WaitReason | None
    waits: Waits


class FrameBuilder:
    """Builds the frames of one run.

    `inspect` returns a job in full, or None while it is looked up; `texts` has what rows say of texts,
    `search` makes what a filter by them asks, and `changes` counts what has happened. What a run `at_work`
    shows may depend on what went before; a frame of one on record depends on its moment alone.
    """

    def __init__(
        self,
        facts: RunFacts,
        store: Figures,
        gauges: Gauges,
        job_id: Callable[[int], str],
        inspect: Callable[[int, JobRow], Inspection | None],
        bounds: Callable[[], Bounds] = no_bounds,
        texts: JobTexts | None = None,
        search: Callable[[], Search] = lambda: NO_SEARCH,
        attempts: AttemptsOf = none_on_record,
        changes: Callable[[], int] = lambda: 0,
        *,
        at_work: bool = False,
    ) -> None:
        self._facts = facts
        self._store = store
        self._gauges = gauges
        self._inspect = inspect
        self._bounds = bounds
        self._changes = changes
        self._head = HeadParts(facts, store, gauges, HOLD_S if at_work else 0.0)
        self._rows = JobRows(store, gauges, job_id, texts)
        self._series = SeriesParts(facts, store)
        self._streams = StreamParts(store, job_id)
        self._one_bucket = OneBucket() if at_work else None
        self._examples = Examples(store.columns, job_id, attempts)
        self._key_figures = KeyFigures(facts, store, gauges)
        self._last_keys: dict[str, KeyRow] = {}
        self._front_ends = FrontEnds(
            lambda: FrontEnd(
                Ordering(store.columns, job_id, search()),
                Tiles(store.streams),
                JobFinder(store.columns.jobs, job_id),
            )
        )

    def frame(self, view: View, status: RunStatus) -> Frame:
        """Return a frame of the current state. Its cost depends on what the view shows."""
        with self._store.lock:
            now = self._look(status)
            front_end = self._front_ends.of(view.viewer, now.at)
            about = self._rows.filter_facts((key.label, key.endpoint) for key in now.keys)
            front_end.ordering.use(view.jobs, now.waits, about)
            common = self._common(status, now)
            stream = self._streams.followed(view.stream, now.at)
            tiles = tuple(front_end.tiles.choose(view.tiles, now.at))
            shown = (stream.job, view.inspect, *tiles)
            front_end.watched = frozenset(job for job in shown if job is not None)
            self._gauges.watch(self._front_ends.watched(now.at))
            return replace(
                common,
                jobs=self._rows.part(view.jobs, front_end, now.at, now.waits),
                keys=self._keys(now, status.state),
                cluster=self._gauges.cluster,
                rate=self._head.rate(status, common.run, now.blocker, now.waits),
                stream=stream,
                inspected=self._inspected_stream(view),
                tiles=tuple(map(self._streams.tile, tiles)),
                series=self._series.series(view.series, is_over=status.state.ended),
                timings=self._series.timings(view.timings, now.at),
                notices=tuple(notice for notice in self._store.notices if notice.serial > view.notices_after),
                inspection=self._inspection(view.inspect, front_end.ordering, now),
                changes=self._changes(),
                **self._errors(view),
            )

    def glance(self, status: RunStatus) -> Frame:
        """Return a frame without what depends on a view, which leaves those of who has one as they are; of a
        run that has ended, is paused or held with the percentiles of each key.
        """
        rests = status.state.ended or status.state is RunState.PAUSED or status.held is not None
        with self._store.lock:
            now, view = self._look(status), TimingView(Grouping.KEY) if rests else None
            timings = self._series.timings(view, now.at)
            errors = self._store.errors.groups(self._store.run_clock())
            return replace(self._common(status, now), errors=errors, timings=timings)

    def head(self, status: RunStatus) -> Frame:
        """Return the part of a frame that is the same for every view: run, keys, endpoints and rate."""
        with self._store.lock:
            now = self._look(status)
            run = with_bounds(self._head.run(status, now.blocker, now.at, now.keys), status, self._bounds())
            rate = self._head.rate(status, run, now.blocker, now.waits)
            return Frame(run=run, keys=now.keys, endpoints=now.endpoints, rate=rate)

    def _look(self, status: RunStatus) -> _Now:
        gauges = self._gauges
        at, keys, endpoints, limits = self._store.clock(), gauges.keys(), gauges.endpoints(), gauges.limits()
        blocker = what_blocks(status, keys, endpoints, self._store.in_flight, limits)
        waits = Waits(
            blocker,
            gauges.retries_held,
            gauges.due_at,
            gauges.waits_for_share,
            full=is_full(self._store, gauges),
            auto=gauges.waits_for_auto,
        )
        return _Now(at, keys, endpoints, limits, blocker, waits)

    def _common(self, status: RunStatus, now: _Now) -> Frame:
        """Return what every frame has, whoever looks."""
        bounds, workers = self._bounds(), workers_of(self._gauges.workers(), self._store)
        run = with_bounds(self._head.run(status, now.blocker, now.at, now.keys), status, bounds)
        alerts = alerts_of(
            status,
            now.keys,
            now.endpoints,
            retries_held=now.waits.retries_held,
            open_jobs=run.jobs - run.ended,
            workers=workers,
            limits=now.limits,
            held=hold_alerts(run),
            besides=() if self._one_bucket is None else self._one_bucket.look(now.keys, now.at),
        )
        return Frame(
            run=run,
            keys=now.keys,
            endpoints=now.endpoints,
            workers=workers,
            batches=with_marks(self._gauges.batches(), self._head.has_batch_price),
            limits=now.limits,
            alerts=alerts,
            forecast=bounds.forecast,
        )

    def _keys(self, now: _Now, state: RunState) -> tuple[KeyRow, ...]:
        """Return the keys; once the run has ended, with the pace they had before it did."""
        keys = self._key_figures.added_to(now.keys, now.at, rests=state.ended)
        if not state.ended:
            self._last_keys = {key.label: key for key in keys}
            return keys
        before = (self._last_keys.get(key.label, key) for key in keys)
        return tuple(
            replace(key, rpm=last.rpm, tpm=last.tpm, spark=last.spark)
            for key, last in zip(keys, before, strict=True)
        )

    def _errors(self, view: View) -> dict[str, Any]:
        """Return the fields of the frame about what failed, as far as the view asks for them."""
        errors, until_s = self._store.errors, self._store.run_clock()
        parts: dict[str, Any] = {}
        if view.errors:
            parts |= {
                "errors": errors.groups(until_s, view.errors_of),
                "failed_tries": errors.series(until_s),
            }
        if view.examples_of is not None:
            parts["examples"] = self._examples.of(errors.examples(view.examples_of))
        if view.failed_as is not None:
            parts["failed"] = errors.jobs(view.failed_as)
        return parts

    def _inspection(self, job: int | None, ordering: Ordering, now: _Now) -> Inspection | None:
        if job is None or not 0 <= job < self._store.columns.jobs:
            return None
        found = self._inspect(job, self._rows.row(job, now.at, now.waits))
        if found is None:
            return None
        above, below = ordering.around(job)
        line = ordering.line_of(job)
        place = None if line is None else line + 1
        cost = cost_of_job(found, self._facts.cost_of, self._facts.batch_cost_of)
        return replace(found, above=above, below=below, place=place, matched=len(ordering), cost=cost)

    def _inspected_stream(self, view: View) -> StreamPart:
        if view.inspect is None or not 0 <= view.inspect < self._store.columns.jobs:
            return StreamPart()
        return self._streams.of(view.inspect, view.inspect_stream)
