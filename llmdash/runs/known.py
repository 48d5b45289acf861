"""The runs whose folders are elsewhere: a file of JSON lines in the data folder, each a folder and when the
run in it began. Folders that are gone stay on it: their disk may come back.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from llmdash import locations

__all__ = ["known_elsewhere", "remember"]

_MOST_BYTES = 1 << 20


class _Line(msgspec.Struct):
    dir: str
    at: float


def known_elsewhere() -> Mapping[Path, float]:
    """Return the folders, and when the run in each began, in Unix seconds. Damaged lines are left out."""
    found: dict[Path, float] = {}
    for line in _tail(locations.known_runs_file()).splitlines():
        try:
            known = msgspec.json.decode(line, type=_Line)
            found[locations.from_record(known.dir)] = known.at
        except (msgspec.DecodeError, UnicodeError, ValueError):
            continue
    return found


def remember(folder: Path, at: float) -> None:
    """Note that `folder` holds a run that began then, unless it is in the data folder or known.

    A list that cannot be written is left as it is: the run itself does not need it.
    """
    if folder.resolve().parent == locations.runs_dir().resolve():
        return
    known = known_elsewhere()
    if known.get(folder.absolute()) == at:
        return
    line = msgspec.json.encode(_Line(locations.recorded(folder), at)) + b"\n"
    try:
        _append(locations.known_runs_file(), line)
    except OSError:
        return


def _append(path: Path, line: bytes) -> None:
    locations.private_dir(path.parent)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, b"\n" + line if torn else line)
    finally:
        os.close(file)
    if size > 2 * _MOST_BYTES:
        _shorten(path)


def _shorten(path: Path) -> None:
    """Keep the newest lines alone."""
    file, name = tempfile.mkstemp(prefix=".llmdash-", dir=path.parent)
    with os.fdopen(file, "wb") as draft:
        draft.write(_tail(path))
    Path(name).replace(path)


def _tail(path: Path) -> bytes:
    """The last whole lines of a file, 1 MB at most; none of a file that cannot be read."""
    try:
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - _MOST_BYTES)
            file.seek(start)
            found = file.read(_MOST_BYTES)
    except OSError:
        return b""
    return found.partition(b"\n")[2] if start else found
