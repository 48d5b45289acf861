"""What a run is about to ask for: prompts, time, tokens and cost, estimated before anything is sent."""

from __future__ import annotations

from llmdash.config import Settings
from llmdash.config.prices import Prices
from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.pool.costs import Tokens
from llmdash.launch.request_options import options_of
from llmdash.llms.options import TOKEN_LIMITS, merge_options
from llmdash.prompts.source import InputError, PromptSource
from llmdash.ui.launcher import Forecast

__all__ = ["forecast_of"]

_SAMPLE = 200
"""Prompts that are read for an estimate; they are spread over the whole file."""


def forecast_of(source: PromptSource, settings: Settings, prices: Prices, *, spends: bool) -> Forecast:
    """Return the forecast of a run over `source`. Costs are None where a price is not known.

    Answers count at most their token limit; without one their tokens and cost are not known.
    """
    tokens = _input_tokens(source)
    longest = _longest_answer(source, settings)
    answers = None if longest is None else longest * len(source)
    known = spends and len(settings.endpoints) == 1
    url = (settings.endpoints[0].base_url or None) if known else None
    return Forecast(
        prompts=len(source),
        spends=spends,
        seconds=len(source) / settings.rate if settings.rate else None,
        input_tokens=tokens,
        output_tokens=answers,
        cost_of_prompts=prices.cost(settings.model, Tokens(input=tokens), url) if known else None,
        cost_of_answers=prices.cost(settings.model, Tokens(output=answers), url)
        if known and answers
        else None,
    )


def _longest_answer(source: PromptSource, settings: Settings) -> int | None:
    """Return the token limit of the answers, of the prompt file or the settings, whatever its name."""
    wider = merge_options(settings.run_options, settings.endpoints[0].options)
    options = merge_options(wider, options_of(source, settings, {}))
    limits = (options.get(name) for name in TOKEN_LIMITS)
    return next((limit for limit in limits if isinstance(limit, int)), None)


def _input_tokens(source: PromptSource) -> int:
    """Return an estimate of the tokens of all prompts, from some of them."""
    step = max(1, len(source) // _SAMPLE)
    found = [_tokens_of(source, job) for job in range(0, len(source), step)]
    return round(sum(found) / len(found) * len(source)) if found else 0


def _tokens_of(source: PromptSource, job: int) -> int:
    try:
        return prompt_tokens(source.prompt(job))
    except InputError:
        return 0  # the run will say so
