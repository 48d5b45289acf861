"""Run: puts one run together, runs it from start to end, and carries out commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from llmdash.engine.batches.forecast import BatchForecasts, PricePair
from llmdash.engine.dispatch.holds import Holds
from llmdash.engine.dispatch.kill_switch import KillSwitch
from llmdash.engine.dispatch.request_parts import RequestParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.dispatch.worker_watch import WorkerWatch
from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.bounds import Bounds
from llmdash.engine.frames.builder import FrameBuilder
from llmdash.engine.frames.chronicle import Chronicle
from llmdash.engine.frames.gauges import LiveGauges
from llmdash.engine.frames.inspection import Inspector
from llmdash.engine.frames.job_texts import JobTexts
from llmdash.engine.frames.recorded_answers import RecordedAnswers
from llmdash.engine.frames.text_search import TextSearch
from llmdash.engine.journal.file import JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Command
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState, Severity
from llmdash.engine.model.view import View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Member
from llmdash.engine.run.assembly import build_batches, build_parts, start_of
from llmdash.engine.run.control import LiveControl
from llmdash.engine.run.core import RunCore
from llmdash.engine.run.lifecycle import Lifecycle
from llmdash.engine.run.record import RunRecord
from llmdash.engine.run.storage import RunStorage
from llmdash.engine.run.watch import RunWatch
from llmdash.engine.steering import Steering
from llmdash.sanitize import storable

__all__ = ["Run"]

_NO_WAL = (
    "This file system does not take SQLite's write-ahead log, as network ones do not: the journal is kept "
    "without it, which is slower."
)


class Run:
    """One run, on the event loop that made it. `frame` may be called from any thread."""

    def __init__(
        self, plan: RunPlan, members: Sequence[Member], journal: JournalFile, clock: Callable[[], float]
    ) -> None:
        start, reader, lifecycle = start_of(plan, members, clock), JournalReader(plan.folder), Lifecycle()
        self._storage = RunStorage(plan, journal, start.store, lifecycle)
        writer = self._storage.writer()
        kill_switch = KillSwitch(lambda: self._control.kill_switch_tripped())
        self._store = start.store
        parts = build_parts(plan, start, writer, kill_switch, clock)
        runner = BatchRunner(parts, plan.concurrency)
        if plan.batch.errand is not None:
            runner.pause()
        batches = build_batches(plan, parts, runner, reader)
        holds = Holds(
            parts, runner, reader, plan.facts.cost_of, plan.trial, lambda: batches.have_nothing_to_do
        )
        self._core = RunCore(plan, parts, runner, holds, batches, lifecycle)
        self._workers = WorkerWatch(plan.asker, start.store, writer, clock, plan.facts.payment)
        gauges = LiveGauges(parts, runner, batches.of_run.rows)
        prices = PricePair(plan.facts.cost_of, plan.facts.batch_cost_of)
        self._forecasts = BatchForecasts(
            *(parts, batches.carriers, plan.batch, prices, holds.pace, batches.of_run.rows),
            plan.earlier_batches,
        )
        self._recorded = RecordedAnswers(start.store, reader.result)
        requests = RequestParts(start.pool, plan.options)
        self._frame_builder = FrameBuilder(
            plan.facts,
            start.store,
            gauges,
            lambda job: storable(plan.source.id(job)),
            Inspector(plan.source, reader, start.store.streams, requests.part).inspect,
            self._bounds,
            JobTexts(plan.source, reader, plan.facts.check),
            lambda: TextSearch(start.store.columns, plan.source, reader),
            reader.attempts,
            lambda: start.store.changes.count,
            at_work=True,
        )
        chronicle = Chronicle(
            writer, start.store, start.pool, gauges, self._head, last_at=start.last_sample_at
        )
        self._record = RunRecord(self._core, chronicle, self._head)
        self._control = LiveControl(self._core, self._record)
        self._watch = RunWatch(self._core, self._control, self._record, self._workers, self._storage)
        self._steering = Steering(self._control, parts, runner, batches)
        if plan.budget is not None:
            self._control.set_budget(plan.budget)
        if not journal.is_wal:
            self.notice(Severity.WARNING, _NO_WAL)
        for job in start.again:
            writer.reopened(job)
        start.store.run_clock.take_back()  # reading the journal of a long run takes time, but is no work

    def execute(self, command: Command) -> None:
        """Carry out a command, on the event loop."""
        self._steering.execute(command)
        self._record.look()
        with self._store.lock:
            self._store.changes.add()

    def frame(self, view: View) -> Frame:
        """Return a frame of the current state."""
        self._recorded.show(view.stream.job)
        frame = self._frame_builder.frame(view, self._status())
        forecast = self._forecasts.of(view.batch_jobs) if view.batch_forecast else None
        deadline = self._core.batches.deadline
        if forecast is None and deadline is None:
            return frame
        return replace(frame, batch_deadline=deadline, batch_forecast=forecast)

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` once, on any thread, when more has happened than the `changes` of a frame. Return what
        takes that back.
        """
        return self._store.changes.when_more(seen, call)

    def glance(self) -> Frame:
        """Return a frame of the current state without anything that depends on a view."""
        return self._frame_builder.glance(self._status())

    @property
    def has_ended(self) -> bool:
        """True once it can do no more by itself."""
        return self._core.lifecycle.state[0].ended

    def _head(self) -> Frame:
        return self._frame_builder.head(self._status())

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice; may be called from any thread."""
        self._core.notice(severity, words)

    def _status(self) -> RunStatus:
        core, live = self._core, self._core.plan.live
        return RunStatus(
            *core.lifecycle.state,
            self._storage.blocked,
            core.parts.kill_switch.reason,
            core.plan.asker.blocked(),
            self._workers.blocked_s,
            core.holds.held,
            core.plan.stay,
            str(live.path) if live is not None and live.is_complete else "",
        )

    def _bounds(self) -> Bounds:
        reservations = self._core.parts.reservations
        return Bounds(reservations.statistics(), reservations.needed(), self._core.holds.forecast())

    async def work(self) -> Ending:
        """Run until the end; the journal is complete then. Return why the run ended."""
        parts, lifecycle = self._core.parts, self._core.lifecycle
        self._core.set_clock()
        self._record.begin()
        try:
            ending = await self._work()
            if parts.journal.failure is not None:
                ending = Ending.STORAGE
            elif not parts.queue.open:
                ending = Ending.DONE  # the last job ended while the run was being stopped
            await self._core.complete_output()
            parts.store.wall.end()
            state = RunState.DONE if ending is Ending.DONE else RunState.STOPPED
            lifecycle.state = (state, ending.value)
        finally:
            await parts.journal.close(self._record.totals())
        return ending

    async def _work(self) -> Ending:
        """Run until the end, and write what is left. Return why the run was ended."""
        core = self._core
        self._storage.look()  # before anything is paid for
        core.holds.look()
        await self._open_reuse()
        await core.batches.begin()  # before a worker takes a job that is to go in a batch
        shares = [limit.keep(core.demand) for limit in core.parts.pool.shared_limits]
        tasks = [
            asyncio.create_task(each)
            for each in (self._watch.run(), self._live(), core.batches.run(), *shares)
        ]
        for task in tasks:
            core.lifecycle.depend_on(task)
        try:
            return await core.lifecycle.ended()
        finally:
            for task in tasks:
                task.cancel()
            await self._control.close()
            await core.batches.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    async def _close(self) -> None:
        """Write what is left, once nothing is in flight."""
        parts = self._core.parts
        await self._core.holds.close()
        parts.queue.close()
        parts.store.run_clock.stop()
        self._workers.look()
        self._record.end()
        await parts.journal.finish()
        if parts.reuse is not None:
            await parts.reuse.close()

    async def _open_reuse(self) -> None:
        reuse = self._core.parts.reuse
        for notice in () if reuse is None else await reuse.open():
            self.notice(Severity.INFORMATION, notice)

    async def _live(self) -> None:
        """Run the jobs until all have ended; with `stay` then wait for one to be retried."""
        core, record = self._core, self._record
        while True:
            record.set_state(RunState.PAUSED if core.runner.paused else RunState.RUNNING)
            core.set_clock()
            await core.runner.run()
            await core.batches.settled()
            core.set_clock()
            await core.complete_output()
            record.set_state(RunState.DONE)
            if not core.plan.stay:
                core.lifecycle.end(Ending.DONE)
                return
            await core.parts.queue.some_open()
