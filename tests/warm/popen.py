"""`subprocess.Popen` whose process is forked from one that has loaded the program."""

from __future__ import annotations

import fcntl
import locale
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import Any

from llmdash.child_process import child_command
from llmdash.cluster import local_cluster
from tests.warm.asking import Ask, Asked, Kind, is_open

__all__ = ["WarmPopen"]

_READ_AT_START = ("PYTHON", "LC_", "LANG", "TEXTUAL_", "ESCDELAY", "AIOHTTP_", "MULTIDICT_", "YARL_", "DASK_")
"""How variables begin that an interpreter or a library reads as it is loaded: a forked one has done so."""
_COMMANDS = (
    [sys.executable, "-m", "llmdash"],
    child_command("llmdash.launch.engine_main"),
    child_command("llmdash.simulator"),
)
_SCHEDULER = [sys.executable, "-P", "-c", vars(local_cluster)["_CODE"]]
_OF_WORKERS = ("worker", "--workers", "--cluster")
"""What a command line has in it if the program will speak with workers."""


class WarmPopen(subprocess.Popen[Any]):
    """A process that is forked if it runs the program, and nobody can tell; started as any other if not.

    With `controls` the terminal that is its standard input controls its session. The standard streams in
    `closed` are not open.
    """

    def __init__(
        self, args: Any, *more: Any, controls: bool = False, closed: Sequence[int] = (), **how: Any
    ) -> None:
        self._controls, self._closed = controls, list(closed)
        self._asked: Asked | None = None
        super().__init__(args, *more, **how)

    def _execute_child(  # takes the place of subprocess.Popen's own, and its arguments
        self,
        args: Any,
        executable: Any,
        preexec_fn: Any,
        close_fds: Any,
        pass_fds: Any,
        cwd: Any,
        env: Any,
        startupinfo: Any,
        creationflags: Any,
        shell: Any,
        *rest: Any,
    ) -> None:
        streams, new_session, group = rest[:6], rest[-2], rest[-1]
        usual = executable is None and preexec_fn is None and not shell and close_fds and group == -1
        kind = _kind(args, env) if usual else None
        if kind is None or not (new_session or Asked.is_of_this_session(kind)):
            if self._controls or self._closed:
                preexec_fn = self._take_over
            given = (args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags)
            super()._execute_child(*given, shell, *rest)  # type: ignore[misc]
            return
        ends = (streams[0], streams[3], streams[5])
        inherited = {number: number if end < 0 else end for number, end in enumerate(ends)}
        kept = {number: end for number, end in inherited.items() if is_open(end)}
        kept |= {number: number for number in pass_fds}
        ask = Ask(
            arguments=[os.fsdecode(each) for each in args],
            environment=dict(os.environ if env is None else env),
            descriptors=list(kept),
            is_session=new_session,
            controls=self._controls,
            closed=self._closed,
            ignored=[
                number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN
            ],
        )
        folder = os.open(cwd or ".", os.O_RDONLY | os.O_DIRECTORY)  # also one that is gone
        try:
            self._asked = Asked(kind, ask, [*kept.values(), folder])
        finally:
            os.close(folder)
        self.pid = self._asked.pid
        self._child_created = True
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]

    def _take_over(self) -> None:
        if self._controls:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for descriptor in self._closed:
            os.close(descriptor)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._asked is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc, no-any-return]
        status = self._asked.status(waits=not wait_flags & os.WNOHANG)
        return (0, 0) if status is None else (self.pid, status)

    def _internal_poll(self, *given: Any, **more: Any) -> int | None:
        if self._asked is None:
            return super()._internal_poll(*given, **more)  # type: ignore[misc, no-any-return]
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def _kind(command: Any, environment: Mapping[str, str] | None) -> Kind | None:
    """What the server has to have loaded; None if an interpreter would start otherwise, or something else."""
    if not isinstance(command, list | tuple):
        return None
    is_scheduler = list(command[: len(_SCHEDULER)]) == _SCHEDULER
    if not is_scheduler and not any(list(command[: len(known)]) == known for known in _COMMANDS):
        return None
    for name, value in (environment or {}).items():
        if name.startswith(_READ_AT_START) and not _is_as_here(name, value):
            return None
    return "workers" if is_scheduler or any(word in command for word in _OF_WORKERS) else "usual"


def _is_as_here(name: str, value: str) -> bool:
    if name == "LANG" and value == "C.UTF-8" and not {"LC_ALL", "LC_CTYPE", "LANG"} & os.environ.keys():
        return locale.setlocale(locale.LC_CTYPE) == value  # an interpreter's own choice, where there is none
    return os.environ.get(name) == value
