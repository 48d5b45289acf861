"""Other programs in the terminal of the app: a pager or an editor over a text, in a file for nobody else."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from llmdash.child_process import bare_environment

__all__ = ["ProgramError", "editor_command", "pager_command", "run_in_terminal", "show_text"]

_TERMINAL: Final = (
    "TERM", "COLORTERM", "TERMINFO", "TERMINFO_DIRS", "LESS", "LESSCHARSET", "SHELL", "USER", "LOGNAME",
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "XDG_CACHE_HOME", "LC_CTYPE", "EDITOR", "VISUAL",
)  # fmt: skip
"""What pagers and editors go by; any other variable may hold a key."""


class ProgramError(Exception):
    """A pager or an editor could not be started; the text says which, and what to set."""


def pager_command(environment: Mapping[str, str]) -> list[str]:
    """Return the user's pager: `$PAGER`, else less."""
    return _command(environment, ("PAGER",), "less")


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """Return the user's editor: `$VISUAL`, `$EDITOR`, else vi."""
    return _command(environment, ("VISUAL", "EDITOR"), "vi")


def _command(environment: Mapping[str, str], names: Sequence[str], otherwise: str) -> list[str]:
    for name in names:
        value = environment.get(name, "").strip()
        if value:
            try:
                words = shlex.split(value)
            except ValueError:
                raise ProgramError(f"${name} has a quote without its end: {value}") from None
            return words
    return [otherwise]


def show_text(text: str, suffix: str, command: Sequence[str], wait: Callable[[list[str]], int]) -> None:
    """Write the text to a file that only this user can read, have `wait` run the command on it, remove it.

    Raises ProgramError.
    """
    with _text_file(text, suffix) as path:
        try:
            wait([*command, str(path)])
        except OSError as error:
            reason = error.strerror or str(error)
            raise ProgramError(f"{command[0]} cannot be started: {reason}; set $PAGER or $EDITOR") from None


@contextmanager
def _text_file(text: str, suffix: str) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix="llmdash-", suffix=suffix)  # readable by nobody else (0600)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        yield path
    finally:
        with suppress(OSError):
            path.unlink()


def run_in_terminal(command: list[str]) -> int:
    """Run a command with the terminal, and wait for its end; return its exit code.

    It has the terminal for itself, as a job of a shell has: what is typed there, Ctrl-C among it, reaches it
    and not this process. Where it stops, it is continued at once: there is no shell to do so. Raises OSError.
    """
    environment = {name: os.environ[name] for name in _TERMINAL if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 - the user's own pager or editor
        command, env={**bare_environment(), **environment}, process_group=0
    )
    with _foreground(process.pid):
        while True:
            _pid, status = os.waitpid(process.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode
            os.killpg(process.pid, signal.SIGCONT)


@contextmanager
def _foreground(group: int) -> Iterator[None]:
    """Give the terminal to a process group, and take it back."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:  # no terminal that could be given
        yield
        return
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or taking it back would stop this process
    try:
        with suppress(OSError):
            os.tcsetpgrp(terminal, group)
            os.killpg(group, signal.SIGCONT)  # it may have asked for the terminal before it had it
        yield
        with suppress(OSError):
            os.tcsetpgrp(terminal, os.getpgrp())
    finally:
        signal.signal(signal.SIGTTOU, before)
        os.close(terminal)
