"""ResultFile: the results of a run written into a file, away from the frame, and where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import App

from llmdash.ui.launcher import LaunchError

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["ResultFile"]


class ResultFile:
    """Writes results for `app`: `write` makes the file of a session's and returns its name, or raises
    LaunchError.
    """

    def __init__(self, app: App[Any], write: Callable[[Session], str]) -> None:
        self._app = app
        self._write = write

    def write(self, session: Session) -> None:
        """Write the results so far, and say where they are."""
        self._app.run_worker(self._written(session))

    async def _written(self, session: Session) -> None:
        try:
            path = await asyncio.to_thread(self._write, session)
        except LaunchError as error:
            self._app.notify(str(error), severity="error", markup=False)
        else:
            self._app.notify(f"The results are in {path}", markup=False)
