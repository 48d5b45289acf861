"""The catalogue of kept runs: where they are, what a list shows of them, and the one that a name means."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from llmdash import locations
from llmdash.engine.journal.belongings import belongs
from llmdash.engine.journal.file import NAME, JournalError, StorageError
from llmdash.engine.journal.lock import holder_of
from llmdash.engine.model.counts import listed
from llmdash.runs.counting import RowCounter
from llmdash.runs.entry import KeptState, RunEntry
from llmdash.runs.known import known_elsewhere
from llmdash.runs.reading import bytes_of, read_entry
from llmdash.sanitize import shell_word

__all__ = [
    "LAST",
    "KeptState",
    "RunEntry",
    "UnknownRunError",
    "entry_of",
    "find_kept",
    "find_run",
    "kept_bytes",
    "kept_runs",
    "run_folders",
    "title_of",
]

LAST = "last"
"""The name of the newest run."""

_BEGUN = re.compile(r"(\d{8}-\d{6})-")
"""How the name of a run's folder begins: with when the run did."""
_BEING_MADE_S = 60.0
"""How old a folder without a journal may be that is just being filled."""
_COUNT_S = 0.3
"""How long a list of runs may count rows, over all runs together."""


class UnknownRunError(JournalError):
    """No run, or more than one, is meant by a name."""


class _NamelessError(UnknownRunError):
    """No name is given."""


def kept_runs(
    *, count_s: float = _COUNT_S, clock: Callable[[], float] = time.monotonic
) -> Iterator[RunEntry]:
    """Yield all kept runs, the newest first, each as soon as it is read: none raises.

    Rows are counted where a run goes on, died, or has no totals, for `count_s` seconds in all; beyond that an
    entry is not `exact`. Raises StorageError if the data folder cannot be read.
    """
    counter = RowCounter(count_s, clock)
    for folder in _newest_first():
        if _has_journal(folder) or _is_half_made(folder):
            yield read_entry(folder, counter)


def entry_of(folder: Path) -> RunEntry:
    """Return the run in `folder`, with every job counted."""
    return read_entry(folder, RowCounter(float("inf")))


def title_of(folder: Path) -> str:
    """Return what a list of runs calls the one in `folder`, as it is recorded: not safe to show."""
    return read_entry(folder, RowCounter(0.0)).title


def kept_bytes() -> int:
    """Return the size of the files of all kept runs. Raises StorageError if the data folder is unreadable."""
    return sum(map(bytes_of, run_folders()))


def run_folders() -> Iterator[Path]:
    """Yield the folders of the runs that have a journal, the newest first. Raises StorageError."""
    yield from filter(_has_journal, _newest_first())


def find_run(name: str) -> Path:
    """Return the folder of a run: `last`, a path, the name of its folder, the start or end of that, or its
    title.

    Raises UnknownRunError where none or several are meant, JournalError for one without a journal,
    StorageError if it or the data folder cannot be read.
    """
    if not name.strip():  # as of a variable that is not set: never the only run that there is
        raise _NamelessError("the name of the run is empty; llmdash runs lists them")
    path = Path(name).expanduser()
    if _has_journal(path):
        return path
    folders = list(run_folders())
    if name == LAST and folders:
        return folders[0]
    for meant in _meant(name, folders):
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise UnknownRunError(f"{name}: {len(meant)} runs are meant ({_listed(meant)}); name one of them")
    for folder in _named(name, _without_journal()):
        raise _useless(folder)
    if _closed(path):
        raise _useless(path)
    raise UnknownRunError(f"{name}: no such run in {locations.runs_dir()}; llmdash runs lists them")


def _meant(name: str, folders: Sequence[Path]) -> Iterator[list[Path]]:
    """The runs that a name means, by what is compared: the surest first."""
    for same in (str.__eq__, str.startswith, str.endswith):
        yield [folder for folder in folders if same(folder.name, name)]
    yield [folder for folder in folders if title_of(folder) == name]


def find_kept(name: str) -> Path:
    """Return the folder of a run as `find_run` does, also of one without a journal, by its path or name."""
    try:
        return find_run(name)
    except _NamelessError:
        raise
    except JournalError:
        path = Path(name).expanduser().absolute()
        for folder in _without_journal():
            if folder == path or folder.name == name:
                return folder
        raise


def _without_journal() -> Iterator[Path]:
    """The folders of runs that are listed all the same."""
    return (folder for folder in _newest_first() if not _has_journal(folder) and _is_half_made(folder))


def _named(name: str, folders: Iterator[Path]) -> Iterator[Path]:
    """Those that a name means, or the start or end of one."""
    path = Path(name).expanduser().absolute()
    parts = (str.startswith, str.endswith)
    return (each for each in folders if each == path or any(is_(each.name, name) for is_ in parts))


def _useless(folder: Path) -> JournalError:
    """Why the run in a folder without a journal cannot be used."""
    if why := _closed(folder):
        return StorageError(f"{folder}: cannot be read ({why}); make it readable")
    delete = f"llmdash runs delete {shell_word(folder)}"
    return JournalError(f"{folder}: this run has no journal: nothing of it can be read; {delete}")


def _closed(folder: Path) -> str | None:
    """Why one may not look into a folder; None where one may, or there is none."""
    try:
        (folder / NAME).stat()
    except PermissionError as error:
        return error.strerror
    except (OSError, ValueError):  # a name that no file can have
        return None
    return None


def _listed(folders: Sequence[Path]) -> str:
    """The first folders: by their names, or if these are the same, by their paths."""
    names = [folder.name for folder in folders]
    return listed(names if len({*names}) == len(names) else list(map(str, folders)), most=5)


def _newest_first() -> Iterator[Path]:
    """Yield every folder that may hold a run: those in the data folder, then known ones elsewhere."""
    elsewhere = known_elsewhere()
    home = locations.runs_dir()
    try:
        with os.scandir(home) as found:
            here = [home / each.name for each in found if _is_folder(each)]
    except FileNotFoundError:
        here = []
    except OSError as error:
        raise StorageError(f"{home}: cannot be read ({error.strerror}); make it readable") from None
    others = [folder for folder in elsewhere if _has_journal(folder) and folder.resolve().parent != home]
    yield from sorted((*here, *others), key=lambda folder: _age_key(folder, elsewhere), reverse=True)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _age_key(folder: Path, elsewhere: Mapping[Path, float]) -> tuple[float, str]:
    return elsewhere.get(folder) or _begun(folder), folder.name


def _begun(folder: Path) -> float:
    """When a run began, in Unix seconds, by the name of its folder, or else the time of its folder."""
    try:
        if match := _BEGUN.match(folder.name):
            return datetime.strptime(match[1], "%Y%m%d-%H%M%S").astimezone().timestamp()
        return folder.stat().st_mtime
    except (ValueError, OverflowError, OSError):
        return 0.0


def _has_journal(folder: Path) -> bool:
    try:
        return stat.S_ISREG((folder / NAME).stat().st_mode)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_half_made(folder: Path) -> bool:
    """True if a run was begun in a folder and got no journal; a folder of something else is none."""
    try:
        names = [each.name for each in folder.iterdir()]
        if time.time() - folder.stat().st_mtime < _BEING_MADE_S or holder_of(folder) is not None:
            return False
    except OSError:
        return True  # what is in it cannot be told
    return not names or any(map(belongs, names))
