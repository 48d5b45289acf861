"""Starts the engine of a run in a process of its own, which no end of this one touches; quick to import."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from types import TracebackType
from typing import TYPE_CHECKING, Self

from llmdash.child_process import bare_environment, child_command
from llmdash.exit_codes import ExitCode
from llmdash.launch.refused import RefusedError

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.launch.engine_line import RunEnded, RunReady
    from llmdash.launch.run_order import RunOrder

__all__ = ["ENGINE", "EngineProcess"]

ENGINE = "llmdash.launch.engine_main"
"""The module that the process runs."""
_ENDS_WITHIN_S = 2.0
_LOST = "the engine was killed before the results were written; llmdash doctor FOLDER --out FILE writes them"


class EngineProcess:
    """A process for the engine of one run, in a session of its own.

    It loads its program while this process finds out what is to run.

    It has next to none of this process's variables in its environment: they go over the line, as any may hold
    a key. Until the run is ready it reads from and writes to the standard input and error of this process,
    unless it is `silent`. As a context it ends a process that was not released.

    `command` is run in place of the engine; the number of a descriptor, its end of the line, is added to it.
    """

    def __init__(self, *, silent: bool = False, command: list[str] | None = None) -> None:
        own, others = socket.socketpair()
        with others:
            self._child = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
                [*(command or child_command(ENGINE)), str(others.fileno())],
                stdin=subprocess.DEVNULL if silent else None,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if silent else None,
                start_new_session=True,
                pass_fds=(others.fileno(),),
                env=bare_environment(),
            )
        from llmdash.launch.engine_line import EngineLine, Environment  # while the process loads as well

        self._line = EngineLine(own)
        self._line.send(Environment(dict(os.environ)))
        self._ends_by_itself = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def submit(self, order: RunOrder, settings: Settings) -> None:
        """Ask for a run; returns at once."""
        from llmdash.launch.engine_line import EngineOrder

        self._line.send(EngineOrder(order, settings))

    def ready(self) -> RunReady:
        """Wait until the run is ready. Raises RefusedError if it cannot start."""
        from llmdash.launch.engine_line import RunReady, RunRefused

        said = self._line.receive()
        if isinstance(said, RunReady):
            return said
        if isinstance(said, RunRefused):
            raise RefusedError(said.text, said.code)
        status = self._child.wait()
        raise RefusedError(f"the engine ended before it was ready (status {status})", ExitCode.INTERNAL)

    def ended(self) -> RunEnded | None:
        """Wait for the end of the run; None if the process ended without a word, as when it was killed."""
        from llmdash.launch.engine_line import RunEnded

        said = self._line.receive()
        self._ends_by_itself = isinstance(said, RunEnded)
        return said if isinstance(said, RunEnded) else None

    def exported(self) -> None:
        """Wait until the results are written. Raises RefusedError if they cannot be."""
        from llmdash.launch.engine_line import RunExported, RunRefused

        said = self._line.receive()
        refused = said.refused if isinstance(said, RunExported) else RunRefused(_LOST, ExitCode.INTERNAL)
        if refused is not None:
            raise RefusedError(refused.text, refused.code)

    def release(self) -> None:
        """Leave the run to itself."""
        self._ends_by_itself = True

    def close(self) -> None:
        """End the process, unless it was released or ends by itself; what is in flight may finish."""
        self._line.close()
        if not self._ends_by_itself:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_ENDS_WITHIN_S)
        if self._child.returncode is None:
            self._child.returncode = self._child.poll() or 0  # nobody waits for it any more

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
