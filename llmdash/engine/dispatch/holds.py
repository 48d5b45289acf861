"""Holds: a run that sends nothing new until the user says how it goes on, after a trial or at its budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.dispatch.throughput import Throughput
from llmdash.engine.dispatch.trial_forecast import (
    TrialPlan,
    TrialResults,
    forecast_of_rest,
    results_of_trial,
)
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.forecast import ForecastPart, HoldKind
from llmdash.engine.model.states import JobState
from llmdash.engine.pool.costs import CostOf
from llmdash.sanitize import storable

__all__ = ["Holds", "trial_fact"]


def trial_fact(trial: TrialPlan, *, released: bool) -> Mapping[str, Any]:
    """Return the fact that records a trial, and whether the rest may run."""
    return {"trial": json.dumps({"size": trial.size, "of": trial.of, "released": released})}


class Holds:
    """What holds a run, on the event loop of the run; its state is recorded in the journal.

    `trial` is None where there is none, or the rest may run. `goes_in_no_batch` returns whether all that is
    left waits for a batch, and nothing is being done about it.
    """

    def __init__(
        self,
        parts: RunnerParts,
        runner: BatchRunner,
        reader: JournalReader,
        cost_of: CostOf,
        trial: TrialPlan | None,
        goes_in_no_batch: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._goes_in_no_batch = goes_in_no_batch
        self._jobs = parts.store.columns
        self._runner = runner
        self._reader = reader
        self._cost_of = cost_of
        self._trial = trial
        self._held: HoldKind | None = None
        self._recorded: str | None = reader.facts().get("held")
        self._known = 0
        self._results: TrialResults | None = None
        self._revision = -1
        """The revision of the jobs that the results are of."""
        self._look: asyncio.Task[None] | None = None
        self._shown: tuple[TrialResults, Throughput, ForecastPart] | None = None
        if trial is not None:
            jobs = frozenset(trial.jobs())
            parts.queue.hold_after(sum(not self._has_ended(job) for job in jobs))

    @property
    def held(self) -> HoldKind | None:
        """What holds the run: nothing new is sent. A trial does once its forecast is there."""
        if self._held is HoldKind.TRIAL and self._results is None:
            return None
        return self._held

    @property
    def is_settled(self) -> bool:
        """True if the run is held and nothing is in flight."""
        in_flight = self._runner.in_flight or self._parts.reservations.in_flight
        return self.held is not None and not in_flight

    def _has_ended(self, job: int) -> bool:
        return JobState(self._jobs.state[job]).ended

    def look(self) -> None:
        """See whether the run is held; called from time to time."""
        self._held = self._found()
        self._record(None if self._held is None else self._held.value)
        if self._look is not None and self._look.done():
            self._look.result()  # raises what broke it
            self._look = None
        if self._held is not HoldKind.TRIAL:
            self._results, self._revision = None, -1
        elif self._look is None and self._revision != self._jobs.revision:
            self._revision = self._jobs.revision  # the user may have cancelled some, or retried them
            self._look = asyncio.create_task(self._examine())

    def _record(self, held: str | None) -> None:
        """Record what holds the run, if another start or look has recorded something else."""
        if held != self._recorded:
            self._recorded = held
            self._parts.journal.facts({"held": held})

    def _found(self) -> HoldKind | None:
        queue, reservations, reuse = self._parts.queue, self._parts.reservations, self._parts.reuse
        waiting = 0 if reuse is None else reuse.waiting  # for the answers of others
        if reservations.is_spent(queue.at_home - queue.held_back - waiting):
            return None if self._makes_room() else HoldKind.BUDGET
        if self._goes_in_no_batch():
            return HoldKind.BATCHES
        return HoldKind.TRIAL if queue.is_held else None

    def _makes_room(self) -> bool:
        """True if more is known of the answers by now, so that there is room for a job that had none."""
        reservations = self._parts.reservations
        known = reservations.quotes.known
        if reservations.in_flight or known == self._known:
            return False
        self._known = known
        return self._runner.budget_gate.reconsider()

    async def _examine(self) -> None:
        """Read what came of the trial, away from the event loop."""
        results = await asyncio.to_thread(self._read)
        if self._held is HoldKind.TRIAL:
            self._results = results

    def _read(self) -> TrialResults:
        parts = self._parts
        rest = [job for job in range(self._jobs.jobs) if not self._has_ended(job)]
        try:
            return results_of_trial(parts.source, self._reader, rest, self._cost_of)
        except JournalError:  # a forecast less is no reason to end the run
            return TrialResults(len(rest), 0.0, 0)

    async def close(self) -> None:
        """Stop what goes on."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    def release(self) -> None:
        """Run the rest after a trial."""
        if self._trial is not None:
            self._parts.journal.facts(trial_fact(self._trial, released=True))
            self._trial = None
            self._parts.queue.release()
        self.look()

    def forecast(self) -> ForecastPart | None:
        """Return the forecast of the rest while a trial is held, at the rate of now. Any thread may ask."""
        results = self._results
        if results is None or self._held is not HoldKind.TRIAL:
            return None
        pace = self.pace()
        shown = self._shown
        if shown is None or shown[0] is not results or shown[1] != pace:
            shown = self._shown = results, pace, forecast_of_rest(results, pace, spends=self._parts.spends)
        return shown[2]

    def pace(self) -> Throughput:
        """Return what limits the run now; the latency and the tokens of a request are not part of it."""
        pool = self._parts.pool
        usable = [member for member in pool.members if not member.health.is_gone]
        limits = [limit.row() for limit in pool.shared_limits]
        rate, found = self._parts.limiter.rate, pool.auto(None)
        if found.held_at is not None:
            rate = found.held_at if rate is None else min(rate, found.held_at)
        return Throughput(
            rate=rate,
            climbs_from=(found.rate or None) if found.held_at is None else None,
            concurrency=self._runner.concurrency,
            rpm=_sum([each.limits.requests for each in usable]),
            tpm=_sum([each.limits.tokens for each in usable]),
            shared=tuple((storable(each.name), each.rate, each.tpm) for each in limits),
        )


def _sum(buckets: Sequence[Any]) -> float | None:
    """Units a minute of all keys; None if one of them has no limit."""
    if not buckets or any(bucket is None for bucket in buckets):
        return None
    return float(sum(bucket.per_minute for bucket in buckets))
