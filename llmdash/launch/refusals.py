"""The errors that the user can fix, each with its exit code: the text of each is for the user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from llmdash.exit_codes import ExitCode
from llmdash.launch.refused import RefusedError

__all__ = ["refusal_code"]


@cache
def _codes() -> Mapping[type[Exception], int]:
    """Load them only when there is an error: they are in every part of the program."""
    from llmdash.config import ConfigError
    from llmdash.engine.journal.file import JournalError, StorageError
    from llmdash.engine.journal.lock import LockedError
    from llmdash.prompts.checks import CheckError
    from llmdash.prompts.source import InputError
    from llmdash.remote.addresses import ListenError
    from llmdash.reports.export import ExportError, FormatError, TakenError
    from llmdash.simulator.process import SimulatorError

    return {
        ConfigError: ExitCode.USAGE,
        InputError: ExitCode.USAGE,
        CheckError: ExitCode.USAGE,
        StorageError: ExitCode.STORAGE,
        JournalError: ExitCode.USAGE,
        FormatError: ExitCode.USAGE,
        TakenError: ExitCode.USAGE,
        ExportError: ExitCode.STORAGE,
        LockedError: ExitCode.LOCKED,
        ListenError: ExitCode.STORAGE,
        SimulatorError: ExitCode.INTERNAL,
    }


def refusal_code(error: BaseException) -> int | None:
    """Return the exit code of an error that the user can fix, None for any other."""
    if isinstance(error, RefusedError):
        return error.code
    return next((code for kind, code in _codes().items() if isinstance(error, kind)), None)
