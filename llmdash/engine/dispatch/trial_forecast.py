"""The forecast of the rest of a run, from a trial of jobs that are spread over it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import field
from statistics import fmean

from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.dispatch.rows import REUSED
from llmdash.engine.dispatch.throughput import Throughput, seconds_of
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.metrics.intervals import share_of_rest, total_of_rest
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.engine.pool.costs import CostOf, Tokens
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import InputError, PromptSource
from llmdash.prompts.verdict import Verdict

__all__ = ["TrialPlan", "TrialResults", "forecast_of_rest", "results_of_trial", "spread"]

_SAMPLE = 2_000
"""Prompts of the rest that are read for their sizes; they are spread over it."""
_CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """The first jobs of a run, after which it is held: `size` of the first `of` jobs, spread over them."""

    size: int
    of: int

    def jobs(self) -> Sequence[int]:
        return spread(self.size, self.of)


def spread(size: int, jobs: int) -> Sequence[int]:
    """Return `size` of `jobs` jobs, in order: a random one from each of as many parts of the same length.

    So the trial is unbiased where the file is sorted, or repeats itself; the first ones would not be. The
    same numbers give the same jobs.
    """
    if size >= jobs:
        return range(jobs)
    rng = random.Random(size * 1_000_003 + jobs)
    return [rng.randrange(part * jobs // size, (part + 1) * jobs // size) for part in range(size)]


@dataclass(frozen=True, slots=True)
class TrialResults:
    """What came of the jobs of a trial: a value a job, in the same order; costs are empty without prices.

    A job whose answer was known belongs to it, without cost and attempt: so will a share of the rest.

    `rest_size` is the mean size of the prompts of the `rest`, by an estimate from `sampled` of them.
    """

    rest: int
    rest_size: float
    sampled: int
    sizes: Sequence[float] = field(default_factory=tuple)
    input_tokens: Sequence[float] = field(default_factory=tuple)
    output_tokens: Sequence[float] = field(default_factory=tuple)
    costs: Sequence[float] = field(default_factory=tuple)
    latencies: Sequence[float] = field(default_factory=tuple)
    attempts: Sequence[float] = field(default_factory=tuple)
    failed: int = 0
    right: int = 0
    scored: int = 0


def results_of_trial(
    source: PromptSource, reader: JournalReader, rest: Sequence[int], cost_of: CostOf
) -> TrialResults:
    """Return what came of the jobs that ended, all of which belong to the trial; may take a while.

    `rest` are the jobs to come.
    """
    rows = [row for row in reader.ended() if row.state != _CANCELLED]
    used: dict[int, list[tuple[str, str, Tokens]]] = {row.job: [] for row in rows}
    for job, key, model, tokens in reader.sums.used():
        if job in used:
            used[job].append((key, model, Tokens(*tokens)))
    sums = [sum((tokens for _, _, tokens in used[row.job]), Tokens()) for row in rows]
    priced = [[cost_of(*attempt) for attempt in used[row.job]] for row in rows]
    reused = [REUSED in (row.flags or "").split(",") for row in rows]
    known = all(cost is not None for costs in priced for cost in costs) and (any(priced) or all(reused))
    verdicts = [row.verdict for row in rows if row.verdict != Verdict.UNSCORED]
    sample = rest[:: max(1, len(rest) // _SAMPLE)]
    return TrialResults(
        rest=len(rest),
        rest_size=fmean(_sizes(source, sample)) if sample else 0.0,
        sampled=len(sample),
        sizes=_sizes(source, [row.job for row in rows]),
        input_tokens=[tokens.input for tokens in sums],
        output_tokens=[tokens.output for tokens in sums],
        costs=[sum(cost or 0.0 for cost in costs) for costs in priced] if known and rows else (),
        latencies=[row.latency_s for row in rows if row.latency_s is not None],
        attempts=[
            row.attempts if is_reused else max(1, row.attempts)
            for row, is_reused in zip(rows, reused, strict=True)
        ],
        failed=sum(row.state != "done" for row in rows),
        right=verdicts.count(Verdict.RIGHT),
        scored=len(verdicts),
    )


def _sizes(source: PromptSource, jobs: Sequence[int]) -> list[float]:
    return [_size(source, job) for job in jobs]


def _size(source: PromptSource, job: int) -> float:
    try:
        return float(prompt_tokens(source.prompt(job)))
    except InputError:
        return 0.0  # the run will say so


def forecast_of_rest(trial: TrialResults, pace: Throughput, *, spends: bool = True) -> ForecastPart:
    """Return the forecast of the rest, at a pace whose latency and tokens are those of the trial; `spends`
    is False where a simulator answers.
    """
    rest, ended = trial.rest, len(trial.sizes)
    asked, said = _total(trial, trial.input_tokens), _total(trial, trial.output_tokens)
    failed = _range(share_of_rest(trial.failed, ended, rest))
    requests = _mean_range(trial.attempts, rest)
    least = min(1.0, min(trial.attempts, default=1.0))  # fewer than one a job where answers were known
    seconds, binds = seconds_of(
        pace,
        Range(rest * max(least, requests.low), rest * requests.high, rest * requests.expected),
        _mean_range(trial.latencies, rest) if trial.latencies else None,
        Range((asked.low + said.low) / rest, (asked.high + said.high) / rest, _each(asked, said, rest))
        if asked and said and rest
        else None,
    )
    return ForecastPart(
        jobs=rest,
        trial=ended,
        sampled=trial.sampled,
        input_tokens=asked,
        output_tokens=said,
        cost=_total(trial, trial.costs),
        seconds=seconds,
        binds=binds,
        accuracy=_range(share_of_rest(trial.right, trial.scored, rest)),
        failed=None
        if failed is None
        else Range(failed.low * rest, failed.high * rest, trial.failed / ended * rest),
        basis=f"a trial of {counted(ended, 'prompt')}, spread over the file",
        spends=spends,
    )


def _total(trial: TrialResults, values: Sequence[float]) -> Range | None:
    if not values:
        return None
    return _range(total_of_rest(values, trial.sizes, trial.rest, trial.rest_size))


def _mean_range(values: Sequence[float], rest: int) -> Range:
    """The mean of the rest; the mean of the trial where that is too small for more."""
    found = total_of_rest(values, [0.0] * len(values), max(1, rest), 0.0)
    if found is None:
        mean = fmean(values) if values else 1.0
        return Range(mean, mean, mean)
    low, middle, high = (each / max(1, rest) for each in found)
    return Range(low, high, middle)


def _each(asked: Range, said: Range, rest: int) -> float:
    return (asked.expected + said.expected) / rest


def _range(found: tuple[float, float, float] | None) -> Range | None:
    if found is None:
        return None
    low, middle, high = found
    return Range(low, high, middle)
