"""Steering: executes the commands of a front end, and reports those that cannot be executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Protocol

from llmdash.engine.batches.desk import BatchDesk
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.model import commands
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import JobState, Severity
from llmdash.engine.pool.health_records import health_record
from llmdash.engine.pool.limit_records import limits_on_record

__all__ = ["RunControl", "Steering"]


class RunControl(Protocol):
    """The commands to a run as a whole."""

    def pause(self) -> None:
        """Send nothing new."""

    def resume(self) -> None:
        """Send again, whatever the run was paused for."""

    def revived(self) -> None:
        """Resume the run if it is paused because no key or endpoint was usable."""

    def drain(self) -> None:
        """Send nothing new, and end when nothing is in flight."""

    def stop(self, *, recalls_batches: bool = False) -> None:
        """End the run now; with `recalls_batches` what is out in batches is cancelled."""

    def release(self) -> None:
        """Run the rest after a trial."""

    def set_budget(self, dollars: float | None) -> None:
        """Set what may be spent in all. Raises ValueError."""


class Steering:
    """Executes commands, on the event loop of the run."""

    def __init__(
        self, control: RunControl, parts: RunnerParts, runner: BatchRunner, batches: BatchDesk
    ) -> None:
        self._control = control
        self._parts = parts
        self._runner = runner
        self._batches = batches

    def execute(self, command: commands.Command) -> None:
        """Execute a command; one that is invalid becomes a notice."""
        parts, pool, control = self._parts, self._parts.pool, self._control
        try:
            match command:
                case commands.SetRate(rate):
                    parts.limiter.set_rate(rate)
                    parts.journal.facts({"rate": json.dumps(rate)})
                case commands.SetAuto(on):
                    pool.set_auto(on)
                    parts.journal.facts({"auto": int(on)})
                case commands.SetConcurrency(concurrency):
                    self._runner.set_concurrency(concurrency)
                    parts.journal.facts({"concurrency": self._runner.concurrency})
                case commands.Pause():
                    control.pause()
                case commands.Resume():
                    control.resume()
                case commands.Release():
                    control.release()
                case commands.SetBudget(dollars):
                    control.set_budget(dollars)
                case commands.Drain():
                    control.drain()
                case commands.Cancel(recalls):
                    control.stop(recalls_batches=recalls)
                case commands.RetryJobs(jobs):
                    self._retry(jobs)
                case commands.RetryFailed():
                    columns = parts.store.columns
                    failed = columns.jobs_in(JobState.FAILED) + columns.jobs_in(JobState.INVALID)
                    self._retry(failed)
                case commands.CancelJobs(jobs):
                    self._batches.lose_interest(jobs)
                    self._each(jobs, self._runner.cancel_job)
                case commands.DisableKey(label):
                    pool.disable(label)
                    self._note_health(label)
                case commands.ReviveKey(label):
                    pool.revive(label)
                    self._note_health(label)
                    control.revived()
                case commands.ReviveEndpoint(name):
                    pool.revive_endpoint(name)
                    control.revived()
                case commands.SetWeight(label, weight):
                    pool.set_weight(label, weight)
                case commands.SetKeyLimits(label, rpm, tpm, concurrency):
                    pool.set_limits(label, rpm, tpm, concurrency)
                    parts.journal.facts({"key_limits": limits_on_record(pool.statistics())})
                case commands.SendInBatches(chosen):
                    self._batches.send(chosen)
                case commands.BringBack(batch):
                    self._batches.of_run.open_one(batch).want_back()
                case commands.GiveUpBatch(batch):
                    self._batches.of_run.open_one(batch).give_up()
                case commands.AdoptBatch(batch, provider_id):
                    self._batches.of_run.open_one(batch).adopt(provider_id)
                case commands.SetBatchDeadline(at):
                    self._batches.set_deadline(at)
                case commands.DrainWorker(name):
                    parts.asker.drain(name)
                case commands.TakeWorker(name):
                    parts.asker.take_again(name)
        except ValueError as error:
            parts.store.apply(Noticed(Severity.WARNING, str(error), refused=True))

    def _retry(self, jobs: Iterable[int]) -> None:
        """Open ended jobs again. Where all had ended nothing was left to be asked about what stopped the run:
        this is the answer.
        """
        had_ended = not self._parts.queue.open
        self._each(jobs, self._runner.retry_job)
        if had_ended and self._parts.kill_switch.reason is not None:
            self._control.resume()

    def _note_health(self, label: str) -> None:
        """Record the health of a key in the journal, so that a resume restores it."""
        parts = self._parts
        for member in parts.pool.members:
            if member.label == label:
                parts.journal.health(health_record(member, parts.clock(), parts.wall_clock()))

    def _each(self, jobs: Iterable[int], action: Callable[[int], None]) -> None:
        for job in jobs:
            if 0 <= job < self._parts.store.columns.jobs:
                action(job)
