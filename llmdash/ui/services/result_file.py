"""ResultFile: the results of a run, or of marked jobs, written into a file away from the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from textual.app import App

from llmdash.engine.model.counts import counted
from llmdash.ui.launcher import LaunchError

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = ["ResultFile", "WriteResults"]

WriteResults = Callable[["Session", Collection[int]], str]
"""Writes the results of a session, of these jobs alone where there are some, and returns the file's name."""


class ResultFile:
    """Writes results for `app`: `write` makes the file, or raises LaunchError."""

    def __init__(self, app: App[Any], write: WriteResults) -> None:
        self._app = app
        self._write = write

    def write(self, session: Session) -> None:
        """Write the results so far, of the marked jobs alone where there are some; say where they are."""
        from llmdash.ui.tables.job_table import JobTable

        marked = next((table.marked for table in self._app.screen.query(JobTable)), frozenset[int]())
        self._app.run_worker(self._written(session, marked))

    async def _written(self, session: Session, marked: Collection[int]) -> None:
        of_marked = f" of {counted(len(marked), 'marked job')}" if marked else ""
        try:
            path = await asyncio.to_thread(self._write, session, marked)
        except LaunchError as error:
            self._app.notify(str(error), severity="error", markup=False)
        else:
            self._app.notify(f"The results{of_marked} are in {path}", markup=False)
