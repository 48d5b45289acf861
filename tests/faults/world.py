"""The simulator's faults in a mix, whose they are, and what each of them may be taken for."""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from llmdash.simulator.answers import Question, compose
from llmdash.simulator.faults.registry import FAULTS
from tests.simulated import Simulated

__all__ = ["Blame", "Mix", "Served", "mix_for", "prompts", "served_by_job", "whole_answer"]

LOCAL, TRANSIENT, THROTTLE, QUOTA, AUTH, REQUEST, CONFIG = FailureKind

_SHARE = 0.02
_RARE = 0.007  # of what makes a key rest
_OF_A_KEY = 0.5
_TERMS = 12
_DROP = "drop"


class Blame(enum.Enum):
    """Who is to blame: a fault of NOBODY passes, a PROMPT has its own with every key, a KEY with every
    prompt.
    """

    NOBODY = "nobody"
    PROMPT = "prompt"
    KEY = "key"


class Known(NamedTuple):
    """What is right for a fault: the classes that its failure may be of, none if the answer is to be
    understood. The answer bears `flag` if it has no text.
    """

    kinds: frozenset[FailureKind]
    blame: Blame = Blame.NOBODY
    share: float = _SHARE
    flag: str | None = None


def _passing(*kinds: FailureKind) -> Known:
    return Known(frozenset(kinds))


def _resting(*kinds: FailureKind) -> Known:
    return Known(frozenset(kinds), share=_RARE)


def _of_prompt(*kinds: FailureKind) -> Known:
    return Known(frozenset(kinds), Blame.PROMPT)


def _of_key(*kinds: FailureKind) -> Known:
    return Known(frozenset(kinds), Blame.KEY, _OF_A_KEY)


_KNOWN: Mapping[str, Known] = {
    "finish-each-slow:0.01": _passing(),
    "finish-null": _passing(),
    "index-counts": _passing(),
    "empty-data": _passing(),
    "done-variants": _passing(),
    "single-newline": _passing(),
    "slow-first:0.2": _passing(),
    "te-and-cl": _passing(),
    "big-headers": _passing(),
    "gzip-anyway": _passing(),
    "usage-total": _passing(),
    "cached-tokens": _passing(),
    "empty-completed": Known(frozenset(), flag="empty"),
    "reasoning-only": Known(frozenset(), flag="reasoning_only"),
    _DROP: _passing(TRANSIENT),
    "odd-finish": _passing(TRANSIENT),
    "error-finish-plain:bare": _passing(TRANSIENT),
    "error-finish-plain:error": _passing(TRANSIENT),
    "error-field": _passing(TRANSIENT),
    "done-only": _passing(TRANSIENT),
    "bare-error-mid": _passing(TRANSIENT),
    "half-json": _passing(TRANSIENT),
    "error-in-200:detail": _passing(TRANSIENT),
    "error-in-200:string": _passing(TRANSIENT),
    "error-in-200:code-msg": _resting(THROTTLE),
    "two-resets": _resting(THROTTLE),
    "body-hint": _resting(THROTTLE),
    "slow-down": _resting(THROTTLE),
    "rate-limit:0.2": _resting(THROTTLE),
    "error-finish-plain:bad-request": _of_prompt(REQUEST),
    "no-choices": _of_prompt(TRANSIENT, REQUEST),
    "poison-prompt": _of_prompt(THROTTLE, REQUEST),
    "raw-reason": _of_prompt(REQUEST),
    "filter-heavy": _of_prompt(REQUEST),
    "day-quota-body": _of_key(QUOTA),
    "key-400": _of_key(AUTH, QUOTA),
    "model-404-key": _of_key(REQUEST, CONFIG, AUTH),
    "money-403": _of_key(QUOTA),
    "spend-code": _of_key(QUOTA),
    "error-in-200:base-resp": _of_key(QUOTA),
}
_EITHER = (
    # A stream that is cut behind `stop` is whole, for all that anybody can tell.
    ({_DROP}, {"finish-each-slow:0.01"}),
    # The simulator records the name of a fault, not its variant.
    ({"error-finish-plain:bare", "error-finish-plain:error"}, {"error-finish-plain:bad-request"}),
    ({"error-in-200:detail", "error-in-200:string"}, {"error-in-200:code-msg"}),
)
_BY_STATUS = frozenset({THROTTLE, REQUEST})
"""What a refusal is by its status, where the connection is dropped before it is whole."""


class Served(NamedTuple):
    """What a request of a job was served: a key, by its place, and faults by name."""

    key: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Mix:
    """Faults in which each name has one meaning; one of them is a key's."""

    known: Mapping[str, Known]
    """By the name of the fault and its variant, as the simulator is asked for it."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of each fault, as the simulator has it."""
        return {spec: known.share for spec, known in self.known.items()}

    def kinds(self, served: Served) -> frozenset[FailureKind]:
        """What the failure may be; nothing if the answer has to be understood."""
        met = [each for each in self._met(served) if each.kinds]
        found = frozenset[FailureKind]().union(*(each.kinds for each in met))
        if _DROP not in served.faults or len(met) == 1:
            return found
        return found | _BY_STATUS | ({AUTH} if Blame.KEY in [each.blame for each in met] else set())

    def flag(self, served: Served) -> str | None:
        """The flag of an answer that is whole and has no text."""
        return next((each.flag for each in self._met(served) if each.flag), None)

    def blames(self, served: Served, whom: Blame) -> bool:
        return any(each.blame is whom for each in self._met(served))

    def _met(self, served: Served) -> Iterator[Known]:
        return (known for spec, known in self.known.items() if _name(spec) in served.faults)


def _name(spec: str) -> str:
    return spec.partition(":")[0]


def mix_for(seed: int) -> Mix:
    """All that an honest client survives, but what excludes each other, and a fault of the last key."""
    rng = random.Random(seed)
    left_out = set[str]().union(*(rng.choice(sides) for sides in _EITHER))
    of_key = rng.choice([spec for spec, known in _KNOWN.items() if known.blame is Blame.KEY])
    others = {
        spec: known
        for spec, known in _KNOWN.items()
        if spec not in left_out and known.blame is not Blame.KEY and _name(spec) != _name(of_key)
    }
    return Mix({of_key: _KNOWN[of_key], **others})


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
        found[int(job[1])].append(Served(record["key"], tuple(record["faults"])))
    return found


assert {_name(spec) for spec in _KNOWN} | {"no-max-tokens", "model-503"} == FAULTS.keys(), (
    "a fault is left out"
)
