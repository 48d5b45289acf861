"""Pools of keys over a model that says nothing, and a clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from llmdash.engine.frame import KeyState
from llmdash.engine.keys import KeyPool, Member
from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.messages import Delta, PromptLike, Usage


class Silent(LLM):
    model = "silent"

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncIterator[Delta]:
        yield Delta(finish_reason="stop")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def pool_of(count: int, clock: Any, weights: Sequence[float] = ()) -> KeyPool:
    weights = weights or [1.0] * count
    return KeyPool([Member(Silent(), f"key-{n}", weight=weights[n]) for n in range(count)], clock)


def choose(pool: KeyPool, avoid: Member | None = None) -> Member:
    member = pool.choose(avoid)
    assert member is not None
    return member


def answer(pool: KeyPool, member: Member) -> None:
    pool.succeeded(member, Usage(3, 5))


def fail(pool: KeyPool, member: Member, kind: FailureKind, hint: float | None = None) -> KeyState | None:
    return pool.failed(member, Failure(kind, "no", retry_after=hint))


def sent(pool: KeyPool) -> list[int]:
    return [key.sent for key in pool.statistics()]
