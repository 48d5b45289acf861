"""The `.env` that keys are read from, which may get more of them while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from llmdash.config.values import ConfigError

__all__ = ["KeyFile", "KeyFileWatch", "Stamp", "stamp_of"]

_LOOK_S = 1.0

SettingsT = TypeVar("SettingsT")

Stamp = tuple[int, int] | None
"""When a file was changed and how long it is; None where there is none."""


@dataclass(frozen=True, slots=True)
class KeyFile(Generic[SettingsT]):
    """The file as it was when the settings were read; `reload` reads them anew."""

    path: Path
    stamp: Stamp
    reload: Callable[[], SettingsT]


class KeyFileWatch(Generic[SettingsT]):
    """Looks at a KeyFile from time to time, from the state in which the settings of a run were read."""

    def __init__(self, file: KeyFile[SettingsT]) -> None:
        self._file = file
        self._seen = file.stamp
        self._looked_at = time.monotonic()

    def changed(self) -> SettingsT | None:
        """The settings as they are now, if the file is another than at the last look, at most once a second.

        A file that cannot be used (somebody is writing it) changes nothing.
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
    return found.st_mtime_ns, found.st_size
