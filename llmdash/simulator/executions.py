"""How often each prompt was executed, live and in batches: what was answered is paid, delivered or not."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple

from llmdash.simulator.answers import Question

__all__ = ["Executed", "Executions", "Way"]

Way = Literal["live", "batch"]

_MOST_PROMPTS = 1_000_000
_LONGEST = 200
_OTHERS = "(other prompts)"


class Executed(NamedTuple):
    """The answer to a request of a batch: a body in JSON, and in `identity` its id with the provider."""

    status: int
    body: bytes
    identity: str

    @property
    def failed(self) -> bool:
        return self.status != 200


class Executions:
    """Counts executions by prompt. A request that is refused, limited or failed is no execution."""

    def __init__(self) -> None:
        self._counts: dict[Way, dict[str, int]] = {"live": {}, "batch": {}}

    def count(self, questions: tuple[Question, ...], way: Way) -> None:
        """Count an execution of each question."""
        counts = self._counts[way]
        for question in questions:
            name = _name(question)
            if len(counts) >= _MOST_PROMPTS and name not in counts:
                name = _OTHERS
            counts[name] = counts.get(name, 0) + 1

    def clear(self) -> None:
        """Forget all executions so far."""
        for counts in self._counts.values():
            counts.clear()

    def report(self, *, prompts: bool) -> dict[str, Any]:
        """Return the sums, and every prompt that was executed twice or more; with `prompts` all of them.

        A prompt is called by its text; a long one, or one with a history, by its beginning and a hash.
        """
        live, batch = self._counts["live"], self._counts["batch"]
        names = live.keys() | batch.keys()
        found = {name: {"live": live.get(name, 0), "batch": batch.get(name, 0)} for name in names}
        twice = {name: counts for name, counts in found.items() if sum(counts.values()) > 1}
        return {
            "live": sum(live.values()),
            "batch": sum(batch.values()),
            "distinct": len(names),
            "twice": twice,
            **({"prompts": found} if prompts else {}),
        }


def _name(question: Question) -> str:
    """The text of a prompt, with a hash where that alone does not tell it from others."""
    if len(question.messages) == 1 and len(question.messages[0][1]) <= _LONGEST:
        return question.messages[0][1]
    text = question.text
    said = [each for role, each in question.messages if role not in ("system", "developer")]
    if len(text) <= _LONGEST and len(said) == 1:
        return text
    content = "\0".join(said).encode("utf-8", "surrogatepass")
    return f"{text[:_LONGEST]} #{hashlib.blake2b(content, digest_size=8).hexdigest()}"
