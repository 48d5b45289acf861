"""A run that was begun on the home screen: watched, then left."""

from __future__ import annotations

from contextlib import suppress

from llmdash.engine.model.commands import Cancel
from llmdash.launch.engine_line import RunReady
from llmdash.launch.engine_process import EngineProcess
from llmdash.launch.refused import RefusedError
from llmdash.launch.shutdown import last_figures
from llmdash.lean_dataclass import dataclass
from llmdash.remote.client import RemoteSession

__all__ = ["Begun"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that was started: its engine, what that said, and a session to watch it with."""

    engine: EngineProcess
    ready: RunReady
    session: RemoteSession

    def leave(self) -> None:
        """End the engine of a run that has ended; one that goes on is left to itself."""
        run = last_figures(self.session)
        if run is not None and self.session.alive and not run.state.ended:
            self.engine.release()
        else:
            self._end()
        self.close()

    def _end(self) -> None:
        self.session.command(Cancel())
        with suppress(RefusedError):  # there is no file of results that could not be written
            if self.engine.ended() is not None:
                self.engine.exported()

    def close(self) -> None:
        """Watch the run no more; its engine ends with it, unless that was released."""
        self.session.close()
        self.engine.close()
