"""What a run has spent before its budget is set, earlier starts included."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.quotes import PromptSizes, Quotes
from llmdash.engine.dispatch.uncertain import UNCERTAIN
from llmdash.engine.model.amounts import dollars
from llmdash.engine.model.counts import counted
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import AnswerFlag, JobState, Severity
from llmdash.engine.pool.costs import costs_by_key
from llmdash.engine.pool.member import Member
from llmdash.engine.store.job_columns import JobColumns
from llmdash.prompts.source import InputError

__all__ = ["require_prices", "sizes_fact", "sizes_in", "spent_before", "uncertain_in"]

_SIZES = "prompt_sizes"
"""The fact with the sums by which estimates of prompts are corrected: a resume has to quote as before."""


def require_prices(members: Collection[Member], quotes: Quotes) -> None:
    """Raise ValueError if the cost of a request with one of the keys is not known: no budget could hold."""
    for member in members:
        if not quotes.has_price(member.label, member.llm.model):
            place = f" at {member.endpoint.name}" if member.endpoint.name else ""
            raise ValueError(
                f"no price is known for {member.llm.model}{place}, so no budget can hold; add one to "
                f'llmdash.toml: [prices."{member.llm.model}"], with input and output, in dollars per million'
            )


def spent_before(parts: RunnerParts, asking: Mapping[int, Member]) -> tuple[float, float]:
    """Return the dollars paid for so far, and those of requests with an unknown outcome, at what they may
    have cost at most. The jobs that keys are `asking` for are reserved for.
    """
    quotes, columns = parts.reservations.quotes, parts.store.columns
    quotes.learn(columns.output_tokens[job] for job in range(columns.jobs) if _was_asked(columns, job))
    _cover(parts, asking.items())
    labels = [member.label for member in parts.pool.members]
    pool = parts.pool
    ways = (pool.spending, quotes.cost_of), (pool.batch_spending, quotes.batch_cost_of)
    settled = sum(cost or 0.0 for spent, price in ways for _, cost in costs_by_key(spent, labels, price))
    uncertain = parts.reservations.uncertain
    unknown = sum(_most(parts, job, key) for job, key in uncertain.lost) + uncertain.dollars
    if unknown:
        text = (
            f"{dollars(unknown)} of the budget is kept for requests of unknown outcome, which may be billed"
        )
        lost = len(uncertain.lost)
        count = f" ({counted(lost, 'request')} without an answer)" if lost else ""
        parts.store.apply(Noticed(Severity.WARNING, text + count))
    return settled, unknown


def sizes_fact(sizes: PromptSizes) -> dict[str, str]:
    """Return the fact of how large prompts were, none where nothing was quoted."""
    return {_SIZES: json.dumps(sizes)} if sizes.estimated else {}


def sizes_in(facts: Mapping[str, Any]) -> PromptSizes:
    """Return how large prompts were in earlier starts; nothing where that is missing or damaged."""
    try:
        counted_tokens, estimated = json.loads(facts.get(_SIZES) or "null")
    except (ValueError, TypeError):
        return PromptSizes()
    sound = all(isinstance(each, int) and each >= 0 for each in (counted_tokens, estimated))
    return PromptSizes(counted_tokens, estimated) if sound else PromptSizes()


def _was_asked(columns: JobColumns, job: int) -> bool:
    """True for a job that was answered, and did not take the answer of another."""
    answered = columns.state[job] in (JobState.DONE, JobState.INVALID)
    return answered and not columns.flags[job] & AnswerFlag.REUSED


def uncertain_in(facts: Mapping[str, Any]) -> float:
    """Return the dollars of failed requests of earlier starts that may be billed all the same."""
    found = facts.get(UNCERTAIN)
    return found if isinstance(found, float) and 0 <= found < math.inf else 0.0


def _cover(parts: RunnerParts, asking: Iterable[tuple[int, Member]]) -> None:
    """Reserve for what is in flight, or about to be."""
    for job, member in asking:
        try:
            parts.reservations.cover(job, parts.source.prompt(job), member)
        except InputError:
            continue  # its prompt was read before the file changed


def _most(parts: RunnerParts, job: int, key: str) -> float:
    """The dollars that an attempt of an earlier start may have cost at most."""
    members = parts.pool.members
    known = [member for member in members if member.label == key] or members
    try:
        costs = parts.reservations.quotes.quote(job, parts.source.prompt(job), known)
    except InputError:
        return 0.0
    parts.reservations.quotes.forget(job)
    return max(costs.values(), default=0.0)
