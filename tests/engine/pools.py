"""Pools of keys over a model that says nothing, and a clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.member import Endpoint, Lease, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.pool.terms import Terms
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, PromptLike, Usage
from llmdash.llms.wire.failures import Failure, FailureKind


class Silent(LLM):
    model = "silent"

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        yield Delta(finish_reason="stop")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def pool_of(count: int, clock: Callable[[], float], weights: Sequence[float] = ()) -> KeyPool:
    """Keys of one endpoint."""
    weights = weights or [1.0] * count
    shared = Endpoint("e", clock=clock)
    keys = [Member(Silent(), f"key-{n}", shared, weights[n], clock=clock) for n in range(count)]
    return KeyPool(keys, clock)


def choose(pool: KeyPool, avoid: Member | None = None) -> Lease:
    lease = pool.choose(Terms(avoid))
    assert lease is not None
    return lease


def answer(pool: KeyPool, lease: Lease) -> None:
    pool.succeeded(lease, Usage(3, 5))


def fail(pool: KeyPool, lease: Lease, kind: FailureKind, hint: float | None = None) -> KeyState | None:
    """The request of `lease` fails; gives the state that its key enters."""
    return pool.failed(lease, Failure(kind, "no", retry_after=hint)).key


def sent(pool: KeyPool) -> list[int]:
    return [key.sent for key in pool.statistics()]
