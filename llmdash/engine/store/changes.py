"""Changes: counts what has happened to a run, and calls who waits for more of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

__all__ = ["Changes"]


class Changes:
    """Counts what happens. `lock` is held by who adds, and taken here: it must be one that can be taken again
    by its holder.
    """

    __slots__ = ("_calls", "_lock", "count")

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._calls: list[Callable[[], None]] = []
        self.count = 0

    def add(self) -> None:
        """Count one more, with the lock held."""
        self.count += 1
        if self._calls:
            calls, self._calls = self._calls, []
            for call in calls:
                call()

    def when_more(self, seen: int, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` once, on any thread and with the lock held, when there are others than the `seen` ones,
        which may be now. Return what takes that back.
        """
        with self._lock:
            if self.count != seen:
                call()
            else:
                self._calls.append(call)
        return lambda: self._forget(call)

    def _forget(self, call: Callable[[], None]) -> None:
        with self._lock:
            if call in self._calls:
                self._calls.remove(call)
