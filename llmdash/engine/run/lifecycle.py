"""Lifecycle: the state of a run, and why it ends."""

from __future__ import annotations

import asyncio

from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import RunState

__all__ = ["Lifecycle"]


class Lifecycle:
    """Of one run, on its event loop; any thread may read the state, which comes with a detail in words."""

    def __init__(self) -> None:
        self.state: tuple[RunState, str] = (RunState.STARTING, "")
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    async def ended(self) -> Ending:
        """Wait until the run is to end, and return why. Raises what broke it."""
        return await self._ending

    def end(self, ending: Ending) -> None:
        """End the run; no effect if it ends already."""
        if not self._ending.done():
            self._ending.set_result(ending)

    def depend_on(self, task: asyncio.Task[None]) -> None:
        """End the run with the exception of `task`, should it have one."""
        task.add_done_callback(self._crashed)

    @property
    def reason(self) -> str:
        """Why the run ends, for the record."""
        done = self._ending.done() and not self._ending.cancelled() and self._ending.exception() is None
        return self._ending.result().value if done else "it broke"

    def _crashed(self, task: asyncio.Task[None]) -> None:
        error = task.exception() if not task.cancelled() else None
        if error is not None and not self._ending.done():
            self._ending.set_exception(error)
