"""The folders that runs are kept in; that of a run that is refused before it has begun goes again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from llmdash import locations
from llmdash.engine.journal.file import NAME, StorageError
from llmdash.runs.known import remember
from llmdash.runs.reading import files_of

__all__ = ["NewFolder", "run_folder"]


def run_folder(folder: Path | None, name: str) -> Path:
    """Make and return the folder of a new run: the one named, or a new one in the data directory.

    Raises StorageError where it cannot be made.
    """
    now = datetime.now()
    made = _made(folder, name, now)
    remember(made, now.timestamp())
    return made


class NewFolder:
    """The folder of a run that may yet be refused: the one `named`, or a new one in the data directory.

    As a context it removes what was made of it, where that is left by an error.
    """

    def __init__(self, named: Path | None) -> None:
        self._named = named
        self._now = datetime.now()
        self.made: Path | None = None
        """The folder, once it is made."""
        self._found: frozenset[Path] = frozenset()

    def make(self, name: str) -> Path:
        """Make the folder for a run of that name, and return it. Raises StorageError if it cannot be made."""
        self._found = frozenset(_existing((self._named or locations.runs_dir()).absolute()))
        self.made = _made(self._named, name, self._now)
        return self.made

    def remember(self) -> None:
        """Note that the run is there, if its folder is not in the data directory."""
        if self.made is not None:
            remember(self.made, self._now.timestamp())

    def withdraw(self) -> None:
        """Remove what was made, unless a run has begun in it."""
        if self.made is None or (self.made / NAME).exists():
            return
        with suppress(OSError):
            folder = self.made.absolute()
            for each in [Path(found.path) for found in files_of(folder)]:
                if each not in self._found:
                    each.unlink()
            while folder not in self._found:
                folder.rmdir()
                folder = folder.parent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.withdraw()


def _existing(folder: Path) -> list[Path]:
    """What is there: the folder, those above it, and what is in it."""
    there = [each for each in (folder, *folder.parents) if each.exists()]
    with suppress(OSError):
        there += folder.iterdir()
    return there


def _made(folder: Path | None, name: str, now: datetime) -> Path:
    return _kept(lambda: locations.private_dir(folder) if folder else locations.new_run_dir(name, now))


def _kept(make: Callable[[], Path]) -> Path:
    try:
        return make()
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
        raise StorageError(f"the run cannot be kept: {why}; name another folder with --run-dir") from None
