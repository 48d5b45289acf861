"""The command of the user's that is run when a run is done, held or stopped.

It goes through the shell, since what one writes there is a pipe as often as a program (`jq .failed | mail
me`), and nothing that comes from a server or a file ever gets into its text: the summary is on its standard
input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from llmdash.reports.summary import encode_line

__all__ = ["LOG", "EndCommand"]

LOG = "on-end.log"
"""The file in the folder of the run with what the command printed."""
_LONGEST_S = 60.0
_MOST_LOGGED = 1_000_000
"""Bytes of the log that are kept, the first ones."""
_LOOK_S = 0.25


class EndCommand:
    """Runs `command`, its output in a log in `folder` that only the user can read; at most `longest_s`."""

    def __init__(
        self, command: str, folder: Path, environment: Mapping[str, str], *, longest_s: float = _LONGEST_S
    ) -> None:
        self._command = command
        self._log = folder / LOG
        self._environment = dict(environment)
        self._longest_s = longest_s

    def run(self, summary: Mapping[str, Any]) -> str | None:
        """Run the command to its end, or kill it and its children at the limit. Return what went wrong."""
        try:
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return f"the command of --on-end was not run: {self._log}: {error.strerror}"
        try:
            child = subprocess.Popen(  # noqa: S602 - the command is the user's own, and a shell is what it is for
                self._command,
                shell=True,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            return f"the command of --on-end was not run: {error.strerror}"
        finally:
            os.close(log)
        return self._await(child, encode_line(dict(summary)) + "\n")

    def _await(self, child: subprocess.Popen[bytes], text: str) -> str | None:
        try:
            with self._short_log():
                child.communicate(text.encode(), timeout=self._longest_s)
        except subprocess.TimeoutExpired:
            return f"the command of --on-end took over {self._longest_s:g} s and was ended"
        finally:
            if child.returncode is None:
                _kill(child)
            self._shorten_log()
        if child.returncode:
            return f"the command of --on-end failed (status {child.returncode}); see {self._log}"
        return None

    @contextmanager
    def _short_log(self) -> Iterator[None]:
        """Keep the log short meanwhile: a command that prints without end must not fill the disk."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOK_S):
                self._shorten_log()

        thread = threading.Thread(target=look, name="llmdash-log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _shorten_log(self) -> None:
        """Cut the log at its limit."""
        with suppress(OSError):
            if self._log.stat().st_size > _MOST_LOGGED:
                os.truncate(self._log, _MOST_LOGGED)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the command and all that it started."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.close()
