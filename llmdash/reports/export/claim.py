"""A claim on a file of results: one run a file, from before its first request to its last result."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmdash import locations
from llmdash.reports.export.draft import TakenError, is_stream, shown
from llmdash.reports.export.draft_file import is_at, is_locked

__all__ = ["claimed"]

_LONGEST = 4_096
_HASH_BYTES = 16


@contextmanager
def claimed(out: Path, folder: Path) -> Iterator[None]:
    """Keep the file `out` for the run in `folder`, whatever its format, as long as this process lives.

    A stream takes the results of several. Where nothing can be locked, nothing is kept. Raises TakenError if
    another run has the file.
    """
    file = None if is_stream(out) else _taken(out, folder)
    try:
        yield
    finally:
        if file is not None:
            _place(out).unlink(missing_ok=True)  # while it is locked: nobody can have taken it
            os.close(file)


def _place(out: Path) -> Path:
    """The lock of a file of results, by its name: the file itself is replaced again and again."""
    name = hashlib.blake2b(os.fsencode(out.resolve()), digest_size=_HASH_BYTES).hexdigest()
    return locations.outputs_dir() / name


def _taken(out: Path, folder: Path) -> int | None:
    """Lock a file of results; None where that cannot be done. Raises TakenError."""
    place, owner = _place(out), locations.recorded(folder.absolute())
    while True:
        try:
            locations.private_dir(place.parent)
            file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None
        if not is_locked(file):
            holder = os.read(file, _LONGEST).decode("utf-8", "replace")
            os.close(file)
            if holder == owner:
                return None  # the lock of the run itself says who works on it
            raise _refusal(out, holder)
        if is_at(file, place):
            os.truncate(file, 0)
            os.write(file, owner.encode())
            return file
        os.close(file)  # the one that had it has removed it meanwhile


def _refusal(out: Path, holder: str) -> TakenError:
    who = f"the run in {shown(locations.from_record(holder))}" if holder else "another run"
    return TakenError(
        f"{shown(out)}: {who} writes its results to it; name another file, or wait for that run"
    )
