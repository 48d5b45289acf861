"""How long an engine in a process of its own goes on: until someone ends it, or nobody watches its end."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from llmdash.engine.model.commands import Cancel, Command
from llmdash.engine.model.frame import RunPart
from llmdash.engine.plan import RunPlan
from llmdash.engine.session import LocalSession
from llmdash.launch.shutdown import last_figures, stop
from llmdash.signals import Signals

__all__ = ["EngineLife", "ServedSession", "Watchers"]

_LOOK_S: Final = 0.1
_WATCHED_LOOK_S: Final = 10.0
"""Seconds between two looks whether the run is over. What ends one that is watched tells of it."""
_UNWATCHED_S = 3.0
"""How long nobody has to watch before that counts: a first viewer comes, and others go, in less."""


_ENDING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGQUIT))
"""The signals that end a run; a closed terminal does not."""


class Watchers(Protocol):
    """Those who watch a run."""

    @property
    def unwatched_s(self) -> float:
        """Seconds since the last one left; 0 while there are any."""

    @property
    def was_watched(self) -> bool:
        """True once somebody has watched."""


class ServedSession(LocalSession):
    """A session of this process that is steered from others: `is_cancelled` once it was cancelled."""

    def __init__(self, plan: RunPlan) -> None:
        super().__init__(plan)
        self.is_cancelled = False
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()  # a signal may put in the midst of a wait

    def command(self, command: Command) -> None:
        super().command(command)
        if isinstance(command, Cancel):
            self.is_cancelled = True
            self.tell()

    def tell(self) -> None:
        """Have who waits for news look; may be called from any thread, and by the handler of a signal."""
        self._news.put(None)

    def await_news(self, timeout_s: float) -> None:
        """Wait until it was cancelled or has broken, or somebody was to `tell`; at most `timeout_s`."""
        with suppress(queue.Empty):
            self._news.get(timeout=timeout_s)

    def _work(self) -> None:
        try:
            super()._work()
        finally:
            self.tell()


class EngineLife:
    """The life of a run in this process, from its start to its end.

    While `awaits()`, a first watcher is still to come, however long that takes.
    """

    def __init__(
        self, session: ServedSession, *, paid: bool, awaits: Callable[[], bool] = lambda: False
    ) -> None:
        self._session = session
        self._paid = paid
        self._awaits = awaits
        self.ended_by: int | None = None
        """The signal that ended the run, if one did."""

    def live(self, signals: Signals, watchers: Watchers) -> RunPart | None:
        """Start the run, wait for its end and return its last figures.

        It ends by a signal (the first lets what is in flight finish, a second does not), when it
        is cancelled, when it crashes, and once it can do no more by itself and has no watchers.
        """
        signals.tell(lambda _number: self._session.tell())
        self._session.start()
        while not self._is_over(signals, watchers):
            is_watched = watchers.was_watched and not watchers.unwatched_s
            self._session.await_news(_WATCHED_LOOK_S if is_watched else _LOOK_S)
        signals.tell(None)
        self.ended_by = next((each for each in signals.received if each in _ENDING), None)
        if self.ended_by is not None:
            stop(self._session, signals, left_by=self.ended_by, paid=self._paid)
        self._session.command(Cancel())
        self._session.join()
        return last_figures(self._session)

    def _is_over(self, signals: Signals, watchers: Watchers) -> bool:
        if self._session.is_cancelled or self._session.crash is not None:
            return True
        if any(number in _ENDING for number in signals.received):
            return True
        if watchers.unwatched_s < _UNWATCHED_S or (not watchers.was_watched and self._awaits()):
            return False
        if self._session.alive and not self._session.has_ended:
            return False
        run = last_figures(self._session)
        return not self._session.alive or run is None or run.state.ended
