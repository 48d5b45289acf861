"""KeyFile: the `.env` that keys are read from, and a watch for keys added to it during a run."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from llmdash.config.values import ConfigError
from llmdash.lean_dataclass import dataclass

__all__ = ["KeyFile", "KeyFileWatch", "Stamp", "stamp_of"]

_LOOK_S = 1.0

SettingsT = TypeVar("SettingsT")

Stamp = tuple[int, int] | None
"""The modification time in nanoseconds and the size in bytes of a file; None if there is none, or a pipe."""


@dataclass(frozen=True, slots=True)
class KeyFile(Generic[SettingsT]):
    """The file as it was when the settings were read; `reload` reads them again."""

    path: Path
    stamp: Stamp
    reload: Callable[[], SettingsT]


class KeyFileWatch(Generic[SettingsT]):
    """Checks a KeyFile for changes since the settings of a run were read."""

    def __init__(self, file: KeyFile[SettingsT]) -> None:
        self._file = file
        self._seen = file.stamp
        self._looked_at = time.monotonic()

    def changed(self) -> SettingsT | None:
        """Return the new settings if the file has changed since the last check, else None.

        Checks at most once a second. A file that is invalid (such as half written) counts as unchanged.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return None
        self._looked_at = now
        stamp = stamp_of(self._file.path)
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            return self._file.reload()
        except ConfigError:
            return None


def stamp_of(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):  # a pipe can be read once; to read it again may ask its user again
        return None
    return found.st_mtime_ns, found.st_size
