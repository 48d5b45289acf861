"""The simulator's faults in a mix, and what each of them may be taken for."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from llmdash.simulator.answers import Question, compose
from llmdash.simulator.faults.registry import FAULTS, find_fault
from tests.simulated import Simulated

__all__ = ["KEY_FAULTS", "PROMPT_FAULTS", "Served", "mix", "prompts", "served_by_job", "whole_answer"]

Kinds = frozenset[FailureKind]
LOCAL, TRANSIENT, THROTTLE, QUOTA, AUTH, REQUEST, CONFIG = FailureKind

_SHARE = 0.02
_RARE = 0.007  # of what makes a key rest
_TERMS = 12

_HARMLESS = (
    "finish-each-slow:0.01",
    "finish-null",
    "index-counts",
    "empty-data",
    "done-variants",
    "single-newline",
    "slow-first:0.2",
    "te-and-cl",
    "big-headers",
    "gzip-anyway",
    "usage-total",
    "cached-tokens",
)
_ODD = {"empty-completed": "empty", "reasoning-only": "reasoning_only"}
"""Answers without text, and the flag that they bear."""
_PASSING: Mapping[str, Kinds] = {
    "odd-finish": frozenset({TRANSIENT}),
    "error-finish-plain:bare": frozenset({TRANSIENT}),
    "error-finish-plain:error": frozenset({TRANSIENT}),
    "error-field": frozenset({TRANSIENT}),
    "done-only": frozenset({TRANSIENT}),
    "bare-error-mid": frozenset({TRANSIENT}),
    "error-in-200:detail": frozenset({TRANSIENT}),
    "error-in-200:string": frozenset({TRANSIENT}),
    "drop": frozenset({TRANSIENT}),
    "half-json": frozenset({TRANSIENT}),
}
_LIMITS: Mapping[str, Kinds] = {
    "error-in-200:code-msg": frozenset({TRANSIENT, THROTTLE}),
    "two-resets": frozenset({THROTTLE}),
    "body-hint": frozenset({THROTTLE}),
    "slow-down": frozenset({THROTTLE}),
    "rate-limit:0.2": frozenset({THROTTLE}),
}
PROMPT_FAULTS: Mapping[str, Kinds] = {
    "error-finish-plain:bad-request": frozenset({REQUEST}),
    "no-choices": frozenset({TRANSIENT, REQUEST}),
    "poison-prompt": frozenset({THROTTLE, REQUEST}),
    "raw-reason": frozenset({REQUEST}),
    "filter-heavy": frozenset({REQUEST}),
}
"""What is a prompt's own, whoever asks it."""
KEY_FAULTS: Mapping[str, Kinds] = {
    "day-quota-body": frozenset({QUOTA}),
    "key-400": frozenset({AUTH, QUOTA}),
    "model-404-key": frozenset({REQUEST, CONFIG, AUTH}),
    "money-403": frozenset({QUOTA}),
    "spend-code": frozenset({QUOTA}),
    "error-in-200:base-resp": frozenset({QUOTA}),
}
"""What is the last key's own, whatever it asks."""


def mix(key_fault: str) -> dict[str, float]:
    """A share of everything that an honest client survives, and one fault of the last key."""
    many = dict.fromkeys((*_HARMLESS, *_ODD, *_PASSING, *PROMPT_FAULTS), _SHARE)
    return {key_fault: 0.5, **many, **dict.fromkeys(_LIMITS, _RARE)}


def _kinds_by_name() -> dict[str, Kinds]:
    """By the name of a fault, which is all that the simulator records of it."""
    found: dict[str, Kinds] = {}
    for spec, kinds in (*_PASSING.items(), *_LIMITS.items(), *PROMPT_FAULTS.items(), *KEY_FAULTS.items()):
        name = find_fault(spec)[0].name
        found[name] = found.get(name, frozenset()) | kinds
    return found


_KINDS = _kinds_by_name()
_OF_PROMPTS = {find_fault(spec)[0].name for spec in PROMPT_FAULTS}


@dataclass(frozen=True, slots=True)
class Served:
    """What a request of a job was served: a key, by its place, and faults by name."""

    key: int
    faults: Sequence[str]

    @property
    def kinds(self) -> Kinds:
        """What the failure may be; nothing if the answer has to be understood."""
        spoilt = [name for name in self.faults if FAULTS[name].spoils and name not in _ODD]
        return frozenset().union(*(_KINDS[name] for name in spoilt))

    @property
    def flag(self) -> str | None:
        """The flag of an answer that is whole and has no text."""
        return next((_ODD[name] for name in self.faults if name in _ODD), None)

    @property
    def by_prompt(self) -> bool:
        """True if the prompt was to blame."""
        return any(name in _OF_PROMPTS for name in self.faults)


def prompts(count: int) -> list[Prompt]:
    """Sums with long answers, each with its number in front."""
    rng = random.Random(count)
    return [Prompt(f"p{n}", (("user", f"Job {n}: What is {_sum(rng)}?"),)) for n in range(count)]


def _sum(rng: random.Random) -> str:
    return " + ".join(str(rng.randint(10, 99)) for _ in range(_TERMS))


def whole_answer(prompt: Prompt) -> str:
    """What the simulator answers: the same each time, in every dialect, to every key."""
    return compose(Question("m", (("user", prompt.text),)), random.Random(0), 0.0).text


def served_by_job(running: Simulated, jobs: int) -> list[list[Served]]:
    """What the requests of each job were served, in the order in which they came."""
    found: list[list[Served]] = [[] for _ in range(jobs)]
    records = running.requests()
    assert len(records) == running.stats()["requests"], "more requests than the simulator keeps"
    for record in records:
        job = re.search(rb"Job (\d+):", msgspec.json.encode(record["body"]))
        assert job is not None, record
        found[int(job[1])].append(Served(record["key"], record["faults"]))
    return found
