"""What the request of a prompt asks for, and what it costs at each endpoint that may serve it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from llmdash.config import EndpointSettings, Settings
from llmdash.config.prices import Prices
from llmdash.engine.dispatch.attempt import model_asked, prompt_tokens
from llmdash.engine.model.forecast import Range
from llmdash.engine.pool.costs import Tokens
from llmdash.launch.earlier import EarlierAnswers
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.options import merge_options, token_limit
from llmdash.prompts.source import Prompt

__all__ = ["RequestEstimate", "RequestEstimates", "summed"]

_MANY = 1_000_000


class RequestEstimate(NamedTuple):
    """Tokens in and out of one request, and its dollars; None where that is not known. `limits` are those of
    the answer at each endpoint that may serve it.
    """

    asked: int
    said: Range | None
    cost: Range | None
    limits: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """An endpoint, the options that go with each request to it, and its limit where they set none."""

    endpoint: EndpointSettings
    options: Mapping[str, Any]
    default: int | None

    def limit(self, prompt: Prompt) -> int | None:
        return token_limit(merge_options(self.options, prompt.options)) or self.default


class RequestEstimates:
    """Estimates requests: prompts of four characters a token; answers as long as those of `earlier` runs,
    from their mean to their 95th percentile, and no longer than their token limit. `options` go with each
    request; without `prices` nothing costs anything, and `in_batches` they are those of batches.
    """

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        prices: Prices | None,
        earlier: EarlierAnswers | None,
        *,
        in_batches: bool = False,
    ) -> None:
        wider = settings.run_options
        self._places = [
            _Place(each, merge_options(merge_options(wider, each.options), options), _default_limit(each))
            for each in settings.endpoints
        ]
        self._price = None if prices is None else partial(prices.cost, in_batch=in_batches)
        self._earlier = earlier

    def of(self, prompt: Prompt) -> RequestEstimate:
        """Return the estimate for a prompt."""
        asked, own = prompt_tokens(prompt), model_asked(prompt)
        places = self._serving(own)
        limits = tuple(place.limit(prompt) for place in places)
        answers = [self._answer(limit) for limit in limits]
        costs = [
            self._cost(place.endpoint, own or place.endpoint.model, asked, answer)
            for place, answer in zip(places, answers, strict=True)
        ]
        said = _across(answers)
        return RequestEstimate(
            asked, None if said is None or math.isinf(said.high) else said, _across(costs), limits
        )

    def _serving(self, model: str | None) -> Sequence[_Place]:
        """The endpoints that serve the model a prompt names; all where it names none."""
        serving = [
            each for each in self._places if model in (None, each.endpoint.model, *each.endpoint.models)
        ]
        return serving or self._places

    def _answer(self, limit: int | None) -> Range:
        if self._earlier is None:
            return Range(0, math.inf if limit is None else limit)
        most = min(math.inf if limit is None else limit, self._earlier.p95)
        mean = min(most, self._earlier.mean)
        return Range(mean, most, mean)

    def _cost(self, endpoint: EndpointSettings, model: str, asked: int, said: Range) -> Range | None:
        if self._price is None:
            return None
        low = self._dollars(endpoint, model, asked, said.low)
        high = self._dollars(endpoint, model, asked, said.high)
        if low is None or high is None:
            return None
        return Range(low, high, None if said.middle is None else low)

    def _dollars(self, endpoint: EndpointSettings, model: str, asked: int, said: float) -> float | None:
        if self._price is None:
            return None
        if math.isinf(said):
            none, many = (self._dollars(endpoint, model, asked, tokens) for tokens in (0, _MANY))
            return none if none is None or none == many else math.inf
        tokens = Tokens(asked, math.floor(said))
        more = said - tokens.output
        cost = self._price(model, tokens[:5], endpoint.base_url or None)
        if not more or cost is None:
            return cost
        above = self._price(model, tokens._replace(output=tokens.output + 1)[:5], endpoint.base_url or None)
        return cost if above is None else cost + more * (above - cost)


def _default_limit(endpoint: EndpointSettings) -> int | None:
    """The token limit of answers where none is asked for."""
    if endpoint.dialect == LANGCHAIN:
        return None
    return getattr(DIALECTS[endpoint.dialect].load(), "default_max_tokens", None)


def _across(found: Sequence[Range | None]) -> Range | None:
    """From the least to the most of several endpoints; a middle only where there is one endpoint."""
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    middles = {each.middle for each in known}
    return Range(
        min(each.low for each in known),
        max(each.high for each in known),
        middles.pop() if len(middles) == 1 else None,
    )


def summed(found: Sequence[Range | None], share: float) -> Range | None:
    """Return the sum of ranges, `share` times; None if one of them is not known."""
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    middles = [each.middle for each in known if each.middle is not None]
    low, high, middle = (
        math.fsum(ends) * share
        for ends in ((each.low for each in known), (each.high for each in known), middles)
    )
    return Range(low, high, middle if known and len(middles) == len(known) else None)
