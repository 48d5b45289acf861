"""What a run is about to ask for: prompts, time, tokens and cost, estimated before anything is sent."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash.config import Settings
from llmdash.config.prices import Prices, load_prices, way_to_price
from llmdash.engine.dispatch.throughput import Throughput, seconds_of
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.engine.pool.rate_tuner import START_RATE
from llmdash.exit_codes import ExitCode
from llmdash.launch.earlier import EarlierAnswers, earlier_answers
from llmdash.launch.inputs import open_input, show_input, spool
from llmdash.launch.request_estimates import RequestEstimate, RequestEstimates, summed
from llmdash.launch.request_options import options_of, with_model_of
from llmdash.launch.run_input import Input
from llmdash.prompts.source import InputError, Prompt, PromptSource
from llmdash.reports.forecast import forecast_record, forecast_report
from llmdash.reports.output import Output
from llmdash.reports.summary import encode_line
from llmdash.sanitize import clean_line

__all__ = ["forecast_of", "show_forecast"]

_SAMPLE = 1_000
"""Prompts that are read for an estimate; they are spread over the whole file."""


def show_forecast(
    given: Input,
    settings: Settings,
    asked: Mapping[str, Any],
    *,
    simulated: bool,
    in_batches: bool = False,
    strict: bool = False,
    json: bool,
) -> int:
    """Print the forecast of a run over the input, with what it costs `in_batches` if that is asked for, and
    which lines of it are left out; nothing is sent. Return the exit code.

    Raises ConfigError, or InputError, with `strict` for lines left out, too.
    """
    with _readable(replace(given, limit=settings.limit)) as there:
        source, settings = with_model_of(
            open_input(there, settings.wires), settings, asked, simulated=simulated
        )
        show_input(source, strict=strict)
        forecast = forecast_of(
            source,
            settings,
            load_prices(),
            spends=not simulated,
            in_batches=in_batches,
            earlier=earlier_answers(settings.model),
        )
    way = way_to_price(clean_line(settings.model))
    text = encode_line(forecast_record(forecast)) if json else forecast_report(forecast, way)
    Output(sys.stdout).line(text)
    return ExitCode.DONE


@contextmanager
def _readable(given: Input) -> Iterator[Input]:
    """The input; standard input as a file for as long as the context lasts."""
    if str(given.path) != "-":
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield replace(given, path=spool(sys.stdin.buffer, Path(folder)), is_spooled=True)


def forecast_of(
    source: PromptSource,
    settings: Settings,
    prices: Prices,
    *,
    spends: bool,
    in_batches: bool = False,
    earlier: EarlierAnswers | None = None,
) -> ForecastPart:
    """Return the forecast of a run over `source`; what is not known is None.

    Prompts are read for it, at most some thousands that are spread over the file; each asks for its own
    model, and has its own token limit.
    """
    jobs = len(source)
    sample = range(0, jobs, max(1, jobs // _SAMPLE))
    known = settings, options_of(source, settings, {}), prices if spends else None
    estimates = RequestEstimates(*known, earlier if spends else None)
    found = [estimates.of(prompt) for prompt in _prompts(source, sample)]
    batched: list[RequestEstimate] = []
    if in_batches:
        cheaper = RequestEstimates(*known, earlier if spends else None, in_batches=True)
        batched = [cheaper.of(prompt) for prompt in _prompts(source, sample)]
    share = jobs / len(found) if found else 0.0
    asked = round(sum(each.asked for each in found) * share)
    said = summed([each.said for each in found], share)
    each = None if said is None or not jobs else (asked + said.expected) / jobs
    pace = _pace(settings, earlier if spends else None, each)
    seconds, binds = seconds_of(pace, Range(jobs, jobs, jobs))
    return ForecastPart(
        jobs=jobs,
        sampled=len(sample),
        input_tokens=Range(asked, asked, asked),
        output_tokens=said,
        cost=summed([each.cost for each in found], share),
        batch_cost=summed([each.cost for each in batched], share) if in_batches else None,
        seconds=seconds,
        binds=binds,
        basis=_basis(found, earlier if spends else None),
        spends=spends,
    )


def _prompts(source: PromptSource, jobs: range) -> Iterator[Prompt]:
    """The prompts of these jobs; an empty one for each that cannot be read: the run will say so."""
    for job in jobs:
        try:
            yield source.prompt(job)
        except InputError:
            yield Prompt("", ())


def _basis(found: Sequence[RequestEstimate], earlier: EarlierAnswers | None) -> str:
    """What the tokens of answers rest on."""
    if earlier is not None:
        return f"{counted(earlier.answers, 'answer')} of {counted(earlier.runs, 'earlier run')}"
    limits = {limit for each in found for limit in each.limits}
    known = sorted(limit for limit in limits if limit is not None)
    if None in limits or not known:
        return "answers without a token limit"
    if len(known) == 1:
        return f"the token limit of {known[0]:,} an answer"
    return f"token limits from {known[0]:,} to {known[-1]:,} an answer"


def _pace(settings: Settings, earlier: EarlierAnswers | None, tokens: float | None) -> Throughput:
    used = {endpoint.limit for endpoint in settings.endpoints}
    return Throughput(
        rate=settings.rate,
        climbs_from=START_RATE * max(1, len(settings.keys)) if settings.auto else None,
        concurrency=settings.concurrency,
        rpm=_sum(settings, "rpm"),
        tpm=_sum(settings, "tpm"),
        shared=tuple((each.name, each.rate, each.tpm) for each in settings.limits if each.name in used),
        latency_s=None if earlier is None else earlier.latency_s,
        tokens=tokens,
    )


def _sum(settings: Settings, name: str) -> float | None:
    """A limit a minute over all keys; None if a key has none."""
    limits = [
        getattr(endpoint, name) for endpoint in settings.endpoints for _ in range(max(1, len(endpoint.keys)))
    ]
    return None if any(limit is None for limit in limits) else float(sum(limits))
