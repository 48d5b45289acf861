"""Quotes: what a request may cost at most, estimated before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from llmdash.engine.dispatch.attempt import prompt_tokens
from llmdash.engine.dispatch.rows import own_model
from llmdash.engine.metrics.histogram import LogHistogram
from llmdash.engine.pool.costs import CostOf, Tokens, cost_of_usage, no_price
from llmdash.engine.pool.member import Member
from llmdash.llms.messages import Usage
from llmdash.llms.options import merge_options
from llmdash.prompts.source import Prompt

__all__ = ["PRIOR_TOKENS", "PromptSizes", "Quotes"]

PRIOR_TOKENS = 4_096
"""Tokens of an answer without a limit, until enough are known."""
_ENOUGH = 20
"""Answers from which their 95th percentile, and the size of prompts against the estimate, can be told."""


class PromptSizes(NamedTuple):
    """Sums over prompts: tokens as servers counted them, and as they were estimated before."""

    counted: int = 0
    estimated: int = 0


class Quotes:
    """Estimates what requests cost at most: the prompt, and an answer as long as its limit, else the 95th
    percentile of the answers so far, else 4,096 tokens.

    The size of prompts is an estimate, raised by as much as the server counted more so far; `sizes` are those
    of earlier starts.
    """

    def __init__(
        self,
        cost_of: CostOf,
        options: Mapping[str, Any],
        sizes: PromptSizes | None = None,
        batch_cost_of: CostOf = no_price,
    ) -> None:
        self.cost_of = cost_of
        self.batch_cost_of = batch_cost_of
        """The prices of what comes back in batches; what goes out is quoted as if it were sent live."""
        self._options = options
        self._answers = LogHistogram()
        self.known = 0
        """The number of answers whose length is known."""
        self.sizes = PromptSizes() if sizes is None else sizes
        self._asked: dict[int, int] = {}

    def has_price(self, label: str, model: str) -> bool:
        """True if the cost of a request with this key is known."""
        return self.cost_of(label, model, Tokens(1_000, 1_000)) is not None

    def learn(self, output_tokens: Iterable[int]) -> None:
        """Take in the lengths of answers from earlier starts."""
        for tokens in output_tokens:
            self._answers.add(tokens)
            self.known += 1

    def answered(self, job: int, usage: Usage) -> None:
        """Take in what the server counted for a job that was quoted."""
        self.learn((usage.output_tokens,))
        asked = self._asked.pop(job, None)
        if asked and not usage.estimated:
            self.sizes = PromptSizes(self.sizes.counted + usage.input_tokens, self.sizes.estimated + asked)

    def forget(self, job: int) -> None:
        """A job ended without a count."""
        self._asked.pop(job, None)

    def quote(self, job: int, prompt: Prompt, members: Iterable[Member]) -> dict[Member, float]:
        """Return the dollars that a request of `job` costs at most with each key that has a price for it."""
        self._asked[job] = estimated = prompt_tokens(prompt)
        tokens = round(estimated * self._scale())
        model = own_model(prompt)
        options = merge_options(self._options, prompt.options)
        found: dict[Member, float] = {}
        by_endpoint: dict[int, float | None] = {}
        for member in members:
            known = id(member.endpoint)
            if known not in by_endpoint:
                longest = member.llm.longest_answer(options) or self._usual_answer()
                by_endpoint[known] = self._most(member.label, model or member.llm.model, tokens, longest)
            cost = by_endpoint[known]
            if cost is not None:
                found[member] = cost
        return found

    def cost(self, label: str, model: str, usage: Usage) -> float:
        """Return the dollars for what a server counted; 0 where there is no price."""
        return cost_of_usage(self.cost_of, label, model, usage) or 0.0

    def _most(self, label: str, model: str, asked: int, said: int) -> float | None:
        """The dearest that these tokens can be: plain ones, or written to a cache, or of reasoning."""
        costs = [
            self.cost_of(label, model, Tokens(asked, said, 0, written, reasoning))
            for written in (0, asked)
            for reasoning in (0, said)
        ]
        known = [cost for cost in costs if cost is not None]
        return max(known) if known else None

    def _usual_answer(self) -> int:
        if self.known < _ENOUGH:
            return PRIOR_TOKENS
        return max(1, round(self._answers.percentile(0.95) or PRIOR_TOKENS))

    def _scale(self) -> float:
        if self.known < _ENOUGH or not self.sizes.estimated:
            return 1.0
        return max(1.0, self.sizes.counted / self.sizes.estimated)
