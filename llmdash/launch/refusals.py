"""The errors that the user can fix, each with its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmdash.config import ConfigError
from llmdash.engine.journal.file import JournalError, StorageError
from llmdash.engine.journal.lock import LockedError
from llmdash.exit_codes import ExitCode
from llmdash.launch.refused import RefusedError
from llmdash.prompts.checks import CheckError
from llmdash.prompts.source import InputError
from llmdash.remote.addresses import ListenError
from llmdash.reports.export import ExportError, FormatError, TakenError
from llmdash.simulator.process import SimulatorError

__all__ = ["REFUSED", "code_of"]


_CODES: Mapping[type[Exception], int] = MappingProxyType(
    {
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
)

REFUSED: tuple[type[Exception], ...] = (*_CODES, RefusedError)
"""All of them. The text of each is for the user."""


def code_of(error: Exception) -> int:
    """Return the exit code of one of them."""
    if isinstance(error, RefusedError):
        return error.code
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))
