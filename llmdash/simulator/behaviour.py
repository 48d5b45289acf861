"""The delays and failures of the simulated model: seeded, without a clock, without I/O."""

from __future__ import annotations

import hashlib
import itertools
import random

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.answers import Completion, Question, compose
from llmdash.simulator.chunks import split_chunks
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["Behaviour", "Plan", "Rhythm", "thought"]

_FIRST_SPREAD = 0.45  # sigma of the lognormal time to first chunk: p95 is about twice the median
_PACE_SPREAD = 0.2  # sigma of a whole answer's pace: some answers run slower than others
_GAP_SHAPE = 2.5  # shape of the gamma gaps between chunks: uneven, rarely near zero
_PAUSE_SHARE = 0.02  # chunks before which the model stalls
_PAUSE_FACTOR = 9.0  # how much longer such a gap is
_OVERLOAD_SHARE = 0.4  # share of failures that are overloads
_REMEMBERED = 65_536  # questions whose repetitions are counted
_THOUGHT = split_chunks("They want an answer to this; first I look at what is asked, then I work it out. ")
_encode = msgspec.json.Encoder().encode


def _lognormal(rng: random.Random, sigma: float) -> float:
    """A lognormal value with mean 1."""
    return rng.lognormvariate(-sigma * sigma / 2, sigma)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When chunks are sent: `mean` seconds on average until the last, `first_share` of it until the first."""

    mean: float
    first_share: float

    def draw(self, rng: random.Random, chunks: int) -> tuple[float, ...]:
        """Return the time of each of `chunks` (at least one), in seconds from the request, in order.

        The time to the first is lognormal; the gaps are gamma, scaled by the pace of the answer
        (lognormal), with occasional pauses. Each part is scaled to its mean, so that the last time has the
        requested mean.
        """
        if self.mean <= 0:
            return (0.0,) * chunks
        share = self.first_share if chunks > 1 else 1.0
        at = self.mean * share * _lognormal(rng, _FIRST_SPREAD)
        times = [at]
        gap = self.mean * (1 - share) / max(1, chunks - 1) * _lognormal(rng, _PACE_SPREAD)
        gap /= 1 + _PAUSE_SHARE * (_PAUSE_FACTOR - 1)
        for _ in range(chunks - 1):
            step = gap * rng.gammavariate(_GAP_SHAPE, 1 / _GAP_SHAPE)
            at += step * _PAUSE_FACTOR if rng.random() < _PAUSE_SHARE else step
            times.append(at)
        return tuple(times)


class Plan(msgspec.Struct, frozen=True):
    """Everything that will happen to one request, decided when it arrives.

    `times` holds when each piece of the answer is sent, in seconds after the request. A plan that `fails` has
    no answer; its one time is that of the error, which may be an overload (`overloaded`).
    """

    answer: Completion
    times: tuple[float, ...]
    fails: bool = False
    overloaded: bool = False


def thought(tokens: int) -> tuple[str, ...]:
    """Return the reasoning of a model before its answer, in that many chunks."""
    return tuple(itertools.islice(itertools.cycle(_THOUGHT), tokens))


class Behaviour:
    """Decides what happens to a request from its content, the seed, and how often it was asked before.

    The key and `stream` do not matter, so the same question gets the same answer whole and in chunks.
    Repetitions are counted separately for the two (for the last 65,536 questions), so that a prompt sent ten
    times gets ten different answers and a failed one may succeed when it is sent again.
    """

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._rhythm = Rhythm(settings.latency, settings.first_share)
        self._seed = settings.seed.to_bytes(16, "little", signed=True)
        self._asked: dict[int, int] = {}
        self._rng = random.Random(0)
        # The same as Random.seed() for an int, without its type checks.
        self._reseed = super(random.Random, self._rng).seed

    def plan(self, question: Question, error_rate: float, reasoning: tuple[str, ...] = ()) -> Plan:
        """Return the plan for one more request with this question; `reasoning` comes before its answer."""
        rng = self._rng
        self._reseed(self._draw_of(question))
        if rng.random() < error_rate:
            times = self._rhythm.draw(rng, 2)[:1]
            return Plan(Completion(()), times, fails=True, overloaded=rng.random() < _OVERLOAD_SHARE)
        answer = compose(question, rng, self._settings.wrong_rate)
        if reasoning:
            answer = msgspec.structs.replace(answer, reasoning=reasoning)
        return Plan(answer, self._rhythm.draw(rng, max(1, answer.size)))

    def _draw_of(self, question: Question) -> int:
        content = _encode((question.model, question.messages, question.max_tokens))
        digest = hashlib.blake2b(content, digest_size=8, key=self._seed).digest()
        base = int.from_bytes(digest, "little")
        slot = base ^ question.stream
        turn = self._asked.pop(slot, -1) + 1
        self._asked[slot] = turn
        if len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return base + (turn << 64)
