"""The forecast in words: what Enter would send, how long that takes, and what it costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean_line
from llmdash.ui.text.format import dollars, fit, si, span

if TYPE_CHECKING:
    from llmdash.engine.model.forecast import ForecastPart, Range

__all__ = ["LABEL", "enter_words", "forecast_lines"]

LABEL = 9
"""Cells of what a line is about."""
_WHOM: Final = 20
"""Cells of the name of an endpoint, at most."""


def enter_words(forecast: ForecastPart, trial: int, endpoint: str, *, asks: bool = False) -> str:
    """Return what Enter does now; where it `asks`, only at the second press.

    >>> enter_words(ForecastPart(jobs=4210), 20, "openai")
    '⏎ sends 20 of 4,210 prompts to openai, then holds'
    >>> enter_words(ForecastPart(jobs=4210), 0, "openai", asks=True)
    '⏎ asks first: 4,210 prompts to openai'
    >>> enter_words(ForecastPart(jobs=90, spends=False), 0, "simulator")
    '⏎ sends 90 prompts to the simulator'
    """
    does = "⏎ asks first:" if asks else "⏎ sends"
    prompts = counted(forecast.jobs, "prompt")
    whom = fit(endpoint, _WHOM).rstrip() if forecast.spends else "the simulator"
    if 0 < trial < forecast.jobs:
        return f"{does} {trial:,} of {prompts} to {whom}, then holds"
    return f"{does} {prompts} to {whom}"


def forecast_lines(forecast: ForecastPart, budget: float | None) -> tuple[str, str, str]:
    """Return lines on the tokens, the time and the cost; what is not known is said.

    >>> forecast_lines(ForecastPart(jobs=90, spends=False), None)[2]
    'cost     none: the simulator is on this machine'
    """
    return (
        f"tokens   {_tokens(forecast)}",
        f"time     {_time(forecast)}",
        f"cost     {_cost(forecast)}{_against(forecast, budget)}",
    )


def _tokens(forecast: ForecastPart) -> str:
    """The figures, and behind them what they rest on, which is cut first."""
    asked, said = forecast.input_tokens, forecast.output_tokens
    figures, basis = [], [clean_line(forecast.basis)]
    if asked is not None:
        some = f", from {counted(forecast.sampled, 'prompt')}" if forecast.sampled < forecast.jobs else ""
        figures.append(f"about {_si(asked.expected)} in")
        basis.insert(0, f"four characters a token{some}")
    if said is not None:
        certain = "at most " if said.middle is None else "about "
        figures.append(f"{certain}{_si(said.expected)} out")
    else:
        figures.append("out not known")
    known = "; ".join(filter(None, basis))
    return ", ".join(figures) + (f" ({known})" if known else "")


def _time(forecast: ForecastPart) -> str:
    bound = f"; bound by {clean_line(forecast.binds)}" if forecast.binds else ""
    if forecast.seconds is None:
        return f"as fast as answers come{bound}"
    seconds = forecast.seconds
    return f"{f'at least {span(seconds.low)}' if seconds.is_open else span(seconds.expected)}{bound}"


def _cost(forecast: ForecastPart) -> str:
    if not forecast.spends:
        return "none: the simulator is on this machine"
    if forecast.cost is None:
        return "no price is known; [prices] in llmdash.toml sets one"
    return _dollars(forecast.cost)


def _dollars(cost: Range) -> str:
    if not math.isfinite(cost.high):
        return f"{dollars(cost.low)} for the prompts; answers cost more, without a limit"
    if cost.middle is None:
        return f"at most about {dollars(cost.high)}"
    return f"about {dollars(cost.middle)}, up to {dollars(cost.high)}"


def _against(forecast: ForecastPart, budget: float | None) -> str:
    """Whether the budget will do."""
    if budget is None or forecast.cost is None or not forecast.spends:
        return ""
    verdict = "holds" if forecast.cost.high <= budget else "may hold the run"
    return f"   budget {dollars(budget)} {verdict}"


def _si(number: float) -> str:
    return si(number).strip()
