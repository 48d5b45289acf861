"""HeadParts: the run as a whole: its counts, pace, times and cost, and what limits its rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from llmdash.engine.frames.blockers import BINDINGS, RunStatus, Waits
from llmdash.engine.frames.figures import Figures, Times
from llmdash.engine.frames.gauges import Gauges
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.frames.steady import SteadyBinding
from llmdash.engine.frames.time_left import RateInForce, seconds_left
from llmdash.engine.model.frame import KeyRow, Percentiles, RatePart, RunPart
from llmdash.engine.model.states import Binding, JobState, RunState, WaitReason
from llmdash.engine.pool.costs import CostSoFar, cost_so_far, projected, with_batches

__all__ = ["HeadParts"]

_COST_S = 0.5
_LEAST_S = 1e-3
_SHARES = (0.50, 0.90, 0.95, 0.99)


class HeadParts:
    """Builds the parts of a frame that no view changes. Hold the lock of the store."""

    def __init__(self, facts: RunFacts, store: Figures, gauges: Gauges, hold_s: float) -> None:
        """What binds is named once it has for `hold_s` seconds."""
        self._facts = facts
        self._store = store
        self._gauges = gauges
        self._steady = SteadyBinding(hold_s)
        self._cost_at = -math.inf
        self._last_cost = CostSoFar()
        self._batch_cost: float | None = None
        self._cost_is_most = False
        self.has_batch_price = cache(facts.has_batch_price)
        """As the facts have it; a price list may be slow."""

    def run(
        self, status: RunStatus, blocker: WaitReason | None, now: float, keys: Sequence[KeyRow]
    ) -> RunPart:
        """Return the header."""
        active_s = self._store.run_clock.at(now)
        cost = self._cost(keys, now, rests=status.state.ended or status.held is not None)
        return self._foreseen(self._seen(status, active_s, keys, cost), status, blocker, now)

    def _seen(self, status: RunStatus, active_s: float, keys: Sequence[KeyRow], cost: CostSoFar) -> RunPart:
        """Return the run as it is. It is made at once: a copy for each part of it would take longer."""
        facts, store, wall = self._facts, self._store, self._store.wall
        columns, series, counts = store.columns, store.time_series, store.columns.counts
        spent = self._gauges.spending.total() + self._gauges.batch_spending.total()
        priced = counts[JobState.DONE] + counts[JobState.INVALID] + counts[JobState.FAILED]
        return RunPart(
            name=facts.name,
            model=facts.model,
            endpoint=facts.endpoint,
            keys=len(keys),
            state=status.state,
            state_detail=status.detail,
            elapsed_s=active_s,
            left_out=facts.left_out,
            unknown=sum([key.cut for key in keys]),
            spends=facts.spends,
            is_streamed=facts.is_streamed,
            began_at=wall.began_at,
            paused_at=wall.paused_at if status.state is RunState.PAUSED else None,
            ended_at=wall.ended_at if status.state.ended else None,
            output=status.output,
            jobs=columns.jobs,
            queued=counts[JobState.QUEUED],
            waiting=counts[JobState.LIMITER] + counts[JobState.KEY] + counts[JobState.BACKOFF],
            in_flight=store.in_flight,
            batched=counts[JobState.BATCHED],
            done=counts[JobState.DONE],
            invalid=counts[JobState.INVALID],
            failed=counts[JobState.FAILED],
            cancelled=counts[JobState.CANCELLED],
            attempts=store.attempts,
            retries=store.retries,
            failed_tries=store.errors.tries,
            made_good=store.errors.made_good,
            empty=store.empty,
            reused=store.reused,
            score=store.score,
            requests_per_s=self._per_s(status, store.sends_10s.rate(active_s), series.total_sent, active_s),
            tokens_per_s=self._per_s(status, store.tokens.rate(active_s), series.total_tokens, active_s),
            peak_in_flight=series.peak_in_flight() if status.state.ended else None,
            ttft=_percentiles(store.ttft),
            latency=_percentiles(store.latency),
            waited=_percentiles(store.waited),
            input_tokens=spent.input,
            output_tokens=spent.output,
            cached_tokens=spent.cached,
            reasoning_tokens=spent.reasoning,
            tokens_estimated=store.estimated,
            cost=cost.dollars,
            batch_cost=self._batch_cost,
            cost_is_most=self._cost_is_most,
            cost_uncertain=cost.uncertain,
            cost_projected=projected(cost.dollars, priced, columns.jobs, cost.uncertain),
        )

    def _foreseen(self, run: RunPart, status: RunStatus, blocker: WaitReason | None, now: float) -> RunPart:
        """Return the run with what holds it up, and when it ends."""
        left = run.queued + run.waiting + run.in_flight
        ends_in_s = None
        if blocker is None and status.state is RunState.RUNNING:
            pace = self._store.ends_60s.rate(run.elapsed_s)
            ends_in_s = seconds_left(run, pace, self._set_rate(now))
        detail = _detail(status, blocker if left else None)
        if ends_in_s is None and detail == run.state_detail:
            return run
        ends_at = self._store.wall.now() + ends_in_s[1] if ends_in_s is not None else None
        return replace(run, state_detail=detail, ends_in_s=ends_in_s, ends_at=ends_at)

    def _set_rate(self, now: float) -> RateInForce | None:
        gauges = self._gauges
        if gauges.rate is None:
            return None
        permit_at = gauges.permit_at
        binds = gauges.waits_for_rate or self._steady.shown is Binding.RATE
        return RateInForce(gauges.rate, binds, 0.0 if permit_at is None else max(0.0, permit_at - now))

    def rate(self, status: RunStatus, run: RunPart, blocker: WaitReason | None, waits: Waits) -> RatePart:
        """Return the sliders: what is set, what comes of it, and what limits it."""
        rate = self._gauges.rate
        store = self._store
        window = store.sends if (rate or 1e9) >= 5 else store.sends_10s
        achieved = self._per_s(
            status, window.rate(run.elapsed_s), store.time_series.total_sent, run.elapsed_s
        )
        return RatePart(
            rate=rate,
            achieved=achieved or 0.0,
            concurrency=self._gauges.concurrency,
            in_flight=self._gauges.in_flight,
            binding=self._binding(run, blocker, waits),
            auto=self._gauges.auto,
        )

    def _binding(self, run: RunPart, blocker: WaitReason | None, waits: Waits) -> Binding:
        """Return what limits the rate, from the hardest reason to the softest."""
        if run.state is RunState.PAUSED:
            return self._steady.happens(Binding.PAUSE)
        if run.ended == run.jobs or run.state in (RunState.STOPPED, RunState.DRAINING):
            return self._steady.happens(Binding.FINISHED)
        if run.is_all_batched:
            return self._steady.happens(Binding.BATCHES)
        if blocker is not None:
            return self._steady.happens(BINDINGS[blocker])
        return self._steady.follow(self._binding_of_pace(run, waits), self._store.clock())

    def _binding_of_pace(self, run: RunPart, waits: Waits) -> Binding:
        """Return what limits the rate at this moment, while requests are sent."""
        if waits.full:
            return Binding.CONCURRENCY
        if self._gauges.waits_for_rate:
            return Binding.RATE
        if self._gauges.waits_for_auto:
            return Binding.AUTO
        if self._store.columns.counts[JobState.KEY]:
            return Binding.SHARED if waits.shared else Binding.KEYS
        return Binding.FINISHED if not run.queued else Binding.LATENCY

    def _cost(self, keys: Sequence[KeyRow], now: float, *, rests: bool) -> CostSoFar:
        """Return the cost so far; computed at most twice a second, since a price list may be slow."""
        if rests or now - self._cost_at >= _COST_S:
            spending, facts = self._gauges.spending, self._facts
            live, in_batches = cost_so_far(spending, keys, facts.cost_of), self._gauges.batch_spending
            self._cost_at = now
            self._last_cost, self._batch_cost = with_batches(
                live, spending, in_batches, keys, facts.batch_cost_of
            )
            self._cost_is_most = self._batch_cost is not None and not all(
                self.has_batch_price(label, model) for label, model, _ in in_batches
            )
        return self._last_cost

    def _per_s(
        self, status: RunStatus, pace: float, total: Callable[[], int], active_s: float
    ) -> float | None:
        """Return the pace, 0 at rest; once the run has ended its mean, None if that is not on record."""
        if status.state.ended:
            return total() / active_s if total() and active_s >= _LEAST_S else None
        counts = self._store.columns.counts
        waits = status.state is RunState.PAUSED or status.held is not None
        waits |= bool(counts[JobState.BATCHED]) and not counts[JobState.QUEUED]
        return 0.0 if waits and not self._store.in_flight else pace


def _detail(status: RunStatus, blocker: WaitReason | None) -> str:
    """Return what the state of a run comes with in words: what holds a running one up, if anything does."""
    if blocker is None or status.state is not RunState.RUNNING:
        return status.detail
    return f"waiting on {blocker.value}"


def _percentiles(times: Times) -> Percentiles:
    return Percentiles(*times.percentiles(_SHARES))
