"""RemoteAttempt: an attempt that was handed to a worker, as the run sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.model.events import ChunksReceived, Event

__all__ = ["RemoteAttempt"]


class RemoteAttempt:
    """Translates the reports on one attempt. `on_left` is called once, before any chunk and any end but that
    of an attempt which was never sent.
    """

    __slots__ = ("_now", "_on_event", "_on_left", "_sent_at", "answer", "job")

    def __init__(
        self,
        job: int,
        on_left: Callable[[float | None], None],
        on_event: Callable[[Event], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self.job = job
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._on_left = on_left
        self._on_event = on_event
        self._sent_at: float | None = None

    def left(self, ago_s: float) -> None:
        """The request was sent `ago_s` seconds ago."""
        if self._sent_at is None:
            self._sent_at = self._now() - ago_s
            self._on_left(ago_s)

    def tell(self, texts: list[str], after_s: list[float]) -> None:
        """Chunks arrived, `after_s` seconds after the request was sent."""
        now = self._now()
        self.left(0.0)
        sent_at = self._sent_at or now
        self._on_event(ChunksReceived(self.job, texts, [min(now, sent_at + each) for each in after_s]))

    def end(self, answer: Answer) -> None:
        """The attempt has ended."""
        self.left(0.0)
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Lost | NotSent) -> None:
        """There will be no answer."""
        if isinstance(error, Lost):
            self.left(0.0)
        if not self.answer.done():
            self.answer.set_exception(error)
