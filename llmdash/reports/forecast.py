"""A forecast for scripts, and as lines to read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from llmdash.engine.model.amounts import dollars, span
from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.reports.wording import count, share
from llmdash.sanitize import clean_line

__all__ = ["forecast_lines", "forecast_record", "forecast_report"]


def forecast_record(forecast: ForecastPart) -> dict[str, Any]:
    """Return a forecast for scripts: ranges as low, middle and high, None where that is not known.

    `interval` is the share of such ranges that hold what comes of it; None where they are bounds.
    """
    return {
        "type": "forecast",
        "jobs": forecast.jobs,
        "trial": forecast.trial,
        "sampled": forecast.sampled,
        "interval": 0.8 if forecast.trial else None,
        "input_tokens": _record(forecast.input_tokens, 0),
        "output_tokens": _record(forecast.output_tokens, 0),
        "cost": _record(forecast.cost, 6),
        "batch_cost": _record(forecast.batch_cost, 6),
        "seconds": _record(forecast.seconds, 3),
        "binds": clean_line(forecast.binds),
        "accuracy": _record(forecast.accuracy, 4),
        "failed": _record(forecast.failed, 1),
        "basis": clean_line(forecast.basis),
    }


def _record(values: Range | None, digits: int) -> dict[str, float | None] | None:
    if values is None:
        return None
    ends = {"low": values.low, "middle": values.middle, "high": values.high}
    return {
        name: None if end is None or not math.isfinite(end) else round(end, digits)
        for name, end in ends.items()
    }


def forecast_report(forecast: ForecastPart, way_to_price: str) -> str:
    """Return the forecast of a run, of which nothing is sent yet; `way_to_price` if none is known."""
    lines = [f"jobs     {count(forecast.jobs)}", *forecast_lines(forecast)]
    if forecast.spends and forecast.cost is None:
        lines.append(f"prices   {clean_line(way_to_price)}")
    if forecast.spends:
        lines.append("nothing was sent; --trial 20 tells more, --budget DOLLARS bounds the cost")
    return "\n".join(lines)


def forecast_lines(forecast: ForecastPart) -> Iterator[str]:
    """Yield what a run, or its rest, will ask for, safe to show."""
    about = "" if forecast.trial or not forecast.sampled else _estimate(forecast)
    if forecast.input_tokens is not None:
        yield f"in       {_text(forecast.input_tokens, _tokens)}{about}"
    yield f"out      {_output(forecast)}"
    if forecast.cost is not None:
        yield f"cost     {_text(forecast.cost, dollars)}"
        if forecast.batch_cost == forecast.cost:
            yield "batch    at most the same with --batch: no price for batches is known"
        elif forecast.batch_cost is not None:
            yield f"batch    {_text(forecast.batch_cost, dollars)} with --batch, mostly within 24 hours"
    else:
        yield "cost     none: a simulator answers" if not forecast.spends else "cost     no price is known"
    if forecast.seconds is not None:
        binds = f", bound by {clean_line(forecast.binds)}" if forecast.binds else ""
        yield f"time     {_text(forecast.seconds, span)}{binds}"
    else:
        yield "time     as fast as answers come"
    if forecast.accuracy is not None:
        yield f"score    {_text(forecast.accuracy, share)}"
    if forecast.failed is not None and forecast.failed.high >= 0.5:
        yield f"failed   {_text(forecast.failed, _number)}"
    if forecast.trial:
        yield "         in brackets: 80 of 100 such ranges hold what comes of it"


def _estimate(forecast: ForecastPart) -> str:
    read = "all prompts" if forecast.sampled >= forecast.jobs else counted(forecast.sampled, "prompt")
    return f", an estimate of four characters a token from {read}"


def _output(forecast: ForecastPart) -> str:
    if forecast.output_tokens is None:
        return f"not known: {clean_line(forecast.basis)}"
    return f"{_text(forecast.output_tokens, _tokens)}, by {clean_line(forecast.basis)}"


def _text(values: Range, said: Callable[[float], str]) -> str:
    """A range in words: `about 5 (4 to 7)`, `3 to 9`, `at least 3`, `5` where it is exact."""
    if not math.isfinite(values.high):
        return f"at least {said(values.low)}"
    ends = said(values.low), said(values.high)
    if ends[0] == ends[1]:
        return f"about {ends[0]}"
    if values.middle is None:
        return f"at most {ends[1]}" if values.low <= 0 else f"{ends[0]} to {ends[1]}"
    return f"about {said(values.middle)} ({ends[0]} to {ends[1]})"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _tokens(value: float) -> str:
    return counted(round(value), "token")
