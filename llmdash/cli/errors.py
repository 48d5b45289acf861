"""Turns errors that the user can fix into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.secrets import Redactor

__all__ = [
    "guarded",
    "has_terminal",
    "redactor_in_use",
    "refuse",
    "settings_from",
    "settings_in_folder",
]

_REDACTOR = "llmdash.redactor"
"""The key under which a command keeps its Redactor, so that a crash can be reported without its secrets."""

_OF_BARE_START: dict[str, Redactor] = {}
"""Where it is kept without a command."""

_OF_ENDPOINTS = {
    "base_url": "--base-url",
    "dialect": "--dialect",
    "endpoint": "--endpoint",
    "headers": "--header",
    "query": "--query",
    "auth": "--auth",
    "proxy": "--proxy",
    "ca_file": "--ca-file",
}
"""The options that say how an endpoint is reached, by the name of their setting."""


def guarded(work: Callable[[], int]) -> NoReturn:
    """Do `work` and exit with its code. An error that the user can fix becomes one line and its own code."""
    from llmdash.exit_codes import of_signal

    try:
        code = work()
    except KeyboardInterrupt:
        code = of_signal(signal.SIGINT)
    except Exception as error:  # the last boundary: a traceback of Python's own could show a key
        if _is_of_command_line(error):
            raise
        code = _tell(error)
    sys.exit(code)


def _is_of_command_line(error: Exception) -> bool:
    import click  # a bare `llmdash` has no command line to read

    return isinstance(error, click.ClickException | click.exceptions.Exit | click.Abort)


def _tell(error: Exception) -> int:
    """Print what went wrong, and return the exit code for it."""
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.refusals import refusal_code

    if (code := refusal_code(error)) is not None:
        refuse(str(error), code)
    if _folder_is_gone():
        refuse("the folder that this was started in is gone; go to another, such as: cd ~")
    _show_fault(error)
    return ExitCode.INTERNAL


def _folder_is_gone() -> bool:
    """True if the working folder was deleted: every relative name, and the search for settings, fails."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _show_fault(error: Exception) -> None:
    """Print the report of a crash, without the values of variables."""
    from llmdash.crash import crash_report

    _write(crash_report(error, redactor_in_use().redact))


def _write(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def redactor_in_use() -> Redactor:
    """Return what removes the keys that this command has read from a text."""
    from llmdash.secrets import Redactor

    click = sys.modules.get("click")
    context = click.get_current_context(silent=True) if click else None
    kept = _OF_BARE_START if context is None else context.meta
    found: Redactor = kept.setdefault(_REDACTOR, Redactor())
    return found


def refuse(message: str, code: int = 2) -> NoReturn:
    """Print `message` as one line and exit with `code`."""
    from llmdash.sanitize import clean_line

    _write(f"llmdash: {clean_line(message)}")
    sys.exit(code)


def settings_from(
    flags: Mapping[str, Any], *, simulated: bool = False, given: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings of a start in this folder; their warnings are written to standard error.

    `given` is what the command line says, where `flags` have more: what a resume restores. Exits with 2 where
    a file that nobody trusts decides where keys are sent, or names a command that is run; where all is
    `simulated`, for the latter alone.
    """
    from llmdash.launch.trust import refusal, untrusted

    settings = settings_in_folder(flags)
    said = flags if given is None else given
    unused = [option for name, option in _OF_ENDPOINTS.items() if simulated and said.get(name)]
    for warning in (*settings.warnings, *(f"{option}: has no effect on the simulator" for option in unused)):
        _write(f"llmdash: {warning}")
    risky = [file for file in settings.deciding if file.runs_code or not simulated]
    if files := untrusted(risky, os.environ):
        for line in refusal(files).splitlines():
            _write(f"llmdash: {line}")
        sys.exit(2)
    return settings


def settings_in_folder(flags: Mapping[str, Any], redactor: Redactor | None = None) -> Settings:
    """Return the settings of a start in this folder, whether they are trusted or not.

    Outside of a command the `redactor` is given, which learns their keys.
    """
    from llmdash.config import load_settings

    given = dict(flags)
    return load_settings(
        {name: value for name, value in given.items() if name != "config"},
        environ=os.environ,
        cwd=Path.cwd(),
        redactor=redactor or redactor_in_use(),
        config=given.get("config"),
    )


def has_terminal() -> bool:
    """Return True if there is a terminal to draw on. Textual draws on standard error."""
    from llmdash.reports.streams import can_draw_on

    return can_draw_on(sys.stdin, sys.stdout, sys.stderr)
