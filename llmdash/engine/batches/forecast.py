"""The forecast of jobs in batches, beside that of the same jobs live, from some of the pending prompts."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace
from itertools import chain
from statistics import fmean, median
from typing import NamedTuple

from llmdash.engine.batches.batch import request_name
from llmdash.engine.batches.batch_file import BatchRoom, RequestGroup
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.quotes import PRIOR_TOKENS
from llmdash.engine.dispatch.throughput import Throughput
from llmdash.engine.model.batch_terms import BatchTerms, EarlierTimes
from llmdash.engine.model.forecast import BatchForecast
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState, JobState
from llmdash.engine.pool.costs import CostOf, Tokens
from llmdash.engine.pool.member import Member
from llmdash.lean_dataclass import dataclass
from llmdash.llms.batches import Batches
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import InputError, Prompt
from llmdash.sanitize import storable

__all__ = ["BatchForecasts", "PricePair"]

_SAMPLE = 500
"""Pending prompts that are read, spread over all of them."""
_ANSWERED = 300
"""Answers that are looked at for how long the next will be."""
_ENOUGH = 20
_FRESH_S = 5.0
"""How long a forecast is good; then another one is made, if it is still asked for."""
_KEPT = 4
_RUN = "0" * 10


class PricePair(NamedTuple):
    """The prices of requests live, and in batches."""

    live: CostOf
    batch: CostOf


class _Usual(NamedTuple):
    """What answers so far were like: tokens of a prompt for each that was estimated, and tokens of an answer;
    None while too few are known.
    """

    scale: float = 1.0
    output: float | None = None


@dataclass(slots=True)
class _Sums:
    """What the sampled requests of one group come to."""

    member: Member
    service: Batches
    requests: int = 0
    bytes: int = 0
    tokens: int = 0


@dataclass(slots=True)
class _Found:
    """What the sample comes to; costs are None once one is not known."""

    read: int = 0
    stay: int = 0
    why: str = ""
    live: float | None = 0.0
    batch: float | None = 0.0
    tokens: float = 0.0
    is_bound: bool = False
    is_full_price: bool = False
    groups: dict[RequestGroup, _Sums] = field(default_factory=dict)


class BatchForecasts:
    """Makes forecasts beside the frames, on a thread of its own, for as long as they are asked for.

    `pace` is how fast jobs go live, `rows` are the batches so far, `earlier` tells of those of other runs.
    """

    def __init__(
        self,
        parts: RunnerParts,
        carriers: Carriers,
        terms: BatchTerms,
        prices: PricePair,
        pace: Callable[[], Throughput],
        rows: Callable[[], Sequence[BatchRow]],
        earlier: EarlierTimes,
    ) -> None:
        self._parts = parts
        self._carriers = carriers
        self._terms = terms
        self._prices = prices
        self._pace = pace
        self._rows = rows
        self._earlier = earlier
        self._made: OrderedDict[tuple[int, ...], tuple[float, BatchForecast]] = OrderedDict()
        self._thread: threading.Thread | None = None

    def of(self, jobs: tuple[int, ...]) -> BatchForecast | None:
        """Return the forecast of those of `jobs` that are pending, or of all that are without any; None while
        it is being made.
        """
        at, made = self._made.get(jobs, (-math.inf, None))
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._parts.clock() - at >= _FRESH_S and not is_busy:
            self._thread = threading.Thread(
                target=self._make, args=(jobs,), name="llmdash-batch-forecast", daemon=True
            )
            self._thread.start()
        return made

    def _make(self, jobs: tuple[int, ...]) -> None:
        made = self._forecast(*self._sample(jobs))
        self._made[jobs] = self._parts.clock(), made
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        with self._parts.store.lock:
            self._parts.store.changes.add()

    def _sample(self, jobs: tuple[int, ...]) -> tuple[Sequence[int], int]:
        """Return pending jobs, spread over all there are, and how many there are."""
        columns = self._parts.store.columns
        if jobs:
            pending = [
                job for job in jobs if 0 <= job < columns.jobs and columns.state[job] == JobState.QUEUED
            ]
            return pending[:: max(1, len(pending) // _SAMPLE)], len(pending)
        number, state = columns.counts[JobState.QUEUED], columns.state
        spread = range(0, columns.jobs, max(1, number // _SAMPLE))
        return [job for job in spread if state[job] == JobState.QUEUED][: 2 * _SAMPLE], number

    def _forecast(self, sample: Sequence[int], pending: int) -> BatchForecast:
        found, usual = _Found(), self._usual()
        for job in sample:
            self._add(job, found, usual)
        going = sum(each.requests for each in found.groups.values())
        share = pending / found.read if found.read else 0.0
        jobs = min(pending, round(going * share))
        spends = self._parts.spends
        took = self._took(found.groups)
        return BatchForecast(
            jobs=jobs,
            stay=pending - jobs,
            why=found.why,
            live_cost=None if found.live is None or not spends else found.live * share,
            cost=None if found.batch is None or not spends else found.batch * share,
            is_bound=found.is_bound,
            is_full_price=found.is_full_price,
            live_s=self._live_s(jobs, found.tokens / going if going else None),
            usual_s=median(took) if took else None,
            seen=len(took),
            most_s=max((each.service.limits.window_s for each in found.groups.values()), default=0.0),
            files=sum(self._files(each, share) for each in found.groups.values()),
            bytes=round(sum(each.bytes for each in found.groups.values()) * share),
            spends=spends,
        )

    def _took(self, groups: Iterable[RequestGroup]) -> Sequence[float]:
        """How long batches took: those of this run, and the last ones of others to the same places."""
        own = [row.age_s for row in self._rows() if row.state is BatchState.CLOSED and row.provider_id]
        places = dict.fromkeys((group.endpoint.name, group.model) for group in groups)
        return [*own, *chain.from_iterable(self._earlier(*place) for place in places)]

    def _usual(self) -> _Usual:
        """Look at some answers: what the servers counted against the estimate, and how long they are."""
        columns, counted, estimated, said = self._parts.store.columns, 0, 0, []
        started = columns.started
        for job in started[:: max(1, len(started) // _ANSWERED)]:
            if columns.state[job] == JobState.DONE and columns.input_tokens[job]:
                prompt = self._prompt(job)
                counted += columns.input_tokens[job] if prompt is not None else 0
                estimated += prompt_tokens(prompt) if prompt is not None else 0
                said.append(columns.output_tokens[job])
        if len(said) < _ENOUGH or not estimated:
            return _Usual()
        return _Usual(counted / estimated, fmean(said))

    def _prompt(self, job: int) -> Prompt | None:
        try:
            return self._parts.source.prompt(job)
        except InputError:
            return None  # the attempt will say so

    def _add(self, job: int, found: _Found, usual: _Usual) -> None:
        """Add a job of the sample to what was found."""
        prompt = self._prompt(job)
        found.read += 1
        if prompt is None:
            return
        place = self._carriers.endpoint_for(prompt)
        if isinstance(place, str):
            found.stay, found.why = found.stay + 1, storable(place)
            return
        group = RequestGroup(*place, frozenset(prompt.options))
        sums = found.groups.get(group) or self._sums(group)
        if sums is None:
            return
        options = merge_options(self._parts.options, prompt.options)
        try:
            line = sums.service.line(request_name(_RUN, 1, job, 1), as_asked(prompt), None, options)
        except Failure as failure:
            found.stay, found.why = found.stay + 1, storable(failure.message)
            return
        found.groups[group] = sums
        sums.requests += 1
        sums.bytes += len(line) + len(sums.service.separator)
        sums.tokens += prompt_tokens(prompt)
        said = usual.output
        if said is None:
            said, found.is_bound = sums.member.llm.longest_answer(options) or PRIOR_TOKENS, True
        asked = prompt_tokens(prompt) * usual.scale
        found.tokens += asked + said
        self._price(found, sums.member.label, group.model, Tokens(round(asked), round(said)))

    def _sums(self, group: RequestGroup) -> _Sums | None:
        member = self._carriers.first_member(group.endpoint, group.model)
        service = None if member is None else self._carriers.service(member)
        return None if member is None or service is None else _Sums(member, service)

    def _price(self, found: _Found, label: str, model: str, tokens: Tokens) -> None:
        live, batch = self._prices.live(label, model, tokens), self._prices.batch(label, model, tokens)
        if batch is None:
            batch = live
        found.live = None if live is None or found.live is None else found.live + live
        found.batch = None if batch is None or found.batch is None else found.batch + batch
        found.is_full_price |= live is not None and batch is not None and batch >= live > 0.0

    def _files(self, sums: _Sums, share: float) -> int:
        """How many batches the requests of a group make."""
        room = BatchRoom.at(sums.service, self._terms.most_jobs, self._terms.most_tokens)
        parts = [sums.requests / room.requests, sums.bytes / room.bytes]
        parts += [sums.tokens / room.tokens] if room.tokens else []
        return max(1, math.ceil(max(parts) * share - 1e-9))

    def _live_s(self, jobs: int, tokens: float | None) -> float | None:
        """How long the jobs would take live, at the pace of now."""
        latency_s = self._parts.store.latency.percentiles((0.5,))[0]
        return replace(self._pace(), latency_s=latency_s, tokens=tokens).seconds(jobs) if jobs else None
